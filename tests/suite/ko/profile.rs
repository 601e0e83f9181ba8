//! One kernel's facts, as far as building a module for it needs them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gplok::terms::{Arch, Class, ElfMachine, Endian};

/// The kernels of which `testdata/kernels` holds the facts and `testdata/oracle` the behaviour.
pub const KERNELS: [&str; 5] = ["5.10", "6.1", "6.12", "7.3", "6.12-arm64"];

/// How a module of this kernel carries the versions of its exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrcTable {
    /// The kernel was built without `CONFIG_MODVERSIONS`.
    None,
    /// Relocations against absolute symbols `__crc_<symbol>` (up to 5.18).
    Symbols,
    /// Numbers that the section holds (from 5.19).
    Immediate,
}

/// What a module must know of the kernel it is built for.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The folder's name, for example `6.12-arm64`.
    pub version: String,
    pub arch: Arch,
    pub release: String,
    pub vermagic: String,
    /// The size of `struct module`.
    pub this_module: usize,
    /// The offset in it of the module's name.
    pub name: usize,
    /// The offset in it of the pointer to the init function.
    pub init: u64,
    /// The offset in it of the pointer to the exit function.
    pub exit: u64,
    pub crc_table: CrcTable,
    /// Are the fields of an export table 32-bit distances, where the architecture has them (from 4.19), or pointers?
    pub prel32: bool,
    /// Has an entry of an export table a third field for its namespace (from 5.4)?
    pub namespaces: bool,
    /// Whether GPL-only exports are in the same table as others, marked by `__kflagstab` (from 7.1).
    pub kflagstab: bool,
    /// Rows of `Module.symvers`: symbol and CRC.
    pub crcs: BTreeMap<String, u32>,
}

impl Profile {
    /// The facts committed for one of [`KERNELS`].
    pub fn load(version: &str) -> Self {
        let folder = Self::folder(version);
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
        };
        let text = read("profile");
        let facts: BTreeMap<&str, &str> =
            text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' ')).collect();
        let number = |key: &str| {
            usize::from_str_radix(facts[key].trim_start_matches("0x"), 16)
                .expect("the profile holds hexadecimal numbers")
        };
        let crcs = read("Module.symvers")
            .lines()
            .filter_map(|row| row.split_once('\t'))
            .filter_map(|(crc, rest)| {
                let crc = u32::from_str_radix(crc.trim_start_matches("0x"), 16).ok()?;
                Some((rest.split('\t').next()?.to_owned(), crc))
            })
            .collect();
        Self {
            version: version.to_owned(),
            arch: if facts["machine"] == "arm64" { Arch::ARM64 } else { Arch::X86_64 },
            release: read("release").trim().to_owned(),
            vermagic: facts["vermagic"].trim_matches('"').to_owned(),
            this_module: number("this_module"),
            name: 24,
            init: number("init") as u64,
            exit: number("exit") as u64,
            crc_table: match facts["crcs"] {
                "symbols" => CrcTable::Symbols,
                "immediate" => CrcTable::Immediate,
                _ => CrcTable::None,
            },
            prel32: true,
            namespaces: true,
            kflagstab: facts["kflagstab"] == "yes",
            crcs,
        }
    }

    /// Where the facts of a kernel are kept.
    pub fn folder(version: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/kernels").join(version)
    }

    /// A made-up 6.12 of any architecture, for tests that only read files.
    pub fn synthetic(arch: Arch) -> Self {
        let word = arch.class.word() as u64;
        Self {
            version: format!("synthetic-{arch}"),
            arch,
            release: "6.12.0".to_owned(),
            vermagic: "6.12.0 SMP mod_unload modversions ".to_owned(),
            this_module: if word == 8 { 0x500 } else { 0x300 },
            name: 3 * arch.class.word(),
            init: 0x138,
            exit: 0x200,
            crc_table: CrcTable::Immediate,
            prel32: true,
            namespaces: true,
            kflagstab: false,
            crcs: BTreeMap::new(),
        }
    }

    /// A made-up x86-64 kernel of a release such as `5.9.0`, without `CONFIG_MODVERSIONS`: its modules are laid out as
    /// those of that version. The size of `struct module` is that of Debian's 6.12.
    pub fn made_up(release: &str) -> Self {
        let mut numbers = release.split(['.', '-']).map(|number| number.parse().expect("a release like 5.9.0"));
        let version: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        Self {
            version: release.to_owned(),
            release: release.to_owned(),
            vermagic: format!("{release} SMP mod_unload "),
            crc_table: CrcTable::None,
            prel32: version >= (4, 19),
            namespaces: version >= (5, 4),
            kflagstab: version >= (7, 1),
            exit: 0x4b0,
            ..Self::synthetic(Arch::X86_64)
        }
    }

    /// The same kernel with `CONFIG_MODVERSIONS`.
    pub fn with_modversions(mut self, crc_table: CrcTable) -> Self {
        self.crc_table = crc_table;
        self.vermagic.push_str("modversions ");
        self
    }

    /// Is `CONFIG_MODVERSIONS` on?
    pub fn modversions(&self) -> bool {
        self.crc_table != CrcTable::None
    }

    /// The version of a symbol: the kernel's own, or one made from the name for symbols of test modules.
    pub fn crc(&self, symbol: &str) -> u32 {
        self.crcs.get(symbol).copied().filter(|crc| *crc != 0).unwrap_or_else(|| made_up_crc(symbol))
    }

    pub fn is_arm64(&self) -> bool {
        self.arch.machine == ElfMachine::Arm64
    }

    /// The relocation that stores a whole pointer, and how many bytes that is.
    pub fn pointer(&self) -> (u32, usize) {
        let kind = match (self.arch.machine, self.arch.class) {
            (ElfMachine::X86_64 | ElfMachine::I386 | ElfMachine::Ppc, _) => 1,
            (ElfMachine::Arm64, _) => 257,
            (ElfMachine::Ppc64, _) => 38,
            (ElfMachine::S390, Class::Elf64) => 22,
            (ElfMachine::S390, Class::Elf32) => 4,
            (ElfMachine::Mips, Class::Elf32) => 2,
            (ElfMachine::Riscv | ElfMachine::Loongarch, Class::Elf32) => 1,
            (ElfMachine::Mips, Class::Elf64) => 18,
            (ElfMachine::Arm | ElfMachine::Riscv | ElfMachine::Loongarch, _) => 2,
            // Their relocations are not read.
            _ => 1,
        };
        (kind, self.arch.class.word())
    }

    /// The relocation that stores a 32-bit distance.
    pub fn prel32(&self) -> u32 {
        if self.is_arm64() { 261 } else { 2 }
    }

    /// Whether the addend is in the relocation entry, not in the bytes that it changes.
    pub fn is_rela(&self) -> bool {
        match self.arch.machine {
            ElfMachine::I386 | ElfMachine::Arm => false,
            ElfMachine::Mips => self.arch.class == Class::Elf64,
            _ => true,
        }
    }

    pub fn little(&self) -> bool {
        self.arch.endian == Endian::Little
    }

    /// The bytes of a 32-bit number in this architecture's order.
    pub fn u32(&self, value: u32) -> [u8; 4] {
        if self.little() { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    /// The bytes of an `unsigned long`.
    pub fn long(&self, value: u64) -> Vec<u8> {
        match (self.arch.class, self.little()) {
            (Class::Elf64, true) => value.to_le_bytes().to_vec(),
            (Class::Elf64, false) => value.to_be_bytes().to_vec(),
            (Class::Elf32, _) => self.u32(value as u32).to_vec(),
        }
    }

    /// A function that returns `value`.
    pub fn returning(&self, value: i32) -> Vec<u8> {
        let mut code = match self.arch.machine {
            ElfMachine::X86_64 | ElfMachine::I386 => {
                let mut code = vec![0xb8];
                code.extend(value.to_le_bytes());
                code.push(0xc3);
                code
            }
            ElfMachine::Arm64 => {
                let (op, imm) = if value < 0 { (0x1280_0000, !value) } else { (0x5280_0000, value) };
                let mov = op | (imm as u32 & 0xffff) << 5;
                [mov.to_le_bytes(), 0xd65f_03c0_u32.to_le_bytes()].concat()
            }
            // Only read, never run.
            _ => vec![0; 8],
        };
        code.resize(16, if self.is_arm64() { 0 } else { 0x90 });
        code
    }

    /// A function that stops the kernel: an invalid instruction.
    pub fn trapping(&self) -> Vec<u8> {
        let mut code = if self.is_arm64() { 0x0000_0001_u32.to_le_bytes().to_vec() } else { vec![0x0f, 0x0b] };
        code.extend(self.returning(0));
        code.resize(32, 0);
        code
    }

    /// A function that reads address zero.
    pub fn null_reading(&self) -> Vec<u8> {
        let mut code = if self.is_arm64() {
            // mov x0, #0; ldr x0, [x0]
            [0xd280_0000_u32.to_le_bytes(), 0xf940_0000_u32.to_le_bytes()].concat()
        } else {
            // xor eax, eax; mov rax, [rax]
            vec![0x31, 0xc0, 0x48, 0x8b, 0x00]
        };
        code.extend(self.returning(0));
        code.resize(32, 0);
        code
    }
}

/// A CRC for a symbol of our own.
pub fn made_up_crc(symbol: &str) -> u32 {
    fnv(symbol.as_bytes())
}

/// FNV-1a: a checksum in a line.
pub fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
