//! Moving the module to the memory that it runs in, as far as this can fail.

use std::sync::Arc;

use crate::elf::{Section, SectionType, Symbol};
use crate::load::run::Run;
use crate::load::stages::elf_validity::kernel_struct_module_size;
use crate::load::stages::struct_module::memory_of_the_file;
use crate::load::state::{Info, StageResult, Stop};
use crate::terms::Taints;

const PAGE_SIZE: u64 = 4096;

/// Mirrors `layout_and_allocate()` (kernel/module/main.c).
pub(in crate::load) fn layout_and_allocate(run: &mut Run<'_>) -> StageResult {
    this_module_without_contents(run)?;
    short_this_module(run)?;
    memory_of_the_file(run)?;
    layout_symtab(run)
}

/// Up to 6.3 `.gnu.linkonce.this_module` may be of type `SHT_NOBITS`. Until the module is moved, the kernel takes the bytes
/// of the file at the section's offset for `struct module`, and writes to them. Afterwards `struct module` is all zeros, and
/// so the module has no name.
fn this_module_without_contents(run: &mut Run<'_>) -> StageResult {
    let info = run.info()?;
    let Some(this_module) = info.elf.sections().get(info.this_module).filter(|s| s.kind == SectionType::NOBITS) else {
        return Ok(());
    };
    let start = this_module.offset;
    let end = start.saturating_add(this_module.size);
    let overlaps =
        |section: &Section| section.size > 0 && section.offset < end && start < section.offset + section.size;
    let is_over_symbols = info.elf.symtab().is_some_and(overlaps) || info.elf.strtab().is_some_and(overlaps);
    if is_over_symbols || end > (run.bytes().len() as u64).next_multiple_of(PAGE_SIZE) {
        return Err(Stop::Crash("struct module without contents is written over the symbols in the file".into()));
    }
    let info = run.info_mut()?;
    info.mod_name = Arc::default();
    run.set_module_taints(Taints::NONE);
    Ok(())
}

/// Up to 6.3 the kernel does not check the size of `.gnu.linkonce.this_module`. Padding up to a cache line follows the last
/// fields of `struct module`; a section that is shorter by more than that shares memory with what lies after it.
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

/// Mirrors `layout_symtab()` (kernel/module/kallsyms.c), which reads the name of every symbol that it keeps to get its length.
fn layout_symtab(run: &mut Run<'_>) -> StageResult {
    let info = run.info()?;
    if info.elf.are_symbols_named() {
        return Ok(());
    }
    let mut core_symbols = info.elf.symbols().iter().filter(|symbol| is_core_symbol(info, symbol));
    let has_unreadable = core_symbols.any(|symbol| info.elf.symbol_name(symbol).is_none());
    if !has_unreadable || !run.config("KALLSYMS")? {
        return Ok(());
    }
    run.read_around("the symbol string table", "reads a symbol's name far from the symbol string table")
}

/// Mirrors `is_core_symbol()` (kernel/module/kallsyms.c) with `CONFIG_KALLSYMS_ALL`: the symbol is in a section that remains in
/// memory after the init function.
pub(super) fn is_core_symbol(info: &Info, symbol: &Symbol) -> bool {
    let section = info.elf.sections().get(usize::from(symbol.shndx));
    !symbol.is_undefined()
        && symbol.name != 0
        && section.is_some_and(|section| {
            let init = info.elf.section_name(section).is_some_and(|name| name.starts_with(b".init"));
            info.percpu == Some(section.index) || (info.keeps_alloc(section) && !init)
        })
}

/// Mirrors `post_relocation()` (kernel/module/main.c): copies per-CPU data and sets up the symbols, once relocations are
/// applied.
pub(in crate::load) fn post_relocation(run: &mut Run<'_>) -> StageResult {
    let info = run.info()?;
    let percpu = info.percpu.and_then(|index| info.elf.sections().get(index));
    // percpu_modcopy() reads the file at the section's offset, even if the section has no contents there.
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
