//! arm64: `SHT_RELA`, with a range for nearly every type and PLTs for calls that do not reach.

use super::module::{Facts, Judgement, Module, RelocationSection, Value};
use super::section::addend;
use super::span::{Fit, Span};
use crate::elf::Relocation;
use crate::history::Behaviour;
use crate::terms::Errno::ENOEXEC;

const R_ARM_NONE: u32 = 0;
const R_AARCH64_NONE: u32 = 256;
const R_AARCH64_ADR_PREL_PG_HI21: u32 = 275;

/// How a type makes its value out of S + A (`enum aarch64_reloc_op`).
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
    /// Bytes at the place.
    width: u32,
    /// The values that fit; `None`: any.
    allowed: Option<Span>,
    /// `JUMP26` and `CALL26`, which go through a PLT when they do not reach.
    branch: bool,
}

impl Rule {
    const fn new(op: Op, width: u32) -> Self {
        Self { op, width, allowed: None, branch: false }
    }

    const fn within(self, allowed: Span) -> Self {
        Self { allowed: Some(allowed), ..self }
    }

    /// The types of `apply_relocate_add()`: relocation numbers of "ELF for the Arm 64-bit Architecture".
    const fn of(kind: u32) -> Option<Self> {
        use Op::{Abs, Page, Prel};
        Some(match kind {
            // ABS64, ABS32, ABS16, PREL64, PREL32, PREL16. Since 5.3 absolute ones are unsigned, relative ones signed.
            257 => Self::new(Abs, 8),
            258 => Self::new(Abs, 4).within(Span::unsigned(32)),
            259 => Self::new(Abs, 2).within(Span::unsigned(16)),
            260 => Self::new(Prel, 8),
            261 => Self::new(Prel, 4).within(Span::signed(32)),
            262 => Self::new(Prel, 2).within(Span::signed(16)),
            // MOVW_UABS_G0, G1, G2 with a check and without, G3: the value shifted must be a 16-bit number.
            263 => Self::new(Abs, 4).within(Span::unsigned(16)),
            265 => Self::new(Abs, 4).within(Span::unsigned(32)),
            267 => Self::new(Abs, 4).within(Span::unsigned(48)),
            264 | 266 | 268 | 269 => Self::new(Abs, 4),
            // MOVW_SABS_G0 to G2: a negative value turns MOVZ into MOVN, so there is one bit for the sign beside 16.
            270 => Self::new(Abs, 4).within(Span::signed(17)),
            271 => Self::new(Abs, 4).within(Span::signed(33)),
            272 => Self::new(Abs, 4).within(Span::signed(49)),
            // LD_PREL_LO19, ADR_PREL_LO21, ADR_PREL_PG_HI21 and the same unchecked.
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
            // MOVW_PREL_G0 to G2, checked and not, and G3.
            287 => Self::new(Prel, 4).within(Span::signed(17)),
            289 => Self::new(Prel, 4).within(Span::signed(33)),
            291 => Self::new(Prel, 4).within(Span::signed(49)),
            288 | 290 | 292 | 293 => Self::new(Prel, 4),
            _ => return None,
        })
    }

    /// Does the value of this entry fit?
    fn fit(self, module: &Module<'_>, section: &RelocationSection<'_>, entry: &Relocation, value: Value) -> Fit {
        let Some(allowed) = self.allowed else { return Fit::Always };
        match self.op {
            Op::Abs => value.span.fit(allowed),
            Op::Prel => module.distance(value, section.target, entry.offset).fit(allowed),
            // Page numbers differ by a page at most from what the distance says.
            Op::Page => match module.distance(value, section.target, entry.offset).widened(0x1000).fit(allowed) {
                // At two places of every page the loader avoids ADRP where the processor has erratum 843419, and then
                // everything is in reach. Alignment keeps all others from these places.
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
            // Whether the compiler still loads a value that nothing needs is the compiler's affair.
            if symbol.is_none() {
                return Ok(Judgement::symbol_memory());
            }
            if none {
                continue;
            }
            let prefix = prefix(facts)?;
            let line = format!("{prefix}module {}: unsupported RELA relocation: {}", module.name, entry.kind);
            return Ok(Judgement::error(ENOEXEC, line, section.unknown(module, entry.kind)));
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
            // Older kernels allow whatever fits in the field as a signed or as an unsigned number.
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
                let (prefix, kind) = (prefix(facts)?, entry.kind);
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

/// A call that may not reach by itself.
///
/// `count_plts()` (arch/arm64/kernel/module-plts.c) makes room for every call out of its own section, as long as that
/// section is code. Kernels without PLTs keep modules in reach of the kernel, and their modules have no section for them.
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
        // There is room for PLTs, but perhaps not for this one.
        (false, true) => Fit::Sometimes,
        (false, false) => fit,
    }
}

fn prefix<E>(facts: &mut Facts<'_, E>) -> Result<&'static str, E> {
    Ok(if (facts.has)(Behaviour::Arm64MessagePrefix)? { "Modules: " } else { "" })
}
