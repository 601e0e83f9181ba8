//! What is odd about one module: its license, its names, and the symbols it looks up at run time. Wrappers are not
//! looked for here.

mod audited;
mod license;
mod lookup;
mod reserved;
mod shadows;
mod shim;

use super::{AuditFinding, KnownExports, Subject};
use crate::image::ModuleElf;
use crate::terms::ModuleName;
use audited::Audited;

/// Everything that is odd about one module, in the order of codes. Without a subject, because the module's code cannot
/// be read, calls are not looked at.
pub fn lints(
    object: usize,
    name: &ModuleName,
    elf: &ModuleElf,
    subject: Option<&Subject<'_>>,
    known: &KnownExports,
) -> Vec<AuditFinding> {
    let module = Audited::new(object, name, elf, subject, known);
    let lints = [shim::lint, shadows::lint, lookup::symbol_get, lookup::kallsyms, license::lint, reserved::lint];
    lints.iter().flat_map(|lint| lint(&module)).collect()
}
