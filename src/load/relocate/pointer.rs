//! The relocation that stores a whole address.

use crate::terms::{Arch, Class, ElfMachine};

/// Returns whether a relocation type stores S + A in all bytes of a pointer. Every type of an architecture that is not modelled
/// counts as such.
pub const fn stores_pointer(arch: Arch, kind: u32) -> bool {
    match (arch.machine, arch.class) {
        // R_X86_64_64, R_386_32, R_PPC_ADDR32
        (ElfMachine::X86_64 | ElfMachine::I386 | ElfMachine::Ppc, _) => kind == 1,
        // R_AARCH64_ABS64
        (ElfMachine::Arm64, _) => kind == 257,
        // R_ARM_ABS32, R_ARM_TARGET1
        (ElfMachine::Arm, _) => matches!(kind, 2 | 38),
        // R_RISCV_64, R_LARCH_64
        (ElfMachine::Riscv | ElfMachine::Loongarch, Class::Elf64) => kind == 2,
        // R_RISCV_32, R_LARCH_32
        (ElfMachine::Riscv | ElfMachine::Loongarch, Class::Elf32) => kind == 1,
        // R_PPC64_ADDR64
        (ElfMachine::Ppc64, _) => kind == 38,
        // R_390_64, R_390_32
        (ElfMachine::S390, Class::Elf64) => kind == 22,
        (ElfMachine::S390, Class::Elf32) => kind == 4,
        // R_MIPS_64, R_MIPS_32
        (ElfMachine::Mips, Class::Elf64) => kind == 18,
        (ElfMachine::Mips, Class::Elf32) => kind == 2,
        _ => true,
    }
}

/// The number of bytes that a relocation type of x86-64 writes.
pub const fn x86_64_width(kind: u32) -> u64 {
    use super::x86_64::{R_X86_64_32, R_X86_64_32S, R_X86_64_PC32, R_X86_64_PLT32};
    if matches!(kind, R_X86_64_PC32 | R_X86_64_PLT32 | R_X86_64_32 | R_X86_64_32S) { 4 } else { 8 }
}
