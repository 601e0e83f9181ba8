//! The relocations that compilers write into debug information: few, and none of them knows an instruction.

use object::elf as raw;

/// What a relocation of debug information does to the bytes it applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebugRelocation {
    /// Writes the address, as so many bytes.
    Set(usize),
    /// Adds the address to the number of so many bytes that stands there.
    Add(usize),
    /// Subtracts it.
    Sub(usize),
    /// Does nothing.
    Nothing,
}

impl DebugRelocation {
    /// Reads the type `kind` as the architecture `e_machine` means it; `None` for types that debug information has no use
    /// for.
    pub const fn new(e_machine: u16, kind: u32) -> Option<Self> {
        if kind == 0 {
            return Some(Self::Nothing);
        }
        Some(match (e_machine, kind) {
            (raw::EM_X86_64, raw::R_X86_64_64)
            | (raw::EM_AARCH64, raw::R_AARCH64_ABS64)
            | (raw::EM_PPC64, raw::R_PPC64_ADDR64)
            | (raw::EM_S390, raw::R_390_64)
            | (raw::EM_RISCV, raw::R_RISCV_64)
            | (raw::EM_LOONGARCH, raw::R_LARCH_64)
            | (raw::EM_MIPS, raw::R_MIPS_64) => Self::Set(8),
            (raw::EM_X86_64, raw::R_X86_64_32 | raw::R_X86_64_32S)
            | (raw::EM_386, raw::R_386_32)
            | (raw::EM_ARM, raw::R_ARM_ABS32)
            | (raw::EM_AARCH64, raw::R_AARCH64_ABS32)
            | (raw::EM_PPC, raw::R_PPC_ADDR32)
            | (raw::EM_PPC64, raw::R_PPC64_ADDR32)
            | (raw::EM_S390, raw::R_390_32)
            | (raw::EM_RISCV, raw::R_RISCV_32 | raw::R_RISCV_SET32)
            | (raw::EM_LOONGARCH, raw::R_LARCH_32)
            | (raw::EM_MIPS, raw::R_MIPS_32) => Self::Set(4),
            (raw::EM_RISCV, raw::R_RISCV_SET16) => Self::Set(2),
            (raw::EM_RISCV, raw::R_RISCV_SET8) => Self::Set(1),
            (raw::EM_RISCV, raw::R_RISCV_ADD64) | (raw::EM_LOONGARCH, raw::R_LARCH_ADD64) => Self::Add(8),
            (raw::EM_RISCV, raw::R_RISCV_ADD32) | (raw::EM_LOONGARCH, raw::R_LARCH_ADD32) => Self::Add(4),
            (raw::EM_RISCV, raw::R_RISCV_ADD16) | (raw::EM_LOONGARCH, raw::R_LARCH_ADD16) => Self::Add(2),
            (raw::EM_RISCV, raw::R_RISCV_ADD8) | (raw::EM_LOONGARCH, raw::R_LARCH_ADD8) => Self::Add(1),
            (raw::EM_RISCV, raw::R_RISCV_SUB64) | (raw::EM_LOONGARCH, raw::R_LARCH_SUB64) => Self::Sub(8),
            (raw::EM_RISCV, raw::R_RISCV_SUB32) | (raw::EM_LOONGARCH, raw::R_LARCH_SUB32) => Self::Sub(4),
            (raw::EM_RISCV, raw::R_RISCV_SUB16) | (raw::EM_LOONGARCH, raw::R_LARCH_SUB16) => Self::Sub(2),
            (raw::EM_RISCV, raw::R_RISCV_SUB8) | (raw::EM_LOONGARCH, raw::R_LARCH_SUB8) => Self::Sub(1),
            _ => return None,
        })
    }
}

/// Does a relocation of x86 write too few bytes for a pointer?
pub const fn is_short(e_machine: u16, kind: u32) -> bool {
    matches!(
        (e_machine, kind),
        (raw::EM_X86_64, raw::R_X86_64_16 | raw::R_X86_64_8) | (raw::EM_386, raw::R_386_16 | raw::R_386_8)
    )
}

/// Does a relocation of x86 write the distance from the place it applies to? Other architectures have instructions of one
/// length, and nobody asks.
pub const fn is_relative(e_machine: u16, kind: u32) -> bool {
    matches!(
        (e_machine, kind),
        (
            raw::EM_X86_64,
            raw::R_X86_64_PC32
                | raw::R_X86_64_PLT32
                | raw::R_X86_64_GOTPCREL
                | raw::R_X86_64_GOTPCRELX
                | raw::R_X86_64_REX_GOTPCRELX
        ) | (raw::EM_386, raw::R_386_PC32 | raw::R_386_PLT32)
    )
}
