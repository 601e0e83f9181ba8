//! Architectures: instruction set, word size and byte order.

use std::fmt;

use serde::Serialize;

/// The class of an ELF file: the width of its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Class {
    /// 32-bit ELF.
    Elf32,
    /// 64-bit ELF.
    Elf64,
}

impl Class {
    /// The size of a `long` and of a pointer in bytes.
    pub const fn word(self) -> usize {
        match self {
            Self::Elf32 => 4,
            Self::Elf64 => 8,
        }
    }

    /// `MODULE_NAME_LEN`: 64 less one `long`, the terminating NUL included (include/linux/moduleparam.h).
    pub const fn module_name_len(self) -> usize {
        64 - self.word()
    }
}

/// The byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Endian {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// An instruction set, as `e_machine` of an ELF file names it. Kernels for some of them are named only:
/// [`is_modelled`](Self::is_modelled).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ElfMachine {
    /// EM_X86_64.
    X86_64,
    /// EM_386.
    I386,
    /// EM_AARCH64.
    Arm64,
    /// EM_ARM.
    Arm,
    /// EM_RISCV.
    Riscv,
    /// EM_PPC64.
    Ppc64,
    /// EM_PPC.
    Ppc,
    /// EM_S390.
    S390,
    /// EM_LOONGARCH.
    Loongarch,
    /// EM_MIPS.
    Mips,
    /// EM_ALPHA.
    Alpha,
    /// EM_ARCOMPACT and EM_ARCV2.
    Arc,
    /// EM_CSKY.
    Csky,
    /// EM_HEXAGON.
    Hexagon,
    /// EM_IA_64.
    Ia64,
    /// EM_68K.
    M68k,
    /// EM_MICROBLAZE.
    Microblaze,
    /// EM_ALTERA_NIOS2.
    Nios2,
    /// EM_OPENRISC.
    Openrisc,
    /// EM_PARISC.
    Parisc,
    /// EM_SH.
    Sh,
    /// EM_SPARC.
    Sparc,
    /// EM_SPARCV9.
    Sparc64,
    /// EM_XTENSA.
    Xtensa,
    /// A machine of which not even the name is known.
    Other,
}

impl ElfMachine {
    /// Every machine whose kernels gplok models.
    pub const ALL: [Self; 10] = [
        Self::X86_64,
        Self::I386,
        Self::Arm64,
        Self::Arm,
        Self::Riscv,
        Self::Ppc64,
        Self::Ppc,
        Self::S390,
        Self::Loongarch,
        Self::Mips,
    ];

    /// The machines that gplok can name, but whose kernels it does not model.
    const NAMED: [Self; 14] = [
        Self::Alpha,
        Self::Arc,
        Self::Csky,
        Self::Hexagon,
        Self::Ia64,
        Self::M68k,
        Self::Microblaze,
        Self::Nios2,
        Self::Openrisc,
        Self::Parisc,
        Self::Sh,
        Self::Sparc,
        Self::Sparc64,
        Self::Xtensa,
    ];

    /// Returns whether gplok knows what the kernel's own code for this architecture does with a module.
    pub const fn is_modelled(self) -> bool {
        matches!(
            self,
            Self::X86_64
                | Self::I386
                | Self::Arm64
                | Self::Arm
                | Self::Riscv
                | Self::Ppc64
                | Self::Ppc
                | Self::S390
                | Self::Loongarch
                | Self::Mips
        )
    }

    /// The value of `e_machine`; 0 for [`Other`](Self::Other).
    pub const fn e_machine(self) -> u16 {
        match self {
            Self::X86_64 => 62,
            Self::I386 => 3,
            Self::Arm64 => 183,
            Self::Arm => 40,
            Self::Riscv => 243,
            Self::Ppc64 => 21,
            Self::Ppc => 20,
            Self::S390 => 22,
            Self::Loongarch => 258,
            Self::Mips => 8,
            Self::Alpha => 0x9026,
            Self::Arc => 195,
            Self::Csky => 252,
            Self::Hexagon => 164,
            Self::Ia64 => 50,
            Self::M68k => 4,
            Self::Microblaze => 189,
            Self::Nios2 => 113,
            Self::Openrisc => 92,
            Self::Parisc => 15,
            Self::Sh => 42,
            Self::Sparc => 2,
            Self::Sparc64 => 43,
            Self::Xtensa => 94,
            Self::Other => 0,
        }
    }

    /// The machine for a value of `e_machine`; `None` for one that gplok cannot name.
    pub fn from_e_machine(number: u16) -> Option<Self> {
        match number {
            // Old cores of ARC, and the numbers that came before the official ones.
            93 => Some(Self::Arc),
            0xbaab => Some(Self::Microblaze),
            0x8472 => Some(Self::Openrisc),
            39 => Some(Self::Csky),
            18 => Some(Self::Sparc),
            _ => Self::ALL.into_iter().chain(Self::NAMED).find(|machine| machine.e_machine() == number),
        }
    }

    /// The name, as the kernel's `ARCH=` or Debian spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::I386 => "i386",
            Self::Arm64 => "arm64",
            Self::Arm => "arm",
            Self::Riscv => "riscv",
            Self::Ppc64 => "ppc64",
            Self::Ppc => "ppc",
            Self::S390 => "s390",
            Self::Loongarch => "loongarch",
            Self::Mips => "mips",
            Self::Alpha => "alpha",
            Self::Arc => "arc",
            Self::Csky => "csky",
            Self::Hexagon => "hexagon",
            Self::Ia64 => "ia64",
            Self::M68k => "m68k",
            Self::Microblaze => "microblaze",
            Self::Nios2 => "nios2",
            Self::Openrisc => "openrisc",
            Self::Parisc => "parisc",
            Self::Sh => "sh",
            Self::Sparc => "sparc",
            Self::Sparc64 => "sparc64",
            Self::Xtensa => "xtensa",
            Self::Other => "another architecture",
        }
    }
}

impl fmt::Display for ElfMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The properties of an architecture that determine how a module's bytes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Arch {
    /// The instruction set.
    pub machine: ElfMachine,
    /// The width of addresses.
    pub class: Class,
    /// The byte order.
    pub endian: Endian,
}

impl Arch {
    /// x86-64.
    pub const X86_64: Self = Self { machine: ElfMachine::X86_64, class: Class::Elf64, endian: Endian::Little };
    /// Little-endian arm64.
    pub const ARM64: Self = Self { machine: ElfMachine::Arm64, class: Class::Elf64, endian: Endian::Little };
    /// i386.
    pub const I386: Self = Self { machine: ElfMachine::I386, class: Class::Elf32, endian: Endian::Little };

    /// Returns whether export tables hold 32-bit relative references (`CONFIG_HAVE_ARCH_PREL32_RELOCATIONS`: x86 and arm64).
    pub const fn has_prel32(self) -> bool {
        matches!(self.machine, ElfMachine::X86_64 | ElfMachine::I386 | ElfMachine::Arm64)
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.machine.name())?;
        match (self.machine, self.class, self.endian) {
            (ElfMachine::Ppc64, _, Endian::Little) => f.write_str("le"),
            (ElfMachine::Arm64 | ElfMachine::Arm, _, Endian::Big) => f.write_str("be"),
            (ElfMachine::Mips | ElfMachine::Riscv | ElfMachine::Loongarch, class, endian) => {
                f.write_str(if class == Class::Elf64 { "64" } else { "32" })?;
                if self.machine == ElfMachine::Mips && endian == Endian::Little {
                    f.write_str("el")?;
                }
                Ok(())
            }
            (ElfMachine::S390, Class::Elf64, _) => f.write_str("x"),
            _ => Ok(()),
        }
    }
}
