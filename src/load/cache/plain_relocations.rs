//! A quick check for relocations that every x86-64 kernel applies, whatever addresses it gives to the module and its symbols.
//! Nearly all modules pass it.
//!
//! It gives the answer that `relocate` gives, but keeps no account of addresses and writes. It leaves every other case to
//! `relocate`.

use crate::elf::{Relocation, SectionFlags, SectionType, Symbol, SymbolPlace, rela64_le};
use crate::load::state::Info;
use crate::terms::Arch;

const R_X86_64_NONE: u32 = 0;
const R_X86_64_64: u32 = 1;
const R_X86_64_PC32: u32 = 2;
const R_X86_64_PLT32: u32 = 4;
const R_X86_64_32S: u32 = 11;
const R_X86_64_PC64: u32 = 24;

/// The largest distance in bytes from a symbol of the kernel at which an address is sure to lie in the upper two gigabytes, as
/// the symbol does.
const NEAR: u64 = 1 << 20;
/// The largest distance in bytes from the beginning of a section at which an address is sure to lie in the upper two gigabytes.
const NEAR_SECTION: u64 = 16 << 20;

/// The largest number of relocations that are judged here.
const MAX_RELOCATIONS: usize = 1 << 24;

/// What a kernel needs in order to apply all relocations of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::load) enum Requirement {
    /// Nothing: every kernel applies them.
    Nothing,
    /// It has to know `R_X86_64_PC64`.
    X86Pc64,
}

/// Returns what a kernel needs in order to apply all relocations at whatever addresses, or `None` if `relocate` has to judge
/// them.
///
/// `target` returns the section that a relocation section with this `sh_info` applies to.
pub(in crate::load) fn requirement(info: &Info, target: impl Fn(u32) -> Option<usize>) -> Option<Requirement> {
    if info.arch != Arch::X86_64 {
        return None;
    }
    let module = Module::of(info);
    let mut count = 0;
    let mut relocated = vec![false; info.elf.sections().len()];
    let mut requirement = Requirement::Nothing;
    for section in info.elf.sections().iter().skip(1) {
        let Some(target) = target(section.info) else { continue };
        if section.flags & SectionFlags::RELA_LIVEPATCH != 0 || section.kind == SectionType::REL {
            return None;
        }
        if section.kind != SectionType::RELA {
            continue;
        }
        count += info.elf.contents(section).len() / 24;
        let is_relocated = relocated.get_mut(target)?;
        let target = info.elf.sections().get(target)?;
        // A second relocation section for one target could write to bytes that are no longer zero.
        if std::mem::replace(is_relocated, true) || count > MAX_RELOCATIONS {
            return None;
        }
        if !module.applies(info.elf.contents(section), info.elf.contents(target), &mut requirement) {
            return None;
        }
    }
    Some(requirement)
}

/// What relocations are checked against.
struct Module<'a> {
    symbols: &'a [Symbol],
    /// Whether each section is one that the loader places in memory.
    is_placed: Vec<bool>,
    percpu: Option<usize>,
}

impl<'a> Module<'a> {
    fn of(info: &'a Info) -> Self {
        let is_placed = info.elf.sections().iter().map(|section| info.keeps_alloc(section)).collect();
        Self { symbols: info.elf.symbols(), is_placed, percpu: info.percpu }
    }

    /// Returns whether every kernel that meets `requirement` applies the relocations of one section to these `contents`. It does if
    /// they are in ascending order, do not overlap, and apply to bytes that are zero.
    fn applies(&self, relocations: &[u8], contents: &[u8], requirement: &mut Requirement) -> bool {
        // Where the last relocation ends.
        let mut end = 0;
        for entry in rela64_le(relocations) {
            let symbol = usize::try_from(entry.symbol).ok().and_then(|index| self.symbols.get(index));
            let Some(symbol) = symbol else { return false };
            let width = match entry.kind {
                R_X86_64_PC32 | R_X86_64_PLT32 => 4,
                R_X86_64_64 => 8,
                R_X86_64_32S if self.is_near(symbol, &entry) => 4,
                R_X86_64_PC64 => {
                    *requirement = Requirement::X86Pc64;
                    8
                }
                // It writes nothing.
                R_X86_64_NONE => continue,
                _ => return false,
            };
            let Ok(start) = usize::try_from(entry.offset) else { return false };
            let rest = contents.get(start..).unwrap_or_default();
            let is_zero =
                if width == 8 { rest.first_chunk() == Some(&[0; 8]) } else { rest.first_chunk() == Some(&[0; 4]) };
            if !is_zero || start < end {
                return false;
            }
            end = start + width;
        }
        true
    }

    /// Returns whether the value of the symbol plus the addend surely fits `R_X86_64_32S`: it is an address in the upper two
    /// gigabytes, where the kernel and its modules are, or a number close to zero.
    fn is_near(&self, symbol: &Symbol, entry: &Relocation) -> bool {
        let addend = entry.addend.unwrap_or_default().cast_unsigned();
        let value = symbol.value.wrapping_add(addend);
        match symbol.shndx {
            // An export of the kernel or of a module, or 0 for a weak symbol.
            SymbolPlace::UNDEF => entry.symbol != 0 && is_within(addend, NEAR),
            SymbolPlace::ABS | SymbolPlace::COMMON | SymbolPlace::LIVEPATCH => is_within(value, NEAR),
            // The address of a per-CPU symbol counts as one of the kernel's.
            shndx if self.percpu == Some(usize::from(shndx)) => is_within(symbol.value, NEAR) && is_within(value, NEAR),
            shndx => self.is_placed.get(usize::from(shndx)) == Some(&true) && is_within(value, NEAR_SECTION),
        }
    }
}

/// Returns whether `number`, read as signed, is at most `distance` away from zero.
const fn is_within(number: u64, distance: u64) -> bool {
    number.wrapping_add(distance) <= 2 * distance
}
