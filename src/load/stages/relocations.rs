//! Relocations and the architecture's hooks around them: mirrors `apply_relocations()`, kernel/module/main.c, and the
//! calls of `module_frob_arch_sections()` and `module_finalize()`.

use std::sync::Arc;

use crate::elf::{SectionFlags, SectionType, SymbolPlace};
use crate::history::Behaviour;
use crate::image::ModuleElf;
use crate::kernel::ConfigOption;
use crate::load::cache::memo::Memo;
use crate::load::cache::plain_relocations::{Plain, go_through};
use crate::load::relocate::{self, Facts, Judgement, Module, RelocationSection, Section, Symbol, SymbolValue};
use crate::load::run::Run;
use crate::load::state::{Info, StageResult, Stop};
use crate::terms::{Arch, ElfMachine, Errno};
use crate::verdict::{Cause, LogLevel, Missing};

/// How many relocations are judged. The largest modules, graphics drivers, have less than half a million; files in which
/// thousands of sections lie over each other could have any number.
const MAX_RELOCATIONS: usize = 1 << 24;

pub(in crate::load) fn module_frob_arch_sections(run: &mut Run<'_>) -> StageResult {
    let info = run.info()?;
    let (elf, arch, name) = (Arc::clone(&info.elf), info.arch, info.mod_name.clone());
    if matches!(arch.machine, ElfMachine::X86_64 | ElfMachine::I386) {
        return Ok(());
    }
    let names: Vec<_> = elf.sections().iter().map(|section| (elf.section_text(section), section.kind)).collect();
    let sections: Vec<_> = names.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
    let judgement = with_facts(run, |facts| relocate::module_frob_arch_sections(&name, arch, &sections, facts))?;
    settle(run, judgement)?;
    // arm64 looks at the section that relocations apply to before anybody has looked at its index.
    let beyond = |section: &crate::elf::Section| {
        section.kind == SectionType::RELA && usize::try_from(section.info).is_ok_and(|target| target >= sections.len())
    };
    if arch.machine == ElfMachine::Arm64 && elf.sections().iter().any(beyond) {
        return settle(run, Judgement::Undetermined(Missing::Memory("the section headers".to_owned())));
    }
    Ok(())
}

/// Sections in order; the first that fails ends it.
pub(in crate::load) fn apply_relocations(run: &mut Run<'_>) -> StageResult {
    let info = Arc::clone(run.shared_info()?);
    let key = Memo::relocating(run, &info);
    if key.as_ref().is_some_and(|key| run.call.memo.relocated.get(run, key).is_some()) {
        return Ok(());
    }
    let outer = run.enter();
    let applied = judge_relocations(run, &info);
    let premises = run.leave(outer);
    if applied? && let Some(key) = key {
        run.call.memo.relocated.keep(run, key, premises, ());
    }
    Ok(())
}

/// Judges them one by one. Returns whether they were applied for certain: the premises alone decide that.
fn judge_relocations(run: &mut Run<'_>, info: &Info) -> StageResult<bool> {
    let mut certain = true;
    let elf = Arc::clone(&info.elf);
    let arch = info.arch;
    let mut room = MAX_RELOCATIONS;
    let percpu_relocated = info.percpu.is_none() || run.has(Behaviour::LoadPercpuRelocs)?;
    if run.call.memo.is_enabled() {
        match go_through(info, |sh_info| target(info, sh_info, percpu_relocated)) {
            Some(Plain::Everywhere) => return Ok(true),
            Some(Plain::WithPc64) if run.has(Behaviour::X86Pc64)? => return Ok(true),
            _ => {}
        }
    }
    let names: Names = Names::new(&elf);
    let mut module = module(&elf, info, &names);
    // The only messages that show addresses as they are.
    if arch.machine == ElfMachine::X86_64 && run.known(Behaviour::X86TargetNamesSection) == Some(true) {
        module = module.with_code_apart();
    }
    for section in elf.sections().iter().skip(1) {
        let Some(target) = target(info, section.info, percpu_relocated) else { continue };
        if section.flags & SectionFlags::RELA_LIVEPATCH != 0 {
            klp_apply_section_relocs(run, &elf, section)?;
            certain = false;
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
        settle(run, judgement)?;
    }
    Ok(certain)
}

/// Mirrors `klp_apply_section_relocs()`, kernel/livepatch/core.c: relocations for another object wait until it is loaded;
/// those for the kernel itself need its symbols.
fn klp_apply_section_relocs(run: &mut Run<'_>, elf: &ModuleElf, section: &crate::elf::Section) -> StageResult {
    if !run.config("LIVEPATCH")? {
        return Ok(());
    }
    let name = elf.section_text(section);
    let object = name.strip_prefix(".klp.rela.").and_then(|rest| rest.split('.').next()).filter(|o| !o.is_empty());
    match object {
        Some("vmlinux") if run.ask(Missing::Exports)? => Ok(()),
        Some("vmlinux") => Err(Stop::Refused(Errno::EINVAL)),
        Some(_) => Ok(()),
        None => {
            let line = format!("livepatch: section {name} has an incorrectly formatted name");
            let what = "marked for livepatch, but its name does not begin with .klp.rela.OBJECT".to_owned();
            run.say(Cause::BadRelocation { section: name, what }, LogLevel::Err, line);
            Err(Stop::Refused(Errno::EINVAL))
        }
    }
}

/// `sh_info`, if relocations are applied to the section it names: one that occupies memory, or (since 6.19) the per-CPU
/// section, which has lost its `SHF_ALLOC` by now.
fn target(info: &Info, sh_info: u32, percpu_relocated: bool) -> Option<usize> {
    let index = usize::try_from(sh_info).ok()?;
    let section = info.elf.sections().get(index)?;
    if Some(index) == info.percpu {
        return percpu_relocated.then_some(index);
    }
    info.keeps_alloc(section).then_some(index)
}

/// `CONFIG_MODULES_USE_ELF_RELA` of the architectures.
const fn uses_rela(arch: Arch) -> bool {
    !matches!(
        (arch.machine, arch.class),
        (ElfMachine::I386 | ElfMachine::Arm, _) | (ElfMachine::Mips, crate::terms::Class::Elf32)
    )
}

fn wrong_kind(run: &mut Run<'_>, elf: &ModuleElf, target: usize, rela: bool) -> StageResult {
    // mips takes both kinds.
    if run.info()?.arch.machine == ElfMachine::Mips {
        return Ok(());
    }
    let section = elf.sections().get(target).map(|section| elf.section_text(section)).unwrap_or_default();
    let line = format!("module {}: {} relocation unsupported", run.mod_name(), if rela { "RELA" } else { "REL" });
    run.say(Cause::RelocationKind { section }, LogLevel::Err, line);
    Err(Stop::Refused(Errno::ENOEXEC))
}

/// The names of sections and symbols, kept while relocations are judged.
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

fn module<'a>(elf: &'a ModuleElf, info: &'a Info, names: &'a Names) -> Module<'a> {
    let (unresolved, percpu) = (&info.unresolved, info.percpu);
    let section = |(section, name): (&crate::elf::Section, &'a String)| {
        let contents = if section.is_alloc() { elf.contents(section) } else { &[] };
        let mut laid_out = Section::new(name, section, contents);
        if !info.keeps_alloc(section) {
            laid_out.flags &= !SectionFlags::ALLOC;
        }
        laid_out
    };
    let symbol = |(index, (symbol, name)): (usize, (&crate::elf::Symbol, &'a String))| {
        let value = match symbol.shndx {
            // The first symbol is nobody's, and stays as it is in the file.
            SymbolPlace::UNDEF if index == 0 => SymbolValue::Absolute(symbol.value),
            SymbolPlace::UNDEF if unresolved.contains(&index) => SymbolValue::Absolute(0),
            SymbolPlace::UNDEF => SymbolValue::Exported,
            SymbolPlace::ABS | SymbolPlace::COMMON | SymbolPlace::LIVEPATCH => SymbolValue::Absolute(symbol.value),
            shndx if Some(usize::from(shndx)) == percpu => SymbolValue::Percpu { offset: symbol.value },
            shndx => SymbolValue::InModule { section: usize::from(shndx), offset: symbol.value },
        };
        Symbol { name, value, weak: symbol.is_weak(), undefined: symbol.is_undefined() }
    };
    let sections = elf.sections().iter().zip(&names.sections).map(section).collect();
    let symbols = elf.symbols().iter().zip(&names.symbols).enumerate().map(symbol).collect();
    Module::new(&info.mod_name, info.arch, sections, symbols)
}

/// Lets the relocation code ask what this attempt can answer.
fn with_facts<T>(run: &Run<'_>, judge: impl FnOnce(&mut Facts<'_, Stop>) -> Result<T, Stop>) -> StageResult<T> {
    let mut has = |behaviour| run.has(behaviour);
    let mut config = |option: ConfigOption| run.config(option.0);
    judge(&mut Facts { has: &mut has, config: &mut config })
}

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

/// Mirrors `module_init_ftrace_plt()`, arch/arm64/kernel/module.c: the sections must be there, or the load fails in silence.
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

/// The architecture looks for its own sections by name, and so reads the name of every section, also of those whose name
/// nobody has checked (up to 6.12, without `SHF_ALLOC`).
pub(in crate::load) fn module_finalize(run: &mut Run<'_>) -> StageResult {
    module_init_ftrace_plt(run)?;
    if run.info()?.elf.are_sections_named() {
        return Ok(());
    }
    run.read_around("the section name table", "reads a section's name far from the section name table")
}
