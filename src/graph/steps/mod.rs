//! What code does, an instruction at a time, in the few words that tell whether a function does work of its own or hands its
//! arguments on: the same words for every architecture.

mod arm64;
mod step;
mod x86_64;

pub use step::{Action, Convention, Register, Relocated, Spot, Step, Table, Way};

use crate::terms::ElfMachine;

/// The convention of an architecture whose code can be read as steps.
pub const fn convention(machine: ElfMachine) -> Option<&'static Convention> {
    match machine {
        ElfMachine::X86_64 => Some(&x86_64::CONVENTION),
        ElfMachine::Arm64 => Some(&arm64::CONVENTION),
        _ => None,
    }
}

/// Reads the code that begins at the address `start`. `relocated` are the relocations inside it, in order of address.
///
/// Bytes that are no instruction are an [`Action::Trap`], and where instructions vary in length the end.
pub fn steps(machine: ElfMachine, code: &[u8], start: u64, relocated: &[Relocated]) -> Vec<Step> {
    match machine {
        ElfMachine::X86_64 => x86_64::steps(code, start, relocated),
        ElfMachine::Arm64 => arm64::steps(code, start, relocated),
        _ => Vec::new(),
    }
}
