//! One relocation section: its causes and addends.

use super::module::{Judgement, Module, RelocationSection, Symbol};
use crate::elf::Relocation;
use crate::terms::Errno;
use crate::verdict::{Cause, LogLevel};

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
