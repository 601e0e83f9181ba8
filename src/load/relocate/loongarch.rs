//! LoongArch: `SHT_RELA`; the stack machine types of the first ABI and the direct types of the second.

use super::module::{Facts, Judgement, Module, RelocationSection};
use crate::history::Behaviour;
use crate::terms::Errno::{EINVAL, ENOEXEC};

const R_LARCH_SUB64: u32 = 56;
const R_LARCH_RELAX: u32 = 100;
const R_LARCH_64_PCREL: u32 = 109;

/// How many bytes a type writes; `None` if the kernel does not apply it.
fn width<E>(kind: u32, facts: &mut Facts<'_, E>) -> Result<Option<u32>, E> {
    Ok(match kind {
        // NONE, MARK_LA, MARK_PCREL; PUSH_PCREL, PUSH_ABSOLUTE, PUSH_DUP, PUSH_PLT_PCREL; SUB to IF_ELSE.
        0 | 20..=24 | 29 | 32..=37 => Some(0),
        // 32, 64; POP_32_S_10_5 to POP_32_U; ADD32, ADD64; SUB32, SUB64.
        1 | 38..=46 | 50 | 55 => Some(4),
        2 | 51 | 56 => Some(8),
        // B26, PCALA_HI20 to PCALA64_HI12, GOT_PC_HI20, GOT_PC_LO12.
        66 | 71..=76 if (facts.has)(Behaviour::LoongarchDirect)? => Some(4),
        99 if (facts.has)(Behaviour::LoongarchPcrel)? => Some(4),
        R_LARCH_64_PCREL if (facts.has)(Behaviour::LoongarchPcrel)? => Some(8),
        _ => None,
    })
}

/// Mirrors `apply_relocate_add()` (arch/loongarch/kernel/module.c).
///
/// The values of the stack machine and the ranges are not checked: calls have PLTs, and the other types reach every
/// address.
pub(super) fn apply_relocate_add<E>(
    module: &Module<'_>,
    section: &RelocationSection<'_>,
    facts: &mut Facts<'_, E>,
) -> Result<Judgement, E> {
    let mut depth = Depth(0);
    for entry in section.entries {
        let Some(symbol) = module.symbol(entry) else { return Ok(module.beyond_symbols(entry)) };
        if module.is_error_value(symbol) {
            if symbol.weak {
                continue;
            }
            return Ok(section.error_value(module, symbol, "kmod: "));
        }
        let kind = entry.kind;
        match width(kind, facts)? {
            Some(width) => {
                if !depth.follow(kind) {
                    let cause = section.bad_relocation(module, "the stack of values is empty or full");
                    return Ok(Judgement::Refused { errno: ENOEXEC, lines: vec![], cause });
                }
                if let Some(judgement) = module.outside(section.target, entry.offset, width) {
                    return Ok(judgement);
                }
            }
            None => {
                let name = module.name;
                let line = match kind {
                    // SUB8 to SUB24 lie between types that the kernel applies, and get a message of their own.
                    52..=54 => format!("kmod: {name}: Unsupport relocation type {kind}"),
                    _ if kind <= last(kind, facts)? => {
                        format!("kmod: {name}: Unsupport relocation type {kind}, please add its support.")
                    }
                    _ => format!("kmod: {name}: Unknown relocation type {kind}"),
                };
                return Ok(Judgement::error(EINVAL, line, section.unknown_type(module, kind)));
            }
        }
    }
    Ok(Judgement::Applied)
}

/// How many values are on the stack of the stack machine: `rela_stack_top`. It is empty at the beginning of each section.
struct Depth(u32);

impl Depth {
    /// `RELA_STACK_DEPTH`.
    const MOST: u32 = 16;

    /// Takes and puts what a type does. Returns whether the values are there, and have room.
    const fn follow(&mut self, kind: u32) -> bool {
        let (taken, put) = match kind {
            // PUSH_PCREL, PUSH_ABSOLUTE, PUSH_PLT_PCREL.
            22 | 23 | 29 => (0, 1),
            // PUSH_DUP.
            24 => (1, 2),
            // SUB, SL, SR, ADD, AND.
            32..=36 => (2, 1),
            // IF_ELSE.
            37 => (3, 1),
            // POP_32_S_10_5 to POP_32_U.
            38..=46 => (1, 0),
            _ => (0, 0),
        };
        if self.0 < taken {
            return false;
        }
        self.0 = self.0 - taken + put;
        self.0 <= Self::MOST
    }
}

/// The last type in the kernel's table of handlers. Asks `facts` only what decides whether `kind` lies in the table.
fn last<E>(kind: u32, facts: &mut Facts<'_, E>) -> Result<u32, E> {
    Ok(match kind {
        ..=R_LARCH_SUB64 => R_LARCH_SUB64,
        57..=R_LARCH_RELAX if (facts.has)(Behaviour::LoongarchDirect)? => R_LARCH_RELAX,
        101..=R_LARCH_64_PCREL if (facts.has)(Behaviour::LoongarchPcrel)? => R_LARCH_64_PCREL,
        _ => R_LARCH_SUB64,
    })
}
