//! Decodes instructions of arm64, as the Arm Architecture Reference Manual (DDI 0487) describes them.

mod arithmetic;
mod memory;
#[cfg(test)]
mod tests;

use std::iter;

use yaxpeax_arch::{Decoder, U8Reader};
use yaxpeax_arm::armv8::a64::{InstDecoder, Instruction, Opcode, Operand};

use super::step::{Action, Convention, Register, Relocated, Spot, Step, Table, Way};

/// Procedure Call Standard for the Arm 64-bit Architecture, 6.1.1. The stack pointer is register 31.
pub const CONVENTION: Convention = Convention {
    arguments: &[
        Register(0),
        Register(1),
        Register(2),
        Register(3),
        Register(4),
        Register(5),
        Register(6),
        Register(7),
    ],
    result: Register(0),
    stack: Register(31),
    preserved: &[
        Register(18),
        Register(19),
        Register(20),
        Register(21),
        Register(22),
        Register(23),
        Register(24),
        Register(25),
        Register(26),
        Register(27),
        Register(28),
        Register(29),
        Register(31),
    ],
    count: 32,
};

/// The immediate of the `brk` of `BUG()` and `WARN()` (`BUG_BRK_IMM`). Code continues after `WARN()`, and the
/// instruction does not tell which of the two it is.
const BUG: Operand = Operand::Imm16(0x800);

/// Decodes instructions: little-endian words, even if data is big-endian.
///
/// A word that is no instruction becomes an [`Action::Trap`], and decoding continues with the next word: all
/// instructions have one size. Up to three bytes that are left over are ignored.
pub fn steps(code: &[u8], start: u64, relocated: &[Relocated]) -> Vec<Step> {
    let words = code.chunks_exact(4).filter_map(|word| word.try_into().ok().map(u32::from_le_bytes));
    let addresses = iter::successors(Some(start), |at| Some(at.wrapping_add(4)));
    let mut decoder = Arm64Decoder { steps: Vec::with_capacity(code.len() / 4), at: start, symbol: None };
    for (word, at) in words.zip(addresses) {
        decoder.at = at;
        decoder.symbol = symbol(relocated, at);
        decoder.word(word);
    }
    decoder.steps
}

/// What the relocation at an address refers to.
fn symbol(relocated: &[Relocated], at: u64) -> Option<Spot> {
    let first = relocated.partition_point(|relocated| relocated.at < at);
    let found = relocated.get(first).filter(|relocated| relocated.at == at)?;
    Some(found.symbol.plus(found.addend))
}

/// Turns instructions into steps, one after another.
struct Arm64Decoder {
    /// The steps so far.
    steps: Vec<Step>,
    /// The address of the instruction.
    at: u64,
    /// What the instruction's relocation refers to.
    symbol: Option<Spot>,
}

impl Arm64Decoder {
    /// Adds a step of the instruction.
    fn push(&mut self, action: Action) {
        self.steps.push(Step { at: self.at, action });
    }

    fn word(&mut self, word: u32) {
        // C6.2, HINT. It includes instructions that are hints for older processors (BTI, PACIASP, AUTIASP, XPACLRI,
        // CSDB).
        if word & 0xffff_f01f == 0xd503_201f {
            return self.push(Action::Nothing);
        }
        match InstDecoder::default().decode(&mut U8Reader::new(&word.to_le_bytes())) {
            Ok(instruction) if instruction.opcode != Opcode::Invalid => self.instruction(&instruction),
            _ => self.undecoded(word),
        }
    }

    fn instruction(&mut self, instruction: &Instruction) {
        if let Some(action) = self.control(instruction) {
            self.push(action);
        } else if !self.memory(instruction) {
            let action = self.arithmetic(instruction);
            self.push(action);
        }
    }

    /// Branches, exceptions and system instructions (Arm Architecture Reference Manual, C4.1.94); `None` for all
    /// others.
    fn control(&self, instruction: &Instruction) -> Option<Action> {
        use Opcode::*;
        let [first, second, third, _] = instruction.operands;
        Some(match instruction.opcode {
            B => Action::Jump(self.to(first)),
            BL => Action::Call(self.to(first)),
            Bcc(_) | BCcc(_) => self.branch(first),
            CBZ | CBNZ => self.branch(second),
            TBZ | TBNZ => self.branch(third),
            BR | BRAA | BRAAZ | BRAB | BRABZ => Action::Jump(through(first)),
            BLR | BLRAA | BLRAAZ | BLRAB | BLRABZ => Action::Call(through(first)),
            RET | RETAA | RETAB | RETAASPPC | RETABSPPC | RETAASPPCR | RETABSPPCR => Action::Return,
            // Returns from an exception, or from the debugger.
            ERET | ERETAA | ERETAB | DRPS => Action::Return,
            // Calls of the kernel, the hypervisor or the firmware, which have calling conventions of their own.
            SVC | HVC | SMC => Action::Call(Way::Unknown),
            BRK if first == BUG => Action::Compute { to: None },
            BRK | UDF | HLT | DCPS1 | DCPS2 | DCPS3 => Action::Trap,
            SB => Action::Nothing,
            // These only read general-purpose registers.
            MSR | SYS(_) | RMIF | SETF8 | SETF16 => Action::Compute { to: None },
            SYSL(_) => Action::Compute { to: register(third) },
            _ => return None,
        })
    }

    /// The target of a jump or a call.
    fn to(&self, operand: Operand) -> Way {
        self.target(operand).map_or(Way::Unknown, Way::To)
    }

    fn branch(&self, operand: Operand) -> Action {
        self.target(operand).map_or(Action::Compute { to: None }, Action::Branch)
    }

    /// What a PC-relative operand refers to.
    fn target(&self, operand: Operand) -> Option<Spot> {
        let Operand::PCOffset(distance) = operand else { return None };
        Some(self.symbol.unwrap_or_else(|| Spot::Address(self.at.wrapping_add_signed(distance))))
    }

    /// Instructions that the decoder does not know, by their encodings (Arm Architecture Reference Manual, C4.1).
    fn undecoded(&mut self, word: u32) {
        let register = |shift: u32| Action::Compute { to: numbered(u16::try_from(word >> shift & 31).unwrap_or(31)) };
        match (word >> 25 & 15, word >> 31) {
            // SVE, except loads and stores: some write a general-purpose register, so all of them are taken to.
            (0b0010, 0) => self.push(register(0)),
            // Loads and stores of SVE; SME.
            (0b0010 | 0b0000, 1) => self.push(Action::Compute { to: None }),
            // CPY* and SET*: they advance the registers they are given, except the third one of SET*, which holds the
            // value to write.
            _ if word & 0x3b20_0c00 == 0x1900_0400 => {
                self.push(register(0));
                self.push(register(5));
                if word >> 22 & 3 != 3 {
                    self.push(register(16));
                }
            }
            // WFET and WFIT: hints with an operand.
            _ if word & 0xffff_ffc0 == 0xd503_1000 => self.push(Action::Nothing),
            _ => self.push(Action::Trap),
        }
    }
}

/// A target in a register.
fn through(operand: Operand) -> Way {
    register(operand).map_or(Way::Unknown, Way::Through)
}

/// The general-purpose register or stack pointer that an operand is; `None` for the zero register and all else.
fn register(operand: Operand) -> Option<Register> {
    match operand {
        Operand::Register(_, number) => numbered(number),
        Operand::RegisterOrSP(_, number) => Some(based(number)),
        _ => None,
    }
}

/// The register with a number, where 31 means the zero register; `None` for that.
fn numbered(number: u16) -> Option<Register> {
    (number < 31).then(|| based(number))
}

/// The register with a number, where 31 means the stack pointer.
fn based(number: u16) -> Register {
    Register(u8::try_from(number & 31).unwrap_or_default())
}
