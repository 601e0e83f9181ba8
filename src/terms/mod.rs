//! The small types that every other room uses: versions, CRCs, namespaces, patterns, licenses, taints, errnos, module names.
//!
//! Nothing here reads a file or judges a module.

mod arch;
mod errno;
mod export;
mod glob;
mod license;
mod module_name;
mod name_hash;
mod release;
mod taint;
mod version;

pub use arch::{Arch, Class, ElfMachine, Endian};
pub use errno::Errno;
pub use export::{Crc, ExportKind, ExportedSymbol, Namespace};
pub use glob::Glob;
pub use license::License;
pub use module_name::ModuleName;
pub(crate) use name_hash::{ByNumber, name_hash};
pub use release::{Distribution, KernelRelease};
pub use taint::{Taint, Taints};
pub use version::KernelVersion;
