//! Every symbol of the symbol table, in order: mirrors `simplify_symbols()`, kernel/module/main.c.

use std::cell::Cell;
use std::sync::Arc;

use crate::elf::SymbolPlace;
use crate::history::Behaviour;
use crate::image::{LooseSymbol, ModuleElf, as_text, escaped, is_plain};
use crate::load::run::{Resolution, ResolutionKey, Run};
use crate::load::stages::resolve_symbol::{Resolved, resolve_symbol};
use crate::load::stages::symbol_name::SymbolName;
use crate::load::state::{Once, StageResult, Stop};
use crate::terms::{Crc, ElfMachine, Errno, ExportKind, Taint};
use crate::verdict::{Cause, LineText, LogLevel, Missing, OfSymbol};

/// All symbols are processed; the errno of the last one that fails is returned.
///
/// Where one attempt at a call finds nothing to say, others that differ in the signature's fate alone find nothing, either.
pub(in crate::load) fn simplify_symbols(run: &mut Run<'_>) -> StageResult {
    let key = key(run)?;
    let known = run.call.passed.resolved.borrow().as_ref().filter(|known| known.key == key).cloned();
    if let Some(known) = known {
        let info = run.info_mut()?;
        (info.using_gplonly_symbols, info.uses, info.unresolved) =
            (known.using_gplonly_symbols, known.uses, known.unresolved);
        return Ok(());
    }
    let said = |run: &Run<'_>| (run.findings.len(), run.log.len(), run.inferred.len());
    let before = said(run);
    resolve_all(run)?;
    if said(run) == before && self::key(run)? == key && !run.call.assumed.is_some_and(Cell::get) {
        let info = run.info()?;
        let (using_gplonly_symbols, uses) = (info.using_gplonly_symbols.clone(), info.uses.clone());
        let resolution = Resolution { key, using_gplonly_symbols, uses, unresolved: info.unresolved.clone() };
        *run.call.passed.resolved.borrow_mut() = Some(resolution);
    }
    Ok(())
}

/// Everything that resolving a module's symbols depends on.
fn key(run: &Run<'_>) -> StageResult<ResolutionKey> {
    let of_signature = |missing: &Missing| matches!(missing, Missing::Signer(_) | Missing::SignatureMatch);
    let answers = run.world.answers.iter().filter(|(missing, _)| !of_signature(missing));
    Ok(ResolutionKey {
        calendar: run.world.calendar,
        answers: answers.map(|(missing, answer)| (missing.clone(), *answer)).collect(),
        modules: Arc::clone(&run.world.state.modules),
        once: run.world.state.once.has(Once::NoSymbolVersion),
        is_proprietary: run.info()?.taints.has(Taint::ProprietaryModule),
        surveying: run.surveying,
    })
}

fn resolve_all(run: &mut Run<'_>) -> StageResult {
    let elf = Arc::clone(&run.info()?.elf);
    let simple = simple_imports(run)?;
    let (mut result, found) = (Ok(()), run.findings.len());
    let all = elf.loose_symbols();
    let (mut next, mut left) = (0, simple.as_ref().map_or(&[][..], |simple| &simple.others));
    if let Some(assumed) = run.call.assumed
        && simple.as_ref().is_some_and(|simple| !simple.foreign.is_empty())
    {
        // Whatever is said of the others is not worth saying: it will be said once other modules are known.
        assumed.set(true);
        return Ok(());
    }
    loop {
        // Simple ones are passed over, unless the module has become a proprietary one.
        let place = match &simple {
            Some(simple) if !run.info()?.taints.has(Taint::ProprietaryModule) => {
                let passed = left.first().copied().unwrap_or(all.len());
                if let Some((place, name)) = &simple.gpl_only
                    && *place < passed
                {
                    run.info_mut()?.using_gplonly_symbols.get_or_insert_with(|| name.clone());
                }
                passed
            }
            _ => next,
        };
        let Some(symbol) = all.get(place) else { return result };
        (next, left) = (place + 1, left.split_first().map_or(&[][..], |(_, rest)| rest));
        if run.findings.len() > found && run.findings.len() == run.findings.capacity() {
            // Where symbols of another version are wanted, most are.
            run.findings.reserve(left.len() + 1);
        }
        if let Err(errno) = simplify_symbol(run, &elf, symbol)? {
            result = Err(Stop::Refused(errno));
        }
    }
}

/// The imports about which nothing is left to ask: exported by the kernel itself, plainly or GPL-only, in no namespace, and in
/// the very version that the module wants. To a module that is not proprietary they resolve whatever else is loaded.
#[derive(Debug, Default)]
pub(crate) struct SimpleImports {
    /// The places of all other loose symbols, in order.
    pub(in crate::load) others: Vec<usize>,
    /// The first GPL-only one.
    gpl_only: Option<(usize, String)>,
    /// The places of those undefined that the kernel itself does not export, in order.
    pub(crate) foreign: Vec<usize>,
}

/// So many names are looked up at the same time.
const AT_ONCE: usize = 16;

fn simple_imports(run: &Run<'_>) -> StageResult<Option<Arc<SimpleImports>>> {
    let kernel = run.call.kernel;
    let info = run.info()?;
    let (Some(exports), Some(modversions)) =
        (kernel.exports().filter(|exports| !exports.is_names_only()), run.call.memo.modversions(kernel))
    else {
        return Ok(None);
    };
    if run.insmod.as_rebuilt || info.arch.machine == ElfMachine::Ppc64 {
        return Ok(None);
    }
    let versions = info.vers_ext.as_ref().or(info.vers.as_ref());
    let is_version = |name: &[u8], crc: Option<Crc>| {
        !modversions || versions.zip(crc).is_some_and(|(all, crc)| all.get(name) == Some(u64::from(crc.0)))
    };
    Ok(run.call.memo.imports(run, || {
        let mut simple = SimpleImports::default();
        let name = |loose: &LooseSymbol| {
            let name = if loose.is_undefined() { info.elf.loose_name(loose) } else { None };
            name.filter(|name| is_plain(name)).unwrap_or_default()
        };
        let given = |raw: &[u8]| exports.in_vmlinux(&as_text(raw));
        let is_foreign =
            |loose: &LooseSymbol| loose.is_undefined() && info.elf.loose_name(loose).is_some_and(|raw| !given(raw));
        let mut place = 0;
        for some in info.elf.loose_symbols().chunks(AT_ONCE) {
            let mut names = [&[][..]; AT_ONCE];
            names.iter_mut().zip(some).for_each(|(place, loose)| *place = name(loose));
            exports.look_ahead(&names);
            for (name, loose) in names.into_iter().zip(some) {
                let row = exports.own_row(name);
                let simply = row.filter(|row| !row.in_namespace && is_version(name, row.crc));
                match simply.and_then(|row| row.kind) {
                    Some(ExportKind::Plain) => {}
                    Some(ExportKind::Gpl) => _ = simple.gpl_only.get_or_insert_with(|| (place, escaped(name))),
                    _ => {
                        simple.others.push(place);
                        if row.is_none() && is_foreign(loose) {
                            simple.foreign.push(place);
                        }
                    }
                }
                place += 1;
            }
        }
        simple.others.shrink_to_fit();
        simple.foreign.shrink_to_fit();
        simple
    }))
}

fn simplify_symbol(run: &mut Run<'_>, elf: &ModuleElf, loose: &LooseSymbol) -> StageResult<Result<(), Errno>> {
    match loose.shndx {
        SymbolPlace::COMMON => common(run, elf, loose),
        SymbolPlace::UNDEF => undefined(run, elf, loose),
        shndx => section_index(run, elf, loose, shndx),
    }
}

fn common(run: &mut Run<'_>, elf: &ModuleElf, loose: &LooseSymbol) -> StageResult<Result<(), Errno>> {
    let symbol = escaped(elf.loose_name(loose).unwrap_or_default());
    if symbol.starts_with("__gnu_lto") {
        return Ok(Ok(()));
    }
    let line = format!("{}: please compile with -fno-common", run.mod_name());
    run.say(Cause::CommonSymbol { symbol: symbol.into() }, LogLevel::Warn, line);
    Ok(Err(Errno::ENOEXEC))
}

fn undefined(run: &mut Run<'_>, elf: &ModuleElf, loose: &LooseSymbol) -> StageResult<Result<(), Errno>> {
    let Some(raw) = elf.loose_name(loose) else {
        // The name is read from whatever lies there.
        let crash = "reads a symbol's name far from the symbol string table";
        return run.read_around("the symbol string table", crash).map(Ok);
    };
    let (raw, absolute) = dedotified(run.info()?.arch.machine, raw);
    if absolute {
        return Ok(Ok(()));
    }
    let name = SymbolName::of_bytes(raw);
    let found = run.findings.len();
    let resolved = resolve_symbol(run, &name, raw)?;
    let (errno, says) = match resolved {
        Resolved::Symbol => return Ok(Ok(())),
        Resolved::Null if loose.is_weak() || ignored(run, &name)? => {
            run.info_mut()?.unresolved.insert(loose.index());
            // Nothing is wrong with a reference that may stay unresolved.
            let is_trouble =
                |finding: &crate::verdict::Finding| matches!(finding.cause, Cause::GplOnlyWithProprietary { .. });
            let rest = run.findings.split_off(found);
            run.findings.extend(rest.into_iter().filter(is_trouble));
            return Ok(Ok(()));
        }
        Resolved::Null => (Errno::ENOENT, OfSymbol::Missing),
        Resolved::Invalid => (Errno::EINVAL, OfSymbol::Invalid),
    };
    if !run.surveying {
        run.warn(LineText::of_symbol(run.mod_name(), says, name.shared()));
    }
    Ok(Err(errno))
}

/// Mirrors `dedotify()`, arch/powerpc/kernel/module_64.c: one leading dot is dropped, and `.TOC.` is no import.
fn dedotified(machine: ElfMachine, name: &[u8]) -> (&[u8], bool) {
    match (machine, name) {
        (ElfMachine::Ppc64, b".TOC.") => (name, true),
        (ElfMachine::Ppc64, [b'.', rest @ ..]) => (rest, false),
        _ => (name, false),
    }
}

/// Mirrors `ignore_undef_symbol()`, commit ebfac7b778fa.
fn ignored(run: &Run<'_>, name: &str) -> StageResult<bool> {
    let x86 = matches!(run.info()?.arch.machine, ElfMachine::X86_64 | ElfMachine::I386);
    Ok(x86 && name == "_GLOBAL_OFFSET_TABLE_" && run.has(Behaviour::SymIgnoreGot)?)
}

fn section_index(
    run: &mut Run<'_>,
    elf: &ModuleElf,
    loose: &LooseSymbol,
    shndx: u16,
) -> StageResult<Result<(), Errno>> {
    let count = elf.sections().len();
    if usize::from(shndx) < count {
        return Ok(Ok(()));
    }
    let (symbol, max) = (escaped(elf.loose_name(loose).unwrap_or_default()), count.saturating_sub(1));
    if run.has(Behaviour::SymShndxCheck)? {
        let line = format!("{}: Symbol {symbol} has an invalid section index {shndx} (max {max})", run.mod_name());
        run.say(Cause::SymbolSection { symbol: symbol.into(), shndx, max }, LogLevel::Err, line);
        return Ok(Err(Errno::ENOEXEC));
    }
    run.find(Cause::SymbolSection { symbol: symbol.into(), shndx, max }, None);
    // An address is read from behind the section headers; it is used if a relocation refers to the symbol.
    run.read_around("the section headers", "reads a section's address behind the section headers").map(Ok)
}
