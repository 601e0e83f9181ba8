//! Relocations, and the hooks of the architecture before and after them.

use std::sync::Arc;

use crate::elf::{Relocation, SectionFlags, SectionType, SymbolPlace};
use crate::history::Behaviour;
use crate::image::ModuleElf;
use crate::kernel::ConfigOption;
use crate::load::cache::memo::Relocating;
use crate::load::cache::plain_relocations::{Requirement, requirement};
use crate::load::relocate::{self, Facts, Judgement, Module, RelocationSection, Section, Symbol, SymbolValue};
use crate::load::run::Run;
use crate::load::stages::livepatch;
use crate::load::stages::struct_module::Misfit;
use crate::load::state::{Info, StageResult, Stop};
use crate::terms::{Arch, ElfMachine, Errno};
use crate::verdict::{Cause, LogLevel, Missing};

/// The largest number of relocations that are judged. The largest modules, graphics drivers, have less than half a million. A
/// file in which thousands of sections overlap could have any number.
const MAX_RELOCATIONS: usize = 1 << 24;

/// Mirrors the call of `module_frob_arch_sections()` in `layout_and_allocate()` (kernel/module/main.c). x86 has no such hook.
pub(in crate::load) fn module_frob_arch_sections(run: &mut Run<'_>) -> StageResult {
    let info = run.info()?;
    let elf = Arc::clone(&info.elf);
    let arch = info.arch;
    let name = Arc::clone(&info.mod_name);
    if matches!(arch.machine, ElfMachine::X86_64 | ElfMachine::I386) {
        return Ok(());
    }
    let names: Vec<_> = elf.sections().iter().map(|section| (elf.section_text(section), section.kind)).collect();
    let sections: Vec<_> = names.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
    let judgement = with_facts(run, |facts| relocate::module_frob_arch_sections(&name, arch, &sections, facts))?;
    settle(run, judgement)?;
    if arch.machine != ElfMachine::Arm64 {
        return Ok(());
    }
    // arm64 reads the section that relocations apply to, and its index is not checked yet.
    let mut relocations = elf.sections().iter().filter(|section| section.kind == SectionType::RELA);
    if relocations.any(|section| usize::try_from(section.info).is_ok_and(|target| target >= sections.len())) {
        return settle(run, Judgement::Undetermined(Missing::Memory("the section headers".to_owned())));
    }
    Ok(())
}

/// Mirrors `apply_relocations()` (kernel/module/main.c). The first section that fails ends it.
pub(in crate::load) fn apply_relocations(run: &mut Run<'_>) -> StageResult {
    let info = Arc::clone(run.shared_info()?);
    let memo = run.call.memo;
    let key = run.reading().filter(|_| memo.is_enabled()).map(|reading| Relocating::of(reading, &info));
    if key.as_ref().is_some_and(|key| memo.relocated.get(key, |premises| run.adopts(premises)).is_some()) {
        return Ok(());
    }
    let outer = run.enter();
    let applied = judge_relocations(run, &info);
    let premises = run.leave(outer);
    if applied? && let Some(key) = key {
        run.keep(&memo.relocated, key, premises, ());
    }
    Ok(())
}

/// Judges the relocation sections in order. Returns whether the premises alone decide that all are applied; only then may the
/// result be cached.
fn judge_relocations(run: &mut Run<'_>, info: &Info) -> StageResult<bool> {
    let mut certain = true;
    let elf = Arc::clone(&info.elf);
    let arch = info.arch;
    let mut room = MAX_RELOCATIONS;
    let is_percpu_relocated = info.percpu.is_none() || run.has(Behaviour::LoadPercpuRelocs)?;
    let misfit = Misfit::of(run.call, info);
    // Kernels without PLT32 are so old that their modules are not judged often.
    let is_plain_known = arch.machine != ElfMachine::X86_64 || run.known(Behaviour::X86Plt32) == Some(true);
    if run.call.memo.is_enabled() && misfit.is_none() && is_plain_known {
        match requirement(info, |sh_info| target(info, sh_info, is_percpu_relocated)) {
            Some(Requirement::Nothing) => return Ok(true),
            Some(Requirement::X86Pc64) if run.has(Behaviour::X86Pc64)? => return Ok(true),
            _ => {}
        }
    }
    let names = Names::new(&elf);
    let mut module = module(&elf, info, &names);
    // Only these messages show addresses as they are.
    if arch.machine == ElfMachine::X86_64 && run.known(Behaviour::X86TargetNamesSection) == Some(true) {
        module = module.with_code_apart();
    }
    if let Some(misfit) = &misfit {
        misfit.mark(run, &mut module)?;
        certain = false;
    }
    // Whether the relocations of `struct module` are applied.
    let mut is_written = false;
    for section in elf.sections().iter().skip(1) {
        let Some(target) = target(info, section.info, is_percpu_relocated) else { continue };
        if section.flags & SectionFlags::RELA_LIVEPATCH != 0 {
            certain = false;
            if !livepatch::is_applied_now(run, &elf, section)? {
                continue;
            }
            let entries = klp_entries(&elf, section);
            for (symbol, value) in livepatch::klp_resolve_symbols(run, &elf, section, &entries)? {
                module.set_symbol_value(symbol, value);
            }
            let section = RelocationSection { index: section.index, target, rela: true, entries: &entries };
            let judgement = with_facts(run, |facts| relocate::apply(&mut module, &section, facts))?;
            settle(run, judgement)?;
            continue;
        }
        let rela = match section.kind {
            SectionType::RELA => true,
            SectionType::REL => false,
            _ => continue,
        };
        if rela != uses_rela(arch) {
            wrong_kind(run, &elf, target, rela)?;
            return Ok(false);
        }
        let entries = elf.relocations(section);
        let Some(rest) = room.checked_sub(entries.len()) else {
            settle(run, Judgement::Undetermined(Missing::TooMany))?;
            return Ok(false);
        };
        room = rest;
        let section = RelocationSection { index: section.index, target, rela, entries: &entries };
        let judgement = with_facts(run, |facts| relocate::apply(&mut module, &section, facts))?;
        certain &= judgement == Judgement::Applied;
        let Some(misfit) = &misfit else {
            settle(run, judgement)?;
            continue;
        };
        is_written |= target == info.this_module && judgement == Judgement::Applied;
        let judgement = misfit.explain(judgement);
        let written = match &judgement {
            Judgement::Refused { cause, .. } => misfit.written_before(cause, is_written),
            _ => 0,
        };
        if let Err(stop) = settle(run, judgement) {
            if matches!(stop, Stop::Refused(_)) {
                misfit.free_module(run, written)?;
            }
            return Err(stop);
        }
    }
    if let Some(misfit) = &misfit {
        misfit.consequences(run)?;
    }
    Ok(certain)
}

/// The entries of a relocation section of a live patch. The kernel reads them as `Elf_Rela`, whatever type the section has.
fn klp_entries(elf: &ModuleElf, section: &crate::elf::Section) -> Vec<Relocation> {
    elf.relocations(&crate::elf::Section { kind: SectionType::RELA, ..section.clone() })
}

/// Returns `sh_info` as an index, if the kernel applies relocations to the section that it names: a section that occupies
/// memory, or (since 6.19, `is_percpu_relocated`) the per-CPU section, which has no `SHF_ALLOC` any more.
fn target(info: &Info, sh_info: u32, is_percpu_relocated: bool) -> Option<usize> {
    let index = usize::try_from(sh_info).ok()?;
    let section = info.elf.sections().get(index)?;
    if Some(index) == info.percpu {
        return is_percpu_relocated.then_some(index);
    }
    info.keeps_alloc(section).then_some(index)
}

/// Returns whether the architecture selects `CONFIG_MODULES_USE_ELF_RELA`.
const fn uses_rela(arch: Arch) -> bool {
    !matches!(
        (arch.machine, arch.class),
        (ElfMachine::I386 | ElfMachine::Arm, _) | (ElfMachine::Mips, crate::terms::Class::Elf32)
    )
}

/// Rejects a relocation section of the kind (REL or RELA) that the architecture does not use.
fn wrong_kind(run: &mut Run<'_>, elf: &ModuleElf, target: usize, rela: bool) -> StageResult {
    // mips accepts both kinds.
    let machine = run.info()?.arch.machine;
    if machine == ElfMachine::Mips || !machine.is_modelled() {
        return Ok(());
    }
    let section = elf.sections().get(target).map(|section| elf.section_text(section)).unwrap_or_default();
    let line = format!("module {}: {} relocation unsupported", run.mod_name(), if rela { "RELA" } else { "REL" });
    run.say(Cause::RelocationKind { section }, LogLevel::Err, line);
    Err(Stop::Refused(Errno::ENOEXEC))
}

/// The names of all sections and symbols. The module that the relocation code judges borrows them.
struct Names {
    sections: Vec<String>,
    symbols: Vec<String>,
}

impl Names {
    fn new(elf: &ModuleElf) -> Self {
        Self {
            sections: elf.sections().iter().map(|section| elf.section_text(section)).collect(),
            symbols: elf.symbols().iter().map(|symbol| elf.symbol_text(symbol)).collect(),
        }
    }
}

/// The module as the relocation code sees it: laid out, with the values that `simplify_symbols()` gave to its symbols.
fn module<'a>(elf: &'a ModuleElf, info: &'a Info, names: &'a Names) -> Module<'a> {
    let mut sections = Vec::with_capacity(names.sections.len());
    for (section, name) in elf.sections().iter().zip(&names.sections) {
        let contents = if section.is_alloc() { elf.contents(section) } else { &[] };
        let mut laid_out = Section::new(name, section, contents);
        if !info.keeps_alloc(section) {
            laid_out.flags &= !SectionFlags::ALLOC;
        }
        sections.push(laid_out);
    }
    let mut symbols = Vec::with_capacity(names.symbols.len());
    for (index, (symbol, name)) in elf.symbols().iter().zip(&names.symbols).enumerate() {
        let value = symbol_value(info, index, symbol);
        symbols.push(Symbol { name, value, weak: symbol.is_weak(), undefined: symbol.is_undefined() });
    }
    Module::new(&info.mod_name, info.arch, sections, symbols)
}

/// The value that `simplify_symbols()` (kernel/module/main.c) gives to the symbol at an index of the symbol table.
pub(super) fn symbol_value(info: &Info, index: usize, symbol: &crate::elf::Symbol) -> SymbolValue {
    match symbol.shndx {
        // Symbol 0 is no real symbol. The kernel skips it, so it has its value in the file.
        SymbolPlace::UNDEF if index == 0 => SymbolValue::Absolute(symbol.value),
        SymbolPlace::UNDEF if info.unresolved.contains(&index) => SymbolValue::Absolute(0),
        SymbolPlace::UNDEF => SymbolValue::Exported,
        SymbolPlace::ABS | SymbolPlace::COMMON | SymbolPlace::LIVEPATCH => SymbolValue::Absolute(symbol.value),
        shndx if Some(usize::from(shndx)) == info.percpu => SymbolValue::Percpu { offset: symbol.value },
        shndx => SymbolValue::InModule { section: usize::from(shndx), offset: symbol.value },
    }
}

/// Calls the relocation code with access to the behaviours and the configuration that this attempt knows.
fn with_facts<T>(run: &Run<'_>, judge: impl FnOnce(&mut Facts<'_, Stop>) -> Result<T, Stop>) -> StageResult<T> {
    let mut has = |behaviour| run.has(behaviour);
    let mut config = |option: ConfigOption| run.config(option.0);
    judge(&mut Facts { has: &mut has, config: &mut config })
}

/// Turns a judgement of the relocation code into the result of the stage, with its findings and lines.
fn settle(run: &mut Run<'_>, judgement: Judgement) -> StageResult {
    match judgement {
        Judgement::Applied => Ok(()),
        Judgement::Refused { errno, lines, cause } => {
            run.find(cause, lines.first().map(|line| line.text.clone()));
            for line in lines {
                run.printk(line.level, line.text);
            }
            Err(Stop::Refused(errno))
        }
        Judgement::Crash(why) => Err(Stop::Crash(why)),
        Judgement::Undetermined(missing) => {
            if run.ask(missing.clone())? {
                return Ok(());
            }
            match missing {
                Missing::Memory(what) => Err(Stop::Crash(format!("reads or writes memory around {what}"))),
                _ => Err(Stop::Refused(Errno::ENOEXEC)),
            }
        }
    }
}

/// Mirrors `module_init_ftrace_plt()` (arch/arm64/kernel/module.c): if a section is missing, the load fails and nothing is
/// printed.
fn module_init_ftrace_plt(run: &mut Run<'_>) -> StageResult {
    let info = run.info()?;
    let elf = Arc::clone(&info.elf);
    let missing = |name: &str| elf.sections_named(name).next().is_none();
    let [core, init] = [".text.ftrace_trampoline", ".init.text.ftrace_trampoline"];
    if info.arch.machine != ElfMachine::Arm64 || !(missing(core) || missing(init)) || !run.config("DYNAMIC_FTRACE")? {
        return Ok(());
    }
    let plts = run.has(Behaviour::Arm64AlwaysPlts)? || run.config("ARM64_MODULE_PLTS")?;
    let what = match (missing(core), missing(init)) {
        (true, _) if plts => core,
        (_, true) if plts && run.has(Behaviour::Arm64InitFtraceTrampoline)? => init,
        _ => return Ok(()),
    };
    run.find(Cause::ArchSections { what: format!("`{what}`") }, None);
    Err(Stop::Refused(Errno::ENOEXEC))
}

/// Mirrors the call of `module_finalize()` in `post_relocation()` (kernel/module/main.c). The architecture looks for its own
/// sections by name. It reads the name of every section, even of those whose name was never checked (up to 6.12, without
/// `SHF_ALLOC`).
pub(in crate::load) fn module_finalize(run: &mut Run<'_>) -> StageResult {
    module_init_ftrace_plt(run)?;
    if run.info()?.elf.are_sections_named() {
        return Ok(());
    }
    run.read_around("the section name table", "reads a section's name far from the section name table")
}
