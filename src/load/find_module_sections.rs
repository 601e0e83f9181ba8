//! Tables the loader looks for, and the shape of its export tables: mirrors `find_module_sections()`,
//! `check_export_symbol_versions()` and `setup_modinfo()`, kernel/module/main.c.

use std::sync::Arc;

use super::run::{Run, Step, Stop};
use crate::history::Behaviour;
use crate::image::{EntryLayout, ExportTable, TABLES};
use crate::terms::{ElfMachine, Errno, ExportKind};
use crate::verdict::Cause;

pub(super) fn find_module_sections(run: &mut Run<'_>) -> Step {
    let elf = Arc::clone(&run.info()?.elf);
    let (name, there) = (run.mod_name(), |section: &str| elf.find_sec(section).is_some());
    if there(".ctors") && there(".init_array") && run.config("CONSTRUCTORS")? {
        let line = format!("{name}: has both .ctors and .init_array.");
        run.find(Cause::Constructors, Some(line.clone()));
        run.warn(line);
        return Err(Stop::Refused(Errno::EINVAL));
    }
    if there("__obsparm") {
        run.warn(format!("{name}: Ignoring obsolete parameters"));
    }
    let kflagstab = run.has(Behaviour::SymKflagstab)?;
    let tables = export_tables(run, kflagstab)?;
    if kflagstab {
        obsolete_tables(run)?;
        let count = tables.first().map_or(0, |table| table.entries.len());
        if count > 0 && !there("__kflagstab") {
            let line = format!("{name}: no flags for exported symbols");
            run.find(Cause::NoExportFlags { count }, Some(line.clone()));
            run.err(line);
            return Err(Stop::Refused(Errno::ENOEXEC));
        }
    }
    run.info_mut()?.exports = Arc::new(tables);
    Ok(())
}

/// The tables this kernel reads, in the order it searches them.
fn export_tables(run: &Run<'_>, kflagstab: bool) -> Step<Vec<ExportTable>> {
    let info = run.info()?;
    let any = TABLES.iter().any(|(_, section, _)| info.elf.find_sec(section).is_some());
    if !any {
        return Ok(Vec::new());
    }
    let layout = EntryLayout {
        prel32: info.arch.has_prel32() && run.has(Behaviour::TabPrel32)?,
        namespaces: run.has(Behaviour::TabNamespaceField)?,
        rel_crcs: matches!(info.arch.machine, ElfMachine::Ppc64 | ElfMachine::Ppc | ElfMachine::S390)
            && run.has(Behaviour::VerRelCrcs)?,
    };
    let (future, unused) = match run.has(Behaviour::SymGplFutureUnused)? {
        true => (true, run.config("UNUSED_SYMBOLS")?),
        false => (false, false),
    };
    let read = |kind: ExportKind| match kind {
        ExportKind::Plain => true,
        ExportKind::Gpl => !kflagstab,
        ExportKind::GplFuture => future,
        ExportKind::Unused | ExportKind::UnusedGpl => unused,
    };
    let kinds = TABLES.iter().map(|(kind, ..)| *kind).filter(|kind| read(*kind));
    let mut tables: Vec<_> = kinds.filter_map(|kind| info.elf.export_table(kind, layout)).collect();
    if kflagstab {
        let flags = info.elf.find_sec("__kflagstab").map(|section| info.elf.contents(section)).unwrap_or_default();
        for (entry, flag) in tables.iter_mut().flat_map(|table| &mut table.entries).zip(flags) {
            entry.symbol.kind = if flag & 1 == 0 { ExportKind::Plain } else { ExportKind::Gpl };
        }
    }
    for table in tables.iter_mut().filter(|table| !table.has_crcs) {
        table.entries.iter_mut().for_each(|entry| entry.symbol.crc = None);
    }
    Ok(tables)
}

/// Tables of GPL-only exports, which the kernel ignores since 7.1.
fn obsolete_tables(run: &mut Run<'_>) -> Step {
    let elf = Arc::clone(&run.info()?.elf);
    for section in ["__ksymtab_gpl", "__kcrctab_gpl"] {
        if elf.find_sec(section).is_none() {
            continue;
        }
        let line = format!("{}: ignoring obsolete section {section}", run.mod_name());
        if section == "__ksymtab_gpl" {
            let of_kind = |export: &crate::terms::ExportedSymbol| export.kind == ExportKind::Gpl;
            let symbols = elf.exports().into_iter().filter(of_kind).map(|export| export.name).collect();
            run.find(Cause::ObsoleteExportTable { section: section.into(), symbols }, Some(line.clone()));
        }
        run.warn(line);
    }
    Ok(())
}

pub(super) fn check_export_symbol_versions(run: &mut Run<'_>) -> Step {
    let tables = Arc::clone(&run.info()?.exports);
    let Some(table) = tables.iter().find(|table| !table.entries.is_empty() && !table.has_crcs) else { return Ok(()) };
    if !run.modversions()? {
        return Ok(());
    }
    let section = table.section.to_owned();
    run.try_to_force_load("no versions for exported symbols", |forced| Cause::NoExportVersions { section, forced })
}

/// A `module:` namespace cannot be imported by name, used or not.
pub(super) fn setup_modinfo(run: &mut Run<'_>) -> Step {
    let elf = Arc::clone(&run.info()?.elf);
    let Some(namespace) = elf.modinfo().all("import_ns").find(|namespace| namespace.starts_with("module:")) else {
        return Ok(());
    };
    if !run.has(Behaviour::SymModuleNamespaces)? {
        return Ok(());
    }
    let line = format!("{}: module tries to import module namespace: {namespace}", run.mod_name());
    run.find(Cause::ImportsModuleNamespace { namespace: namespace.to_owned() }, Some(line.clone()));
    run.err(line);
    Err(Stop::Refused(Errno::EPERM))
}
