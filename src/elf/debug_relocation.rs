//! The relocations of debug information: few types, and none that patches an instruction.

use object::elf as raw;

/// The effect of a relocation of debug information on the field at its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebugRelocation {
    /// Writes the address.
    Set(DebugField),
    /// Adds the address to the number there.
    Add(DebugField),
    /// Subtracts the address from the number there.
    Sub(DebugField),
    /// Does nothing.
    Nothing,
}

/// The field that a relocation of debug information writes. What does not fit into it is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebugField {
    /// A number of as many bytes.
    Bytes(usize),
    /// The lowest six bits of a byte. The others stay.
    LowSix,
    /// A number in ULEB128, which keeps its length.
    Uleb128,
}

impl DebugRelocation {
    /// The effect of the relocation type `kind` of the architecture `e_machine`; `None` for a type that debug information does
    /// not use.
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
            | (raw::EM_MIPS, raw::R_MIPS_64) => Self::Set(DebugField::Bytes(8)),
            (raw::EM_X86_64, raw::R_X86_64_32 | raw::R_X86_64_32S)
            | (raw::EM_386, raw::R_386_32)
            | (raw::EM_ARM, raw::R_ARM_ABS32)
            | (raw::EM_AARCH64, raw::R_AARCH64_ABS32)
            | (raw::EM_PPC, raw::R_PPC_ADDR32)
            | (raw::EM_PPC64, raw::R_PPC64_ADDR32)
            | (raw::EM_S390, raw::R_390_32)
            | (raw::EM_RISCV, raw::R_RISCV_32 | raw::R_RISCV_SET32)
            | (raw::EM_LOONGARCH, raw::R_LARCH_32)
            | (raw::EM_MIPS, raw::R_MIPS_32) => Self::Set(DebugField::Bytes(4)),
            (raw::EM_RISCV, raw::R_RISCV_SET16) => Self::Set(DebugField::Bytes(2)),
            (raw::EM_RISCV, raw::R_RISCV_SET8) => Self::Set(DebugField::Bytes(1)),
            (raw::EM_RISCV, raw::R_RISCV_ADD64) | (raw::EM_LOONGARCH, raw::R_LARCH_ADD64) => {
                Self::Add(DebugField::Bytes(8))
            }
            (raw::EM_RISCV, raw::R_RISCV_ADD32) | (raw::EM_LOONGARCH, raw::R_LARCH_ADD32) => {
                Self::Add(DebugField::Bytes(4))
            }
            (raw::EM_RISCV, raw::R_RISCV_ADD16) | (raw::EM_LOONGARCH, raw::R_LARCH_ADD16) => {
                Self::Add(DebugField::Bytes(2))
            }
            (raw::EM_RISCV, raw::R_RISCV_ADD8) | (raw::EM_LOONGARCH, raw::R_LARCH_ADD8) => {
                Self::Add(DebugField::Bytes(1))
            }
            (raw::EM_RISCV, raw::R_RISCV_SUB64) | (raw::EM_LOONGARCH, raw::R_LARCH_SUB64) => {
                Self::Sub(DebugField::Bytes(8))
            }
            (raw::EM_RISCV, raw::R_RISCV_SUB32) | (raw::EM_LOONGARCH, raw::R_LARCH_SUB32) => {
                Self::Sub(DebugField::Bytes(4))
            }
            (raw::EM_RISCV, raw::R_RISCV_SUB16) | (raw::EM_LOONGARCH, raw::R_LARCH_SUB16) => {
                Self::Sub(DebugField::Bytes(2))
            }
            (raw::EM_RISCV, raw::R_RISCV_SUB8) | (raw::EM_LOONGARCH, raw::R_LARCH_SUB8) => {
                Self::Sub(DebugField::Bytes(1))
            }
            (raw::EM_RISCV, raw::R_RISCV_SET6) => Self::Set(DebugField::LowSix),
            (raw::EM_RISCV, raw::R_RISCV_SUB6) => Self::Sub(DebugField::LowSix),
            (raw::EM_RISCV, raw::R_RISCV_SET_ULEB128) => Self::Set(DebugField::Uleb128),
            (raw::EM_RISCV, raw::R_RISCV_SUB_ULEB128) => Self::Sub(DebugField::Uleb128),
            (raw::EM_LOONGARCH, raw::R_LARCH_ADD6) => Self::Add(DebugField::LowSix),
            (raw::EM_LOONGARCH, raw::R_LARCH_SUB6) => Self::Sub(DebugField::LowSix),
            (raw::EM_LOONGARCH, raw::R_LARCH_ADD_ULEB128) => Self::Add(DebugField::Uleb128),
            (raw::EM_LOONGARCH, raw::R_LARCH_SUB_ULEB128) => Self::Sub(DebugField::Uleb128),
            _ => return None,
        })
    }
}

/// Returns whether a relocation of x86 writes fewer bytes than a pointer has.
pub const fn is_short(e_machine: u16, kind: u32) -> bool {
    matches!(
        (e_machine, kind),
        (raw::EM_X86_64, raw::R_X86_64_16 | raw::R_X86_64_8) | (raw::EM_386, raw::R_386_16 | raw::R_386_8)
    )
}

/// Returns whether a relocation of x86 writes the distance from its own address. It is not needed for other architectures,
/// whose instructions have one length.
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
