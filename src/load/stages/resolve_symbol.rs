//! Resolving one undefined symbol: finding its exporter, and the checks of license, version and namespace.

use std::sync::Arc;

use crate::history::Behaviour;
use crate::kernel::{Exports, UnreadFile, VMLINUX, module_name_of};
use crate::load::found_symbol::{Exporter, FoundSymbol, Place};
use crate::load::run::Run;
use crate::load::stages::check_version::{Versioned, check_version};
use crate::load::stages::symbol_name::SymbolName;
use crate::load::state::{StageResult, Stop};
use crate::terms::{ExportKind, Namespace, Taint, rust_path};
use crate::verdict::{Cause, LineText, LogLevel, Missing, OfSymbol};

/// What a symbol resolves to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::load) enum Resolved {
    /// An export.
    Symbol,
    /// NULL: the symbol is not found. A weak reference then remains unresolved.
    Null,
    /// `-EINVAL`: the module is rejected, even if the reference is weak.
    Invalid,
}

/// An exporter of which nothing is known, in place of its name.
const UNREAD: &str = "a module that was not read";

/// The largest number of imported namespaces in a finding about a missing one.
const SHOWN_NAMESPACES: usize = 64;

/// The largest number of assumptions after which no more symbols are named that some module of the kernel must export.
const SHOWN_UNLISTED: usize = 32;

/// Mirrors `resolve_symbol()` and `ref_module()` (kernel/module/main.c). `raw` is the name as it is in the string table.
pub(in crate::load) fn resolve_symbol(run: &mut Run<'_>, name: &SymbolName<'_>, raw: &[u8]) -> StageResult<Resolved> {
    let gplok = !run.is_proprietary();
    let found = match run.call.assumed {
        // No other module is known yet. Only a symbol that the kernel itself exports is certain to resolve, and only while the
        // module is not proprietary.
        Some(assumed) => {
            let found = if assumed.get() || !gplok { None } else { find_in_vmlinux(run, name, gplok)? };
            if found.is_none() {
                assumed.set(true);
                return Ok(Resolved::Symbol);
            }
            found
        }
        None => match find_where_exports_are_known(run, name, raw, gplok)? {
            None => find_in_unlisted_module(run, name)?,
            found => found,
        },
    };
    let Some(found) = found else {
        explain_missing(run, name, raw, gplok)?;
        return Ok(Resolved::Null);
    };
    if let Exporter::InTree(exporter) = &found.exporter {
        let assumption = format!("{exporter} is loaded first, as modprobe does, and is no proprietary module");
        run.infer(assumption);
    }
    if found.kind.is_gpl_only() {
        run.info_mut()?.using_gplonly_symbols.get_or_insert_with(|| name.to_string());
    }
    warn_future_and_unused(run, name, &found, gplok)?;
    if !inherit_taint(run, name, &found)? {
        return Ok(Resolved::Null);
    }
    if !passes_names_only(run, &found)? || !passes_unread(run, name, &found)? || !passes_unclear(run, name, &found)? {
        return Ok(Resolved::Invalid);
    }
    if matches!(check_version(run, name, found.exporter.name(), found.crc)?, Versioned::Bad) {
        return Ok(Resolved::Invalid);
    }
    if let Some(namespace) = &found.namespace
        && !namespace_is_imported(run, name, found.exporter.name(), namespace)?
    {
        return Ok(Resolved::Invalid);
    }
    if !passes_unclear_namespace(run, name, &found)? {
        return Ok(Resolved::Invalid);
    }
    if let Some(exporter) = found.exporter.module() {
        run.info_mut()?.uses.add(&exporter.name);
    }
    Ok(Resolved::Symbol)
}

/// The symbol of position-independent code. Linkers define it in whatever they link, so no module exports it.
pub(in crate::load) const GLOBAL_OFFSET_TABLE: &str = "_GLOBAL_OFFSET_TABLE_";

/// Searches as [`find_symbol`] does. A module that has written over the tables of its exports may export a symbol in any version and of
/// any kind, and the kernel may stumble over them.
fn find_where_exports_are_known(
    run: &Run<'_>,
    name: &str,
    raw: &[u8],
    gplok: bool,
) -> StageResult<Option<FoundSymbol>> {
    let mut exporters = run.exporters(raw).filter(|module| module.is_export_data_overwritten);
    let exporter = exporters.find(|module| module.find(raw, |_| true).is_some()).map(|module| Arc::clone(&module.name));
    if let Some(exporter) = exporter
        && find_in_vmlinux(run, name, gplok)?.is_none()
        && !run.ask(Missing::Memory(format!("the tables of exports that {exporter} has written over")))?
    {
        return Err(Stop::Crash(format!("{exporter} has written over the tables of its exports")));
    }
    find_symbol(run, name, raw, gplok)
}

/// Mirrors `find_symbol()` (kernel/module/main.c): searches the kernel's own tables first, then the modules, the newest first.
fn find_symbol(run: &Run<'_>, name: &str, raw: &[u8], gplok: bool) -> StageResult<Option<FoundSymbol>> {
    if let Some(found) = find_in_vmlinux(run, name, gplok)? {
        return Ok(Some(found));
    }
    if let Some(found) = find_in_modules(run, raw, gplok) {
        return Ok(Some(found));
    }
    if name == GLOBAL_OFFSET_TABLE {
        return Ok(None);
    }
    let Some(exports) = run.call.kernel.exports() else {
        // Without a table of exports it is unknown whether the kernel exports the symbol.
        if !run.ask(Missing::Exports)? {
            return Ok(None);
        }
        return Ok(Some(FoundSymbol {
            kind: ExportKind::Plain,
            crc: None,
            namespace: None,
            exporter: Exporter::Vmlinux,
        }));
    };
    if run.call.dependencies_loaded
        && let Some(found) = find_in_tree(run, exports, name, gplok)?
    {
        return Ok(Some(found));
    }
    match find_in_unread_module(run, name, gplok)? {
        // A list without some of its rows may have left this one out.
        None if may_be_left_out(run, exports, name) && run.ask(Missing::Exports)? => {
            Ok(Some(FoundSymbol { kind: ExportKind::Plain, crc: None, namespace: None, exporter: Exporter::Vmlinux }))
        }
        found => Ok(found),
    }
}

/// Searches the modules of the kernel's tree, the last one that its list names first.
fn find_in_tree(run: &Run<'_>, exports: &Exports, name: &str, gplok: bool) -> StageResult<Option<FoundSymbol>> {
    let search = || {
        for row in exports.of_modules(name) {
            // Skip modules that were loaded or refused in this boot: their exports are known from their files.
            let module = module_name(row.exporter);
            if !run.is_judged(&module)
                && let Some(kind) = visible_kind(run, name, row.kind, gplok)?
            {
                let exporter = Exporter::InTree(module);
                return Ok(Some(FoundSymbol { kind, crc: row.crc, namespace: row.namespace, exporter }));
            }
        }
        Ok(None)
    };
    if exports.of_modules(name).nth(Exports::FEW).is_none() {
        return search();
    }
    run.searches.once((run.stage, gplok, Place::Tree, name), search)
}

/// Returns whether a list of exports has lost rows, and with them perhaps that of a symbol.
fn may_be_left_out(run: &Run<'_>, exports: &Exports, name: &str) -> bool {
    let has_versions = run.call.memo.modversions(run.call.kernel) == Some(true);
    let is_partial = (has_versions && exports.is_partial()) || exports.is_cut_short();
    is_partial && exports.named(name).next().is_none()
}

/// Asks whether a file that could not be read is a module that exports the symbol and is loaded.
fn find_in_unread_module(run: &Run<'_>, name: &str, gplok: bool) -> StageResult<Option<FoundSymbol>> {
    let Some((file, more)) = unread_exporter(run, name) else { return Ok(None) };
    if !run.ask(Missing::unread(file, more, false))? {
        return Ok(None);
    }
    let row = run.call.kernel.exports().and_then(|exports| exports.of_modules(name).next());
    let exporter = match &row {
        Some(row) => module_name(row.exporter),
        // Any of several files may be that of the exporter.
        None if more > 0 => UNREAD.to_owned(),
        None => module_name_of(&file.path).unwrap_or_else(|| UNREAD.to_owned()),
    };
    let exporter = Exporter::InTree(exporter);
    let Some(row) = row else {
        return Ok(Some(FoundSymbol { kind: ExportKind::Plain, crc: None, namespace: None, exporter }));
    };
    let kind = visible_kind(run, name, row.kind, gplok)?;
    Ok(kind.map(|kind| FoundSymbol { kind, crc: row.crc, namespace: row.namespace, exporter }))
}

/// The file that may export a symbol although it could not be read, and how many others may: the one that `Module.symvers` names,
/// or a folder that may hold it; if it names none, any. `None` if the exporter is known.
fn unread_exporter<'a>(run: &Run<'a>, name: &str) -> Option<(&'a UnreadFile, usize)> {
    if run.call.unread.is_empty() {
        return None;
    }
    let importer = module_name_of(run.image.path());
    let any = run.call.unread.exporters(name, importer.as_deref())?;
    if run.refused_exporter(name).is_some() {
        return None;
    }
    let row = run.call.kernel.exports().and_then(|exports| exports.of_modules(name).next());
    match row.map(|row| module_name(row.exporter)) {
        Some(listed) => Some((run.call.unread.file_of(&listed, name, importer.as_deref())?, 0)),
        None => Some(any),
    }
}

/// Asks whether a symbol that a file exports which could not be read has the version that the module wants.
fn passes_unread(run: &Run<'_>, name: &str, found: &FoundSymbol) -> StageResult<bool> {
    let is_unread = found.crc.is_none() && matches!(found.exporter, Exporter::InTree(_));
    let Some((file, more)) = unread_exporter(run, name).filter(|_| is_unread) else { return Ok(true) };
    Ok(run.insmod.as_rebuilt || !run.modversions()? || run.ask(Missing::unread(file, more, true))?)
}

/// Asks whether a symbol whose rows have different versions has the one that the module wants.
fn passes_unclear(run: &Run<'_>, name: &str, found: &FoundSymbol) -> StageResult<bool> {
    // Where rows contradict each other, no version was taken from them.
    let may_be = found.crc.is_none() && matches!(found.exporter, Exporter::Vmlinux);
    let is_unclear = may_be && run.call.kernel.exports().is_some_and(|exports| exports.contradicts_itself(name));
    Ok(!is_unclear || run.insmod.as_rebuilt || !run.modversions()? || run.ask(Missing::Crc(name.to_owned()))?)
}

/// Asks in which of the namespaces a symbol is whose rows have different ones, and checks that the module imports it.
fn passes_unclear_namespace(run: &mut Run<'_>, name: &SymbolName<'_>, found: &FoundSymbol) -> StageResult<bool> {
    // Where rows contradict each other, neither version nor namespace was taken from them.
    let may_be = found.crc.is_none() && found.namespace.is_none() && matches!(found.exporter, Exporter::Vmlinux);
    let Some(exports) = run.call.kernel.exports().filter(|_| may_be) else { return Ok(true) };
    if exports.own_rows(&**name).nth(1).is_none() {
        return Ok(true);
    }
    let modinfo = Arc::clone(&run.info()?.modinfo);
    let is_open = |namespace: &Namespace| !modinfo.imports_namespace(namespace.as_str());
    let open = run.searches.open_namespace(name, || {
        let namespaces = exports.own_namespaces(name);
        if namespaces.len() < 2 { None } else { namespaces.into_iter().flatten().find(is_open) }
    });
    let Some(open) = open else { return Ok(true) };
    if !run.has(Behaviour::SymNamespaces)? || run.ask(Missing::Namespaces)? {
        return Ok(true);
    }
    namespace_is_imported(run, name, VMLINUX, &open)
}

/// Searches the kernel's own export tables.
pub(in crate::load) fn find_in_vmlinux(run: &Run<'_>, name: &str, gplok: bool) -> StageResult<Option<FoundSymbol>> {
    let Some(exports) = run.call.kernel.exports() else { return Ok(None) };
    let mut rows = exports.own_rows(name);
    if rows.next().is_none() {
        return Ok(None);
    }
    let search = || find_in_own_rows(run, exports, name, gplok);
    if rows.nth(Exports::FEW - 1).is_none() {
        return search();
    }
    run.searches.once((run.stage, gplok, Place::Vmlinux, name), search)
}

fn find_in_own_rows(run: &Run<'_>, exports: &Exports, name: &str, gplok: bool) -> StageResult<Option<FoundSymbol>> {
    let mut rows = exports.own_rows(name);
    let (first, second) = (rows.next(), rows.next());
    if second.is_some() && exports.contradicts_itself(name) {
        let row = exports.vmlinux(name);
        let kind = visible_kind(run, name, row.as_ref().and_then(|row| row.kind), gplok)?;
        let namespace = row.and_then(|row| row.namespace);
        return Ok(kind.map(|kind| FoundSymbol { kind, crc: None, namespace, exporter: Exporter::Vmlinux }));
    }
    for row in first.into_iter().chain(second).chain(rows) {
        if let Some(kind) = visible_kind(run, name, row.kind, gplok)? {
            let namespace = exports.namespace(row);
            return Ok(Some(FoundSymbol { kind, crc: row.crc, namespace, exporter: Exporter::Vmlinux }));
        }
    }
    Ok(None)
}

/// Asks whether a module of the kernel's own tree exports the symbol, if these modules count as loaded and nothing lists their
/// exports.
fn find_in_unlisted_module(run: &mut Run<'_>, name: &str) -> StageResult<Option<FoundSymbol>> {
    let exports = run.call.kernel.exports().filter(|exports| !exports.covers_modules());
    let is_unlisted =
        exports.is_some_and(|exports| exports.named(name).next().is_none()) && name != GLOBAL_OFFSET_TABLE;
    if !is_unlisted || !run.call.dependencies_loaded || !run.ask(Missing::ModuleExports)? {
        return Ok(None);
    }
    if run.inferred.len() < SHOWN_UNLISTED {
        let called = rust_path(name).map_or_else(|| name.to_owned(), |path| format!("{name} ({path})"));
        let namesake = exports.and_then(|exports| exports.rust_namesake(name));
        let but = namesake
            .map(|other| format!(", but {other}, the same path in a crate of another hash"))
            .unwrap_or_default();
        run.infer(format!(
            "{called} is exported by one of the kernel's modules: the kernel itself does not export it{but}"
        ));
    }
    let exporter = Exporter::InTree("a module of the kernel's own".to_owned());
    Ok(Some(FoundSymbol { kind: ExportKind::Plain, crc: None, namespace: None, exporter }))
}

/// Asks for what a source with names only does not tell: whether the versions agree and the namespaces are imported. Returns
/// whether the symbol passes these checks.
fn passes_names_only(run: &Run<'_>, found: &FoundSymbol) -> StageResult<bool> {
    let names_only = run.call.kernel.exports().is_some_and(Exports::is_names_only);
    if !names_only || !matches!(found.exporter, Exporter::Vmlinux) {
        return Ok(true);
    }
    let checks_namespaces =
        run.has(Behaviour::SymNamespaces)? && !run.config("MODULE_ALLOW_MISSING_NAMESPACE_IMPORTS")?;
    if run.modversions()? && !run.ask(Missing::Crcs)? {
        return Ok(false);
    }
    Ok(!checks_namespaces || run.ask(Missing::Namespaces)?)
}

/// Searches the loaded modules, the newest first. `raw` is the name as it is in the string table.
pub(in crate::load) fn find_in_modules(run: &Run<'_>, raw: &[u8], gplok: bool) -> Option<FoundSymbol> {
    run.exporters(raw).find_map(|module| {
        let symbol = module.find(raw, |kind| gplok || !kind.is_gpl_only())?;
        Some(FoundSymbol {
            kind: symbol.kind,
            crc: symbol.crc,
            namespace: symbol.namespace.clone(),
            exporter: Exporter::Module(Arc::clone(module)),
        })
    })
}

/// The name of the module that a path of `Module.symvers` names, with underscores.
pub(in crate::load) fn module_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).replace('-', "_")
}

/// How a row of the export tables exports the symbol, or `None` if this module must not see it.
fn visible_kind(run: &Run<'_>, name: &str, kind: Option<ExportKind>, gplok: bool) -> StageResult<Option<ExportKind>> {
    let kind = match kind {
        Some(kind) => kind,
        None if gplok => ExportKind::Plain,
        None if run.ask(Missing::ExportKind(name.to_owned()))? => ExportKind::Plain,
        None => ExportKind::Gpl,
    };
    if kind.is_gpl_only() && !gplok {
        return Ok(None);
    }
    if kind.is_unused() && !run.config("UNUSED_SYMBOLS")? {
        return Ok(None);
    }
    Ok(Some(kind))
}

/// Records the finding that says why the symbol was not found. The kernel prints one line for all reasons.
fn explain_missing(run: &mut Run<'_>, name: &SymbolName<'_>, raw: &[u8], gplok: bool) -> StageResult {
    let symbol = name.shared();
    if !gplok && let Some(hidden) = find_symbol(run, name, raw, true)? {
        let info = run.info()?;
        let cause = Cause::GplOnlySymbol {
            symbol,
            exporter: hidden.exporter.name().to_owned(),
            kind: hidden.kind,
            namespace: hidden.namespace,
            license: info.license.clone(),
            inherited_from: info.inherited_from.clone(),
        };
        record_missing(run, cause, name)?;
        return Ok(());
    }
    if let Some(refused) = run.refused_exporter(&symbol) {
        let refused_exporter = Some(Arc::clone(&refused.name));
        record_missing(run, Cause::MissingSymbol { symbol, refused_exporter, namesake: None, absent: None }, name)?;
        return Ok(());
    }
    let exporter = run.call.kernel.exports().and_then(|exports| exports.named(name).next().map(|row| row.exporter));
    let cause = match exporter.filter(|exporter| *exporter != VMLINUX) {
        Some(path) => Cause::ExporterNotLoaded { symbol, exporter: module_name(path), absent: None },
        None => {
            let namesake =
                run.call.kernel.exports().and_then(|exports| exports.rust_namesake(&symbol)).map(str::to_owned);
            Cause::MissingSymbol { symbol, refused_exporter: None, namesake, absent: None }
        }
    };
    record_missing(run, cause, name)?;
    Ok(())
}

/// Records a finding together with the line for a missing symbol, which `simplify_symbols()` prints.
fn record_missing(run: &mut Run<'_>, cause: Cause, name: &SymbolName<'_>) -> StageResult {
    let line = missing_line(run)?;
    run.find(cause, Some(LineText::of_symbol(run.mod_name(), line, name.shared())));
    Ok(())
}

/// What the kernel prints about a symbol that nothing exports.
pub(in crate::load) fn missing_line(run: &Run<'_>) -> StageResult<OfSymbol> {
    Ok(if run.has(Behaviour::SymErrnoReal)? {
        OfSymbol::Missing
    } else if run.has(Behaviour::SymErrnoPrinted)? {
        OfSymbol::MissingAsZero
    } else {
        OfSymbol::MissingBare
    })
}

/// Warns of symbols exported with `EXPORT_SYMBOL_GPL_FUTURE` or as unused, which are visible up to 5.11.
fn warn_future_and_unused(run: &mut Run<'_>, name: &SymbolName<'_>, found: &FoundSymbol, gplok: bool) -> StageResult {
    if found.kind == ExportKind::GplFuture && !gplok {
        let line = format!("Symbol {name} is being used by a non-GPL module, which will not be allowed in the future");
        run.say(Cause::GplFutureSymbol { symbol: name.shared() }, LogLevel::Warn, line);
    } else if found.kind.is_unused() {
        let line = format!("Symbol {name} is marked as UNUSED, however this module is using it.");
        run.say(Cause::UnusedSymbol { symbol: name.shared() }, LogLevel::Warn, line);
        run.warn("This symbol will go away in the future.");
        run.warn(
            "Please evaluate if this is the right api to use and if it really is, submit a report to the linux kernel \
             mailing list together with submitting your code for inclusion.",
        );
    }
    Ok(())
}

/// Mirrors `inherit_taint()` (kernel/module/main.c, commit 262e6ae7081d): a module that uses symbols of a proprietary module
/// becomes proprietary. If it uses GPL-only symbols already, it does not get the symbol, and this returns `false`.
fn inherit_taint(run: &mut Run<'_>, symbol: &SymbolName<'_>, found: &FoundSymbol) -> StageResult<bool> {
    let Some(exporter) = found.exporter.module().filter(|exporter| exporter.taints.has(Taint::ProprietaryModule))
    else {
        return Ok(true);
    };
    if !run.has(Behaviour::SymInheritTaint)? {
        return Ok(true);
    }
    let license = exporter.license.clone();
    let exporter = exporter.name.to_string();
    let named = if run.has(Behaviour::SymInheritMessageSymbol)? { format!(" {symbol}") } else { String::new() };
    let name = run.mod_name();
    let symbol = symbol.shared();
    if let Some(gpl_only) = run.info()?.using_gplonly_symbols.clone() {
        let line =
            format!("{name}: module using GPL-only symbols uses symbols{named} from proprietary module {exporter}.");
        run.say(Cause::GplOnlyWithProprietary { symbol, exporter, license, gpl_only }, LogLevel::Err, line);
        return Ok(false);
    }
    if !run.is_proprietary() {
        let line = format!("{name}: module uses symbols{named} from proprietary module {exporter}, inheriting taint.");
        let mut taints = run.module_taints();
        taints.add(Taint::ProprietaryModule);
        run.set_module_taints(taints);
        run.info_mut()?.inherited_from = Some(exporter.clone());
        run.say(Cause::InheritedTaint { symbol, exporter, license }, LogLevel::Warn, line);
    }
    Ok(true)
}

/// Mirrors `verify_namespace_is_imported()` (kernel/module/main.c): returns whether the module may use the symbol.
fn namespace_is_imported(
    run: &mut Run<'_>,
    symbol: &SymbolName<'_>,
    exporter: &str,
    namespace: &Namespace,
) -> StageResult<bool> {
    if !run.has(Behaviour::SymNamespaces)? {
        return Ok(true);
    }
    let is_module_list = namespace.module_list().is_some() && run.has(Behaviour::SymModuleNamespaces)?;
    let name = run.mod_name();
    if is_module_list && namespace.allows_module(&name) {
        return Ok(true);
    }
    let modinfo = Arc::clone(&run.info()?.modinfo);
    if modinfo.imports_namespace(namespace.as_str()) {
        return Ok(true);
    }
    let imported = modinfo.all("import_ns").take(SHOWN_NAMESPACES).map(str::to_owned).collect();
    let allowed = run.config("MODULE_ALLOW_MISSING_NAMESPACE_IMPORTS")?;
    let line = format!("{name}: module uses symbol ({symbol}) from namespace {namespace}, but does not import it.");
    let cause = Cause::NamespaceNotImported {
        symbol: symbol.shared(),
        exporter: exporter.to_owned(),
        namespace: namespace.clone(),
        imported,
        quoted: run.has(Behaviour::SymNamespaceLiteral)?,
        allowed,
        module_list: is_module_list,
    };
    run.find(cause, Some(line.clone().into()));
    if allowed {
        run.warn(line);
    } else {
        run.err(line);
    }
    Ok(allowed)
}
