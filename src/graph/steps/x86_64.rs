//! Decodes instructions of x86-64.

use iced_x86::{
    Code, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind,
    Register as Name,
};

use super::step::{Action, Convention, Register, Relocated, Spot, Step, Table, Way};

/// System V Application Binary Interface, AMD64 Architecture Processor Supplement, 3.2.1. Registers have the numbers
/// that instructions encode them with.
pub const CONVENTION: Convention = Convention {
    arguments: &[Register(7), Register(6), Register(2), Register(1), Register(8), Register(9)],
    result: Register(0),
    stack: STACK,
    preserved: &[Register(3), STACK, FRAME, Register(12), Register(13), Register(14), Register(15)],
    count: 16,
};

const STACK: Register = Register(4);
const FRAME: Register = Register(5);
/// The offset of the stack protector's canary from `gs`, in bytes (arch/x86/include/asm/stackprotector.h).
const CANARY: u64 = 0x28;

/// Decodes code up to its end, or to the first bytes that are no instruction, which become an [`Action::Trap`].
pub fn steps(code: &[u8], start: u64, relocated: &[Relocated]) -> Vec<Step> {
    let mut decoder = Decoder::with_ip(64, code, start, DecoderOptions::NONE);
    let mut x86 = X86Decoder { steps: Vec::with_capacity(code.len() / 4), info: InstructionInfoFactory::new() };
    let mut instruction = Instruction::default();
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        if instruction.code() == Code::INVALID {
            x86.push(instruction.ip(), Action::Trap);
            break;
        }
        let offsets = decoder.get_constant_offsets(&instruction);
        let at = instruction.ip();
        let end = instruction.next_ip();
        let first = relocated.partition_point(|relocation| relocation.at < at);
        let inside = relocated.get(first..).unwrap_or_default().iter().take_while(|relocation| relocation.at < end);
        let mut named = Named::default();
        for relocation in inside {
            let counted = if relocation.relative { end.wrapping_sub(relocation.at) } else { 0 };
            let spot = relocation.symbol.plus(relocation.addend.wrapping_add_unsigned(counted));
            let offset = relocation.at.wrapping_sub(at);
            if offsets.has_displacement() && offset == offsets.displacement_offset() as u64 {
                named.memory = Some(spot);
            } else {
                named.immediate = Some(spot);
            }
        }
        x86.instruction(&instruction, named);
    }
    x86.steps
}

/// What the relocations of one instruction refer to.
#[derive(Clone, Copy, Default)]
struct Named {
    /// What the displacement of the memory operand refers to.
    memory: Option<Spot>,
    /// What the immediate or the target of a branch refers to.
    immediate: Option<Spot>,
}

/// An operand in memory.
enum Memory {
    /// At a known address.
    At(Spot),
    /// At an offset from a register.
    Field(Register, i64),
    /// A word of a table.
    Element(Table),
    /// At an unknown address.
    Other,
}

/// Turns instructions into steps.
struct X86Decoder {
    steps: Vec<Step>,
    info: InstructionInfoFactory,
}

impl X86Decoder {
    fn push(&mut self, at: u64, action: Action) {
        self.steps.push(Step { at, action });
    }

    fn instruction(&mut self, instruction: &Instruction, named: Named) {
        let at = instruction.ip();
        match instruction.flow_control() {
            FlowControl::Next => self.straight(instruction, named),
            FlowControl::Return => self.push(at, Action::Return),
            FlowControl::Call | FlowControl::IndirectCall if instruction.mnemonic() == Mnemonic::Call => {
                self.push(at, Action::Call(way(instruction, named)));
            }
            FlowControl::UnconditionalBranch | FlowControl::IndirectBranch => {
                self.push(at, Action::Jump(way(instruction, named)));
            }
            FlowControl::ConditionalBranch => {
                let target = Spot::Address(instruction.near_branch_target());
                self.push(at, Action::Branch(named.immediate.unwrap_or(target)));
            }
            FlowControl::Exception | FlowControl::Interrupt => self.push(at, Action::Trap),
            FlowControl::Call | FlowControl::IndirectCall | FlowControl::XbeginXabortXend => self.other(instruction),
        }
    }

    /// An instruction that continues with the next one.
    fn straight(&mut self, instruction: &Instruction, named: Named) {
        let at = instruction.ip();
        let to = match instruction.op0_kind() {
            OpKind::Register => general(instruction.op0_register()),
            _ => None,
        };
        match instruction.mnemonic() {
            Mnemonic::Nop
            | Mnemonic::Endbr64
            | Mnemonic::Pause
            | Mnemonic::Prefetchw
            | Mnemonic::Prefetcht0
            | Mnemonic::Prefetcht1
            | Mnemonic::Prefetcht2
            | Mnemonic::Prefetchnta => self.push(at, Action::Nothing),
            Mnemonic::Cmp | Mnemonic::Test | Mnemonic::Bt => self.push(at, Action::Compare),
            Mnemonic::Mov | Mnemonic::Movzx | Mnemonic::Movsx | Mnemonic::Movsxd => {
                self.mov(instruction, named, to);
            }
            Mnemonic::Lea => match (to, memory(instruction, named)) {
                (Some(to), Memory::At(of)) => self.push(at, Action::Address { to, of }),
                (Some(to), Memory::Field(from, offset)) => self.push(at, Action::Copy { to, from, offset }),
                _ => self.push(at, Action::Compute { to }),
            },
            Mnemonic::Xor | Mnemonic::Sub if to.is_some() && has_equal_operands(instruction) => {
                self.constant(at, to, 0);
            }
            Mnemonic::Sub | Mnemonic::Xor if is_canary(instruction) => self.push(at, Action::Compare),
            Mnemonic::Add | Mnemonic::Sub | Mnemonic::Inc | Mnemonic::Dec => {
                let added = match instruction.mnemonic() {
                    Mnemonic::Inc => Some(1),
                    Mnemonic::Dec => Some(-1),
                    Mnemonic::Sub => number(instruction).map(i64::wrapping_neg),
                    _ => number(instruction),
                };
                match (to, added.filter(|_| named.immediate.is_none())) {
                    (Some(to), Some(offset)) => self.push(at, Action::Copy { to, from: to, offset }),
                    _ => self.other(instruction),
                }
            }
            Mnemonic::Push => {
                self.push(at, Action::Copy { to: STACK, from: STACK, offset: -8 });
                self.push(at, Action::Store { base: STACK, offset: 0, value: to });
            }
            Mnemonic::Pop => {
                match to {
                    Some(to) => self.push(at, Action::Load { to, base: STACK, offset: 0 }),
                    None => self.push(at, Action::Compute { to: None }),
                }
                self.push(at, Action::Copy { to: STACK, from: STACK, offset: 8 });
            }
            Mnemonic::Leave => {
                self.push(at, Action::Copy { to: STACK, from: FRAME, offset: 0 });
                self.push(at, Action::Load { to: FRAME, base: STACK, offset: 0 });
                self.push(at, Action::Copy { to: STACK, from: STACK, offset: 8 });
            }
            _ => self.other(instruction),
        }
    }

    fn mov(&mut self, instruction: &Instruction, named: Named, to: Option<Register>) {
        let at = instruction.ip();
        if is_canary(instruction) {
            return self.constant(at, to, 0);
        }
        let action = match (to, instruction.op0_kind(), instruction.op1_kind()) {
            (Some(to), _, OpKind::Register) => match general(instruction.op1_register()) {
                Some(from) => Action::Copy { to, from, offset: 0 },
                None => Action::Compute { to: Some(to) },
            },
            (Some(to), _, OpKind::Memory) => match memory(instruction, named) {
                Memory::At(from) => Action::LoadAt { to, from },
                Memory::Field(base, offset) => Action::Load { to, base, offset },
                Memory::Element(of) => Action::Element { to, of },
                Memory::Other => Action::Compute { to: Some(to) },
            },
            (Some(to), ..) => match (named.immediate, number(instruction)) {
                (Some(of), _) => Action::Address { to, of },
                (None, Some(value)) => Action::Constant { to, value },
                (None, None) => Action::Compute { to: Some(to) },
            },
            (None, OpKind::Memory, source) => match memory(instruction, named) {
                Memory::Field(base, offset) => {
                    let value = (source == OpKind::Register).then(|| general(instruction.op1_register())).flatten();
                    Action::Store { base, offset, value }
                }
                Memory::At(_) | Memory::Element(_) | Memory::Other => Action::Compute { to: None },
            },
            _ => Action::Compute { to: None },
        };
        self.push(at, action);
    }

    /// Sets a register to a number, if there is a general-purpose one.
    fn constant(&mut self, at: u64, to: Option<Register>, value: i64) {
        self.push(at, to.map_or(Action::Compute { to }, |to| Action::Constant { to, value }));
    }

    /// An instruction of which only the registers it changes matter.
    fn other(&mut self, instruction: &Instruction) {
        let at = instruction.ip();
        let before = self.steps.len();
        let used = self.info.info(instruction).used_registers();
        let written = used.iter().filter(|used| {
            matches!(
                used.access(),
                OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite
            )
        });
        let registers: Vec<Register> = written.filter_map(|used| general(used.register())).collect();
        self.steps.extend(registers.into_iter().map(|to| Step { at, action: Action::Compute { to: Some(to) } }));
        if self.steps.len() == before {
            self.push(at, Action::Compute { to: None });
        }
    }
}

/// A general-purpose register of any width; `None` for all other registers.
fn general(register: Name) -> Option<Register> {
    if !register.is_gpr() {
        return None;
    }
    u8::try_from(register.full_register().number()).ok().map(Register)
}

/// Returns whether both operands are one register.
fn has_equal_operands(instruction: &Instruction) -> bool {
    instruction.op1_kind() == OpKind::Register && instruction.op0_register() == instruction.op1_register()
}

/// Returns whether an instruction reads the canary of the stack protector.
fn is_canary(instruction: &Instruction) -> bool {
    let reads = instruction.op1_kind() == OpKind::Memory && instruction.segment_prefix() == Name::GS;
    reads && instruction.memory_base() == Name::None && instruction.memory_displacement64() == CANARY
}

/// The immediate that is the last operand of an instruction; `None` if that is something else.
fn number(instruction: &Instruction) -> Option<i64> {
    let last = instruction.op_count().checked_sub(1)?;
    instruction.try_immediate(last).ok().map(u64::cast_signed)
}

/// The operand of an instruction that lies in memory.
fn memory(instruction: &Instruction, named: Named) -> Memory {
    if matches!(instruction.segment_prefix(), Name::GS | Name::FS) {
        return Memory::Other;
    }
    if instruction.memory_index() != Name::None {
        return match (instruction.memory_base(), named.memory) {
            (Name::None, Some(spot)) => Memory::Element(Table::At(spot)),
            (Name::None, None) => Memory::Element(Table::At(Spot::Address(instruction.memory_displacement64()))),
            (base, _) => general(base).map_or(Memory::Other, |base| Memory::Element(Table::In(base))),
        };
    }
    let displacement = instruction.memory_displacement64();
    match (instruction.memory_base(), named.memory) {
        (Name::RIP | Name::None, Some(spot)) => Memory::At(spot),
        (Name::RIP | Name::None, None) => Memory::At(Spot::Address(displacement)),
        (_, Some(_)) => Memory::Other,
        (base, None) => match general(base) {
            Some(base) => Memory::Field(base, displacement.cast_signed()),
            None => Memory::Other,
        },
    }
}

/// The target of a jump or a call.
fn way(instruction: &Instruction, named: Named) -> Way {
    match instruction.op0_kind() {
        OpKind::NearBranch64 | OpKind::NearBranch32 | OpKind::NearBranch16 => {
            Way::To(named.immediate.unwrap_or_else(|| Spot::Address(instruction.near_branch_target())))
        }
        OpKind::Register => general(instruction.op0_register()).map_or(Way::Unknown, Way::Through),
        OpKind::Memory => match memory(instruction, named) {
            Memory::At(spot) => Way::Pointer(spot),
            Memory::Field(base, offset) => Way::Field(base, offset),
            Memory::Element(of) => Way::Element(of),
            Memory::Other => Way::Unknown,
        },
        _ => Way::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(bytes: &[u8], relocated: &[Relocated]) -> Vec<Action> {
        steps(bytes, 0x1000, relocated).iter().map(|step| step.action).collect()
    }

    const RAX: Register = Register(0);
    const RSI: Register = Register(6);
    const RDI: Register = Register(7);

    #[test]
    fn moves_differ_by_their_source() {
        // mov rsi,rdi; mov eax,5; xor eax,eax; lea rdi,[rdi+0x10]; mov rax,[rdi+8]; mov [rdi],rsi; mov rax,gs:0x28
        let bytes = [
            0x48, 0x89, 0xfe, 0xb8, 5, 0, 0, 0, 0x31, 0xc0, 0x48, 0x8d, 0x7f, 0x10, 0x48, 0x8b, 0x47, 8, 0x48, 0x89,
            0x37, 0x65, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0,
        ];
        let expected = [
            Action::Copy { to: RSI, from: RDI, offset: 0 },
            Action::Constant { to: RAX, value: 5 },
            Action::Constant { to: RAX, value: 0 },
            Action::Copy { to: RDI, from: RDI, offset: 0x10 },
            Action::Load { to: RAX, base: RDI, offset: 8 },
            Action::Store { base: RDI, offset: 0, value: Some(RSI) },
            Action::Constant { to: RAX, value: 0 },
        ];
        assert_eq!(actions(&bytes, &[]), expected);
    }

    #[test]
    fn calls_and_jumps_have_targets() {
        // call +0x10; jmp *rax; call *0x20(%rip); jne -2; ret; int3; call *8(%rdi); jmp *0(,%rax,8)
        let bytes = [
            0xe8, 0x10, 0, 0, 0, 0xff, 0xe0, 0xff, 0x15, 0x20, 0, 0, 0, 0x75, 0xfe, 0xc3, 0xcc, 0xff, 0x57, 8, 0xff,
            0x24, 0xc5, 0, 0, 0, 0,
        ];
        let expected = [
            Action::Call(Way::To(Spot::Address(0x1015))),
            Action::Jump(Way::Through(RAX)),
            Action::Call(Way::Pointer(Spot::Address(0x102d))),
            Action::Branch(Spot::Address(0x100d)),
            Action::Return,
            Action::Trap,
            Action::Call(Way::Field(RDI, 8)),
            Action::Jump(Way::Element(Table::At(Spot::Address(0)))),
        ];
        assert_eq!(actions(&bytes, &[]), expected);
    }

    #[test]
    fn relocations_name_what_operands_refer_to() {
        // call sym; mov rdi, sym (sign-extended); mov rax, sym(%rip); movl $sym, field(%rip)
        let bytes = [
            0xe8, 0, 0, 0, 0, 0x48, 0xc7, 0xc7, 0, 0, 0, 0, 0x48, 0x8b, 0x05, 0, 0, 0, 0, 0xc7, 0x05, 0, 0, 0, 0, 0, 0,
            0, 0,
        ];
        let relocation = |at, symbol, addend, relative| Relocated { at, symbol, addend, relative };
        let relocated = [
            relocation(0x1001, Spot::Undefined(3), -4, true),
            relocation(0x1008, Spot::Address(0x7000), 16, false),
            relocation(0x100f, Spot::Address(0x8000), -4, true),
            relocation(0x1015, Spot::Address(0x8000), -8, true),
        ];
        let expected = [
            Action::Call(Way::To(Spot::Undefined(3))),
            Action::Address { to: RDI, of: Spot::Address(0x7010) },
            Action::LoadAt { to: RAX, from: Spot::Address(0x8000) },
            Action::Compute { to: None },
        ];
        assert_eq!(actions(&bytes, &relocated), expected);
    }

    #[test]
    fn the_stack_is_followed() {
        // push rdi; pop rsi; leave; sub rsp,0x18
        let bytes = [0x57, 0x5e, 0xc9, 0x48, 0x83, 0xec, 0x18];
        let moved = |offset| Action::Copy { to: STACK, from: STACK, offset };
        let expected = [
            moved(-8),
            Action::Store { base: STACK, offset: 0, value: Some(RDI) },
            Action::Load { to: RSI, base: STACK, offset: 0 },
            moved(8),
            Action::Copy { to: STACK, from: FRAME, offset: 0 },
            Action::Load { to: FRAME, base: STACK, offset: 0 },
            moved(8),
            moved(-0x18),
        ];
        assert_eq!(actions(&bytes, &[]), expected);
    }

    #[test]
    fn other_instructions_change_registers() {
        // div rcx; xchg rsi,rdi; lock inc [rdi]; (bad)
        let bytes = [0x48, 0xf7, 0xf1, 0x48, 0x87, 0xfe, 0xf0, 0xff, 0x07, 0x06];
        let written = |register| Action::Compute { to: Some(Register(register)) };
        let mut all = actions(&bytes, &[]);
        all.sort_by_key(|action| format!("{action:?}"));
        let mut expected =
            vec![written(0), written(2), written(6), written(7), Action::Compute { to: None }, Action::Trap];
        expected.sort_by_key(|action| format!("{action:?}"));
        assert_eq!(all, expected);
    }
}
