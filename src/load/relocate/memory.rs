//! The address ranges of the kernel and its modules, by architecture.

use super::span::Span;
use crate::terms::{Arch, Class, ElfMachine};

/// The possible addresses of the kernel, of modules, and of the loader's temporary copy of the file.
pub(super) struct Memory {
    /// Exported symbols of the kernel and of other modules.
    pub(super) exported: Span,
    /// Symbols of the kernel's image that are no per-CPU symbols.
    pub(super) image: Span,
    /// Loaded sections of the module.
    pub(super) modules: Span,
    /// Sections that are not loaded, in the temporary copy.
    pub(super) copy: Span,
    /// The largest distance between two addresses in the kernel and its modules; `None` if it is not limited.
    pub(super) window: Option<u64>,
    /// The nominal addresses of modules and of an exported symbol.
    pub(super) nominal: (u64, u64),
}

impl Memory {
    pub(super) const fn of(arch: Arch) -> Self {
        let wide = matches!(arch.class, Class::Elf64);
        let (first, last, modules): (u64, u64, u64) = match arch.machine {
            // arch/x86/include/asm/pgtable_64_types.h. An exported per-CPU symbol is a small number in kernels up to
            // 6.14 and an address in the image in later ones: the span wraps from the image to the end of the per-CPU
            // area. The image never starts at the lowest possible address, so a small negative addend stays inside the
            // span.
            ElfMachine::X86_64 => {
                return Self {
                    exported: Span::between(0xffff_ffff_8010_0000, 0x0100_0000),
                    image: Span::between(0xffff_ffff_8010_0000, 0xffff_ffff_ff00_0000),
                    modules: Span::between(0xffff_ffff_a000_0000, 0xffff_ffff_ff00_0000),
                    copy: Span::between(0xff00_0000_0000_0000, 0xffff_ff7f_ffff_ffff),
                    window: None,
                    nominal: (0xffff_ffff_c020_1000, 0xffff_ffff_8120_0000),
                };
            }
            // arch/arm64/include/asm/memory.h, for 36 to 52 bits, before and after 5.4 reversed the address space.
            ElfMachine::Arm64 => (0xfff0_0000_0000_0000, 0xffff_fffe_0000_0000, 0xffff_8000_7a00_0000),
            ElfMachine::Riscv if wide => (0xff00_0000_0000_0000, 0xffff_ffff_ffff_f000, 0xffff_ffff_0100_0000),
            ElfMachine::Ppc64 => (0xc000_0000_0000_0000, 0xffff_ffff_ffff_f000, 0xc008_0000_0000_0000),
            ElfMachine::S390 if wide => (0x1000, 0x0020_0000_0000_0000, 0x03ff_8000_0000),
            ElfMachine::Loongarch if wide => (0x8000_0000_0000_0000, 0xffff_ffff_ffff_f000, 0xffff_8000_0200_0000),
            ElfMachine::Mips if wide => (0x8000_0000_0000_0000, 0xffff_ffff_ffff_f000, 0xffff_ffff_c000_0000),
            _ => (0x1000, 0xffff_f000, 0xbf00_0000),
        };
        let span = Span::between(first, last);
        let window = match arch.machine {
            // Both keep the kernel and its modules within two gigabytes, so that 32-bit references between them fit.
            ElfMachine::Arm64 | ElfMachine::Riscv if wide => Some(0x7fff_ffff),
            _ => None,
        };
        let nominal = (modules, modules.wrapping_sub(0x100_0000));
        Self { exported: span, image: span, modules: span, copy: span, window, nominal }
    }
}
