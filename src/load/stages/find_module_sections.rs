//! Tables the loader looks for, and the shape of its export tables: mirrors `find_module_sections()`,
//! `check_export_symbol_versions()` and `setup_modinfo()`, kernel/module/main.c.

use std::sync::Arc;

use crate::elf::{Section, SectionFlags};
use crate::history::Behaviour;
use crate::image::{EntryLayout, ExportEntry, ExportTable, ModuleElf, TABLES};
use crate::load::cache::memo::Exporting;
use crate::load::run::Run;
use crate::load::state::{StageResult, Stop};
use crate::terms::{ElfMachine, Errno, ExportKind, ExportedSymbol};
use crate::verdict::{Cause, LogLevel};

pub(in crate::load) fn find_module_sections(run: &mut Run<'_>) -> StageResult {
    let elf = Arc::clone(&run.info()?.elf);
    names_of_symbol_tables(run)?;
    let (name, there) = (run.mod_name(), |section: &str| elf.find_sec(section).is_some());
    if there(".ctors") && there(".init_array") && run.config("CONSTRUCTORS")? {
        let line = format!("{name}: has both .ctors and .init_array.");
        run.say(Cause::Constructors, LogLevel::Warn, line);
        return Err(Stop::Refused(Errno::EINVAL));
    }
    if section_addr(run, &elf, "__obsparm")? {
        run.warn(format!("{name}: Ignoring obsolete parameters"));
    }
    if run.insmod.as_rebuilt {
        run.info_mut()?.exports = Arc::new(vec![rebuilt_table(&elf)]);
        return Ok(());
    }
    let kflagstab = run.has(Behaviour::SymKflagstab)?;
    let tables = export_tables(run, kflagstab)?;
    if kflagstab {
        obsolete_tables(run)?;
        let count = tables.first().map_or(0, |table| table.entries.len());
        if count > 0 && !there("__kflagstab") {
            let line = format!("{name}: no flags for exported symbols");
            run.say(Cause::NoExportFlags { count }, LogLevel::Err, line);
            return Err(Stop::Refused(Errno::ENOEXEC));
        }
    }
    run.info_mut()?.exports = tables;
    Ok(())
}

/// The tables of symbols and their names have been given `SHF_ALLOC`, so the look for sections reads their names too; nobody
/// has checked those (up to 6.12).
fn names_of_symbol_tables(run: &Run<'_>) -> StageResult {
    let elf = &run.info()?.elf;
    if elf.are_sections_named() {
        return Ok(());
    }
    let unreadable = |section: &Section| elf.section_name(section).is_none();
    let tables = [elf.symtab(), elf.strtab()];
    // The look for .BTF reads every name up to it.
    let btf = elf.sections_named(".BTF").next().map_or(usize::MAX, |section| section.index);
    let mut before = elf.sections().iter().skip(1).take_while(|section| section.index < btf);
    let with_btf = before.any(unreadable) && run.has(Behaviour::LoadBtf)? && run.config("DEBUG_INFO_BTF_MODULES")?;
    if !with_btf && !tables.into_iter().flatten().any(unreadable) {
        return Ok(());
    }
    run.read_around("the section name table", "reads a name far from the section name table")
}

/// Mirrors `section_addr()`: has it an address? Since 6.4 a module has memory of several types, each allocated on its own;
/// an empty section in a type that holds nothing has none, and counts as not there.
fn section_addr(run: &Run<'_>, elf: &ModuleElf, name: &str) -> StageResult<bool> {
    let Some(section) = elf.find_sec(name) else { return Ok(false) };
    let info = run.info()?;
    let holds = |other: &Section| {
        let kind = |section: &Section| section.flags & (SectionFlags::WRITE | SectionFlags::EXECINSTR);
        let init = |section: &Section| elf.section_text(section).starts_with(".init");
        info.keeps_alloc(other) && other.size > 0 && kind(other) == kind(section) && init(other) == init(section)
    };
    Ok(section.size > 0 || elf.sections().iter().any(holds) || !run.has(Behaviour::LoadTaintLate)?)
}

/// The tables this kernel reads, in the order it searches them.
fn export_tables(run: &Run<'_>, kflagstab: bool) -> StageResult<Arc<Vec<ExportTable>>> {
    let info = run.info()?;
    let any = TABLES.iter().any(|(_, section, _)| info.elf.find_sec(section).is_some());
    if !any {
        return Ok(Arc::default());
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
    let kinds = TABLES.iter().map(|(kind, ..)| *kind).filter(|kind| read(*kind)).collect();
    let what = (layout, kinds, kflagstab);
    Ok(run.call.memo.exports(run, info.arch, what, |wanted| read_tables(&info.elf, wanted)))
}

fn read_tables(elf: &ModuleElf, wanted: &Exporting) -> Vec<ExportTable> {
    let kinds = wanted.kinds.iter();
    let mut tables: Vec<_> = kinds.filter_map(|kind| elf.export_table(*kind, wanted.layout)).collect();
    if wanted.flags {
        let flags = elf.find_sec("__kflagstab").map(|section| elf.contents(section)).unwrap_or_default();
        for (entry, flag) in tables.iter_mut().flat_map(|table| &mut table.entries).zip(flags) {
            entry.symbol.kind = if flag & 1 == 0 { ExportKind::Plain } else { ExportKind::Gpl };
        }
    }
    for table in tables.iter_mut().filter(|table| !table.has_crcs) {
        table.entries.iter_mut().for_each(|entry| entry.symbol.crc = None);
    }
    tables
}

/// The exports that another build has, whatever tables it puts them in.
fn rebuilt_table(elf: &ModuleElf) -> ExportTable {
    let entry =
        |symbol: ExportedSymbol| ExportEntry { raw_name: symbol.name.clone().into_bytes(), symbol, value: None };
    let mut entries: Vec<_> = elf.exports().iter().cloned().map(entry).collect();
    entries.sort_by(|a, b| a.raw_name.cmp(&b.raw_name));
    ExportTable { kind: ExportKind::Plain, section: "__ksymtab", has_crcs: true, entries }
}

/// Tables of GPL-only exports, which the kernel ignores since 7.1.
fn obsolete_tables(run: &mut Run<'_>) -> StageResult {
    let elf = Arc::clone(&run.info()?.elf);
    for section in ["__ksymtab_gpl", "__kcrctab_gpl"] {
        if !section_addr(run, &elf, section)? {
            continue;
        }
        let line = format!("{}: ignoring obsolete section {section}", run.mod_name());
        if section == "__ksymtab_gpl" {
            let of_kind = |export: &&ExportedSymbol| export.kind == ExportKind::Gpl;
            let symbols = elf.exports().iter().filter(of_kind).map(|export| export.name.clone()).collect();
            run.find(Cause::ObsoleteExportTable { section: section.into(), symbols }, Some(line.clone().into()));
        }
        run.warn(line);
    }
    Ok(())
}

pub(in crate::load) fn check_export_symbol_versions(run: &mut Run<'_>) -> StageResult {
    let tables = Arc::clone(&run.info()?.exports);
    let Some(table) = tables.iter().find(|table| !table.entries.is_empty() && !table.has_crcs) else { return Ok(()) };
    if !run.modversions()? {
        return Ok(());
    }
    let section = table.section.to_owned();
    run.try_to_force_load("no versions for exported symbols", |forced| Cause::NoExportVersions { section, forced })
}

/// A `module:` namespace cannot be imported by name, used or not.
pub(in crate::load) fn setup_modinfo(run: &mut Run<'_>) -> StageResult {
    let banned = |namespace: &&str| namespace.starts_with("module:");
    let Some(namespace) = run.info()?.modinfo.all("import_ns").find(banned).map(str::to_owned) else { return Ok(()) };
    if !run.has(Behaviour::SymModuleNamespaces)? {
        return Ok(());
    }
    let line = format!("{}: module tries to import module namespace: {namespace}", run.mod_name());
    run.say(Cause::ImportsModuleNamespace { namespace }, LogLevel::Err, line);
    Err(Stop::Refused(Errno::EPERM))
}
