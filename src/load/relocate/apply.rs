//! Dispatches a relocation section to its architecture.

use super::module::{Facts, Judgement, Module, RelocationSection};
use super::{arm, arm64, i386, loongarch, mips, powerpc, riscv, s390, x86_64};
use crate::terms::ElfMachine;

/// Mirrors `apply_relocate_add()` or `apply_relocate()` (arch/*/kernel/module.c), as `apply_relocations()`
/// (kernel/module/main.c) calls it for one section.
///
/// The caller has already skipped the sections that `apply_relocations()` skips: targets without `SHF_ALLOC` or beyond
/// the section headers, livepatch relocations, and the kind (`SHT_REL` or `SHT_RELA`) that the architecture does not
/// have. The module records what was written, so sections must be passed in the order of the file's section headers.
///
/// # Errors
///
/// The error that `facts` returns if the outcome depends on a fact that it does not know.
pub fn apply<E>(
    module: &mut Module<'_>,
    section: &RelocationSection<'_>,
    facts: &mut Facts<'_, E>,
) -> Result<Judgement, E> {
    match module.arch.machine {
        ElfMachine::X86_64 => x86_64::apply_relocate_add(module, section, facts),
        ElfMachine::I386 => i386::apply_relocate(module, section, facts),
        ElfMachine::Arm64 => arm64::apply_relocate_add(module, section, facts),
        ElfMachine::Arm => arm::apply_relocate(module, section, facts),
        ElfMachine::Riscv => riscv::apply_relocate_add(module, section, facts),
        ElfMachine::Ppc64 | ElfMachine::Ppc => powerpc::apply_relocate_add(module, section, facts),
        ElfMachine::S390 => Ok(s390::apply_relocate_add(module, section)),
        ElfMachine::Loongarch => loongarch::apply_relocate_add(module, section, facts),
        ElfMachine::Mips => Ok(mips::apply_relocate(module, section)),
        // `elf_validity()` asked for what is not modelled.
        _ => Ok(Judgement::Applied),
    }
}
