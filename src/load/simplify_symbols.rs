//! Every symbol of the symbol table, in order: mirrors `simplify_symbols()`, kernel/module/main.c.

use std::sync::Arc;

use super::resolve_symbol::{Resolved, resolve_symbol};
use super::run::{Run, Step, Stop};
use crate::elf::{Symbol, SymbolPlace};
use crate::history::Behaviour;
use crate::image::{LooseSymbol, ModuleElf, as_text};
use crate::terms::{ElfMachine, Errno};
use crate::verdict::{Cause, LogLevel};

/// All symbols are processed; the errno of the last one that fails is returned.
pub(super) fn simplify_symbols(run: &mut Run<'_>) -> Step {
    let elf = Arc::clone(&run.info()?.elf);
    let mut result = Ok(());
    for symbol in elf.loose_symbols() {
        if let Err(errno) = simplify_symbol(run, &elf, symbol)? {
            result = Err(Stop::Refused(errno));
        }
    }
    result
}

fn simplify_symbol(run: &mut Run<'_>, elf: &ModuleElf, loose: &LooseSymbol) -> Step<Result<(), Errno>> {
    match loose.symbol.shndx {
        SymbolPlace::COMMON => common(run, elf, &loose.symbol),
        SymbolPlace::UNDEF => undefined(run, elf, loose),
        shndx => section_index(run, elf, &loose.symbol, shndx),
    }
}

fn common(run: &mut Run<'_>, elf: &ModuleElf, symbol: &Symbol) -> Step<Result<(), Errno>> {
    let symbol = elf.symbol_text(symbol);
    if symbol.starts_with("__gnu_lto") {
        return Ok(Ok(()));
    }
    let line = format!("{}: please compile with -fno-common", run.mod_name());
    run.say(Cause::CommonSymbol { symbol }, LogLevel::Warn, line);
    Ok(Err(Errno::ENOEXEC))
}

fn undefined(run: &mut Run<'_>, elf: &ModuleElf, loose: &LooseSymbol) -> Step<Result<(), Errno>> {
    let Some(raw) = elf.loose_name(loose) else {
        // The name is read from whatever lies there.
        let crash = "reads a symbol's name far from the symbol string table";
        return run.read_around("the symbol string table", crash).map(Ok);
    };
    let (raw, absolute) = dedotified(run.info()?.arch.machine, raw);
    if absolute {
        return Ok(Ok(()));
    }
    let name = as_text(raw);
    let found = run.findings.len();
    let resolved = resolve_symbol(run, &name, raw)?;
    let errno = match resolved {
        Resolved::Symbol => return Ok(Ok(())),
        Resolved::Null if loose.symbol.is_weak() || ignored(run, &name)? => {
            run.info_mut()?.unresolved.insert(loose.index);
            // Nothing is wrong with a reference that may stay unresolved.
            let is_trouble =
                |finding: &crate::verdict::Finding| matches!(finding.cause, Cause::GplOnlyWithProprietary { .. });
            let rest = run.findings.split_off(found);
            run.findings.extend(rest.into_iter().filter(is_trouble));
            return Ok(Ok(()));
        }
        Resolved::Null => Errno::ENOENT,
        Resolved::Error(errno) => errno,
    };
    let line = format!("{}: Unknown symbol {name} (err -{})", run.mod_name(), errno.number());
    run.warn(line);
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
fn ignored(run: &Run<'_>, name: &str) -> Step<bool> {
    let x86 = matches!(run.info()?.arch.machine, ElfMachine::X86_64 | ElfMachine::I386);
    Ok(x86 && name == "_GLOBAL_OFFSET_TABLE_" && run.has(Behaviour::SymIgnoreGot)?)
}

fn section_index(run: &mut Run<'_>, elf: &ModuleElf, symbol: &Symbol, shndx: u16) -> Step<Result<(), Errno>> {
    let count = elf.sections().len();
    if usize::from(shndx) < count {
        return Ok(Ok(()));
    }
    let (symbol, max) = (elf.symbol_text(symbol), count.saturating_sub(1));
    if run.has(Behaviour::SymShndxCheck)? {
        let line = format!("{}: Symbol {symbol} has an invalid section index {shndx} (max {max})", run.mod_name());
        run.say(Cause::SymbolSection { symbol, shndx, max }, LogLevel::Err, line);
        return Ok(Err(Errno::ENOEXEC));
    }
    run.find(Cause::SymbolSection { symbol, shndx, max }, None);
    // An address is read from behind the section headers; it is used if a relocation refers to the symbol.
    run.read_around("the section headers", "reads a section's address behind the section headers").map(Ok)
}
