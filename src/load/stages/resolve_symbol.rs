//! One undefined symbol: mirrors `resolve_symbol()`, `find_symbol()`, `inherit_taint()`,
//! `verify_namespace_is_imported()` and `ref_module()`, kernel/module/main.c.

use std::sync::Arc;

use crate::history::Behaviour;
use crate::kernel::{Exports, VMLINUX};
use crate::load::loaded::LoadedModule;
use crate::load::refused_exporter::RefusedExporter;
use crate::load::run::Run;
use crate::load::stages::check_version::{Versioned, check_version};
use crate::load::stages::symbol_name::SymbolName;
use crate::load::state::StageResult;
use crate::terms::{Crc, ExportKind, License, Namespace, Taint};
use crate::verdict::{Cause, LineText, LogLevel, Missing, OfSymbol};

/// What a symbol resolves to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::load) enum Resolved {
    /// An export.
    Symbol,
    /// NULL: not found, which a weak reference survives.
    Null,
    /// `-EINVAL`, which it does not.
    Invalid,
}

/// `struct find_symbol_arg`, what comes out of it.
#[derive(Clone, Debug)]
pub(in crate::load) struct Found {
    pub kind: ExportKind,
    /// `None`: the exporter has no CRC table.
    pub crc: Option<Crc>,
    pub namespace: Option<Namespace>,
    pub exporter: Exporter,
}

/// Who exports it.
#[derive(Clone, Debug)]
pub(in crate::load) enum Exporter {
    Vmlinux,
    /// A module that gplok has loaded.
    Module(Arc<LoadedModule>),
    /// A module of the kernel's own tree, taken for loaded.
    InTree(String),
}

impl Exporter {
    pub fn name(&self) -> &str {
        match self {
            Self::Vmlinux => VMLINUX,
            Self::Module(module) => &module.name,
            Self::InTree(name) => name,
        }
    }

    fn module(&self) -> Option<&LoadedModule> {
        match self {
            Self::Module(module) => Some(module),
            _ => None,
        }
    }
}

/// How many of its namespaces are told of a module that lacks one.
const SHOWN_NAMESPACES: usize = 64;

pub(in crate::load) fn resolve_symbol(run: &mut Run<'_>, name: &SymbolName<'_>, raw: &[u8]) -> StageResult<Resolved> {
    let gplok = !run.is_proprietary();
    let found = match run.call.assumed {
        // What the kernel itself gives, and not only to some, hangs on no other module.
        Some(assumed) => {
            let found = if assumed.get() || !gplok { None } else { find_in_vmlinux(run, name, gplok)? };
            if found.is_none() {
                assumed.set(true);
                return Ok(Resolved::Symbol);
            }
            found
        }
        None => match find_symbol(run, name, raw, gplok)? {
            None => in_unlisted_module(run, name)?,
            found => found,
        },
    };
    let Some(found) = found else {
        not_found(run, name, raw, gplok)?;
        return Ok(Resolved::Null);
    };
    if let Exporter::InTree(exporter) = &found.exporter {
        let taken = format!("{exporter} is loaded first, as modprobe does, and is no proprietary module");
        if !run.inferred.contains(&taken) {
            run.inferred.push(taken);
        }
    }
    if found.kind.is_gpl_only() {
        run.info_mut()?.using_gplonly_symbols.get_or_insert_with(|| name.to_string());
    }
    warn_future_and_unused(run, name, &found, gplok)?;
    if !inherit_taint(run, name, &found)? {
        return Ok(Resolved::Null);
    }
    if !told_by_names(run, &found)? {
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
    if let Some(exporter) = found.exporter.module() {
        let uses = &mut run.info_mut()?.uses;
        if !uses.contains(&exporter.name) {
            uses.push(Arc::clone(&exporter.name));
        }
    }
    Ok(Resolved::Symbol)
}

/// Mirrors `find_symbol()`: the kernel's own tables first, then the modules, the newest first.
fn find_symbol(run: &Run<'_>, name: &str, raw: &[u8], gplok: bool) -> StageResult<Option<Found>> {
    if let Some(found) = find_in_vmlinux(run, name, gplok)? {
        return Ok(Some(found));
    }
    if let Some(found) = find_in_modules(run, raw, gplok) {
        return Ok(Some(found));
    }
    let Some(exports) = run.call.kernel.exports() else {
        // Without any table of exports, whether the kernel has it is not known.
        let found = run.ask(Missing::Exports)?;
        let (kind, crc, namespace) = (ExportKind::Plain, None, None);
        return Ok(found.then_some(Found { kind, crc, namespace, exporter: Exporter::Vmlinux }));
    };
    if run.call.dependencies_loaded {
        for row in exports.named(name).filter(|row| row.exporter != VMLINUX) {
            // A module that this run has loaded or refused itself speaks for itself.
            let file = row.exporter.rsplit('/').next().unwrap_or(row.exporter);
            let judged = run.modules().iter().any(|module| is_named(file, &module.name))
                || run.call.refused.iter().any(|refused| is_named(file, &refused.name));
            if !judged && let Some(kind) = visible_kind(run, name, row.kind, gplok)? {
                let exporter = Exporter::InTree(module_name(row.exporter));
                return Ok(Some(Found { kind, crc: row.crc, namespace: row.namespace, exporter }));
            }
        }
    }
    Ok(None)
}

/// The kernel's own tables.
pub(in crate::load) fn find_in_vmlinux(run: &Run<'_>, name: &str, gplok: bool) -> StageResult<Option<Found>> {
    let Some(exports) = run.call.kernel.exports() else { return Ok(None) };
    for row in exports.own_rows(name) {
        if let Some(kind) = visible_kind(run, name, row.kind, gplok)? {
            let namespace = exports.namespace(row);
            return Ok(Some(Found { kind, crc: row.crc, namespace, exporter: Exporter::Vmlinux }));
        }
    }
    Ok(None)
}

/// Where the kernel's own modules count as loaded and nothing lists what they export, one of them may have it.
fn in_unlisted_module(run: &Run<'_>, name: &str) -> StageResult<Option<Found>> {
    let unlisted = run.call.kernel.exports().filter(|exports| !exports.covers_modules());
    let unlisted = unlisted.is_some_and(|exports| exports.named(name).next().is_none());
    if !unlisted || !run.call.dependencies_loaded || !run.ask(Missing::ModuleExports)? {
        return Ok(None);
    }
    let exporter = Exporter::InTree("a module of the kernel's own".to_owned());
    Ok(Some(Found { kind: ExportKind::Plain, crc: None, namespace: None, exporter }))
}

/// A source of names only does not tell whether versions agree and namespaces are imported: the kernel refuses when not.
fn told_by_names(run: &Run<'_>, found: &Found) -> StageResult<bool> {
    let names_only = run.call.kernel.exports().is_some_and(Exports::is_names_only);
    if !names_only || !matches!(found.exporter, Exporter::Vmlinux) {
        return Ok(true);
    }
    let namespaces = run.has(Behaviour::SymNamespaces)? && !run.config("MODULE_ALLOW_MISSING_NAMESPACE_IMPORTS")?;
    Ok((!run.modversions()? || run.ask(Missing::Crcs)?) && (!namespaces || run.ask(Missing::Namespaces)?))
}

/// The loaded modules, the newest first.
pub(in crate::load) fn find_in_modules(run: &Run<'_>, raw: &[u8], gplok: bool) -> Option<Found> {
    let visible = |kind: ExportKind| gplok || !kind.is_gpl_only();
    run.modules().iter().find_map(|module| {
        let (_, symbol) = module.find(raw, visible)?;
        let (kind, crc, namespace) = (symbol.kind, symbol.crc, symbol.namespace.clone());
        Some(Found { kind, crc, namespace, exporter: Exporter::Module(Arc::clone(module)) })
    })
}

/// The module a path of `Module.symvers` names.
pub(in crate::load) fn module_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).replace('-', "_")
}

/// Is that the name of the module's file, but for its end?
fn is_named(file: &str, name: &str) -> bool {
    file.len() == name.len()
        && file.bytes().zip(name.bytes()).all(|(one, other)| (if one == b'-' { b'_' } else { one }) == other)
}

/// How a row exports the symbol, if this module may see it.
fn visible_kind(run: &Run<'_>, name: &str, kind: Option<ExportKind>, gplok: bool) -> StageResult<Option<ExportKind>> {
    let kind = match kind {
        Some(kind) => kind,
        None if gplok => ExportKind::Plain,
        None if run.ask(Missing::ExportKind(name.to_owned()))? => ExportKind::Plain,
        None => ExportKind::Gpl,
    };
    let hidden = kind.is_gpl_only() && !gplok || kind.is_unused() && !run.config("UNUSED_SYMBOLS")?;
    Ok((!hidden).then_some(kind))
}

/// Why it was not found: the finding only; the kernel makes no difference.
fn not_found(run: &mut Run<'_>, name: &SymbolName<'_>, raw: &[u8], gplok: bool) -> StageResult {
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
        return unknown(run, cause, name);
    }
    if let Some(refused) = RefusedExporter::of_symbol(run.call.refused, &symbol) {
        let refused_exporter = Some(Arc::clone(&refused.name));
        return unknown(run, Cause::MissingSymbol { symbol, refused_exporter }, name);
    }
    let exporter = run.call.kernel.exports().and_then(|exports| exports.named(name).next().map(|row| row.exporter));
    let cause = match exporter.filter(|exporter| *exporter != VMLINUX) {
        Some(path) => Cause::ExporterNotLoaded { symbol, exporter: module_name(path) },
        None => Cause::MissingSymbol { symbol, refused_exporter: None },
    };
    unknown(run, cause, name)
}

fn unknown(run: &mut Run<'_>, cause: Cause, name: &SymbolName<'_>) -> StageResult {
    run.find(cause, Some(LineText::of_symbol(run.mod_name(), OfSymbol::Missing, name.shared())));
    Ok(())
}

/// `EXPORT_SYMBOL_GPL_FUTURE` and the unused kinds, up to 5.11: visible, with a warning.
fn warn_future_and_unused(run: &mut Run<'_>, name: &SymbolName<'_>, found: &Found, gplok: bool) -> StageResult {
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

/// Mirrors `inherit_taint()` (commit 262e6ae7081d): a user of a proprietary module's symbols is proprietary too, unless it
/// uses GPL-only symbols already; then it gets none.
fn inherit_taint(run: &mut Run<'_>, symbol: &SymbolName<'_>, found: &Found) -> StageResult<bool> {
    let Some(exporter) = found.exporter.module().filter(|exporter| exporter.taints.has(Taint::ProprietaryModule))
    else {
        return Ok(true);
    };
    if !run.has(Behaviour::SymInheritTaint)? {
        return Ok(true);
    }
    let (exporter, license): (_, Option<License>) = (&exporter.name, exporter.license.clone());
    let named = if run.has(Behaviour::SymInheritMessageSymbol)? { format!(" {symbol}") } else { String::new() };
    let (name, symbol, exporter) = (run.mod_name(), symbol.shared(), exporter.to_string());
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

fn namespace_is_imported(
    run: &mut Run<'_>,
    symbol: &SymbolName<'_>,
    exporter: &str,
    namespace: &Namespace,
) -> StageResult<bool> {
    if !run.has(Behaviour::SymNamespaces)? {
        return Ok(true);
    }
    let module_list = namespace.module_list().is_some() && run.has(Behaviour::SymModuleNamespaces)?;
    let name = run.mod_name();
    if module_list && namespace.allows_module(&name) {
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
        module_list,
    };
    run.find(cause, Some(line.clone().into()));
    if allowed {
        run.warn(line);
    } else {
        run.err(line);
    }
    Ok(allowed)
}
