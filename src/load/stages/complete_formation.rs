//! Exports that exist already, and the protection of memory: mirrors `verify_exported_symbols()` and `complete_formation()`,
//! kernel/module/main.c.

use std::sync::Arc;

use crate::elf::SectionFlags;
use crate::load::run::Run;
use crate::load::stages::resolve_symbol::{Exporter, find_in_modules, find_in_vmlinux};
use crate::load::state::{StageResult, Stop};
use crate::terms::Errno;
use crate::verdict::{Cause, LogLevel};

pub(in crate::load) fn complete_formation(run: &mut Run<'_>) -> StageResult {
    verify_exported_symbols(run)?;
    // Once the module's constant data is protected, the loader writes the state of struct module.
    let info = run.info()?;
    let this_module = info.elf.sections().get(info.this_module);
    let constant = this_module.is_some_and(|section| section.flags & SectionFlags::WRITE == 0);
    if constant && run.config("STRICT_MODULE_RWX")? {
        return Err(Stop::Crash("struct module lies in a section without SHF_WRITE".into()));
    }
    Ok(())
}

fn verify_exported_symbols(run: &mut Run<'_>) -> StageResult {
    let tables = Arc::clone(&run.info()?.exports);
    for entry in tables.iter().flat_map(|table| &table.entries) {
        let name = &entry.symbol.name;
        // Without a table of exports nothing says that the kernel has the symbol already; and a module that was never loaded
        // here owns nothing.
        let own = find_in_vmlinux(run, name, true)?;
        let Some(found) = own.or_else(|| find_in_modules(run, &entry.raw_name, true)) else { continue };
        let exporter = match &found.exporter {
            Exporter::Module(module) => &module.name,
            _ => "kernel",
        };
        let line = format!("{}: exports duplicate symbol {name} (owned by {exporter})", run.mod_name());
        run.say(
            Cause::DuplicateExport { symbol: name.as_str().into(), exporter: exporter.to_owned() },
            LogLevel::Err,
            line,
        );
        return Err(Stop::Refused(Errno::ENOEXEC));
    }
    Ok(())
}
