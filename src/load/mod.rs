//! The judge: an emulation of the kernel's `load_module()` and `delete_module()` (kernel/module/main.c), stage by stage, in the
//! kernel's order.
//!
//! It takes a kernel, a command line and a module file that other parts of the crate have read, and returns a `Verdict`. It
//! opens no file, starts no thread and cannot fail: a module that the kernel would refuse is a verdict, not an error. Only this
//! part of the crate decides whether a module loads.
//!
//! # Unknown facts
//!
//! A stage may need a fact that no file tells, such as a configuration option or whether the kernel trusts a signer. It then goes
//! on as if the answer were yes, and `machine.rs` attempts the whole system call again with the answer no; or it stops with
//! `Stop::Ask` and the name of the fact, and the call is attempted again with each answer. A `World` is one consistent set of
//! answers together with the kernel's state under them. The verdict is certain if all worlds agree. If they differ, it is
//! undetermined and names the facts that decide.
//!
//! # Contents
//!
//! - `arguments.rs` and `cmdline.rs`: the arguments of the system call and the command line of the kernel.
//! - `machine.rs`: one boot. It attempts each system call in every world; `merge.rs` merges the verdicts of the worlds.
//! - `pipeline.rs`: the order of the stages, and the survey of the stages past a refusal.
//! - `busybox.rs`: the system calls that BusyBox tries one after another.
//! - `run/` and `state.rs`: what a stage may read, print and change during one attempt.
//! - `loaded.rs` and `refused_exporter.rs`: the modules that earlier calls loaded or refused; `unread_files.rs`: those of which
//!   that is not known.
//! - `stages/`: the stages, one file for each kernel function.
//! - `signature/`: the verification of PKCS#7 module signatures.
//! - `btf/`: the check of type information.
//! - `relocate/`: the relocation code of the architectures.
//! - `cache/`: results that hold for more than one attempt. They never change a verdict.

mod arguments;
mod btf;
mod busybox;
mod cache;
mod cmdline;
mod exporters;
mod found_symbol;
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
mod unread_files;

pub use arguments::{Insmod, ModuleInitFlags, SystemCall};
pub(crate) use cache::memo::Memo;
pub use cmdline::Cmdline;
pub(crate) use exporters::ExportersByName;
pub(crate) use loaded::LoadedModule;
pub use machine::Machine;
pub(crate) use machine::{Judged, MAX_WORLDS};
pub(crate) use merge::{followed_in_part, merge_alternatives};
pub(crate) use refused_exporter::RefusedExporter;
unstable!(signature::crypto::{Crypto, CryptoAlgorithm, Support});
unstable!(signature::verify_pkcs7::{HeaderFault, Pkcs7Verdict, mod_check_sig, verify_pkcs7_signature});
pub(crate) use state::{Printed, World};
