//! Decodes code into steps that are alike for all architectures. They tell just enough to see whether a function does
//! work of its own or passes its arguments on.

mod arm64;
mod step;
mod x86_64;

pub use step::{Action, Convention, Register, Relocated, Spot, Step, Table, Way};

use crate::terms::ElfMachine;

/// The calling convention of an architecture whose code can be decoded; `None` for all others.
pub const fn convention(machine: ElfMachine) -> Option<&'static Convention> {
    match machine {
        ElfMachine::X86_64 => Some(&x86_64::CONVENTION),
        ElfMachine::Arm64 => Some(&arm64::CONVENTION),
        _ => None,
    }
}

/// Decodes the code that begins at the address `start`. `relocated` are the relocations inside it, sorted by address.
///
/// Bytes that are no instruction become an [`Action::Trap`]. If instructions vary in length, decoding ends there.
pub fn steps(machine: ElfMachine, code: &[u8], start: u64, relocated: &[Relocated]) -> Vec<Step> {
    match machine {
        ElfMachine::X86_64 => x86_64::steps(code, start, relocated),
        ElfMachine::Arm64 => arm64::steps(code, start, relocated),
        _ => Vec::new(),
    }
}
