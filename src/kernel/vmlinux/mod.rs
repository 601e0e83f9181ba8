//! Kernel images: `vmlinux`, `vmlinuz` and what they come in. Everything is read from the image alone, on demand.

mod banner;
mod btf;
mod container;
mod error;
mod kallsyms;
mod keys;
mod ksymtab;
mod memory;
mod relative;
mod search;
mod symtab;

pub use container::Container;
pub use error::{ImageError, ImageErrorKind};
pub use kallsyms::{Kallsyms, KernelSymbol};

pub(in crate::kernel) use container::is_image;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use self::ksymtab::Tables;
use self::memory::Memory;
use super::config::Config;
use super::exports::Exports;
use crate::compression::Compression;
use crate::terms::{Arch, KernelRelease, KernelVersion};
use crate::x509::Certificate;

/// A kernel image, out of its containers.
#[derive(Debug)]
pub struct KernelImage {
    path: PathBuf,
    containers: Vec<Container>,
    memory: Memory,
    uname: Option<String>,
    cmdline: Option<String>,
    banner: String,
    symbols: OnceLock<Option<Kallsyms>>,
    exports: OnceLock<Result<Exports, String>>,
    vermagic: OnceLock<Option<String>>,
    config: OnceLock<Option<Config>>,
    struct_module_size: OnceLock<Option<u64>>,
    certificates: OnceLock<Option<Vec<Certificate>>>,
}

impl KernelImage {
    /// Takes the kernel out of a file's bytes.
    ///
    /// # Errors
    /// When there is no kernel in it, or it is broken.
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, ImageError> {
        Self::read(path, bytes, None)
    }

    /// The same, of bytes that were compressed as a whole.
    pub(super) fn read(path: &Path, bytes: Vec<u8>, outer: Option<Compression>) -> Result<Self, ImageError> {
        let unwrapped = container::unwrap(bytes, outer)?;
        let bytes = unwrapped.bytes;
        let memory = match unwrapped.arch {
            Some(arch) => Memory::flat(bytes, arch),
            None => {
                Memory::elf(bytes).ok_or_else(|| ImageError::new(0, ImageErrorKind::Truncated("the ELF header")))?
            }
        };
        if memory.is_relocatable() {
            return Err(ImageError::new(0, ImageErrorKind::Relocatable));
        }
        let banner = banner::banner(memory.bytes()).map(str::to_owned);
        Ok(Self {
            path: path.to_owned(),
            containers: unwrapped.containers,
            uname: unwrapped.uname,
            cmdline: unwrapped.cmdline,
            banner: banner.ok_or_else(|| ImageError::new(0, ImageErrorKind::NoBanner))?,
            memory,
            symbols: OnceLock::new(),
            exports: OnceLock::new(),
            vermagic: OnceLock::new(),
            config: OnceLock::new(),
            struct_module_size: OnceLock::new(),
            certificates: OnceLock::new(),
        })
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the kernel was in, the outermost first.
    pub fn containers(&self) -> &[Container] {
        &self.containers
    }

    /// How many bytes the kernel has, out of its containers.
    pub fn size(&self) -> usize {
        self.memory.bytes().len()
    }

    /// The architecture.
    pub fn arch(&self) -> Option<Arch> {
        self.memory.arch()
    }

    /// `linux_banner`: what the kernel prints first.
    pub fn banner(&self) -> &str {
        &self.banner
    }

    /// The release, out of the banner.
    pub fn release(&self) -> Option<KernelRelease> {
        banner::release_of(&self.banner)
    }

    /// The release a unified image claims to hold, in `.uname`.
    pub fn uname(&self) -> Option<KernelRelease> {
        self.uname.as_ref().map(KernelRelease::new)
    }

    /// The command line a unified image boots with.
    pub fn cmdline(&self) -> Option<&str> {
        self.cmdline.as_deref()
    }

    /// The stable version, where the banner tells it apart from the release.
    pub fn stable_version(&self) -> Option<KernelVersion> {
        banner::stable_version(&self.banner)?.version()
    }

    /// The version magic that it compares a module's with; `None` also in a kernel that loads no modules.
    pub fn vermagic(&self) -> Option<&str> {
        let read = || banner::vermagic(self.memory.bytes(), &self.release()?);
        self.vermagic.get_or_init(read).as_deref()
    }

    /// The configuration it carries (`CONFIG_IKCONFIG`).
    pub fn config(&self) -> Option<&Config> {
        self.config.get_or_init(|| banner::config(self.memory.bytes())).as_ref()
    }

    /// `sizeof(struct module)`, out of its type information.
    pub fn struct_module_size(&self) -> Option<u64> {
        let read = || btf::struct_size(&self.memory, &btf::place(&self.memory)?, "module");
        *self.struct_module_size.get_or_init(read)
    }

    /// The certificates compiled into its trusted keyring; `None` when it cannot be told where they are.
    pub fn certificates(&self) -> Option<&[Certificate]> {
        let read = || {
            let by_name = || self.located().and_then(|(memory, symbols)| keys::by_symbols(&memory, symbols));
            by_name().or_else(|| keys::by_shape(&self.memory))
        };
        self.certificates.get_or_init(read).as_deref()
    }

    /// Its symbols: those of its ELF symbol table, or those that it carries for its own messages.
    pub fn symbols(&self) -> Option<&Kallsyms> {
        self.symbols.get_or_init(|| symtab::read(&self.memory).or_else(|| Kallsyms::read(&self.memory))).as_ref()
    }

    /// What lies in memory, in pieces, each with its address; `None` when it cannot be told where.
    pub fn pieces(&self) -> Option<Vec<(u64, &[u8])>> {
        let (memory, _) = self.located()?;
        let places = memory.segments().filter_map(|(address, place)| Some((address, self.memory.bytes().get(place)?)));
        Some(places.collect())
    }

    /// What it exports.
    ///
    /// # Errors
    /// When its export tables are not found, or broken; in words that follow the file's name.
    pub fn exports(&self) -> Result<&Exports, &str> {
        self.exports.get_or_init(|| self.read_exports()).as_ref().map_err(String::as_str)
    }

    fn read_exports(&self) -> Result<Exports, String> {
        if let Some(tables) = Tables::of_sections(&self.memory) {
            return tables.exports(&self.memory);
        }
        if self.memory.has_sections() {
            return Err("it has no export table: a kernel without modules".to_owned());
        }
        if let Some((memory, symbols)) = self.located()
            && let Some(exports) = Tables::of_symbols(&memory, symbols).and_then(|tables| tables.exports(&memory).ok())
        {
            return Ok(exports);
        }
        search::search(&self.memory)?.exports(&self.memory)
    }

    /// The kernel where its symbols say that it lies, and they; `None` when that is not certain. Of a bare image the banner,
    /// found by its words, tells: they may stand in it more than once, but an image begins at the beginning of a page.
    fn located(&self) -> Option<(Memory, &Kallsyms)> {
        const PAGE: u64 = 4096;
        let symbols = self.symbols()?;
        if !self.memory.is_flat() {
            return Some((self.memory.clone(), symbols));
        }
        let of_banner = || {
            let address = symbols.address_of("linux_banner")?;
            let places = memchr::memmem::find_iter(self.memory.bytes(), banner::BEGINNING);
            let mut bases = places.filter_map(|place| address.checked_sub(u64::try_from(place).ok()?));
            bases.find(|base| base % PAGE == 0)
        };
        let base = of_banner().or_else(|| symbols.is_self_relative().then_some(0))?;
        Some((self.memory.rebase(base), symbols))
    }
}
