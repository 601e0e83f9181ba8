//! Moving the module to its place: mirrors `layout_and_allocate()`, `layout_symtab()` and `post_relocation()`,
//! kernel/module/main.c and kallsyms.c, as far as something can go wrong.

use std::sync::Arc;

use crate::elf::{Section, SectionType, Symbol};
use crate::load::run::Run;
use crate::load::stages::elf_validity::kernel_struct_module_size;
use crate::load::state::{Info, StageResult, Stop};
use crate::terms::Taints;

const PAGE_SIZE: u64 = 4096;

pub(in crate::load) fn layout_and_allocate(run: &mut Run<'_>) -> StageResult {
    this_module_without_contents(run)?;
    short_this_module(run)?;
    layout_symtab(run)
}

/// Up to 6.3 `.gnu.linkonce.this_module` may be of type `SHT_NOBITS`. Until the module is moved, `struct module` then lies
/// over whatever stands at that place of the file, and is written to; afterwards it is all zeros, and so nameless.
fn this_module_without_contents(run: &mut Run<'_>) -> StageResult {
    let info = run.info()?;
    let Some(this_module) = info.elf.sections().get(info.this_module).filter(|s| s.kind == SectionType::NOBITS) else {
        return Ok(());
    };
    let (start, end) = (this_module.offset, this_module.offset.saturating_add(this_module.size));
    let under = |section: &Section| section.size > 0 && section.offset < end && start < section.offset + section.size;
    let symbols = info.elf.symtab().is_some_and(under) || info.elf.strtab().is_some_and(under);
    if symbols || end > (run.bytes().len() as u64).next_multiple_of(PAGE_SIZE) {
        return Err(Stop::Crash("struct module without contents is written over the symbols in the file".into()));
    }
    let info = run.info_mut()?;
    info.mod_name = Arc::default();
    run.set_module_taints(Taints::NONE);
    Ok(())
}

/// Up to 6.3 nobody compares sizes. The last fields are followed by padding up to a cache line; a section that is shorter
/// than that shares its memory with whatever comes behind it.
fn short_this_module(run: &mut Run<'_>) -> StageResult {
    const CACHE_LINE: u64 = 64;
    let info = run.info()?;
    let size = info.elf.sections().get(info.this_module).map_or(0, |section| section.size);
    let enough = kernel_struct_module_size(run).is_none_or(|kernel| size + CACHE_LINE >= kernel);
    if enough {
        return Ok(());
    }
    run.read_around(".gnu.linkonce.this_module", "struct module reaches beyond .gnu.linkonce.this_module")
}

/// The names of the symbols that are kept are measured.
fn layout_symtab(run: &mut Run<'_>) -> StageResult {
    let info = run.info()?;
    if info.elf.are_symbols_named() {
        return Ok(());
    }
    let unreadable = |symbol: &Symbol| is_core_symbol(info, symbol) && info.elf.symbol_name(symbol).is_none();
    if !info.elf.symbols().iter().any(unreadable) || !run.config("KALLSYMS")? {
        return Ok(());
    }
    run.read_around("the symbol string table", "reads a symbol's name far from the symbol string table")
}

/// Mirrors `is_core_symbol()`, kernel/module/kallsyms.c, with `CONFIG_KALLSYMS_ALL`: in a section that stays.
fn is_core_symbol(info: &Info, symbol: &Symbol) -> bool {
    let section = info.elf.sections().get(usize::from(symbol.shndx));
    !symbol.is_undefined()
        && symbol.name != 0
        && section.is_some_and(|section| {
            let init = info.elf.section_name(section).is_some_and(|name| name.starts_with(b".init"));
            info.percpu == Some(section.index) || (info.keeps_alloc(section) && !init)
        })
}

/// Copies per-CPU data and sets up the symbols, once relocations are applied.
pub(in crate::load) fn post_relocation(run: &mut Run<'_>) -> StageResult {
    let info = run.info()?;
    let percpu = info.percpu.and_then(|index| info.elf.sections().get(index));
    // percpu_modcopy() reads the section's place in the file, even where it has no contents.
    let buffer = (run.bytes().len() as u64).next_multiple_of(PAGE_SIZE);
    if percpu.is_some_and(|section| section.size > 0 && section.offset.saturating_add(section.size) > buffer) {
        return Err(Stop::Crash("per-CPU data without contents is copied from behind the file".into()));
    }
    let this_module = info.elf.sections().get(info.this_module);
    if this_module.is_some_and(|section| section.kind == SectionType::NOBITS) {
        return Err(Stop::Crash("add_kallsyms() follows the null pointers of an empty struct module".into()));
    }
    Ok(())
}
