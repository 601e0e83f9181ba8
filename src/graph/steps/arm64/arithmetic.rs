//! Data processing: instructions that change registers.

use yaxpeax_arm::armv8::a64::{Instruction, Opcode, Operand, ShiftStyle, SizeCode};

use super::{Action, Arm64Decoder, Register, Spot, register};

impl Arm64Decoder {
    /// Data processing (Arm Architecture Reference Manual, C4.1.93 and C4.1.95).
    pub(super) fn arithmetic(&self, instruction: &Instruction) -> Action {
        use Opcode::*;
        let [first, ..] = instruction.operands;
        let opcode = instruction.opcode;
        if matches!(opcode, CCMP | CCMN | FCMP | FCMPE | FCCMP | FCCMPE) {
            return Action::Compare;
        }
        match register(first) {
            Some(to) => self.known(to, instruction).unwrap_or_else(|| derived(to, instruction)),
            None if is_zero(first) && sets_flags(opcode) => Action::Compare,
            None => Action::Compute { to: None },
        }
    }

    /// The action, if the new value of the register is known.
    fn known(&self, to: Register, instruction: &Instruction) -> Option<Action> {
        use Opcode::*;
        let [_, second, third, fourth] = instruction.operands;
        match instruction.opcode {
            ADR => Some(Action::Address { to, of: self.target(second)? }),
            ADRP => Some(Action::Address { to, of: self.page(second)? }),
            MOVZ | MOVN | MOVK if self.symbol.is_none() => {
                Some(Action::Constant { to, value: self.moved(to, instruction)?.cast_signed() })
            }
            ADD if self.symbol.is_some() && immediate(third).is_some() => {
                Some(Action::Address { to, of: self.symbol? })
            }
            ADD => added(to, second, immediate(third)?.cast_signed()),
            SUB => added(to, second, immediate(third)?.cast_signed().wrapping_neg()),
            ORR if is_zero(second) => copied(to, third),
            AND if matches!(immediate(third)?, 1 | 0xff | 0xffff | 0xffff_ffff) => copied(to, second),
            // UBFM and SBFM take the bits from the third operand up to the fourth.
            UBFM if third == Operand::Immediate(0) && matches!(immediate(fourth)?, 0 | 7 | 15 | 31 | 63) => {
                copied(to, second)
            }
            SBFM if third == Operand::Immediate(0) && matches!(immediate(fourth)?, 7 | 15 | 31 | 63) => {
                copied(to, second)
            }
            _ => None,
        }
    }

    /// What `adrp` refers to: the address that its relocation names, or else only the page.
    fn page(&self, operand: Operand) -> Option<Spot> {
        let Operand::PCOffset(distance) = operand else { return None };
        Some(self.symbol.unwrap_or_else(|| Spot::Address((self.at & !0xfff).wrapping_add_signed(distance))))
    }

    /// The value that `movz`, `movn`, or `movk` right after another constant, leaves in a register.
    fn moved(&self, to: Register, instruction: &Instruction) -> Option<u64> {
        let [first, second, ..] = instruction.operands;
        let Operand::ImmShift(bits, shift) = second else { return None };
        let part = u64::from(bits).wrapping_shl(u32::from(shift));
        let whole = match instruction.opcode {
            Opcode::MOVZ => part,
            Opcode::MOVN => !part,
            _ => self.constant(to)? & !u64::from(u16::MAX).wrapping_shl(u32::from(shift)) | part,
        };
        Some(if is_narrow(first) { whole & 0xffff_ffff } else { whole })
    }

    /// The constant that the previous instruction set a register to.
    fn constant(&self, register: Register) -> Option<u64> {
        match self.steps.last()?.action {
            Action::Constant { to, value } if to == register => Some(value.cast_unsigned()),
            _ => None,
        }
    }
}

/// A register computed from others. Only the first of them is recorded.
fn derived(to: Register, instruction: &Instruction) -> Action {
    let [_, second, ..] = instruction.operands;
    register(second).map_or(Action::Compute { to: Some(to) }, |from| Action::Derive { to, from })
}

/// A register with a number added. A 32-bit addition may overflow, so it counts only if the number is 0.
fn added(to: Register, from: Operand, offset: i64) -> Option<Action> {
    let from = register(from).filter(|_| offset == 0 || !is_narrow(from))?;
    Some(Action::Copy { to, from, offset })
}

/// An unchanged value. A narrowed value still counts as the same argument.
fn copied(to: Register, operand: Operand) -> Option<Action> {
    let operand = match operand {
        Operand::RegShift(ShiftStyle::LSL, 0, size, number) => Operand::Register(size, number),
        other => other,
    };
    if is_zero(operand) {
        return Some(Action::Constant { to, value: 0 });
    }
    match register(operand) {
        Some(from) => Some(Action::Copy { to, from, offset: 0 }),
        None => Some(Action::Constant { to, value: immediate(operand)?.cast_signed() }),
    }
}

/// The number that an operand is.
fn immediate(operand: Operand) -> Option<u64> {
    match operand {
        Operand::Immediate(value) => Some(u64::from(value)),
        Operand::Imm64(value) => Some(value),
        Operand::ImmShift(value, shift) => Some(u64::from(value).wrapping_shl(u32::from(shift))),
        _ => None,
    }
}

/// Returns whether an operand is the zero register.
const fn is_zero(operand: Operand) -> bool {
    matches!(operand, Operand::Register(_, 31))
}

/// Returns whether an operand is a 32-bit register.
const fn is_narrow(operand: Operand) -> bool {
    matches!(operand, Operand::Register(SizeCode::W, _) | Operand::RegisterOrSP(SizeCode::W, _))
}

/// Returns whether an instruction only sets flags if its result is discarded.
const fn sets_flags(opcode: Opcode) -> bool {
    use Opcode::*;
    matches!(opcode, ADDS | SUBS | ANDS | BICS | ADCS | SBCS | SUBPS)
}
