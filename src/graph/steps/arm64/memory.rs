//! Instructions that read or write memory.

use yaxpeax_arm::armv8::a64::{Instruction, Opcode, Operand, SizeCode};

use super::{Action, Arm64Decoder, Register, Spot, Table, based, numbered, register};

/// What an instruction does with memory.
#[derive(Clone, Copy)]
enum Access {
    /// Hints that memory will be used.
    Prefetch,
    /// Reads registers from it.
    Load,
    /// Writes registers to it.
    Store,
    /// Changes memory, and sets the first operand to the old value or to whether the change succeeded.
    First,
    /// Changes memory, and sets the second operand to the old value.
    Second,
    /// Anything else: memory tags, vectors.
    Other,
}

/// The address of an operand in memory.
#[derive(Clone, Copy)]
enum MemoryOperand {
    /// At an offset from a register.
    Field(Register, i64),
    /// At a known address.
    Known(Spot),
    /// At an offset from a register that another register holds.
    Element(Register),
    /// Unknown.
    Unknown,
}

impl MemoryOperand {
    /// The operand that lies `distance` bytes further.
    const fn plus(self, distance: i64) -> Self {
        match self {
            Self::Field(base, offset) => Self::Field(base, offset.wrapping_add(distance)),
            Self::Known(_) | Self::Element(_) if distance == 0 => self,
            Self::Known(_) | Self::Element(_) | Self::Unknown => Self::Unknown,
        }
    }

    /// The action that reads it.
    fn load(self, to: Option<Register>) -> Action {
        match (to, self) {
            (Some(to), Self::Field(base, offset)) => Action::Load { to, base, offset },
            (Some(to), Self::Known(from)) => Action::LoadAt { to, from },
            (Some(to), Self::Element(base)) => Action::Element { to, of: Table::In(base) },
            _ => Action::Compute { to },
        }
    }

    /// The action that writes it. `None` is the zero register.
    const fn store(self, value: Option<Register>) -> Action {
        match self {
            Self::Field(base, offset) => Action::Store { base, offset, value },
            Self::Known(_) | Self::Element(_) | Self::Unknown => Action::Compute { to: None },
        }
    }
}

impl Arm64Decoder {
    /// Loads and stores (Arm Architecture Reference Manual, C4.1.96). Returns whether the instruction is one.
    pub(super) fn memory(&mut self, instruction: &Instruction) -> bool {
        let mut operands = instruction.operands.iter().enumerate();
        let found = operands
            .find_map(|(index, operand)| Some((index, *operand, self.memory_operand(instruction.opcode, *operand)?)));
        let Some((index, operand, memory)) = found else { return false };
        let data = instruction.operands.get(..index).unwrap_or_default();
        if let Operand::RegPreIndex(base, offset, true) = operand {
            self.advance(base, offset);
        }
        self.access(instruction.opcode, data, memory);
        match operand {
            Operand::RegPostIndex(base, offset) => self.advance(base, offset),
            Operand::RegPostIndexReg(base, _) => self.push(Action::Compute { to: Some(based(base)) }),
            _ => {}
        }
        true
    }

    /// Adds an offset to the base register.
    fn advance(&mut self, base: u16, offset: i32) {
        let base = based(base);
        self.push(Action::Copy { to: base, from: base, offset: i64::from(offset) });
    }

    /// The memory operand that an operand is, after a pre-indexed base has been changed.
    fn memory_operand(&self, opcode: Opcode, operand: Operand) -> Option<MemoryOperand> {
        Some(match operand {
            Operand::RegPreIndex(base, _, true)
            | Operand::RegPostIndex(base, _)
            | Operand::RegPostIndexReg(base, _) => MemoryOperand::Field(based(base), 0),
            Operand::RegPreIndex(base, offset, false) => {
                self.symbol.map_or(MemoryOperand::Field(based(base), i64::from(offset)), MemoryOperand::Known)
            }
            Operand::RegRegOffset(base, ..) => MemoryOperand::Element(based(base)),
            Operand::PCOffset(_) if matches!(opcode, Opcode::LDR | Opcode::LDRSW | Opcode::PRFM) => {
                self.target(operand).map_or(MemoryOperand::Unknown, MemoryOperand::Known)
            }
            _ => return None,
        })
    }

    fn access(&mut self, opcode: Opcode, data: &[Operand], memory: MemoryOperand) {
        let operand = |index: usize| data.get(index).copied().unwrap_or(Operand::Nothing);
        match access(opcode) {
            Access::Prefetch => self.push(Action::Nothing),
            Access::Load => self.load(opcode, data, memory),
            Access::Store => self.store(data, memory),
            Access::First => {
                if let Operand::RegisterPair(_, number) = operand(0) {
                    self.push(Action::Compute { to: numbered(number) });
                    self.push(Action::Compute { to: numbered(number | 1) });
                } else {
                    self.push(Action::Compute { to: register(operand(0)) });
                }
            }
            Access::Second => self.push(Action::Compute { to: register(operand(1)) }),
            Access::Other => self.push(Action::Compute { to: None }),
        }
    }

    fn load(&mut self, opcode: Opcode, data: &[Operand], memory: MemoryOperand) {
        let width = if opcode == Opcode::LDPSW { 4 } else { width(data) };
        let mut loads: Vec<Action> = data
            .iter()
            .zip((0..).step_by(width))
            .map(|(operand, distance)| memory.plus(distance).load(register(*operand)))
            .collect();
        // If the first register is the base, it is written last: the second load still needs the base.
        if let (Some(Action::Load { to, base, .. }), 2) = (loads.first(), loads.len())
            && to == base
        {
            loads.reverse();
        }
        self.push_pair(&loads);
    }

    fn store(&mut self, data: &[Operand], memory: MemoryOperand) {
        let stores: Vec<Action> = data
            .iter()
            .zip((0..).step_by(width(data)))
            .map(|(operand, distance)| match operand {
                Operand::Register(_, number) => memory.plus(distance).store(numbered(*number)),
                _ => Action::Compute { to: None },
            })
            .collect();
        self.push_pair(&stores);
    }

    /// Adds the actions of a pair. If they are equal, as for vectors, one is enough.
    fn push_pair(&mut self, actions: &[Action]) {
        match actions {
            [first, second] if first == second => self.push(*first),
            _ => actions.iter().for_each(|action| self.push(*action)),
        }
    }
}

/// How far apart the registers of a pair are in memory, in bytes.
fn width(data: &[Operand]) -> usize {
    if matches!(data.first(), Some(Operand::Register(SizeCode::W, _))) { 4 } else { 8 }
}

const fn access(opcode: Opcode) -> Access {
    use Opcode::*;
    match opcode {
        PRFM | PRFUM => Access::Prefetch,
        LDR | LDRB | LDRH | LDRSB | LDRSH | LDRSW | LDUR | LDURB | LDURH | LDURSB | LDURSH | LDURSW | LDTR | LDTRB
        | LDTRH | LDTRSB | LDTRSH | LDTRSW | LDP | LDPSW | LDNP | LDRAA | LDRAB => Access::Load,
        LDAR | LDARB | LDARH | LDLAR | LDLARB | LDLARH | LDAPR | LDAPRB | LDAPRH | LDAPUR | LDAPURB | LDAPURH
        | LDAPURSB | LDAPURSH | LDAPURSW | LDXR | LDXRB | LDXRH | LDXP | LDAXR | LDAXRB | LDAXRH | LDAXP => {
            Access::Load
        }
        STR | STRB | STRH | STRW | STUR | STURB | STURH | STTR | STTRB | STTRH | STP | STNP | STLR | STLRB | STLRH
        | STLLR | STLLRB | STLLRH | STLUR | STLURB | STLURH => Access::Store,
        STXR | STXRB | STXRH | STXP | STLXR | STLXRB | STLXRH | STLXP | CAS(_) | CASB(_) | CASH(_) | CASP(_) | LDG
        | LDGM => Access::First,
        SWP(_) | SWPB(_) | SWPH(_) | LDADD(_) | LDADDB(_) | LDADDH(_) | LDCLR(_) | LDCLRB(_) | LDCLRH(_) | LDEOR(_)
        | LDEORB(_) | LDEORH(_) | LDSET(_) | LDSETB(_) | LDSETH(_) | LDSMAX(_) | LDSMAXB(_) | LDSMAXH(_)
        | LDSMIN(_) | LDSMINB(_) | LDSMINH(_) | LDUMAX(_) | LDUMAXB(_) | LDUMAXH(_) | LDUMIN(_) | LDUMINB(_)
        | LDUMINH(_) => Access::Second,
        _ => Access::Other,
    }
}
