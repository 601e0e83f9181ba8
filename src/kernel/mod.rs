//! One kernel as facts, from whatever describes it. What no file tells stays missing.

mod all_exports;
mod boot;
mod config;
mod error;
mod exports;
mod fact;
mod filter;
mod from_package;
mod headers;
mod identity;
mod installed;
mod merge;
mod name_index;
mod objects;
mod open;
mod own_exports;
mod package;
mod request;
mod symvers;
mod system_map;
mod tree;
mod vmlinux;

pub use config::{Config, ConfigOption};
pub use error::{Error, ErrorKind};
pub use exports::{Exports, KernelExport};
pub use fact::{Evidence, Fact};
pub use filter::ExportFilter;
pub use installed::out_of_tree_modules;
pub use merge::{Conflict, Difference};
pub use objects::{is_object, objects_below};
pub use package::PackageError;
pub use request::{KernelRequest, KernelRequestError};
pub use system_map::SystemMapFault;
pub use tree::{ModuleTree, TreeModule, module_name_of};
pub use vmlinux::{Container, ImageError, ImageErrorKind, Kallsyms, KernelImage, KernelSymbol};

use boot::Boot;
use headers::HeaderRoot;
use tree::OwnModule;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use crate::image::{Extent, Image};
use crate::terms::{Arch, Class, Crc, Distribution, ElfMachine, Endian, KernelRelease, KernelVersion};
use crate::x509::Certificate;

/// The exporter of what is built into the kernel, as `Module.symvers` writes it.
pub const VMLINUX: &str = "vmlinux";

/// One kernel: the facts that its files tell. Later sources fill what earlier ones left open.
#[derive(Debug, Default)]
pub struct Kernel {
    pub(crate) release: Option<KernelRelease>,
    pub(crate) config: Option<Config>,
    pub(crate) exports: Option<Exports>,
    pub(crate) tree: Option<ModuleTree>,
    pub(crate) certificates: Option<Vec<Certificate>>,
    pub(crate) builtin: Option<Vec<String>>,
    with_parameters: HashSet<String>,
    pub(crate) version: Option<KernelVersion>,
    pub(crate) arch: Option<Arch>,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) inferred: Vec<String>,
    cmdline: Option<String>,
    packages: Vec<String>,
    symbols: Option<Kallsyms>,
    conflicts: Vec<Conflict>,
    boot: Boot,
    trusted: OnceLock<Option<Vec<Certificate>>>,
    headers: Vec<HeaderRoot>,
    own_module: OnceLock<Option<OwnModule>>,
    images: Mutex<HashMap<PathBuf, Arc<Image>>>,
}

impl Kernel {
    /// The release string.
    pub const fn release(&self) -> Option<&KernelRelease> {
        self.release.as_ref()
    }

    /// Its version: the user's word before the release string's.
    pub fn version(&self) -> Option<KernelVersion> {
        self.version.or_else(|| self.release()?.version())
    }

    /// Is the version the user's word, and not read off the release string?
    pub const fn is_version_given(&self) -> bool {
        self.version.is_some()
    }

    /// Whose build it is; `None` for an upstream kernel or one that does not say.
    pub fn distribution(&self) -> Option<Distribution> {
        self.release()?.distribution()
    }

    /// The configuration: a file's, or what the image carries.
    pub fn config(&self) -> Option<&Config> {
        self.config.as_ref().or_else(|| self.boot_image()?.config())
    }

    /// What is exported.
    pub fn exports(&self) -> Option<&Exports> {
        self.exports.as_ref().or_else(|| self.boot_image()?.exports().ok())
    }

    /// The kernel's own symbols, exported or not: out of its image, a `System.map` or `/proc/kallsyms`.
    pub fn symbols(&self) -> Option<&Kallsyms> {
        self.symbols.as_ref().or_else(|| self.boot_image()?.symbols())
    }

    /// The packages it comes in: name, version, architecture.
    pub fn packages(&self) -> &[String] {
        &self.packages
    }

    /// The command line that a unified image boots with.
    pub fn cmdline(&self) -> Option<&str> {
        self.cmdline.as_deref()
    }

    /// The module tree.
    pub const fn tree(&self) -> Option<&ModuleTree> {
        self.tree.as_ref()
    }

    /// The certificates it trusts: those compiled in and those given; `None` when nobody said.
    pub fn certificates(&self) -> Option<&[Certificate]> {
        let known = self.trusted.get_or_init(|| {
            let built_in = match &self.certificates {
                // Whoever gives certificates says what is trusted; an image that was given as well has some more.
                Some(_) => self.boot.given().and_then(KernelImage::certificates),
                None => self.boot_image().and_then(KernelImage::certificates),
            };
            let mut all = built_in.or_else(|| self.certificates.as_ref().map(|_| &[][..]))?.to_vec();
            for given in self.certificates.iter().flatten() {
                if !all.contains(given) {
                    all.push(given.clone());
                }
            }
            Some(all)
        });
        known.as_deref()
    }

    /// `sizeof(struct module)` and vermagic as the modules of its own tree show them; both are fixed when kernel and
    /// modules are built together. `None` without a tree, or with modules that cannot be read.
    fn own_module(&self) -> Option<&OwnModule> {
        self.own_module.get_or_init(|| self.tree.as_ref().and_then(OwnModule::read)).as_ref()
    }

    /// `sizeof(struct module)`: by the type information of an image that was given, by a module of its own tree, or by the image
    /// that belongs to it.
    pub fn struct_module_size(&self) -> Option<u64> {
        let of_image = || self.boot_image()?.struct_module_size();
        let given = self.boot.given().and_then(KernelImage::struct_module_size);
        given.or_else(|| self.own_module().map(|module| module.this_module_size)).or_else(of_image)
    }

    /// vermagic: of an image that was given, of a module of its own tree, or of the image that belongs to it.
    pub fn vermagic(&self) -> Option<&str> {
        let of_image = || self.boot_image()?.vermagic();
        let given = self.boot.given().and_then(KernelImage::vermagic);
        given.or_else(|| self.own_module().map(|module| module.vermagic.as_str())).or_else(of_image)
    }

    /// Names of modules that are built in, from `modules.builtin`.
    pub fn builtin(&self) -> Option<&[String]> {
        self.builtin.as_deref()
    }

    /// Has this built-in module parameters or a version, and so a directory in sysfs? From `modules.builtin.modinfo`, which lists
    /// most of those that have, but not all.
    pub fn is_builtin_with_parameters(&self, name: &str) -> bool {
        self.with_parameters.contains(name)
    }

    /// Takes release and architecture from a module that was built with this kernel's headers, where no file tells them:
    /// one whose version of `module_layout` is the kernel's. That version covers the structures that loader and module
    /// share, which no two releases have had alike.
    pub fn infer_release(&mut self, image: &Image) {
        if let Some(release) = self.release_by(image) {
            let path = image.path().display();
            self.inferred
                .push(format!("the kernel is {release}: {path} was built for it, with its version of module_layout"));
            self.release = Some(release);
            self.arch = self.arch.or_else(|| image.arch());
        }
    }

    /// The release that a module names which was built for this very kernel, where no file of the kernel tells it.
    pub fn release_by(&self, image: &Image) -> Option<KernelRelease> {
        let elf = image.as_announced().filter(|_| self.release.is_none())?;
        let wanted = elf.symbol_versions().and_then(|versions| versions.get("module_layout"));
        let own = self.module_layout().map(|crc| u64::from(crc.0)).filter(|crc| *crc != 0);
        let release = elf.modinfo().get("vermagic").and_then(|vermagic| vermagic.split(' ').next());
        release.map(KernelRelease::new).filter(|release| release.version().is_some() && own.is_some() && own == wanted)
    }

    /// Whether symbols have versions: `CONFIG_MODVERSIONS`, or CRCs that are not all zero.
    pub fn modversions(&self) -> Option<bool> {
        match self.config() {
            Some(config) => Some(config.is_set(ConfigOption("MODVERSIONS"))),
            None => self.exports()?.modversions(),
        }
    }

    /// The CRC of `module_layout`, which covers the structures that loader and module share.
    pub fn module_layout(&self) -> Option<Crc> {
        self.exports()?.owned_by(VMLINUX, "module_layout")?.crc
    }

    /// The architecture: the user's word, then a given image's, then the configuration, then the flavour at the end of Debian's
    /// releases.
    pub fn arch(&self) -> Option<Arch> {
        let told = self.arch.or_else(|| self.boot.given()?.arch());
        told.or_else(|| self.config.as_ref().and_then(arch_of_config)).or_else(|| {
            let release = self.release()?;
            self.distribution()?;
            let flavour = release.as_str().rsplit('-').next()?;
            Some(match flavour {
                "amd64" => Arch::X86_64,
                "686" | "pae" => Arch::I386,
                "arm64" | "16k" => Arch::ARM64,
                "riscv64" => Arch { machine: ElfMachine::Riscv, ..Arch::ARM64 },
                "loong64" => Arch { machine: ElfMachine::Loongarch, ..Arch::ARM64 },
                "powerpc64le" => Arch { machine: ElfMachine::Ppc64, ..Arch::ARM64 },
                "s390x" => Arch { machine: ElfMachine::S390, class: Class::Elf64, endian: Endian::Big },
                "armmp" | "marvell" | "rpi" | "lpae" => Arch { machine: ElfMachine::Arm, ..Arch::I386 },
                _ => return None,
            })
        })
    }

    /// Opens a module file: of the tree's packages, if it lies in one. Where signatures can be verified, all of it is read.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open_module(&self, path: &Path) -> Result<Image, crate::image::Error> {
        let verifies = self.certificates().is_some_and(|trusted| !trusted.is_empty());
        let extent = if verifies { Extent::Whole } else { Extent::Parts };
        match &self.tree {
            Some(tree) => tree.image(path, extent),
            None => Image::open_for(path, extent),
        }
    }

    /// A module file of the tree; each is read once.
    pub(crate) fn image(&self, path: &Path) -> Result<Arc<Image>, crate::image::Error> {
        let locked = || self.images.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(image) = locked().get(path) {
            return Ok(Arc::clone(image));
        }
        let image = Arc::new(self.open_module(path)?);
        Ok(Arc::clone(locked().entry(path.to_owned()).or_insert(image)))
    }

    pub(crate) fn note(&mut self, fact: Fact, source: &Path) {
        self.evidence.push(Evidence { fact, source: source.to_owned() });
    }
}

fn arch_of_config(config: &Config) -> Option<Arch> {
    let set = |name| config.is_set(ConfigOption(name));
    let class = if set("64BIT") { Class::Elf64 } else { Class::Elf32 };
    let endian = |big| if big { Endian::Big } else { Endian::Little };
    let (machine, class, endian) = if set("X86_64") {
        (ElfMachine::X86_64, Class::Elf64, Endian::Little)
    } else if set("X86_32") {
        (ElfMachine::I386, Class::Elf32, Endian::Little)
    } else if set("ARM64") {
        (ElfMachine::Arm64, Class::Elf64, endian(set("CPU_BIG_ENDIAN")))
    } else if set("ARM") {
        (ElfMachine::Arm, Class::Elf32, endian(set("CPU_BIG_ENDIAN")))
    } else if set("RISCV") {
        (ElfMachine::Riscv, class, Endian::Little)
    } else if set("PPC64") {
        (ElfMachine::Ppc64, Class::Elf64, endian(!set("CPU_LITTLE_ENDIAN")))
    } else if set("PPC") {
        (ElfMachine::Ppc, Class::Elf32, Endian::Big)
    } else if set("S390") {
        (ElfMachine::S390, Class::Elf64, Endian::Big)
    } else if set("LOONGARCH") {
        (ElfMachine::Loongarch, class, Endian::Little)
    } else if set("MIPS") {
        (ElfMachine::Mips, class, endian(!set("CPU_LITTLE_ENDIAN")))
    } else {
        return None;
    };
    Some(Arch { machine, class, endian })
}
