//! Where things may lie in a kernel's address space.

use super::span::Span;
use crate::terms::{Arch, Class, ElfMachine};

/// Where the kernel, its modules and the loader's temporary copy of the file may lie.
pub(super) struct Memory {
    pub(super) exported: Span,
    pub(super) modules: Span,
    pub(super) copy: Span,
    /// How far apart two addresses in the kernel and its modules can be.
    pub(super) window: Option<u64>,
    /// Nominal addresses: of modules, and of an exported symbol.
    pub(super) nominal: (u64, u64),
}

impl Memory {
    pub(super) const fn of(arch: Arch) -> Self {
        let wide = matches!(arch.class, Class::Elf64);
        let kernel = match arch.machine {
            // arch/x86/include/asm/pgtable_64_types.h. An exported per-CPU symbol is a small number in kernels up to
            // 6.14 and an address in the image afterwards: the span runs through the top and zero to the per-CPU end.
            // The image never starts at the very bottom, so that a small addend cannot leave it.
            ElfMachine::X86_64 => {
                return Self {
                    exported: Span::between(0xffff_ffff_8010_0000, 0x0100_0000),
                    modules: Span::between(0xffff_ffff_a000_0000, 0xffff_ffff_ff00_0000),
                    copy: Span::between(0xff00_0000_0000_0000, 0xffff_ff7f_ffff_ffff),
                    window: None,
                    nominal: (0xffff_ffff_c020_1000, 0xffff_ffff_8120_0000),
                };
            }
            // arch/arm64/include/asm/memory.h, for 36 to 52 bits, before and after 5.4 turned the space round.
            ElfMachine::Arm64 => (0xfff0_0000_0000_0000, 0xffff_fffe_0000_0000, 0xffff_8000_7a00_0000),
            ElfMachine::Riscv if wide => (0xff00_0000_0000_0000, 0xffff_ffff_ffff_f000, 0xffff_ffff_0100_0000),
            ElfMachine::Ppc64 => (0xc000_0000_0000_0000, 0xffff_ffff_ffff_f000, 0xc008_0000_0000_0000),
            ElfMachine::S390 if wide => (0x1000, 0x0020_0000_0000_0000, 0x03ff_8000_0000),
            ElfMachine::Loongarch if wide => (0x8000_0000_0000_0000, 0xffff_ffff_ffff_f000, 0xffff_8000_0200_0000),
            ElfMachine::Mips if wide => (0x8000_0000_0000_0000, 0xffff_ffff_ffff_f000, 0xffff_ffff_c000_0000),
            _ => (0x1000, 0xffff_f000, 0xbf00_0000),
        };
        let span = Span::between(kernel.0, kernel.1);
        let window = match arch.machine {
            // Both keep the kernel and its modules inside two gigabytes, for 32-bit references between them.
            ElfMachine::Arm64 | ElfMachine::Riscv if wide => Some(0x7fff_ffff),
            _ => None,
        };
        Self {
            exported: span,
            modules: span,
            copy: span,
            window,
            nominal: (kernel.2, kernel.2.wrapping_sub(0x100_0000)),
        }
    }
}
