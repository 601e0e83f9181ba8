//! `load_module()`, stage by stage, in the kernel's order. It does no I/O and cannot fail.
//!
//! Facts may be missing. A run that needs one stops and is made again, once with each answer: every consistent set of
//! answers is a `World` of its own. Where all worlds agree the verdict is certain; where they do not, it
//! is undetermined, and says for want of what.

mod arguments;
mod cache;
mod cmdline;
mod loaded;
mod machine;
mod merge;
mod pipeline;
mod refused_exporter;
#[cfg(not(feature = "unstable"))]
pub(crate) mod relocate;
#[cfg(feature = "unstable")]
pub mod relocate;
mod run;
mod signature;
mod stages;
mod state;

pub use arguments::{Insmod, ModuleInitFlags, SystemCall};
pub(crate) use cache::memo::Memo;
pub use cmdline::Cmdline;
pub(crate) use loaded::LoadedModule;
pub use machine::Machine;
pub(crate) use machine::{Judged, MAX_WORLDS};
pub(crate) use refused_exporter::RefusedExporter;
unstable!(signature::crypto::{Crypto, CryptoAlgorithm, Support});
unstable!(signature::verify_pkcs7::{Pkcs7Verdict, mod_check_sig, verify_pkcs7_signature});
pub(crate) use state::World;
