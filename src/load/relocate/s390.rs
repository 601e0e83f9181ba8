//! s390x: `SHT_RELA`; the loader itself builds a GOT and PLTs.

use super::module::{Judgement, Module, RelocationSection, Value};
use super::section::addend;
use super::span::{Fit, Span};
use crate::elf::Relocation;
use crate::terms::Errno::ENOEXEC;

/// What a type does.
enum Rule {
    /// Writes nothing.
    Nothing,
    /// S + A, which must be one of these values.
    Absolute(Span),
    /// S + A - P, which must be one of these values and a multiple of the number: 2 for types that count halfwords.
    Relative(Span, u64),
    /// Through the GOT or a PLT.
    Indirect,
    /// Rejected without a message.
    Silent,
    /// Not known to the kernel.
    Unknown,
}

/// The types of `apply_rela()` and how many bytes they write, by the numbers of the s390x ELF ABI supplement.
const fn rule(kind: u32) -> (Rule, u32) {
    match kind {
        0 => (Rule::Nothing, 0),
        1 => (Rule::Absolute(Span::unsigned(8)), 1),
        2 => (Rule::Absolute(Span::unsigned(12)), 2),
        3 => (Rule::Absolute(Span::unsigned(16)), 2),
        4 => (Rule::Absolute(Span::unsigned(32)), 4),
        57 => (Rule::Absolute(Span::signed(20)), 4),
        22 => (Rule::Absolute(Span::unsigned(64)), 8),
        5 => (Rule::Relative(Span::signed(32), 1), 4),
        16 => (Rule::Relative(Span::signed(16), 1), 2),
        17 => (Rule::Relative(Span::signed(17), 2), 2),
        19 => (Rule::Relative(Span::signed(33), 2), 4),
        23 => (Rule::Relative(Span::signed(64), 1), 8),
        9..=12 => (Rule::Silent, 0),
        6 | 15 | 18 | 27 | 29 | 30 | 34 => (Rule::Indirect, 2),
        7 | 8 | 13 | 14 | 20 | 21 | 26 | 31 | 33 | 35 | 58 | 59 => (Rule::Indirect, 4),
        24 | 25 | 28 | 32 | 36 => (Rule::Indirect, 8),
        _ => (Rule::Unknown, 0),
    }
}

/// Mirrors `apply_relocate_add()` and `apply_rela()` (arch/s390/kernel/module.c).
pub(super) fn apply_relocate_add(module: &Module<'_>, section: &RelocationSection<'_>) -> Judgement {
    for entry in section.entries {
        let Some(symbol) = module.symbol(entry) else { return module.beyond_symbols(entry) };
        let (rule, width) = rule(entry.kind);
        match rule {
            Rule::Nothing => continue,
            Rule::Unknown => {
                let line = format!("module {}: unknown relocation: {}", module.name, entry.kind);
                return Judgement::error(ENOEXEC, line, section.unknown_type(module, entry.kind));
            }
            Rule::Silent => {
                let cause = section.unknown_type(module, entry.kind);
                return Judgement::Refused { errno: ENOEXEC, lines: vec![], cause };
            }
            Rule::Absolute(_) | Rule::Relative(..) | Rule::Indirect => {}
        }
        let value = module.value(symbol.value, addend(entry));
        let (span, allowed, unit) = match rule {
            Rule::Absolute(allowed) => (value.span, allowed, 1),
            Rule::Relative(allowed, unit) => (module.distance(value, section.target, entry.offset), allowed, unit),
            _ => {
                let (span, allowed) = indirect(module, entry, value);
                (span, allowed, 1)
            }
        };
        let fit = match span.fit(allowed) {
            Fit::Always if span.only().is_some_and(|number| number % unit != 0) => Fit::Never,
            fit => fit,
        };
        match fit {
            Fit::Never => {
                let number = match rule {
                    Rule::Relative(..) => value.nominal.wrapping_sub(module.address(section.target, entry.offset)),
                    // Places in the GOT and the PLT are not known.
                    Rule::Indirect => addend(entry),
                    _ => value.nominal,
                };
                return refused(module, section, entry, number);
            }
            // Type 19 reaches four gigabytes in both directions, type 5 two, and all memory of modules lies within two.
            Fit::Sometimes if matches!(entry.kind, 5 | 19) && module.is_own(value) => {}
            Fit::Sometimes => return Judgement::addresses(),
            Fit::Always => {}
        }
        if let Some(judgement) = module.outside(section.target, entry.offset, width) {
            return judgement;
        }
    }
    Judgement::Applied
}

/// What is written for an entry that goes through the GOT or a PLT, and what fits there. Of both only the size is known, and that the
/// loader places them in the memory of the module's code.
fn indirect(module: &Module<'_>, entry: &Relocation, value: Value) -> (Span, Span) {
    /// The bytes of a symbol in both.
    const ENTRY: u64 = 64;
    /// All memory of modules lies within two gigabytes.
    const AREA: u64 = 1 << 31;
    let addend = addend(entry);
    let inside = Span::between(0, ENTRY.saturating_mul(module.symbols() as u64)).plus(addend);
    let between = Span::around_zero(AREA).plus(addend);
    let is_odd = (addend ^ entry.offset) & 1 != 0;
    match entry.kind {
        6 | 29 => (inside, Span::unsigned(12)),
        15 | 30 | 34 => (inside, Span::unsigned(16)),
        7 | 31 | 35 => (inside, Span::unsigned(32)),
        14 => (between, Span::signed(32)),
        // These count halfwords. The GOT, the PLTs and sections begin at even addresses.
        18 | 20 | 21 | 26 | 33 if is_odd => (Span::exact(1), Span::exact(0)),
        21 | 26 | 33 => (between, Span::signed(33)),
        // The distance to the PLT, which may lie before or behind.
        8 => (between, Span::unsigned(32)),
        // The distance from the GOT to the symbol. The kernel is not next to its modules.
        27 if Module::is_exported(value) => (Span::exact(1), Span::exact(0)),
        27 => (between, Span::unsigned(16)),
        _ => (Span::exact(0), Span::exact(0)),
    }
}

/// The rejection of an entry whose value does not fit.
fn refused(module: &Module<'_>, section: &RelocationSection<'_>, entry: &Relocation, value: u64) -> Judgement {
    let symbol = module.symbol(entry).map_or("", |symbol| symbol.name);
    let line = format!(
        "module {}: relocation error for symbol {symbol} (r_type {}, value 0x{value:x})",
        module.name, entry.kind
    );
    Judgement::error(ENOEXEC, line, section.overflow(module, entry))
}
