//! The check for symbols that are exported already, and the protection of the module's memory.

use std::sync::Arc;

use crate::elf::SectionFlags;
use crate::load::found_symbol::Exporter;
use crate::load::run::Run;
use crate::load::stages::resolve_symbol::{find_in_modules, find_in_vmlinux};
use crate::load::state::{StageResult, Stop};
use crate::terms::Errno;
use crate::verdict::{Cause, LogLevel};

/// Mirrors `complete_formation()` (kernel/module/main.c).
pub(in crate::load) fn complete_formation(run: &mut Run<'_>) -> StageResult {
    verify_exported_symbols(run)?;
    // The loader protects the module's read-only data, and then writes the state in struct module.
    let info = run.info()?;
    let this_module = info.elf.sections().get(info.this_module);
    let is_read_only = this_module.is_some_and(|section| section.flags & SectionFlags::WRITE == 0);
    if is_read_only && run.config("STRICT_MODULE_RWX")? {
        return Err(Stop::Crash("struct module lies in a section without SHF_WRITE".into()));
    }
    Ok(())
}

/// Mirrors `verify_exported_symbols()` (kernel/module/main.c).
fn verify_exported_symbols(run: &mut Run<'_>) -> StageResult {
    let tables = Arc::clone(&run.info()?.exports);
    for entry in tables.iter().flat_map(|table| &table.entries) {
        let name = &entry.symbol.name;
        // A symbol of a kernel without a table of exports cannot be found, and neither can one of a module that only counts as
        // loaded.
        let found = match find_in_vmlinux(run, name, true)? {
            Some(found) => Some(found),
            None => find_in_modules(run, entry.raw_name(), true),
        };
        let Some(found) = found else { continue };
        let exporter = match &found.exporter {
            Exporter::Module(module) => &module.name,
            _ => "kernel",
        };
        let line = format!("{}: exports duplicate symbol {name} (owned by {exporter})", run.mod_name());
        let cause = Cause::DuplicateExport { symbol: name.as_str().into(), exporter: exporter.to_owned() };
        run.say(cause, LogLevel::Err, line);
        return Err(Stop::Refused(Errno::ENOEXEC));
    }
    Ok(())
}
