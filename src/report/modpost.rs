//! What modpost says when a module is built: it stops the build for what the loader would refuse the module for.

use super::entry::KernelSummary;
use crate::history::{Behaviour, Calendar};
use crate::terms::ExportKind;
use crate::verdict::Cause;

/// The line that modpost of this kernel prints for a finding, when `module` is built against it. `None` if modpost says nothing about
/// it, or if the words of this release are not known. modpost names the file, which may have `-` where the module's name has `_`, and
/// may have the folder before it.
pub(super) fn modpost_line(cause: &Cause, module: &str, kernel: &KernelSummary) -> Option<String> {
    // modpost does not know inherited taints.
    let Cause::GplOnlySymbol { symbol, kind: ExportKind::Gpl, license, inherited_from: None, .. } = cause else {
        return None;
    };
    let calendar = Calendar::of_release(kernel.release.as_ref()?)?;
    if license.is_none() {
        // That there is no license is what it stops for, not the symbols. In 5.10 it only warns.
        if !calendar.has(Behaviour::ModpostGplErrors)? {
            return None;
        }
        return Some(match calendar.has(Behaviour::ModpostGplModuleFirst)? {
            true => format!("ERROR: modpost: {module}.ko: missing MODULE_LICENSE()"),
            false => format!("ERROR: modpost: missing MODULE_LICENSE() in {module}.o"),
        });
    }
    Some(if !calendar.has(Behaviour::ModpostGplErrors)? {
        format!("FATAL: modpost: GPL-incompatible module {module}.ko uses GPL-only symbol '{symbol}'")
    } else if !calendar.has(Behaviour::ModpostGplModuleFirst)? {
        format!("ERROR: modpost: GPL-incompatible module {module}.ko uses GPL-only symbol '{symbol}'")
    } else {
        format!("ERROR: modpost: {module}.ko: GPL-incompatible module uses GPL-only symbol '{symbol}'")
    })
}

/// What a page says of the build: the first line of modpost, and whether more follow.
pub(super) fn build<'a>(
    causes: impl Iterator<Item = &'a Cause>,
    module: &str,
    kernel: &KernelSummary,
) -> Option<String> {
    let mut lines: Vec<String> = causes.filter_map(|cause| modpost_line(cause, module, kernel)).collect();
    // A license is missed once, whatever the number of symbols.
    lines.dedup();
    let number = lines.len();
    // modpost that stops at the first symbol goes through the symbol table from its end.
    let line = match lines.last()? {
        last if last.starts_with("FATAL") => last,
        _ => lines.first()?,
    };
    let more = match number {
        0 | 1 => String::new(),
        _ if line.starts_with("FATAL") => "; it stops at the first that it comes to".to_owned(),
        2 => "; and one such line more".to_owned(),
        _ => format!("; and {} such lines more", number - 1),
    };
    Some(format!("modpost stops it, too: {line}{more}"))
}
