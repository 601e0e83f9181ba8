//! Giving every symbol of the symbol table its value, in the order of the table.

use std::sync::Arc;

use crate::elf::SymbolPlace;
use crate::history::Behaviour;
use crate::image::{LooseSymbol, ModuleElf, escaped};
use crate::load::cache::memo::Importing;
use crate::load::cache::simple_imports::SimpleImports;
use crate::load::run::Run;
use crate::load::stages::prepare_coming_module::check_btf_ahead;
use crate::load::stages::resolve_symbol::{GLOBAL_OFFSET_TABLE, Resolved, missing_line, resolve_symbol};
use crate::load::stages::symbol_name::SymbolName;
use crate::load::state::{Info, StageResult, Stop};
use crate::terms::{ElfMachine, Errno};
use crate::verdict::{Cause, LineText, LogLevel, OfSymbol};

/// Mirrors `simplify_symbols()` (kernel/module/main.c). It processes all symbols, and returns the errno of the last one that
/// fails.
pub(in crate::load) fn simplify_symbols(run: &mut Run<'_>) -> StageResult {
    let info = run.info()?;
    let elf = Arc::clone(&info.elf);
    let simple = simple_imports(run, info);
    let found = run.findings.len();
    let all = elf.loose_symbols();
    let mut result = Ok(());
    let mut next = 0;
    let mut left = simple.as_ref().map_or(&[][..], |simple| &simple.others);
    if let Some(assumed) = run.call.assumed
        && simple.as_ref().is_some_and(|simple| !simple.foreign.is_empty())
    {
        // The module is judged again once other modules are known, so findings about its other symbols are not needed now.
        check_btf_ahead(run);
        assumed.set(true);
        return Ok(());
    }
    loop {
        // Skip simple imports, unless the module has become proprietary.
        let position = match &simple {
            Some(simple) if !run.is_proprietary() => {
                let position = left.first().copied().unwrap_or(all.len());
                if let Some((gpl_only, name)) = &simple.gpl_only
                    && *gpl_only < position
                {
                    run.info_mut()?.using_gplonly_symbols.get_or_insert_with(|| name.clone());
                }
                position
            }
            _ => next,
        };
        let Some(symbol) = all.get(position) else { return result };
        next = position + 1;
        left = left.split_first().map_or(&[][..], |(_, rest)| rest);
        if run.findings.len() > found && run.findings.len() == run.findings.capacity() {
            // If the version of one symbol is wrong, those of most other symbols are too.
            run.findings.reserve(left.len() + 1);
        }
        if let Err(errno) = simplify_symbol(run, &elf, symbol)? {
            result = Err(Stop::Refused(errno));
        }
    }
}

/// The simple imports of the module; `None` where every import has to be resolved one by one.
fn simple_imports(run: &Run<'_>, info: &Info) -> Option<Arc<SimpleImports>> {
    let memo = run.call.memo;
    let exports = run.call.kernel.exports().filter(|exports| !exports.is_names_only())?;
    let modversions = memo.modversions(run.call.kernel)?;
    if !memo.is_enabled() || run.insmod.as_rebuilt || info.arch.machine == ElfMachine::Ppc64 {
        return None;
    }
    let versions = [info.vers.is_some(), info.vers_ext.is_some()];
    let key = Importing { reading: run.reading()?, arch: info.arch, versions };
    let imports = run.cached(&memo.imports, Some(key), || Arc::new(SimpleImports::of(info, exports, modversions)));
    memo.look_at(run.image, &imports);
    Some(imports)
}

/// Simplifies one symbol. Returns its errno as the inner `Err`.
fn simplify_symbol(run: &mut Run<'_>, elf: &ModuleElf, loose: &LooseSymbol) -> StageResult<Result<(), Errno>> {
    match loose.shndx {
        SymbolPlace::COMMON => common(run, elf, loose),
        SymbolPlace::UNDEF => undefined(run, elf, loose),
        shndx => section_index(run, elf, loose, shndx),
    }
}

/// A common symbol: the kernel tolerates only those of LTO.
fn common(run: &mut Run<'_>, elf: &ModuleElf, loose: &LooseSymbol) -> StageResult<Result<(), Errno>> {
    let symbol = escaped(elf.loose_name(loose).unwrap_or_default());
    if symbol.starts_with("__gnu_lto") {
        return Ok(Ok(()));
    }
    let line = format!("{}: please compile with -fno-common", run.mod_name());
    run.say(Cause::CommonSymbol { symbol: symbol.into() }, LogLevel::Warn, line);
    Ok(Err(Errno::ENOEXEC))
}

/// An undefined symbol: the kernel looks for an export of that name.
fn undefined(run: &mut Run<'_>, elf: &ModuleElf, loose: &LooseSymbol) -> StageResult<Result<(), Errno>> {
    let Some(raw) = elf.loose_name(loose) else {
        // The kernel reads the name from memory past the string table.
        let crash = "reads a symbol's name far from the symbol string table";
        return run.read_around("the symbol string table", crash).map(Ok);
    };
    let machine = run.info()?.arch.machine;
    // dedotify() (arch/powerpc/kernel/module_64.c) makes `.TOC.` an absolute symbol.
    if machine == ElfMachine::Ppc64 && raw == b".TOC." {
        return Ok(Ok(()));
    }
    // module_frob_arch_sections() (arch/s390/kernel/module.c) makes the symbol of the GOT absolute.
    if machine == ElfMachine::S390 && raw == GLOBAL_OFFSET_TABLE.as_bytes() {
        return Ok(Ok(()));
    }
    let raw = dedotified(machine, raw);
    let name = SymbolName::of_bytes(raw);
    let found = run.findings.len();
    let resolved = resolve_symbol(run, &name, raw)?;
    let (errno, line) = match resolved {
        Resolved::Symbol => return Ok(Ok(())),
        Resolved::Null if loose.is_weak() || is_ignored(run, &name)? => {
            run.info_mut()?.unresolved.insert(loose.index());
            // A weak reference may remain unresolved, so only this finding about it is a problem.
            let mut problems = run.findings.split_off(found);
            problems.retain(|finding| matches!(finding.cause, Cause::GplOnlyWithProprietary { .. }));
            run.findings.append(&mut problems);
            return Ok(Ok(()));
        }
        Resolved::Null => (Errno::ENOENT, missing_line(run)?),
        Resolved::Invalid => (Errno::EINVAL, OfSymbol::Invalid),
    };
    if !run.is_surveying() {
        run.warn(LineText::of_symbol(run.mod_name(), line, name.shared()));
    }
    Ok(Err(errno))
}

/// Mirrors `dedotify()` (arch/powerpc/kernel/module_64.c): drops one leading dot.
fn dedotified(machine: ElfMachine, name: &[u8]) -> &[u8] {
    match name {
        [b'.', rest @ ..] if machine == ElfMachine::Ppc64 => rest,
        _ => name,
    }
}

/// Mirrors `ignore_undef_symbol()` (kernel/module/main.c, commit ebfac7b778fa).
fn is_ignored(run: &Run<'_>, name: &str) -> StageResult<bool> {
    let x86 = matches!(run.info()?.arch.machine, ElfMachine::X86_64 | ElfMachine::I386);
    Ok(x86 && name == GLOBAL_OFFSET_TABLE && run.has(Behaviour::SymIgnoreGot)?)
}

/// A symbol of a section. Kernels with `Behaviour::SymShndxCheck` reject the index of a section that does not exist.
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
    let symbol = escaped(elf.loose_name(loose).unwrap_or_default());
    let max = count.saturating_sub(1);
    if run.has(Behaviour::SymShndxCheck)? {
        let line = format!("{}: Symbol {symbol} has an invalid section index {shndx} (max {max})", run.mod_name());
        run.say(Cause::SymbolSection { symbol: symbol.into(), shndx, max }, LogLevel::Err, line);
        return Ok(Err(Errno::ENOEXEC));
    }
    run.find(Cause::SymbolSection { symbol: symbol.into(), shndx, max }, None);
    // The kernel reads the section's address from memory past the section headers. A relocation that refers to the symbol uses
    // it.
    run.read_around("the section headers", "reads a section's address behind the section headers").map(Ok)
}
