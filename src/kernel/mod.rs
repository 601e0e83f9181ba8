//! One kernel as facts, read from any files that describe it.
//!
//! This room records what the files say and does not judge it. A fact that no file gives stays unknown (`None`). Some files are
//! read only when a fact that needs them is first asked for: see [`Kernel`].
//!
//! [`Kernel::open`] takes paths to anything that describes a kernel; [`KernelRequest`] takes what the program's `-k`, `--release`
//! and `--certs` take, names of installed releases included. An [`Error`] names the file or directory and what is wrong with it.
//!
//! ```
//! use gplok::kernel::Kernel;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/founding");
//! let kernel = Kernel::open(&[format!("{folder}/linux-4.18/Module.symvers")])?;
//! assert!(kernel.exports().is_some_and(|exports| exports.find("devmap_managed_key").is_some()));
//! assert_eq!(kernel.release(), None, "Module.symvers does not tell the release, and it is not guessed");
//! # Ok(())
//! # }
//! ```

mod all_exports;
mod boot;
mod config;
mod conflict;
mod description;
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
mod out_of_tree;
mod own_exports;
mod package;
mod precedence;
mod request;
mod sources;
mod struct_module;
mod symvers;
mod system_map;
mod tree;
mod tree_module;
mod tree_walk;
mod types;
mod vmlinux;

pub use config::{Config, ConfigOption};
pub use conflict::{Conflict, Difference};
pub use description::Kernel;
pub use error::{Error, ErrorKind, SystemMapFault};
pub use exports::{Exports, KernelExport};
pub use fact::{Evidence, Fact};
pub use filter::ExportFilter;
pub use out_of_tree::out_of_tree_modules;
unstable!(objects::{is_object, objects_below});
pub use package::PackageError;
pub use request::{KernelRequest, KernelRequestError};
unstable!(struct_module::StructModule);
pub use symvers::VMLINUX;
pub use tree::ModuleTree;
unstable!(package::{is_package, package_around});
unstable!(tree::module_name_of);
unstable!(tree_module::Contest);
unstable!(tree_walk::{WalkFault, WalkPlace});
pub use tree_module::{ShadowedModule, TreeModule, UnreadFile};
pub(crate) use types::KernelTypes;
pub(crate) use vmlinux::SysfsFolder;
pub use vmlinux::{ImageError, ImageErrorKind};
unstable!(vmlinux::{Container, Kallsyms, KernelImage, KernelSymbol});

pub use crate::x509::{CertificateError, CertificateErrorKind};
