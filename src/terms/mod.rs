//! The small types that every other room uses: versions, CRCs, namespaces, patterns, licenses, taints, errnos, module names.
//!
//! Nothing here reads a file or judges a module. Texts are parsed with `new` or `parse` and printed with `Display`, as the kernel
//! writes them.
//!
//! ```
//! use gplok::terms::{License, ModuleName, Taint, Taints};
//!
//! assert!(License::new("Dual BSD/GPL").is_gpl_compatible());
//! assert_eq!(ModuleName::new("snd-hda-intel"), ModuleName::new("snd_hda_intel"));
//! assert!(Taints::from_number(4097).has(Taint::OotModule));
//! assert_eq!(Taints::from_number(4097).to_string(), "PO");
//! ```

mod arch;
mod budget;
mod byte_size;
mod errno;
mod export;
mod glob;
mod license;
mod loader;
mod module_name;
mod name_filter;
mod name_hash;
pub(crate) mod parallel;
mod release;
mod rust_path;
mod shown;
mod taint;
mod version;

pub use arch::{Arch, Class, ElfMachine, Endian};
pub(crate) use budget::Claim;
pub use budget::{Budget, OverBudget};
unstable!(budget::CountedBytes);
unstable!(byte_size::{ByteSize, NoByteSize});
pub use errno::Errno;
pub use export::{Crc, ExportKind, ExportedSymbol, Namespace};
pub use glob::Glob;
pub use license::License;
pub use loader::Loader;
pub use module_name::ModuleName;
pub(crate) use name_filter::NameFilter;
pub(crate) use name_hash::{ByName, ByNumber, HashedName, name_hash};
pub use release::{Distribution, KernelRelease};
unstable!(rust_path::rust_path);
pub(crate) use shown::{Escape, is_shown};
unstable!(shown::{PathText, Shown});
pub use taint::{Taint, Taints};
pub use version::KernelVersion;
