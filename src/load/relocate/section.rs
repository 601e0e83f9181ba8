//! What all architectures need of a relocation section: the causes of a refusal, and an entry's addend.

use super::module::{Judgement, Module, RelocationSection, Symbol};
use crate::elf::{Relocation, relocation_name};
use crate::terms::Errno;
use crate::verdict::{Cause, LogLevel};

impl RelocationSection<'_> {
    /// The cause when the value of an entry does not fit its field.
    pub(super) fn overflow(&self, module: &Module<'_>, entry: &Relocation) -> Cause {
        let symbol = module.symbol(entry).map_or_else(std::sync::Arc::default, |symbol| symbol.name.into());
        Cause::RelocationOverflow { section: module.section_name(self.target), kind: entry.kind, symbol }
    }

    /// The cause when the architecture does not know a relocation type.
    pub(super) fn unknown_type(&self, module: &Module<'_>, kind: u32) -> Cause {
        let name = relocation_name(module.arch.machine, kind);
        Cause::UnknownRelocation { section: module.section_name(self.target), kind, name }
    }

    /// The cause when the bytes to be relocated must be zero and are not.
    pub(super) fn nonzero_target(&self, module: &Module<'_>, entry: &Relocation) -> Cause {
        let section = module.section_name(self.target);
        Cause::RelocationTarget { section, kind: entry.kind, offset: entry.offset }
    }

    /// The refusal when a symbol's value is an error number, which riscv, LoongArch and mips treat as a symbol that was
    /// not found. `prefix` is what the architecture's messages begin with.
    pub(super) fn error_value(&self, module: &Module<'_>, symbol: Symbol<'_>, prefix: &str) -> Judgement {
        let line = format!("{prefix}{}: Unknown symbol {}", module.name, symbol.name);
        let cause = self.bad_relocation(module, format!("the value of {} is an error number", symbol.name));
        Judgement::refused(Errno::ENOENT, LogLevel::Warn, &[line], cause)
    }

    /// The cause for any other defect, described by `what`.
    pub(super) fn bad_relocation(&self, module: &Module<'_>, what: impl Into<String>) -> Cause {
        Cause::BadRelocation { section: module.section_name(self.target), what: what.into() }
    }
}

/// The addend of an entry as the bits that are added; 0 if the entry has none.
pub(super) const fn addend(entry: &Relocation) -> u64 {
    match entry.addend {
        Some(addend) => addend.cast_unsigned(),
        None => 0,
    }
}
