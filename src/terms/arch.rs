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

/// An instruction set, as `e_machine` of an ELF file names it.
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
}

impl ElfMachine {
    /// Every machine that gplok knows.
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

    /// The value of `e_machine`.
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
        }
    }

    /// The machine for a value of `e_machine`; `None` for one that gplok does not know.
    pub fn from_e_machine(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|machine| machine.e_machine() == number)
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
