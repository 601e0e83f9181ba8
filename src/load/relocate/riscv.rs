//! riscv, 64 and 32 bits: `SHT_RELA`, with a GOT and PLTs.

use std::collections::HashSet;

use super::module::{Facts, Judgement, Module, RelocationSection, Symbol, SymbolValue};
use super::section::addend;
use super::span::{Fit, Span};
use crate::elf::Relocation;
use crate::history::Behaviour;
use crate::kernel::ConfigOption;
use crate::terms::Class;
use crate::terms::Errno::EINVAL;

const R_RISCV_32: u32 = 1;
const R_RISCV_CALL: u32 = 18;
const R_RISCV_GOT_HI20: u32 = 20;
const R_RISCV_PCREL_HI20: u32 = 23;
const R_RISCV_PCREL_LO12_I: u32 = 24;
const R_RISCV_PCREL_LO12_S: u32 = 25;
const R_RISCV_HI20: u32 = 26;
const R_RISCV_ALIGN: u32 = 43;

/// What a type does.
enum Rule {
    /// Writes this many bytes.
    Applied(u32),
    /// Rejected with a message that prints this text before the place.
    Refused(&'static str),
    /// Not in the kernel's table.
    Unknown,
}

/// The types of `reloc_handlers_rela[]`, since 6.7 `reloc_handlers[]`: numbers of the RISC-V ELF psABI.
fn rule<E>(kind: u32, facts: &mut Facts<'_, E>) -> Result<Rule, E> {
    Ok(match kind {
        R_RISCV_32 | 16 | 17 | R_RISCV_GOT_HI20 | R_RISCV_PCREL_HI20..=28 | 35 | 39 => Rule::Applied(4),
        R_RISCV_CALL | 19 => Rule::Applied(8),
        2 | 36 | 40 => Rule::Applied(8),
        44 | 45 => Rule::Applied(2),
        51 => Rule::Applied(0),
        R_RISCV_ALIGN => Rule::Refused("The unexpected relocation type 'R_RISCV_ALIGN' from PC"),
        34 | 38 if (facts.has)(Behaviour::RiscvAdd16)? => Rule::Applied(2),
        3..=11 | 21 | 22 | 29..=33 | 37 | 52..=61 if !(facts.has)(Behaviour::RiscvAllRelocations)? => Rule::Unknown,
        3..=5 | 6..=11 | 58 => Rule::Refused("Dynamic linking not supported in kernel modules PC"),
        21 | 22 | 29..=32 => Rule::Refused("Thread local storage not supported in kernel modules PC"),
        // ADD8, SUB8, SUB6, SET6, SET8.
        33 | 37 | 52..=54 => Rule::Applied(1),
        55 => Rule::Applied(2),
        56 | 57 | 59 => Rule::Applied(4),
        // SET_ULEB128 and SUB_ULEB128 write as many bytes as their value needs, at least one.
        60 | 61 => Rule::Applied(1),
        _ => Rule::Unknown,
    })
}

/// Mirrors `apply_relocate_add()` (arch/riscv/kernel/module.c).
pub(super) fn apply_relocate_add<E>(
    module: &Module<'_>,
    section: &RelocationSection<'_>,
    facts: &mut Facts<'_, E>,
) -> Result<Judgement, E> {
    let mut high = None;
    for entry in section.entries {
        let Some(symbol) = module.symbol(entry) else { return Ok(module.beyond_symbols(entry)) };
        let name = module.name;
        if module.is_error_value(symbol) {
            if symbol.weak {
                continue;
            }
            return Ok(section.error_value(module, symbol, ""));
        }
        let width = match rule(entry.kind, facts)? {
            Rule::Applied(width) => width,
            Rule::Refused(text) => {
                let line = format!("{name}: {text} = (____ptrval____)");
                return Ok(Judgement::error(EINVAL, line, section.unknown_type(module, entry.kind)));
            }
            Rule::Unknown => {
                let line = format!("{name}: Unknown relocation type {}", entry.kind);
                return Ok(Judgement::error(EINVAL, line, section.unknown_type(module, entry.kind)));
            }
        };
        if matches!(entry.kind, R_RISCV_PCREL_LO12_I | R_RISCV_PCREL_LO12_S) {
            let high = high.get_or_insert_with(|| high_halves(section));
            if !has_high_half(section, symbol, high) {
                let line = format!("{name}: Can not find HI20 relocation information");
                let cause = section.bad_relocation(module, "the low half of an address without its high half");
                return Ok(Judgement::error(EINVAL, line, cause));
            }
        }
        if entry.kind == R_RISCV_GOT_HI20 && !(facts.config)(ConfigOption("MODULE_SECTIONS"))? {
            let value = module.value(symbol.value, addend(entry)).nominal;
            let line =
                format!("{name}: can not generate the GOT entry for symbol = {value:016x} from PC = (____ptrval____)");
            let cause = section.bad_relocation(module, "the kernel keeps no table of addresses (GOT) for modules");
            return Ok(Judgement::error(EINVAL, line, cause));
        }
        if let Some(judgement) = range(module, section, entry, symbol, facts)? {
            return Ok(judgement);
        }
        if let Some(judgement) = module.outside(section.target, entry.offset, width) {
            return Ok(judgement);
        }
    }
    Ok(Judgement::Applied)
}

/// The outcome of the range check; `None` if the value fits or is not checked.
fn range<E>(
    module: &Module<'_>,
    section: &RelocationSection<'_>,
    entry: &Relocation,
    symbol: Symbol<'_>,
    facts: &mut Facts<'_, E>,
) -> Result<Option<Judgement>, E> {
    const FIELD: (&str, &str) = ("value", "out of range for 32-bit field");
    const REACH: (&str, &str) = ("target", "can not be addressed by the 32-bit offset from PC = (____ptrval____)");
    let name = module.name;
    let value = module.value(symbol.value, addend(entry));
    let (fit, (what, tail)) = match entry.kind {
        _ if module.arch.class == Class::Elf32 && entry.kind != R_RISCV_HI20 => return Ok(None),
        R_RISCV_32 => (value.span.fit(Span::unsigned(32)), FIELD),
        R_RISCV_PCREL_HI20 | R_RISCV_CALL => {
            // The upper half is rounded because the lower half is signed: the range is shifted down by 2 KiB.
            let reach = Span::between((0x8000_0800_u64).wrapping_neg(), 0x7fff_f7ff);
            let distance = module.distance(value, section.target, entry.offset);
            let close = Module::is_exported(value) || module.is_own(value);
            (if close && distance.only().is_none() { Fit::Always } else { distance.fit(reach) }, REACH)
        }
        R_RISCV_HI20 if (facts.config)(ConfigOption("CMODEL_MEDLOW"))? => (Fit::Never, REACH),
        _ => return Ok(None),
    };
    let number = value.nominal;
    Ok(match fit {
        Fit::Always => None,
        Fit::Sometimes => Some(Judgement::addresses()),
        Fit::Never => {
            let line = format!("{name}: {what} {number:016x} {tail}");
            Some(Judgement::error(EINVAL, line, section.overflow(module, entry)))
        }
    })
}

/// The places of all entries that write the upper half of an address.
fn high_halves(section: &RelocationSection<'_>) -> HashSet<u64> {
    let entries = section.entries.iter();
    entries
        .filter(|entry| matches!(entry.kind, R_RISCV_PCREL_HI20 | R_RISCV_GOT_HI20))
        .map(|entry| entry.offset)
        .collect()
}

/// Returns whether the label that a lower half refers to is the place of an upper half.
fn has_high_half(section: &RelocationSection<'_>, label: Symbol<'_>, high: &HashSet<u64>) -> bool {
    let SymbolValue::InModule { section: index, offset } = label.value else { return false };
    index == section.target && high.contains(&offset)
}
