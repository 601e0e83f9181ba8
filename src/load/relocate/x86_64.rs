//! x86-64: `SHT_RELA`; the bytes to be relocated must be zero.

use super::module::{Facts, Judgement, Module, RelocationSection, Value};
use super::section::addend;
use super::span::{Fit, Span};
use super::writes::Bytes;
use crate::elf::Relocation;
use crate::history::Behaviour;
use crate::terms::Errno::ENOEXEC;
use crate::verdict::LogLevel;

const R_X86_64_NONE: u32 = 0;
const R_X86_64_64: u32 = 1;
pub(super) const R_X86_64_PC32: u32 = 2;
/// Calls, since binutils 2.31.
pub(in crate::load) const R_X86_64_PLT32: u32 = 4;
pub(super) const R_X86_64_32: u32 = 10;
pub(super) const R_X86_64_32S: u32 = 11;
const R_X86_64_PC64: u32 = 24;

/// The bytes at the place of an entry.
enum Target {
    /// They lie inside the section.
    Is(Bytes),
    /// They lie outside the section, with this outcome.
    Outside(Judgement),
}

/// Mirrors `apply_relocate_add()`, since 6.3 `__write_relocate_add()` (arch/x86/kernel/module.c).
pub(super) fn apply_relocate_add<E>(
    module: &mut Module<'_>,
    section: &RelocationSection<'_>,
    facts: &mut Facts<'_, E>,
) -> Result<Judgement, E> {
    for (number, entry) in section.entries.iter().enumerate() {
        let width = match entry.kind {
            R_X86_64_NONE if module.symbol(entry).is_some() => continue,
            // The kernel does not use the symbol of this type: whether it reads the symbol depends on the compiler.
            R_X86_64_NONE => return Ok(Judgement::symbol_memory()),
            R_X86_64_64 => 8,
            R_X86_64_PC32 | R_X86_64_32 | R_X86_64_32S => 4,
            R_X86_64_PLT32 if (facts.has)(Behaviour::X86Plt32)? => 4,
            R_X86_64_PC64 if (facts.has)(Behaviour::X86Pc64)? => 8,
            kind => {
                if module.symbol(entry).is_none() {
                    return Ok(Judgement::symbol_memory());
                }
                let line = format!("module: {}: Unknown rela relocation: {kind}", module.name);
                return Ok(Judgement::error(ENOEXEC, line, section.unknown_type(module, kind)));
            }
        };
        let Some(symbol) = module.symbol(entry) else { return Ok(module.beyond_symbols(entry)) };
        let value = module.value(symbol.value, addend(entry));
        let relative = matches!(entry.kind, R_X86_64_PC32 | R_X86_64_PLT32 | R_X86_64_PC64);
        // The kernel truncates a place-relative value without a range check.
        let fit = match entry.kind {
            R_X86_64_32 => value.span.fit(Span::unsigned(32)),
            R_X86_64_32S => value.span.fit(Span::signed(32)),
            _ => Fit::Always,
        };
        let outside = module.outside(section.target, entry.offset, width);
        let Some((writes, contents)) = module.writes(section.target) else { continue };
        let target = match outside {
            Some(judgement) => Target::Outside(judgement),
            None => Target::Is(writes.bytes(contents, entry.offset, width)),
        };
        if fit == Fit::Always && matches!(target, Target::Is(Bytes::Zero)) {
            let (written, nonzero) = if relative {
                (module.distance(value, section.target, entry.offset), module.is_elsewhere(value, section.target))
            } else {
                (value.span, false)
            };
            if let Some((writes, _)) = module.writes(section.target) {
                writes.write(entry.offset, width, written, nonzero);
            }
            continue;
        }
        return refuse(module, section, number, entry, value, fit, target, facts);
    }
    Ok(Judgement::Applied)
}

/// The outcome of an entry that is not certain to succeed: since 6.4 the kernel checks the range first, before that the
/// target.
#[allow(clippy::too_many_arguments, reason = "all that is known about one entry")]
fn refuse<E>(
    module: &Module<'_>,
    section: &RelocationSection<'_>,
    number: usize,
    entry: &Relocation,
    value: Value,
    fit: Fit,
    target: Target,
    facts: &mut Facts<'_, E>,
) -> Result<Judgement, E> {
    let range_first = match (fit, &target) {
        // Both orders lead to one outcome.
        (Fit::Never, Target::Is(Bytes::Zero)) => true,
        (Fit::Always, Target::Outside(_) | Target::Is(Bytes::Zero | Bytes::Unsure)) => false,
        (Fit::Sometimes, Target::Is(Bytes::Zero | Bytes::Unsure)) => false,
        _ => (facts.has)(Behaviour::X86RangeFirst)?,
    };
    match (fit, target) {
        (Fit::Never, _) if range_first => overflow(module, section, number, entry, value, facts),
        (Fit::Sometimes, _) if range_first => Ok(Judgement::addresses()),
        (_, Target::Outside(judgement)) => Ok(judgement),
        (_, Target::Is(Bytes::Nonzero)) => nonzero(module, section, number, entry, value, range_first, facts),
        (_, Target::Is(Bytes::Zero | Bytes::Unsure)) => Ok(Judgement::addresses()),
    }
}

/// The rejection of an entry whose value does not fit.
fn overflow<E>(
    module: &Module<'_>,
    section: &RelocationSection<'_>,
    number: usize,
    entry: &Relocation,
    value: Value,
    facts: &mut Facts<'_, E>,
) -> Result<Judgement, E> {
    let place = if (facts.has)(Behaviour::X86TargetNamesSection)? {
        format!(" sec {} idx {number}", section.index)
    } else {
        String::new()
    };
    let lines = [
        format!("module: overflow in relocation type {} val {:x}{place}", entry.kind, value.nominal),
        format!("module: `{}' likely not compiled with -mcmodel=kernel", module.name),
    ];
    Ok(Judgement::refused(ENOEXEC, LogLevel::Err, &lines, section.overflow(module, entry)))
}

/// The rejection of an entry whose target is not zero.
fn nonzero<E>(
    module: &Module<'_>,
    section: &RelocationSection<'_>,
    number: usize,
    entry: &Relocation,
    value: Value,
    range_first: bool,
    facts: &mut Facts<'_, E>,
) -> Result<Judgement, E> {
    let kind = entry.kind;
    let place = module.address(section.target, entry.offset);
    let relative = matches!(kind, R_X86_64_PC32 | R_X86_64_PLT32 | R_X86_64_PC64);
    let word = if range_first { "Invalid" } else { "Skipping invalid" };
    // Older kernels print the value before they subtract the place.
    let value = value.nominal.wrapping_sub(if relative && range_first { place } else { 0 });
    let tail = if range_first && (facts.has)(Behaviour::X86TargetNamesSection)? {
        format!("sec {}, idx {number}, type {kind}, loc {place:x}, val {value:x}", section.index)
    } else {
        format!("type {kind}, loc (____ptrval____), val {value:x}")
    };
    let line = format!("module: x86/modules: {word} relocation target, existing value is nonzero for {tail}");
    Ok(Judgement::error(ENOEXEC, line, section.nonzero_target(module, entry)))
}
