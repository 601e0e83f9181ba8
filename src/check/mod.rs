//! Judging whole sets of modules: this room opens module files, finds out which modules need which, and runs the judge
//! (`load`) on all cores. It returns errors; the judge never does.
//!
//! [`check()`] judges images that are open already. [`Check`] has more choices: parameters and flags, files that are read
//! once and freed, or one boot that loads all modules in a given order. A [`ModprobeError`] names the file that cannot be
//! read: one that was given, or one of the kernel's tree that a module depends on.
//!
//! ```
//! use std::sync::Arc;
//!
//! use gplok::check::{Check, ModuleFile};
//! use gplok::kernel::Kernel;
//! use gplok::verdict::Outcome;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/founding");
//! let kernel = Arc::new(Kernel::open(&[format!("{folder}/linux-4.18")])?);
//! let file = ModuleFile { path: format!("{folder}/openafs.ko").into(), size: 0 };
//! let checked = Check::new(&kernel).files(&[file], || ())?;
//! assert_eq!(checked.verdicts[0].outcome, Outcome::Loads);
//! # Ok(())
//! # }
//! ```

mod absent;
mod after;
mod boots;
#[expect(clippy::module_inception, reason = "the file holds the function it is named after")]
mod check;
mod contest;
mod depmod;
mod each;
mod error;
mod modprobe;
mod needs;
mod order;
mod reach;
mod reading;
mod shape;
mod states;

unstable!(absent::{DamagedFiles, name_absent});
pub use check::{Check, Checked, Leftover, ModuleFile, check};
unstable!(depmod::{DepmodLine, LinkedFile, depmod, is_module_tree});
pub(crate) use each::try_each;
pub use error::ModprobeError;
unstable!(reading::open_modules);
