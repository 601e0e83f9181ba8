//! Judging whole sets of modules: this room opens module files, finds out which modules need which, and runs the judge
//! (`load`) on all cores. It returns errors; the judge never does.

mod boots;
#[expect(clippy::module_inception, reason = "the file holds the function it is named after")]
mod check;
mod error;
mod modprobe;
mod needs;

pub use check::{Check, Checked, Leftover, ModuleFile, check};
pub use error::ModprobeError;
