//! arm64: `SHT_RELA`; nearly every type has a range check, and calls that are out of range use PLTs.

use super::module::{Facts, Judgement, Module, RelocationSection, Value};
use super::section::addend;
use super::span::{Fit, Span};
use crate::elf::Relocation;
use crate::history::Behaviour;
use crate::terms::Errno::ENOEXEC;

const R_ARM_NONE: u32 = 0;
const R_AARCH64_NONE: u32 = 256;
const R_AARCH64_ADR_PREL_PG_HI21: u32 = 275;

/// How a type computes its value from S + A (`enum aarch64_reloc_op`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Abs,
    Prel,
    Page,
}

/// What a type does.
#[derive(Clone, Copy, Debug)]
struct Rule {
    op: Op,
    /// How many bytes the type writes.
    width: u32,
    /// The values that fit; `None` if every value does.
    allowed: Option<Span>,
    /// Whether it is `JUMP26` or `CALL26`, which use a PLT if the target is out of range.
    branch: bool,
}

impl Rule {
    const fn new(op: Op, width: u32) -> Self {
        Self { op, width, allowed: None, branch: false }
    }

    const fn within(self, allowed: Span) -> Self {
        Self { allowed: Some(allowed), ..self }
    }

    /// The types that `apply_relocate_add()` handles, by the relocation numbers of "ELF for the Arm 64-bit
    /// Architecture".
    const fn of(kind: u32) -> Option<Self> {
        use Op::{Abs, Page, Prel};
        Some(match kind {
            // ABS64, ABS32, ABS16, PREL64, PREL32, PREL16. Since 5.3 absolute values are unsigned and relative ones
            // signed.
            257 => Self::new(Abs, 8),
            258 => Self::new(Abs, 4).within(Span::unsigned(32)),
            259 => Self::new(Abs, 2).within(Span::unsigned(16)),
            260 => Self::new(Prel, 8),
            261 => Self::new(Prel, 4).within(Span::signed(32)),
            262 => Self::new(Prel, 2).within(Span::signed(16)),
            // MOVW_UABS_G0, G1, G2 (checked and unchecked), and G3: the shifted value must be a 16-bit number.
            263 => Self::new(Abs, 4).within(Span::unsigned(16)),
            265 => Self::new(Abs, 4).within(Span::unsigned(32)),
            267 => Self::new(Abs, 4).within(Span::unsigned(48)),
            264 | 266 | 268 | 269 => Self::new(Abs, 4),
            // MOVW_SABS_G0 to G2: a negative value turns MOVZ into MOVN, so the sign adds one bit to the 16.
            270 => Self::new(Abs, 4).within(Span::signed(17)),
            271 => Self::new(Abs, 4).within(Span::signed(33)),
            272 => Self::new(Abs, 4).within(Span::signed(49)),
            // LD_PREL_LO19, ADR_PREL_LO21, ADR_PREL_PG_HI21 and the unchecked ADR_PREL_PG_HI21_NC.
            273 => Self::new(Prel, 4).within(Span::signed(21)),
            274 => Self::new(Prel, 4).within(Span::signed(21)),
            R_AARCH64_ADR_PREL_PG_HI21 => Self::new(Page, 4).within(Span::signed(33)),
            276 => Self::new(Page, 4),
            // ADD_ABS_LO12_NC, LDST8_ABS_LO12_NC.
            277 | 278 => Self::new(Abs, 4),
            // TSTBR14, CONDBR19.
            279 => Self::new(Prel, 4).within(Span::signed(16)),
            280 => Self::new(Prel, 4).within(Span::signed(21)),
            // JUMP26, CALL26.
            282 | 283 => Self { branch: true, ..Self::new(Prel, 4).within(Span::signed(28)) },
            // LDST16, LDST32, LDST64 and LDST128_ABS_LO12_NC.
            284..=286 | 299 => Self::new(Abs, 4),
            // MOVW_PREL_G0 to G2 (checked and unchecked), and G3.
            287 => Self::new(Prel, 4).within(Span::signed(17)),
            289 => Self::new(Prel, 4).within(Span::signed(33)),
            291 => Self::new(Prel, 4).within(Span::signed(49)),
            288 | 290 | 292 | 293 => Self::new(Prel, 4),
            _ => return None,
        })
    }

    /// Returns whether the value of an entry fits.
    fn fit(self, module: &Module<'_>, section: &RelocationSection<'_>, entry: &Relocation, value: Value) -> Fit {
        let Some(allowed) = self.allowed else { return Fit::Always };
        match self.op {
            Op::Abs => value.span.fit(allowed),
            Op::Prel => module.distance(value, section.target, entry.offset).fit(allowed),
            // The distance between pages differs from the distance between addresses by less than a page.
            Op::Page => match module.distance(value, section.target, entry.offset).widened(0x1000).fit(allowed) {
                // On a processor with erratum 843419 the loader replaces an ADRP in the last two words of a page, and
                // the replacement reaches every address. Because of the alignment, no other offset ends up in these
                // words.
                Fit::Never if entry.offset & 0xff8 == 0xff8 => Fit::Sometimes,
                fit => fit,
            },
        }
    }
}

/// Mirrors `apply_relocate_add()` (arch/arm64/kernel/module.c).
pub(super) fn apply_relocate_add<E>(
    module: &Module<'_>,
    section: &RelocationSection<'_>,
    facts: &mut Facts<'_, E>,
) -> Result<Judgement, E> {
    for entry in section.entries {
        let symbol = module.symbol(entry);
        let none = matches!(entry.kind, R_ARM_NONE | R_AARCH64_NONE);
        let (Some(mut rule), false) = (Rule::of(entry.kind), none) else {
            // The kernel does not use the symbol of these types: whether it reads the symbol depends on the compiler.
            if symbol.is_none() {
                return Ok(Judgement::symbol_memory());
            }
            if none {
                continue;
            }
            let prefix = prefix(facts)?;
            let line = format!("{prefix}module {}: unsupported RELA relocation: {}", module.name, entry.kind);
            return Ok(Judgement::error(ENOEXEC, line, section.unknown_type(module, entry.kind)));
        };
        let Some(symbol) = symbol else { return Ok(module.beyond_symbols(entry)) };
        if let Some(judgement) = module.outside(section.target, entry.offset, rule.width) {
            return Ok(judgement);
        }
        let value = module.value(symbol.value, addend(entry));
        let mut fit = rule.fit(module, section, entry, value);
        if fit != Fit::Always
            && matches!(entry.kind, 258 | 259 | 261 | 262)
            && !(facts.has)(Behaviour::Arm64DataRanges)?
        {
            // Older kernels accept a value that fits either as a signed or as an unsigned number.
            let bits = rule.width * 8;
            rule.allowed = Some(Span::between(1_u64.wrapping_shl(bits - 1).wrapping_neg(), (1_u64 << bits) - 1));
            fit = rule.fit(module, section, entry, value);
        }
        if rule.branch && fit != Fit::Always {
            fit = branch(module, section, value, fit);
        }
        match fit {
            Fit::Always => {}
            Fit::Sometimes => return Ok(Judgement::addresses()),
            Fit::Never => {
                let prefix = prefix(facts)?;
                let kind = entry.kind;
                let line = format!(
                    "{prefix}module {}: overflow in relocation type {kind} val {:x}",
                    module.name, value.nominal
                );
                return Ok(Judgement::error(ENOEXEC, line, section.overflow(module, entry)));
            }
        }
    }
    Ok(Judgement::Applied)
}

/// Returns whether a call that may be out of range succeeds with a PLT.
///
/// `count_plts()` (arch/arm64/kernel/module-plts.c) reserves a PLT for every call that leaves its section, if that
/// section is code. Kernels without PLTs keep modules in range of the kernel, and their modules have no sections for
/// PLTs.
fn branch(module: &Module<'_>, section: &RelocationSection<'_>, value: Value, fit: Fit) -> Fit {
    let code = module.sections.get(section.target).is_some_and(|target| target.is_executable());
    let has_plt = module.has_plt;
    let reaches = if has_plt {
        code && !module.is_inside(value, section.target)
    } else {
        Module::is_exported(value) || module.is_own(value)
    };
    match (reaches, has_plt) {
        (true, _) => Fit::Always,
        // The module has PLTs, but perhaps none for this call.
        (false, true) => Fit::Sometimes,
        (false, false) => fit,
    }
}

/// The first word of the messages, which depends on the kernel.
fn prefix<E>(facts: &mut Facts<'_, E>) -> Result<&'static str, E> {
    Ok(if (facts.has)(Behaviour::Arm64MessagePrefix)? { "Modules: " } else { "" })
}
