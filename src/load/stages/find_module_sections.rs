//! The tables that the loader looks for by section name, and the checks of the export tables and of imported namespaces.

use std::sync::Arc;

use crate::elf::{Section, SectionFlags};
use crate::history::Behaviour;
use crate::image::{EntryLayout, ExportEntry, ExportTable, ModuleElf, TABLES};
use crate::load::cache::memo::Exporting;
use crate::load::run::Run;
use crate::load::stages::export_data::{are_flags_overwritten, has_odd_version};
use crate::load::state::{Info, StageResult, Stop};
use crate::terms::{ElfMachine, Errno, ExportKind};
use crate::verdict::{Cause, LogLevel};

/// Mirrors `find_module_sections()` (kernel/module/main.c).
pub(in crate::load) fn find_module_sections(run: &mut Run<'_>) -> StageResult {
    let elf = Arc::clone(&run.info()?.elf);
    names_of_symbol_tables(run)?;
    let name = run.mod_name();
    if elf.find_sec(".ctors").is_some() && elf.find_sec(".init_array").is_some() && run.config("CONSTRUCTORS")? {
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
    let kflagstab = has_kflagstab(run, &elf)?;
    let tables = export_tables(run, kflagstab)?;
    if kflagstab {
        obsolete_tables(run)?;
        let count = tables.first().map_or(0, |table| table.entries.len());
        if count > 0 && elf.find_sec("__kflagstab").is_none() {
            let line = format!("{name}: no flags for exported symbols");
            run.say(Cause::NoExportFlags { count }, LogLevel::Err, line);
            return Err(Stop::Refused(Errno::ENOEXEC));
        }
    }
    run.info_mut()?.exports = tables;
    Ok(())
}

/// Returns whether `__kflagstab` tells this kernel which exports are GPL-only.
///
/// An enterprise distribution may have carried that into any release. Its kernel's own tables tell it then, or a module with exports
/// that was built for this very release: modpost writes what the kernel reads.
fn has_kflagstab(run: &mut Run<'_>, elf: &ModuleElf) -> StageResult<bool> {
    let kernel = run.call.kernel;
    let Some(release) = kernel.release().filter(|release| release.is_of_enterprise()) else {
        return run.has(Behaviour::SymKflagstab);
    };
    if let Some(symbols) = kernel.kallsyms().filter(|symbols| symbols.address_of("__start___ksymtab").is_some()) {
        return Ok(symbols.address_of("__start___kflagstab").is_some());
    }
    let vermagic = run.info()?.modinfo.all("vermagic").next().unwrap_or_default();
    if elf.exports().is_empty() || vermagic.split(' ').next() != Some(release.as_str()) {
        return run.has(Behaviour::SymKflagstab);
    }
    let has_flags = elf.find_sec("__kflagstab").is_some();
    let reads = if has_flags { "reads" } else { "does not read" };
    let assumption = format!("{release} {reads} __kflagstab, because {} was built for it", run.mod_name());
    run.infer(assumption);
    Ok(has_flags)
}

/// The search by name reads the names of all sections with `SHF_ALLOC`. The loader sets this flag for the symbol table and its
/// string table, whose names were never checked (up to 6.12).
fn names_of_symbol_tables(run: &Run<'_>) -> StageResult {
    let elf = &run.info()?.elf;
    if elf.are_sections_named() {
        return Ok(());
    }
    let unreadable = |section: &Section| elf.section_name(section).is_none();
    let tables = [elf.symtab(), elf.strtab()];
    // The search for .BTF reads every name up to it.
    let btf = elf.sections_named(".BTF").next().map_or(usize::MAX, |section| section.index);
    let mut searched = elf.sections().iter().skip(1).take_while(|section| section.index < btf);
    let with_btf = searched.any(unreadable) && run.has(Behaviour::LoadBtf)? && run.config("DEBUG_INFO_BTF_MODULES")?;
    if !with_btf && !tables.into_iter().flatten().any(unreadable) {
        return Ok(());
    }
    run.read_around("the section name table", "reads a name far from the section name table")
}

/// Mirrors `section_addr()` (kernel/module/main.c): returns whether a section exists and has an address.
///
/// Since 6.4 a module has memory of several types, each allocated on its own. An empty section whose type of memory is empty
/// has no address, and counts as missing.
fn section_addr(run: &Run<'_>, elf: &ModuleElf, name: &str) -> StageResult<bool> {
    let Some(section) = elf.find_sec(name) else { return Ok(false) };
    let info = run.info()?;
    if section.size > 0 {
        return Ok(true);
    }
    let kind = memory_type(elf, section);
    let mut others = elf.sections().iter().filter(|other| info.keeps_alloc(other) && other.size > 0);
    Ok(others.any(|other| memory_type(elf, other) == kind) || !run.has(Behaviour::LoadTaintLate)?)
}

/// What decides which type of memory a section goes to: its flags, and whether it is for the init function only.
fn memory_type(elf: &ModuleElf, section: &Section) -> (u64, bool) {
    let flags = section.flags & (SectionFlags::WRITE | SectionFlags::EXECINSTR);
    (flags, elf.section_text(section).starts_with(".init"))
}

/// The export tables that this kernel reads, in the order in which it searches them.
fn export_tables(run: &Run<'_>, kflagstab: bool) -> StageResult<Arc<Vec<ExportTable>>> {
    let info = run.info()?;
    if TABLES.iter().all(|(_, section, _)| info.elf.find_sec(section).is_none()) {
        return Ok(Arc::default());
    }
    let layout = EntryLayout {
        prel32: info.arch.has_prel32() && run.has(Behaviour::TabPrel32)?,
        namespaces: run.has(Behaviour::TabNamespaceField)?,
        rel_crcs: matches!(info.arch.machine, ElfMachine::Ppc64 | ElfMachine::Ppc | ElfMachine::S390)
            && run.has(Behaviour::VerRelCrcs)?,
    };
    let future = run.has(Behaviour::SymGplFutureUnused)?;
    let unused = future && run.config("UNUSED_SYMBOLS")?;
    let kinds = TABLES.iter().map(|(kind, ..)| *kind).filter(|kind| match kind {
        ExportKind::Plain => true,
        ExportKind::Gpl => !kflagstab,
        ExportKind::GplFuture => future,
        ExportKind::Unused | ExportKind::UnusedGpl => unused,
    });
    let kinds: Vec<_> = kinds.collect();
    let read = |kinds: &[ExportKind]| Arc::new(read_tables(info, layout, kinds, kflagstab));
    let Some(reading) = run.reading() else { return Ok(read(&kinds)) };
    let key = Exporting { reading, arch: info.arch, layout, kinds, flags: kflagstab };
    Ok(run.cached(&run.call.memo.exports, Some(key.clone()), || read(&key.kinds)))
}

/// Reads the export tables as this kernel does. Since 7.1, `__kflagstab` tells which exports are GPL-only.
fn read_tables(info: &Info, layout: EntryLayout, kinds: &[ExportKind], kflagstab: bool) -> Vec<ExportTable> {
    let elf = &info.elf;
    let mut tables: Vec<_> = kinds.iter().filter_map(|kind| elf.export_table(*kind, layout)).collect();
    if kflagstab {
        let flags = elf.find_sec("__kflagstab").map(|section| elf.contents(section)).unwrap_or_default();
        for (entry, flag) in tables.iter_mut().flat_map(|table| &mut table.entries).zip(flags) {
            entry.symbol.kind = if flag & 1 == 0 { ExportKind::Plain } else { ExportKind::Gpl };
        }
    }
    let are_flags_overwritten = kflagstab && are_flags_overwritten(elf);
    for table in &mut tables {
        let crcs = TABLES.iter().find(|(kind, ..)| *kind == table.kind).map(|(_, _, crcs)| *crcs);
        let has_odd_version = || crcs.is_some_and(|crcs| has_odd_version(elf, info.arch.machine, crcs));
        table.is_overwritten = are_flags_overwritten || has_odd_version();
    }
    for table in tables.iter_mut().filter(|table| !table.has_crcs) {
        table.entries.iter_mut().for_each(|entry| entry.symbol.crc = None);
    }
    tables
}

/// The exports of a rebuilt module, in one table, because the tables of the other build are unknown.
fn rebuilt_table(elf: &ModuleElf) -> ExportTable {
    let mut entries: Vec<_> = elf.exports().iter().cloned().map(ExportEntry::new).collect();
    entries.sort_by(|a, b| a.raw_name().cmp(b.raw_name()));
    ExportTable::new(ExportKind::Plain, "__ksymtab", true, entries)
}

/// Warns of the tables of GPL-only exports, which the kernel ignores since 7.1.
fn obsolete_tables(run: &mut Run<'_>) -> StageResult {
    let elf = Arc::clone(&run.info()?.elf);
    for section in ["__ksymtab_gpl", "__kcrctab_gpl"] {
        if !section_addr(run, &elf, section)? {
            continue;
        }
        let line = format!("{}: ignoring obsolete section {section}", run.mod_name());
        if section == "__ksymtab_gpl" {
            let gpl_only = elf.exports().iter().filter(|export| export.kind == ExportKind::Gpl);
            let symbols = gpl_only.map(|export| export.name.clone()).collect();
            run.find(Cause::ObsoleteExportTable { section: section.into(), symbols }, Some(line.clone().into()));
        }
        run.warn(line);
    }
    Ok(())
}

/// Mirrors `check_export_symbol_versions()` (kernel/module/main.c).
pub(in crate::load) fn check_export_symbol_versions(run: &mut Run<'_>) -> StageResult {
    let tables = Arc::clone(&run.info()?.exports);
    let Some(table) = tables.iter().find(|table| !table.entries.is_empty() && !table.has_crcs) else { return Ok(()) };
    if !run.modversions()? {
        return Ok(());
    }
    let section = table.section.to_owned();
    run.try_to_force_load("no versions for exported symbols", |forced| {
        Some(Cause::NoExportVersions { section, forced })
    })
}

/// Mirrors `setup_modinfo()` (kernel/module/main.c): a module cannot import a `module:` namespace by name, even if it uses no
/// symbol of it.
pub(in crate::load) fn setup_modinfo(run: &mut Run<'_>) -> StageResult {
    let modinfo = Arc::clone(&run.info()?.modinfo);
    let Some(namespace) = modinfo.all("import_ns").find(|namespace| namespace.starts_with("module:")) else {
        return Ok(());
    };
    if !run.has(Behaviour::SymModuleNamespaces)? {
        return Ok(());
    }
    let line = format!("{}: module tries to import module namespace: {namespace}", run.mod_name());
    let cause = Cause::ImportsModuleNamespace { namespace: namespace.to_owned() };
    run.say(cause, LogLevel::Err, line);
    Err(Stop::Refused(Errno::EPERM))
}
