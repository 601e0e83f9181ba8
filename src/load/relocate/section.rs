//! One relocation section, handed to its architecture.

use super::module::{Facts, Judgement, Module, RelocationSection, Symbol};
use super::{arm, arm64, i386, loongarch, mips, powerpc, riscv, s390, x86_64};
use crate::elf::Relocation;
use crate::terms::{ElfMachine, Errno};
use crate::verdict::{Cause, LogLevel};

/// Mirrors `apply_relocate_add()` or `apply_relocate()` (arch/*/kernel/module.c), as `apply_relocations()`
/// (kernel/module/main.c) calls it for one section.
///
/// The caller has passed over what `apply_relocations()` does: targets without `SHF_ALLOC` or beyond the section headers,
/// livepatch relocations, and the kind (`SHT_REL` or `SHT_RELA`) that the architecture has not. The module remembers what
/// was written: sections must be given in their order.
///
/// # Errors
///
/// Whatever `facts` answers when the outcome depends on something it does not know.
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
    }
}

impl RelocationSection<'_> {
    /// A value does not fit.
    pub(super) fn overflow(&self, module: &Module<'_>, entry: &Relocation) -> Cause {
        let symbol = module.symbol(entry).map_or_else(std::sync::Arc::default, |symbol| symbol.name.into());
        Cause::RelocationOverflow { section: module.section_name(self.target), kind: entry.kind, symbol }
    }

    /// The architecture has no such type.
    pub(super) fn unknown(&self, module: &Module<'_>, kind: u32) -> Cause {
        Cause::UnknownRelocation { section: module.section_name(self.target), kind }
    }

    /// The bytes are not zero.
    pub(super) fn target(&self, module: &Module<'_>, entry: &Relocation) -> Cause {
        let section = module.section_name(self.target);
        Cause::RelocationTarget { section, kind: entry.kind, offset: entry.offset }
    }

    /// The symbol's value is an error number, which riscv, LoongArch and mips take for a symbol that was not found.
    pub(super) fn error_value(&self, module: &Module<'_>, symbol: Symbol<'_>, prefix: &str) -> Judgement {
        let line = format!("{prefix}{}: Unknown symbol {}", module.name, symbol.name);
        let cause = self.bad(module, format!("the value of {} is an error number", symbol.name));
        Judgement::refused(Errno::ENOENT, LogLevel::Warn, &[line], cause)
    }

    /// Something else.
    pub(super) fn bad(&self, module: &Module<'_>, what: impl Into<String>) -> Cause {
        Cause::BadRelocation { section: module.section_name(self.target), what: what.into() }
    }
}

/// The addend of an entry, as the bits that are added.
pub(super) const fn addend(entry: &Relocation) -> u64 {
    match entry.addend {
        Some(addend) => addend.cast_unsigned(),
        None => 0,
    }
}
