//! Kernel images: `vmlinux`, `vmlinuz` and the containers around them. Every fact comes from the image alone and is computed on
//! first use. A fact that the image does not show stays unknown.

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
mod sysfs;

pub use container::Container;
pub use error::{ImageError, ImageErrorKind};
pub use kallsyms::{Kallsyms, KernelSymbol};
pub(crate) use sysfs::SysfsFolder;

pub(in crate::kernel) use container::is_image;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use self::ksymtab::ExportTables;
use self::memory::KernelMemory;
use self::sysfs::SysfsFolders;
use super::config::Config;
use super::exports::Exports;
use super::struct_module::StructModule;
use super::types::KernelTypes;
use crate::btf::{Index, NameIndex, Table};
use crate::compression::Compression;
use crate::terms::{Arch, CountedBytes, KernelRelease, KernelVersion};
use crate::x509::Certificate;

/// Which messages about the type information of modules an image has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BtfMessages {
    /// That a module is loaded although its types do not fit.
    pub allows: bool,
    /// That types are not valid. Up to 6.2 kernels that load the module say that, too.
    pub refuses: bool,
}

/// A kernel image, unpacked from its containers.
#[derive(Debug)]
pub struct KernelImage {
    path: PathBuf,
    containers: Vec<Container>,
    memory: KernelMemory,
    uname: Option<String>,
    cmdline: Option<String>,
    banner: String,
    symbols: OnceLock<Option<Kallsyms>>,
    kallsyms: OnceLock<Option<Kallsyms>>,
    exports: OnceLock<Result<Exports, String>>,
    vermagic: OnceLock<Option<String>>,
    config: OnceLock<Option<Config>>,
    module_compression: OnceLock<Option<Compression>>,
    btf: OnceLock<Option<(Range<usize>, Index)>>,
    btf_names: OnceLock<NameIndex>,
    btf_messages: OnceLock<BtfMessages>,
    struct_module_size: OnceLock<Option<u64>>,
    struct_module: OnceLock<Option<StructModule>>,
    certificates: OnceLock<Option<Vec<Certificate>>>,
    sysfs: OnceLock<Option<SysfsFolders>>,
}

impl KernelImage {
    /// Unpacks the kernel from the bytes of a file. `path` is only recorded.
    ///
    /// # Errors
    /// If there is no kernel in the bytes, or it is malformed.
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, ImageError> {
        Self::read(path, bytes.into(), None)
    }

    /// Unpacks the kernel from `bytes`, which were decompressed from `outer` if the file was compressed as a whole.
    pub(super) fn read(path: &Path, bytes: CountedBytes, outer: Option<Compression>) -> Result<Self, ImageError> {
        let unwrapped = container::unwrap(bytes, outer)?;
        let bytes = unwrapped.bytes;
        let memory = match unwrapped.arch {
            Some(arch) => KernelMemory::flat(bytes, arch),
            None => KernelMemory::elf(bytes)
                .ok_or_else(|| ImageError::new(0, ImageErrorKind::Truncated("the ELF header")))?,
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
            kallsyms: OnceLock::new(),
            exports: OnceLock::new(),
            vermagic: OnceLock::new(),
            config: OnceLock::new(),
            module_compression: OnceLock::new(),
            btf: OnceLock::new(),
            btf_names: OnceLock::new(),
            btf_messages: OnceLock::new(),
            struct_module_size: OnceLock::new(),
            struct_module: OnceLock::new(),
            certificates: OnceLock::new(),
            sysfs: OnceLock::new(),
        })
    }

    /// The file that the image was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The containers that the kernel was unpacked from, the outermost first.
    pub fn containers(&self) -> &[Container] {
        &self.containers
    }

    /// The size of the unpacked kernel in bytes.
    pub fn size(&self) -> usize {
        self.memory.bytes().len()
    }

    /// The architecture; `None` for one that gplok does not know.
    pub fn arch(&self) -> Option<Arch> {
        self.memory.arch()
    }

    /// `linux_banner` (init/version-timestamp.c), the first line that the kernel prints.
    pub fn banner(&self) -> &str {
        &self.banner
    }

    /// The release in the banner.
    pub fn release(&self) -> Option<KernelRelease> {
        banner::release_of(&self.banner)
    }

    /// The release in the section `.uname` of a unified kernel image.
    pub fn uname(&self) -> Option<KernelRelease> {
        self.uname.as_ref().map(KernelRelease::new)
    }

    /// The command line in a unified kernel image.
    pub fn cmdline(&self) -> Option<&str> {
        self.cmdline.as_deref()
    }

    /// The stable version, if the banner gives it apart from the release.
    pub fn stable_version(&self) -> Option<KernelVersion> {
        banner::stable_version(&self.banner)?.version()
    }

    /// The version magic that a module's is compared with; `None` also for a kernel without modules.
    pub fn vermagic(&self) -> Option<&str> {
        self.vermagic.get_or_init(|| banner::vermagic(self.memory.bytes(), &self.release()?)).as_deref()
    }

    /// The embedded configuration (`CONFIG_IKCONFIG`).
    pub fn config(&self) -> Option<&Config> {
        self.config.get_or_init(|| banner::config(self.memory.bytes())).as_ref()
    }

    /// The kind of compressed modules that the kernel itself decompresses; `None` if it decompresses none. It is the one whose
    /// message of refusal is in the image.
    pub fn module_compression(&self) -> Option<Compression> {
        *self.module_compression.get_or_init(|| {
            let messages = [
                (Compression::Xz, "not an xz compressed module\n"),
                (Compression::Zstd, "not a zstd compressed module\n"),
                (Compression::Gzip, "not a gzip compressed module\n"),
            ];
            let has = |message: &str| memchr::memmem::find(self.memory.bytes(), message.as_bytes()).is_some();
            messages.into_iter().find(|(_, message)| has(message)).map(|(kind, _)| kind)
        })
    }

    /// Whether the kernel checks the type information of modules, and says of some that they are loaded all the same
    /// (`CONFIG_MODULE_ALLOW_BTF_MISMATCH`), by the messages of `btf_module_notify()` (kernel/bpf/btf.c) in the image.
    pub(in crate::kernel) fn btf_messages(&self) -> BtfMessages {
        *self.btf_messages.get_or_init(|| {
            let has = |message: &str| memchr::memmem::find(self.memory.bytes(), message.as_bytes()).is_some();
            BtfMessages {
                allows: has(
                    "Kernel module BTF mismatch detected, BTF debug info may be unavailable for some modules\n",
                ),
                refuses: has("failed to validate module [%s] BTF: %ld\n"),
            }
        })
    }

    /// `sizeof(struct module)` in bytes, from the image's type information.
    pub fn struct_module_size(&self) -> Option<u64> {
        *self.struct_module_size.get_or_init(|| self.btf()?.struct_size("module"))
    }

    /// The layout of `struct module`, from the image's type information.
    pub fn struct_module(&self) -> Option<&StructModule> {
        self.struct_module
            .get_or_init(|| {
                let pointer = u64::try_from(self.memory.word()).ok()?;
                StructModule::of_fields(self.btf()?.struct_fields("module", pointer)?)
            })
            .as_ref()
    }

    /// The image's type information; `None` if it has none that can be read.
    pub fn btf(&self) -> Option<Table<'_>> {
        let found = self.btf.get_or_init(|| {
            let range = btf::range(&self.memory)?;
            let index = Index::of(self.memory.bytes().get(range.clone())?, self.memory.endian())?;
            Some((range, index))
        });
        let (range, index) = found.as_ref()?;
        Some(Table::new(self.memory.bytes().get(range.clone())?, index))
    }

    /// The image's type information, with the types by name.
    pub(in crate::kernel) fn types(&self) -> Option<KernelTypes<'_>> {
        Some(KernelTypes { table: self.btf()?, names: &self.btf_names })
    }

    /// The certificates compiled into the kernel's trusted keyring; `None` if they cannot be located.
    pub fn certificates(&self) -> Option<&[Certificate]> {
        self.certificates.get_or_init(|| self.read_certificates()).as_deref()
    }

    fn read_certificates(&self) -> Option<Vec<Certificate>> {
        if let Some((memory, symbols)) = self.located()
            && let Some(certificates) = keys::by_symbols(&memory, symbols)
        {
            return Some(certificates);
        }
        keys::by_shape(&self.memory)
    }

    /// Whether the kernel makes a folder of that name in `/sys/module` when it boots.
    pub(crate) fn sysfs_folder(&self, name: &str) -> SysfsFolder {
        let folders = self.sysfs.get_or_init(|| match self.located() {
            Some((memory, symbols)) => SysfsFolders::read(&memory, Some(symbols)),
            None => SysfsFolders::read(&self.memory, None),
        });
        folders.as_ref().map_or(SysfsFolder::Unknown, |folders| folders.folder(name))
    }

    /// The kernel's symbols: from its ELF symbol table, otherwise from its kallsyms table.
    pub fn symbols(&self) -> Option<&Kallsyms> {
        self.symbols.get_or_init(|| symtab::read(&self.memory).or_else(|| Kallsyms::read(&self.memory))).as_ref()
    }

    /// The kernel's symbols as the running kernel knows them: from its kallsyms table, otherwise from its ELF symbol table.
    pub fn kallsyms(&self) -> Option<&Kallsyms> {
        let own = self.kallsyms.get_or_init(|| {
            // Without an ELF symbol table they are the symbols already.
            symtab::read(&self.memory).and_then(|_| Kallsyms::read(&self.memory))
        });
        own.as_ref().or_else(|| self.symbols())
    }

    /// The loaded parts of the kernel, each with its address; `None` if the addresses are unknown.
    pub fn pieces(&self) -> Option<Vec<(u64, &[u8])>> {
        let (memory, _) = self.located()?;
        let pieces = memory.segments().filter_map(|(address, range)| Some((address, self.memory.bytes().get(range)?)));
        Some(pieces.collect())
    }

    /// The exports in the kernel's export tables.
    ///
    /// # Errors
    /// If the export tables are not found or are malformed; the message follows the file's name.
    pub fn exports(&self) -> Result<&Exports, &str> {
        self.exports.get_or_init(|| self.read_exports()).as_ref().map_err(String::as_str)
    }

    fn read_exports(&self) -> Result<Exports, String> {
        if let Some(tables) = ExportTables::of_sections(&self.memory) {
            return tables.exports(&self.memory);
        }
        if self.memory.has_sections() {
            return Err("it has no export table: a kernel without modules".to_owned());
        }
        if let Some((memory, symbols)) = self.located()
            && let Some(exports) =
                ExportTables::of_symbols(&memory, symbols).and_then(|tables| tables.exports(&memory).ok())
        {
            return Ok(exports);
        }
        search::search(&self.memory)?.exports(&self.memory)
    }

    /// The kernel at its address in memory, and its symbols; `None` if the address is not certain.
    ///
    /// The address of a bare image follows from the banner: its symbol gives the address, and a search gives the offset. The
    /// search may find several offsets, but an image begins at the beginning of a page.
    fn located(&self) -> Option<(KernelMemory, &Kallsyms)> {
        const PAGE: u64 = 4096;
        let symbols = self.symbols()?;
        if !self.memory.is_flat() {
            return Some((self.memory.clone(), symbols));
        }
        let base_by_banner = symbols.address_of("linux_banner").and_then(|address| {
            let offsets = memchr::memmem::find_iter(self.memory.bytes(), banner::BEGINNING);
            let mut bases = offsets.filter_map(|offset| address.checked_sub(u64::try_from(offset).ok()?));
            bases.find(|base| base % PAGE == 0)
        });
        let base = base_by_banner.or_else(|| symbols.is_self_relative().then_some(0))?;
        Some((self.memory.rebase(base), symbols))
    }
}
