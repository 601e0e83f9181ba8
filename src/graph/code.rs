//! Decodes references that have no relocation: within a section, the assembler resolves calls, jumps and addresses
//! itself.

use std::ops::Range;

use iced_x86::{Decoder, DecoderOptions, Instruction, OpKind};

use crate::terms::ElfMachine;

/// A reference from one offset of a section to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LocalReference {
    pub at: u64,
    pub target: u64,
}

/// The result of decoding the code of one section.
#[derive(Debug, Default)]
pub(super) struct DecodedCode {
    /// References to other places of the same section.
    pub local: Vec<LocalReference>,
    /// For each relocation in code of a variable length: its offset, and how many bytes later its instruction ends.
    pub ends: Vec<(u64, u64)>,
}

/// Returns whether code of this machine can be decoded.
pub(super) const fn is_decoded(machine: ElfMachine) -> bool {
    matches!(machine, ElfMachine::X86_64 | ElfMachine::I386 | ElfMachine::Arm64)
}

/// Decodes the functions of a section. `relocated` are the offsets of its relocations, sorted.
pub(super) fn decode(machine: ElfMachine, bytes: &[u8], functions: &[Range<u64>], relocated: &[u64]) -> DecodedCode {
    let mut code = DecodedCode::default();
    for function in functions {
        let range = usize::try_from(function.start).ok().zip(usize::try_from(function.end).ok());
        let Some(body) = range.and_then(|(start, end)| bytes.get(start..end.min(bytes.len()))) else { continue };
        match machine {
            ElfMachine::X86_64 => code.x86(64, body, function.start, relocated),
            ElfMachine::I386 => code.x86(32, body, function.start, relocated),
            ElfMachine::Arm64 => code.arm64(body, function.start, relocated),
            _ => {}
        }
    }
    code
}

impl DecodedCode {
    fn x86(&mut self, bits: u32, body: &[u8], start: u64, relocated: &[u64]) {
        let mut decoder = Decoder::with_ip(bits, body, start, DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        while decoder.can_decode() {
            decoder.decode_out(&mut instruction);
            let at = instruction.ip();
            let end = instruction.next_ip();
            let first = relocated.partition_point(|offset| *offset < at);
            let inside = relocated.get(first..).unwrap_or_default().iter().take_while(|offset| **offset < end);
            let before = self.ends.len();
            self.ends.extend(inside.map(|offset| (*offset, end - offset)));
            if self.ends.len() > before {
                continue;
            }
            let target = match instruction.op0_kind() {
                OpKind::NearBranch64 | OpKind::NearBranch32 | OpKind::NearBranch16 => {
                    Some(instruction.near_branch_target())
                }
                _ if instruction.is_ip_rel_memory_operand() => Some(instruction.ip_rel_memory_address()),
                _ => None,
            };
            self.local.extend(target.map(|target| LocalReference { at, target }));
        }
    }

    /// Decodes PC-relative branches, ADR and literal loads (Arm Architecture Reference Manual, C4.1).
    fn arm64(&mut self, body: &[u8], start: u64, relocated: &[u64]) {
        // Instructions are little-endian even where data is not.
        let words = body.chunks_exact(4).filter_map(|word| word.try_into().ok().map(u32::from_le_bytes));
        for (word, at) in words.zip((start..).step_by(4)) {
            let Some(distance) = arm64_distance(word) else { continue };
            if relocated.binary_search(&at).is_err() {
                self.local.push(LocalReference { at, target: at.wrapping_add_signed(distance) });
            }
        }
    }
}

/// How far an arm64 instruction that refers to a PC-relative place lies before it, in bytes.
fn arm64_distance(word: u32) -> Option<i64> {
    if word & 0x7c00_0000 == 0x1400_0000 {
        // B, BL
        Some(words_to(word, 26))
    } else if word & 0xff00_0000 == 0x5400_0000 || word & 0x7e00_0000 == 0x3400_0000 {
        // B.cond, CBZ, CBNZ
        Some(words_to(word >> 5, 19))
    } else if word & 0x7e00_0000 == 0x3600_0000 {
        // TBZ, TBNZ
        Some(words_to(word >> 5, 14))
    } else if word & 0x3b00_0000 == 0x1800_0000 {
        // LDR (literal)
        Some(words_to(word >> 5, 19))
    } else if word & 0x9f00_0000 == 0x1000_0000 {
        // ADR, which counts bytes
        Some(words_to(word >> 5, 19) + i64::from(word >> 29 & 3))
    } else {
        None
    }
}

/// The lowest `bits` of a word as a distance in words, in bytes.
fn words_to(word: u32, bits: u32) -> i64 {
    i64::from(sign_extended(word, bits)) * 4
}

/// The lowest `bits` of a word as a signed number.
const fn sign_extended(word: u32, bits: u32) -> i32 {
    let unused = 32 - bits;
    (word << unused).cast_signed() >> unused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(machine: ElfMachine, bytes: &[u8], relocated: &[u64]) -> Vec<(u64, u64)> {
        let whole = 0..u64::try_from(bytes.len()).expect("a small number");
        let code = decode(machine, bytes, &[whole], relocated);
        code.local.iter().map(|reference| (reference.at, reference.target)).collect()
    }

    #[test]
    fn x86_calls_jumps_and_addresses_are_found() {
        // nop; call +0x10; jne -8; lea 0x20(%rip),%rax; ret
        let bytes = [0x90, 0xe8, 0x10, 0, 0, 0, 0x75, 0xf8, 0x48, 0x8d, 0x05, 0x20, 0, 0, 0, 0xc3];
        assert_eq!(local(ElfMachine::X86_64, &bytes, &[]), [(1, 0x16), (6, 0), (8, 0x2f)]);
        assert_eq!(local(ElfMachine::X86_64, &bytes, &[2]), [(6, 0), (8, 0x2f)]);
    }

    #[test]
    fn x86_operands_count_from_the_end_of_the_instruction() {
        // movl $1, 0(%rip): a 4-byte immediate follows the relocation.
        let bytes = [0xc7, 0x05, 0, 0, 0, 0, 1, 0, 0, 0];
        let whole = std::iter::once(0..10).collect::<Vec<_>>();
        assert_eq!(decode(ElfMachine::X86_64, &bytes, &whole, &[2]).ends, [(2, 8)]);
    }

    #[test]
    fn arm64_branches_are_found() {
        // bl +8; b.ne -4; cbz x0, +16; tbnz w0, #3, +4; adr x0, +1; nop; ret
        let words: [u32; 7] =
            [0x9400_0002, 0x54ff_ffe1, 0xb400_0080, 0x3718_0020, 0x3000_0000, 0xd503_201f, 0xd65f_03c0];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(local(ElfMachine::Arm64, &bytes, &[]), [(0, 8), (4, 0), (8, 24), (12, 16), (16, 17)]);
        assert_eq!(local(ElfMachine::Arm64, &bytes, &[0]).len(), 4);
    }
}
