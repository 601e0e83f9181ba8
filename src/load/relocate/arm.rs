//! 32-bit arm: `SHT_REL`, with the addend in the instruction. No other architecture checks symbol indices and places.

use super::module::{Facts, Judgement, Module, RelocationSection, SymbolValue};
use crate::elf::Relocation;
use crate::history::Behaviour;
use crate::kernel::ConfigOption;
use crate::terms::Errno::ENOEXEC;

const R_ARM_NONE: u32 = 0;
const R_ARM_PC24: u32 = 1;
const R_ARM_CALL: u32 = 28;
const R_ARM_JUMP24: u32 = 29;

/// Returns whether the kernel applies a type.
fn is_known<E>(kind: u32, facts: &mut Facts<'_, E>) -> Result<bool, E> {
    match kind {
        // NONE, PC24, ABS32, CALL, JUMP24, TARGET1, V4BX, PREL31, MOVW_ABS_NC, MOVT_ABS.
        R_ARM_NONE | R_ARM_PC24 | 2 | R_ARM_CALL | R_ARM_JUMP24 | 38 | 40 | 42..=44 => Ok(true),
        // REL32, MOVW_PREL_NC, MOVT_PREL.
        3 | 45 | 46 => (facts.has)(Behaviour::ArmPlaceRelative),
        // ALU_PC_G0_NC, ALU_PC_G1_NC, LDR_PC_G2.
        57 | 59 | 63 => (facts.config)(ConfigOption("ARM_HAS_GROUP_RELOCS")),
        // THM_CALL, THM_JUMP24, THM_MOVW_ABS_NC, THM_MOVT_ABS.
        10 | 30 | 47 | 48 => (facts.config)(ConfigOption("THUMB2_KERNEL")),
        // THM_MOVW_PREL_NC, THM_MOVT_PREL.
        49 | 50 => Ok((facts.config)(ConfigOption("THUMB2_KERNEL"))? && (facts.has)(Behaviour::ArmPlaceRelative)?),
        _ => Ok(false),
    }
}

/// Mirrors `apply_relocate()` (arch/arm/kernel/module.c).
pub(super) fn apply_relocate<E>(
    module: &Module<'_>,
    section: &RelocationSection<'_>,
    facts: &mut Facts<'_, E>,
) -> Result<Judgement, E> {
    let size = module.sections.get(section.target).map_or(0, |target| target.size);
    for (number, entry) in section.entries.iter().enumerate() {
        let Some(symbol) = module.symbol(entry) else {
            // The kernel's check is off by one: it accepts the index right after the last.
            if u64::from(entry.symbol) == module.symbols.len() as u64 {
                return Ok(Judgement::symbol_memory());
            }
            let line = format!("{}: bad relocation sym offset", place(module, section, number));
            return Ok(Judgement::error(ENOEXEC, line, section.bad_relocation(module, "symbol index out of range")));
        };
        // `size - 4` wraps for a section shorter than four bytes, and then the kernel accepts every place.
        if entry.offset > (size.wrapping_sub(4) & 0xffff_ffff) {
            let line = format!(
                "{} sym '{}': out of bounds relocation, offset {} size {size}",
                place(module, section, number),
                symbol.name,
                entry.offset
            );
            return Ok(Judgement::error(ENOEXEC, line, section.bad_relocation(module, "place outside its section")));
        }
        if !is_known(entry.kind, facts)? {
            let line = format!("{}: unknown relocation: {}", module.name, entry.kind);
            return Ok(Judgement::error(ENOEXEC, line, section.unknown_type(module, entry.kind)));
        }
        if entry.kind == R_ARM_NONE {
            continue;
        }
        if let Some(judgement) = module.outside(section.target, entry.offset, 4) {
            return Ok(judgement);
        }
        let call = matches!(entry.kind, R_ARM_PC24 | R_ARM_CALL | R_ARM_JUMP24);
        if call && is_thumb(module, entry) {
            let line = format!(
                "{} sym '{}': unsupported interworking call (ARM -> Thumb)",
                place(module, section, number),
                symbol.name
            );
            return Ok(Judgement::error(ENOEXEC, line, section.bad_relocation(module, "call from ARM to Thumb code")));
        }
        // Modules are in range of the kernel or have PLTs; only an absolute value may be out of range.
        if call && matches!(symbol.value, SymbolValue::Absolute(_)) {
            return Ok(Judgement::addresses());
        }
    }
    Ok(Judgement::Applied)
}

/// The place of an entry, as the kernel's messages begin.
fn place(module: &Module<'_>, section: &RelocationSection<'_>, number: usize) -> String {
    format!("{}: section {} reloc {number}", module.name, section.index)
}

/// Returns whether one of the two low bits of the symbol's address is set. This is not known for a symbol in a section
/// that is not aligned to words; the answer is then `false`.
fn is_thumb(module: &Module<'_>, entry: &Relocation) -> bool {
    match module.symbol(entry).map(|symbol| symbol.value) {
        Some(SymbolValue::Absolute(number)) => number & 3 != 0,
        Some(SymbolValue::InModule { section, offset }) => {
            module.sections.get(section).is_some_and(|section| section.align >= 4) && offset & 3 != 0
        }
        _ => false,
    }
}
