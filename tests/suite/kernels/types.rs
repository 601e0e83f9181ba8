//! Type information to be, and kernels that have it.

use std::sync::Arc;

use gplok::image::Image;
use gplok::kernel::Kernel;
use gplok::load::{Cmdline, Machine};
use gplok::terms::Arch;
use tempfile::TempDir;

use super::vmlinux::{Crcs, Vmlinux};
use crate::ko::{Ko, Profile, Section};
use crate::made::CONFIG_HEAD;

pub const INT: u32 = 1;
pub const PTR: u32 = 2;
pub const ARRAY: u32 = 3;
pub const STRUCT: u32 = 4;
pub const ENUM: u32 = 6;
pub const FWD: u32 = 7;
pub const FUNC: u32 = 12;

/// Types and their strings, in little-endian.
#[derive(Clone)]
pub struct Types {
    /// The number of the next type.
    next: u32,
    /// The offset of the first string.
    strings_at: u32,
    types: Vec<u32>,
    strings: Vec<u8>,
}

impl Types {
    /// Types that are based on no others.
    pub fn new() -> Self {
        Self { next: 1, strings_at: 0, types: Vec::new(), strings: vec![0] }
    }

    /// Types that are based on others.
    pub fn on(base: &Self) -> Self {
        let strings_at = base.strings_at + base.strings.len() as u32;
        Self { next: base.next, strings_at, types: Vec::new(), strings: Vec::new() }
    }

    /// The offset of a string.
    pub fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let offset = self.strings_at + self.strings.len() as u32;
        self.strings.extend(text.bytes().chain([0]));
        offset
    }

    /// Adds a type whose name is at an offset, and returns its number.
    pub fn add(&mut self, name: u32, kind: u32, members: u32, size: u32, rest: &[u32]) -> u32 {
        self.types.extend([name, kind << 24 | members, size]);
        self.types.extend(rest);
        self.next += 1;
        self.next - 1
    }

    pub fn int(&mut self, name: &str) -> u32 {
        let name = self.string(name);
        self.add(name, INT, 0, 4, &[0x0100_0020])
    }

    /// Adds a structure of members with their types and their offsets in bytes.
    pub fn structure(&mut self, name: &str, size: u32, members: &[(&str, u32, u32)]) -> u32 {
        let name = self.string(name);
        let rest: Vec<u32> = members.iter().flat_map(|(name, of, at)| [self.string(name), *of, at * 8]).collect();
        self.add(name, STRUCT, members.len() as u32, size, &rest)
    }

    /// Adds an enumeration of these enumerators.
    pub fn enumeration(&mut self, name: &str, enumerators: &[(&str, u32)]) -> u32 {
        let name = self.string(name);
        let rest: Vec<u32> = enumerators.iter().flat_map(|(name, value)| [self.string(name), *value]).collect();
        self.add(name, ENUM, enumerators.len() as u32, 4, &rest)
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0x9f, 0xeb, 1, 0];
        let len = self.types.len() as u32 * 4;
        let words = [24, 0, len, len, self.strings.len() as u32].into_iter().chain(self.types.iter().copied());
        bytes.extend(words.flat_map(u32::to_le_bytes));
        bytes.extend(&self.strings);
        bytes
    }

    /// A section of this name that holds them.
    pub fn section(&self, name: &str) -> Section {
        Section::new(name, 0, 1, self.bytes())
    }
}

/// The types of a kernel, with `struct module` as its profile says.
pub fn kernel_types(profile: &Profile) -> Types {
    let mut types = Types::new();
    let int = types.int("int");
    let pointer = types.add(0, PTR, 0, 0, &[]);
    let list = types.structure("list_head", 16, &[("next", pointer, 0), ("prev", pointer, 8)]);
    let atomic = types.structure("atomic_t", 4, &[("counter", int, 0)]);
    let char = types.add(0, INT, 0, 1, &[0x0100_0008]);
    let name = types.add(0, ARRAY, 0, 0, &[char, int, 56]);
    let exit = profile.exit as u32;
    let members = [
        ("state", int, 0),
        ("list", list, 8),
        ("name", name, 24),
        ("init", pointer, profile.init as u32),
        ("num_kp", int, profile.init as u32 + 8),
        ("percpu", pointer, exit - 80),
        ("btf_base_data", pointer, exit - 72),
        ("version", pointer, exit - 56),
        ("kallsyms", pointer, exit - 48),
        ("source_list", list, exit - 32),
        ("target_list", list, exit - 16),
        ("exit", pointer, exit),
        ("refcnt", atomic, exit + 8),
        ("secret", pointer, exit + 16),
        ("klp", int, exit + 24),
        ("name", int, profile.name as u32),
        ("crcs", pointer, exit - 88),
        ("mem[4].base", pointer, exit - 96),
        ("mem[4].size", int, exit - 104),
        ("mem[6].base", pointer, exit - 112),
    ];
    types.structure("module", profile.this_module as u32, &members);
    types
}

/// A kernel that an image and a configuration describe.
pub struct Told {
    pub profile: Profile,
    pub types: Types,
    pub kernel: Arc<Kernel>,
    pub folder: TempDir,
}

impl Told {
    pub fn new(release: &str, arch: Arch, options: &[&str]) -> Self {
        Self::with_messages(release, arch, Some(options), &[])
    }

    /// A kernel whose image has these messages; `options` is `None` if its configuration is not known.
    pub fn with_messages(release: &str, arch: Arch, options: Option<&[&str]>, messages: &[&'static str]) -> Self {
        Self::with_types(release, arch, options, messages, |_| ())
    }

    /// A kernel that has more types.
    pub fn with_types(
        release: &str,
        arch: Arch,
        options: Option<&[&str]>,
        messages: &[&'static str],
        add: impl Fn(&mut Types),
    ) -> Self {
        let profile = Profile { arch, ..Profile::made_up(release) };
        let mut types = kernel_types(&profile);
        add(&mut types);
        let mut kernel = Vmlinux::new(release).on(arch);
        kernel.crcs = Crcs::None;
        kernel.flagged = profile.kflagstab;
        kernel.vermagic = Some(profile.vermagic.clone());
        kernel.types = Some(types.bytes());
        kernel.messages = messages.to_vec();
        let names = ["64BIT", "SMP", "MODULES", "MODULE_UNLOAD", "KALLSYMS"];
        let text: String =
            names.iter().chain(options.into_iter().flatten()).map(|name| format!("CONFIG_{name}=y\n")).collect();
        let config = format!("{CONFIG_HEAD}{text}");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("vmlinux"), kernel.elf()).expect("written");
        std::fs::write(folder.path().join("config"), config).expect("written");
        let files: &[&str] = if options.is_some() { &["vmlinux", "config"] } else { &["vmlinux"] };
        let files: Vec<_> = files.iter().map(|name| folder.path().join(name)).collect();
        let kernel = Arc::new(Kernel::open(&files).unwrap_or_else(|error| panic!("{error}")));
        Self { profile, types, kernel, folder }
    }

    pub fn boot(&self) -> Machine {
        Machine::boot(Arc::clone(&self.kernel), Cmdline::default())
    }

    /// A module that was compiled for a kernel like this, but for what `change` says.
    pub fn image(&self, ko: &Ko, change: impl Fn(&mut Profile)) -> Image {
        let mut profile = self.profile.clone();
        change(&mut profile);
        Image::from_bytes(format!("{}.ko", ko.name()), ko.build(&profile)).unwrap_or_else(|error| panic!("{error}"))
    }
}
