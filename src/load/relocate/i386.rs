//! i386: `SHT_REL`; no type can overflow.

use super::module::{Facts, Judgement, Module, RelocationSection};
use crate::history::Behaviour;
use crate::terms::Errno::ENOEXEC;

const R_386_32: u32 = 1;
const R_386_PC32: u32 = 2;
const R_386_PLT32: u32 = 4;

/// Mirrors `apply_relocate()` (arch/x86/kernel/module.c).
pub(super) fn apply_relocate<E>(
    module: &Module<'_>,
    section: &RelocationSection<'_>,
    facts: &mut Facts<'_, E>,
) -> Result<Judgement, E> {
    for entry in section.entries {
        let known = match entry.kind {
            R_386_32 | R_386_PC32 => true,
            R_386_PLT32 => (facts.has)(Behaviour::X86I386Plt32)?,
            _ => false,
        };
        if !known && module.symbol(entry).is_none() {
            return Ok(Judgement::symbol_memory());
        }
        if !known {
            let line = format!("module: {}: Unknown relocation: {}", module.name, entry.kind);
            return Ok(Judgement::error(ENOEXEC, line, section.unknown_type(module, entry.kind)));
        }
        if module.symbol(entry).is_none() {
            return Ok(module.beyond_symbols(entry));
        }
        if let Some(judgement) = module.outside(section.target, entry.offset, 4) {
            return Ok(judgement);
        }
    }
    Ok(Judgement::Applied)
}
