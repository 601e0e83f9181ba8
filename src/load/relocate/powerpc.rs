//! powerpc, 64 and 32 bits: `SHT_RELA`; calls out of the module use stubs.

use super::module::{Facts, Judgement, Module, RelocationSection};
use super::section::addend;
use super::span::{Fit, Span};
use crate::kernel::ConfigOption;
use crate::terms::{Class, Errno::ENOEXEC};

const PCREL: ConfigOption = ConfigOption("PPC_KERNEL_PCREL");

const R_PPC_REL24: u32 = 10;
const R_PPC_REL32: u32 = 26;
const R_PPC64_REL24_NOTOC: u32 = 116;
const R_PPC64_TOCSAVE: u32 = 109;

/// How many bytes a type writes; `None` if the kernel does not know it.
fn width<E>(class: Class, kind: u32, facts: &mut Facts<'_, E>) -> Result<Option<u32>, E> {
    Ok(match (class, kind) {
        // ADDR32, ADDR16_LO, ADDR16_HI, ADDR16_HA, REL24, REL32.
        (Class::Elf32, 1 | 4..=6 | R_PPC_REL24 | R_PPC_REL32) => Some(4),
        // ADDR32, REL24, REL32.
        (Class::Elf64, 1 | R_PPC_REL24 | R_PPC_REL32) => Some(4),
        // ADDR64, REL64, ENTRY.
        (Class::Elf64, 38 | 44 | 118) => Some(8),
        // REL16_LO, REL16_HA.
        (Class::Elf64, 250 | 252) => Some(2),
        (Class::Elf64, R_PPC64_TOCSAVE) => Some(0),
        // TOC; TOC16, TOC16_LO, TOC16_HA, TOC16_DS, TOC16_LO_DS.
        (Class::Elf64, 51) if !(facts.config)(PCREL)? => Some(8),
        (Class::Elf64, 47 | 48 | 50 | 63 | 64) if !(facts.config)(PCREL)? => Some(2),
        // REL24_NOTOC, PCREL34, GOT_PCREL34.
        (Class::Elf64, R_PPC64_REL24_NOTOC) if (facts.config)(PCREL)? => Some(4),
        (Class::Elf64, 132 | 133) if (facts.config)(PCREL)? => Some(8),
        _ => None,
    })
}

/// Mirrors `apply_relocate_add()` (arch/powerpc/kernel/module_64.c and module_32.c).
pub(super) fn apply_relocate_add<E>(
    module: &Module<'_>,
    section: &RelocationSection<'_>,
    facts: &mut Facts<'_, E>,
) -> Result<Judgement, E> {
    let class = module.arch.class;
    for entry in section.entries {
        let Some(symbol) = module.symbol(entry) else {
            // A 32-bit kernel does not use the symbol of an unknown type: whether it reads the symbol depends on the
            // compiler.
            return Ok(match width(class, entry.kind, facts)? {
                Some(1..) => module.beyond_symbols(entry),
                _ => Judgement::symbol_memory(),
            });
        };
        let Some(width) = width(class, entry.kind, facts)? else {
            let line = match class {
                Class::Elf64 => format!("module_64: {}: Unknown ADD relocation: {}", module.name, entry.kind),
                Class::Elf32 => format!("module_32: {}: unknown ADD relocation: {}", module.name, entry.kind),
            };
            return Ok(Judgement::error(ENOEXEC, line, section.unknown_type(module, entry.kind)));
        };
        if let Some(judgement) = module.outside(section.target, entry.offset, width) {
            return Ok(judgement);
        }
        if class == Class::Elf32 {
            continue;
        }
        let value = module.value(symbol.value, addend(entry));
        let distance = module.distance(value, section.target, entry.offset);
        match entry.kind {
            // Calls out of the module use stubs.
            R_PPC_REL24 | R_PPC64_REL24_NOTOC if symbol.undefined => {}
            R_PPC_REL24 | R_PPC64_REL24_NOTOC => {
                let fit = distance.fit(Span::signed(26));
                if fit == Fit::Never || distance.only().is_some_and(|number| number & 3 != 0) {
                    let number = distance.only().unwrap_or(0).cast_signed();
                    let line = format!("module_64: {}: REL24 {number} out of range!", module.name);
                    let known = distance.only().is_some();
                    let refused = Judgement::error(ENOEXEC, line, section.overflow(module, entry));
                    return Ok(if known { refused } else { Judgement::addresses() });
                }
                if fit == Fit::Sometimes && !module.is_own(value) {
                    return Ok(Judgement::addresses());
                }
            }
            R_PPC_REL32 | 132 if !module.is_own(value) && distance.fit(Span::signed(32)) != Fit::Always => {
                return Ok(Judgement::addresses());
            }
            // TOC16 and TOC16_DS reach 32 KiB around the TOC; modules are normally built without them.
            47 | 63 => return Ok(Judgement::addresses()),
            _ => {}
        }
    }
    Ok(Judgement::Applied)
}
