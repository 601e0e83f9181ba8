//! What is odd about one module: its licence, its names, and what it looks up at run time. Of wrappers nothing is said here.

mod audited;
mod license;
mod lookup;
mod reserved;
mod shadows;
mod shim;

use super::{AuditFinding, KnownExports, Subject};
use crate::image::ModuleElf;
use audited::Audited;

/// Everything that is odd about one module, in the order of codes. `name` is its own, `-` or `_` alike; without a subject,
/// which is where its code cannot be read, calls are not looked at.
pub fn lints(
    object: usize,
    name: &str,
    elf: &ModuleElf,
    subject: Option<&Subject<'_>>,
    known: &KnownExports,
) -> Vec<AuditFinding> {
    let module = Audited::new(object, name, elf, subject, known);
    let lints = [shim::lint, shadows::lint, lookup::symbol_get, lookup::kallsyms, license::lint, reserved::lint];
    lints.iter().flat_map(|lint| lint(&module)).collect()
}
