//! Every symbol of the symbol table, in order: mirrors `simplify_symbols()`, kernel/module/main.c.

use std::sync::Arc;

use crate::elf::SymbolPlace;
use crate::history::Behaviour;
use crate::image::{LooseSymbol, ModuleElf, escaped};
use crate::load::cache::simple_imports::simple_imports;
use crate::load::run::Run;
use crate::load::stages::resolve_symbol::{Resolved, resolve_symbol};
use crate::load::stages::symbol_name::SymbolName;
use crate::load::state::{StageResult, Stop};
use crate::terms::{ElfMachine, Errno};
use crate::verdict::{Cause, LineText, LogLevel, OfSymbol};

/// All symbols are processed; the errno of the last one that fails is returned.
pub(in crate::load) fn simplify_symbols(run: &mut Run<'_>) -> StageResult {
    let info = run.info()?;
    let elf = Arc::clone(&info.elf);
    let simple = simple_imports(run, info);
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
            Some(simple) if !run.is_proprietary() => {
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
