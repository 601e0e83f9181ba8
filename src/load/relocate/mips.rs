//! mips, 32 and 64 bits: `SHT_REL` or `SHT_RELA`.

use super::module::{Judgement, Module, RelocationSection};
use super::section::addend;
use super::span::{Fit, Span};
use crate::terms::Errno::{EINVAL, ENOEXEC};
use crate::terms::{Class, Endian};

const R_MIPS_NONE: u32 = 0;
const R_MIPS_26: u32 = 4;

/// Mirrors `__apply_relocate()` (arch/mips/kernel/module.c).
pub(super) fn apply_relocate(module: &Module<'_>, section: &RelocationSection<'_>) -> Judgement {
    for entry in section.entries {
        let Some(symbol) = module.symbol(entry) else { return module.beyond_symbols(entry) };
        if module.is_error_value(symbol) {
            if symbol.weak {
                continue;
            }
            return section.error_value(module, symbol, "");
        }
        // 64-bit files pack up to three types into one entry; the loader uses the first.
        let kind = match (module.arch.class, module.arch.endian) {
            (Class::Elf64, Endian::Little | Endian::Big) => entry.kind & 0xff,
            (Class::Elf32, _) => entry.kind,
        };
        let width = match kind {
            R_MIPS_NONE if section.rela => continue,
            // For SHT_REL the loader reads the addend from the place, for every type.
            R_MIPS_NONE | 2 | R_MIPS_26 | 5 | 6 | 10 | 60 | 61 => 4,
            18 if section.rela => 8,
            28 | 29 if section.rela => 4,
            // In a REL section the kernel only warns about these, and returns the error.
            18 | 28 | 29 => {
                return Judgement::Refused { errno: EINVAL, lines: vec![], cause: section.unknown_type(module, kind) };
            }
            _ => {
                let line = format!("{}: Unknown relocation type {kind}", module.name);
                return Judgement::error(EINVAL, line, section.unknown_type(module, kind));
            }
        };
        if let Some(judgement) = module.outside(section.target, entry.offset, width) {
            return judgement;
        }
        let value = module.value(symbol.value, addend(entry));
        let bits = match kind {
            10 => 16,
            60 => 21,
            R_MIPS_26 | 61 => 26,
            _ => continue,
        };
        if value.span.only().is_some_and(|number| number % 4 != 0) {
            let name = if kind == R_MIPS_26 { "R_MIPS_26".to_owned() } else { format!("R_MIPS_PC{bits}") };
            let line = format!("module {}: dangerous {name} relocation", module.name);
            return Judgement::error(
                ENOEXEC,
                line,
                section.bad_relocation(module, format!("{name} to an address not of a word")),
            );
        }
        // A jump stays within its 256 MiB region, which holds the whole module; modules call the kernel through
        // registers.
        if kind == R_MIPS_26 && module.is_own(value) {
            continue;
        }
        let distance = module.distance(value, section.target, entry.offset);
        if kind == R_MIPS_26 || !section.rela || distance.fit(Span::signed(bits + 2)) != Fit::Always {
            return Judgement::addresses();
        }
    }
    Judgement::Applied
}
