//! Kernels made up for one test, in a folder of their own.

use std::path::Path;
use std::sync::Arc;

use gplok::image::Image;
use gplok::kernel::Kernel;
use gplok::report::KernelSummary;
use tempfile::TempDir;

use crate::ko::{CrcTable, Ko, Profile};

/// The first line of a configuration that kconfig has written. It is whole: what it does not name is off.
pub const CONFIG_HEAD: &str = "# Automatically generated file; DO NOT EDIT.\n";

/// A kernel to be: what its release, its configuration and its `Module.symvers` say, and one module in its tree, which
/// shows how large its `struct module` is.
#[derive(Clone)]
pub struct Made {
    pub profile: Profile,
    config: Vec<String>,
    symvers: Vec<String>,
    certificates: Option<Vec<u8>>,
    tree: bool,
}

impl Made {
    /// An x86-64 kernel of a release such as `5.9.0`, which checks neither symbol versions nor signatures.
    pub fn new(release: &str) -> Self {
        let config = ["64BIT", "X86", "X86_64", "SMP", "MODULES", "MODULE_UNLOAD", "KALLSYMS", "STRICT_MODULE_RWX"];
        let (symvers, certificates) = (Vec::new(), None);
        let profile = Profile::made_up(release);
        Self {
            profile,
            config: config.map(|name| format!("CONFIG_{name}=y")).to_vec(),
            symvers,
            certificates,
            tree: true,
        }
        .export("printk")
    }

    /// Sets an option to `y`.
    pub fn config(mut self, name: &str) -> Self {
        self.config.push(format!("CONFIG_{name}=y"));
        self
    }

    /// Switches `CONFIG_MODVERSIONS` on. The version of a symbol is made from its name.
    pub fn modversions(mut self) -> Self {
        let crc = self.profile.crc("module_layout");
        self.profile = self.profile.with_modversions(CrcTable::Immediate);
        self.symvers.push(format!("{crc:#010x}\tmodule_layout\tvmlinux\tEXPORT_SYMBOL\t"));
        self.config("MODVERSIONS")
    }

    /// A row of `Module.symvers`.
    pub fn row(mut self, symbol: &str, owner: &str, kind: &str, namespace: &str) -> Self {
        let crc = self.profile.crc(symbol);
        self.symvers.push(format!("{crc:#010x}\t{symbol}\t{owner}\t{kind}\t{namespace}"));
        self
    }

    pub fn export(self, symbol: &str) -> Self {
        self.row(symbol, "vmlinux", "EXPORT_SYMBOL", "")
    }

    /// Exports a symbol in another version than other kernels.
    pub fn changed(mut self, symbol: &str) -> Self {
        let crc = self.profile.crc(symbol) ^ 1;
        self.symvers.push(format!("{crc:#010x}\t{symbol}\tvmlinux\tEXPORT_SYMBOL\t"));
        self
    }

    pub fn export_gpl(self, symbol: &str) -> Self {
        self.row(symbol, "vmlinux", "EXPORT_SYMBOL_GPL", "")
    }

    pub fn trusts(mut self, certificates: &[u8]) -> Self {
        self.certificates = Some(certificates.to_vec());
        self
    }

    /// Has no module tree.
    pub fn no_tree(mut self) -> Self {
        self.tree = false;
        self
    }

    /// Writes the files into a folder.
    pub fn write(&self, folder: &Path) {
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("the folder is ours");
        write("release", format!("{}\n", self.profile.release).as_bytes());
        write("config", format!("{CONFIG_HEAD}{}\n", self.config.join("\n")).as_bytes());
        write("Module.symvers", (self.symvers.join("\n") + "\n").as_bytes());
        if let Some(certificates) = &self.certificates {
            write("certs.pem", certificates);
        }
        if self.tree {
            std::fs::create_dir_all(folder.join("kernel")).expect("the folder is ours");
            write("kernel/own.ko", &Ko::new("own").intree().build(&self.profile));
        }
    }

    /// The kernel as its files tell it; they are gone when the folder is dropped.
    pub fn open(&self) -> (Arc<Kernel>, TempDir) {
        let folder = tempfile::tempdir().expect("there is a temporary folder");
        self.write(folder.path());
        (Arc::new(Kernel::open(&[folder.path()]).unwrap_or_else(|error| panic!("{error}"))), folder)
    }

    /// A module built for this kernel.
    pub fn image(&self, ko: &Ko) -> Image {
        image(&format!("{}.ko", ko.name()), ko.build(&self.profile))
    }
}

/// A module from bytes, as from a file of that name.
pub fn image(path: &str, bytes: Vec<u8>) -> Image {
    Image::from_bytes(path, bytes).unwrap_or_else(|error| panic!("{error}"))
}

/// What a report says of a kernel, but for where its files are.
pub fn summary(kernel: &Kernel) -> KernelSummary {
    KernelSummary { evidence: Vec::new(), ..KernelSummary::from(kernel) }
}
