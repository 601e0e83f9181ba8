//! Relocations that go through on every x86-64 kernel, wherever it puts things: those of nearly every module.
//!
//! What is said here is what `relocate` would say, without keeping account of addresses and writes. Whatever is not as simple
//! as this is left to that.

use crate::elf::{Relocation, Section, SectionFlags, SectionType, Symbol, SymbolPlace};
use crate::load::state::Info;
use crate::terms::{Arch, Class, ElfMachine};

const R_X86_64_64: u32 = 1;
const R_X86_64_PC32: u32 = 2;
const R_X86_64_PLT32: u32 = 4;
const R_X86_64_32S: u32 = 11;
const R_X86_64_PC64: u32 = 24;

/// This close to a symbol, a place in the kernel is in the upper two gigabytes as the symbol is.
const NEAR: u64 = 1 << 20;
/// This close to the beginning of a section, a place of the module is.
const NEAR_SECTION: u64 = 16 << 20;

/// Relocations judged here are no more than this.
const MAX_RELOCATIONS: usize = 1 << 24;

/// What is to be known of the kernel for relocations to go through at whatever addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::load) enum Plain {
    /// Nothing.
    Everywhere,
    /// That it has `R_X86_64_PC64`.
    WithPc64,
}

/// Do all relocations go through, and what is to be known for that? `target` tells which section of the module one with this
/// `sh_info` applies to.
pub(in crate::load) fn go_through(info: &Info, target: impl Fn(u32) -> Option<usize>) -> Option<Plain> {
    if !matches!(info.arch, Arch { machine: ElfMachine::X86_64, class: Class::Elf64, .. }) {
        return None;
    }
    let (mut count, mut relocated) = (0, vec![false; info.elf.sections().len()]);
    let mut plain = Plain::Everywhere;
    let all = info.elf.sections().iter().skip(1).all(|section| {
        let Some(target) = target(section.info) else { return true };
        if section.flags & SectionFlags::RELA_LIVEPATCH != 0 || section.kind == SectionType::REL {
            return false;
        }
        if section.kind != SectionType::RELA {
            return true;
        }
        count += info.elf.contents(section).len() / 24;
        let again = relocated.get_mut(target).is_none_or(|known| std::mem::replace(known, true));
        let target = info.elf.sections().get(target);
        !again && count <= MAX_RELOCATIONS && target.is_some_and(|target| applies(info, section, target, &mut plain))
    });
    all.then_some(plain)
}

/// Do those of one section? They come in ascending order and apart, to bytes that are zero.
fn applies(info: &Info, section: &Section, target: &Section, plain: &mut Plain) -> bool {
    let (symbols, contents) = (info.elf.symbols(), info.elf.contents(target));
    let mut end = 0;
    info.elf.format().all_rela64(info.elf.contents(section), |entry| {
        let width = match entry.kind {
            R_X86_64_64 => 8,
            R_X86_64_PC64 => {
                *plain = Plain::WithPc64;
                8
            }
            R_X86_64_PC32 | R_X86_64_PLT32 | R_X86_64_32S => 4,
            _ => return false,
        };
        let (Some(symbol), Ok(start)) = (at(symbols, entry.symbol), usize::try_from(entry.offset)) else {
            return false;
        };
        let zero = start.checked_add(width).and_then(|end| contents.get(start..end)).is_some_and(|bytes| {
            match (bytes.first_chunk::<8>(), bytes.first_chunk::<4>()) {
                (Some(eight), _) => *eight == [0; 8],
                (None, Some(four)) => *four == [0; 4],
                (None, None) => false,
            }
        });
        let ascending = start >= end;
        end = start.saturating_add(width);
        zero && ascending && (entry.kind != R_X86_64_32S || is_near(info, symbol, entry))
    })
}

fn at(symbols: &[Symbol], index: u32) -> Option<&Symbol> {
    symbols.get(usize::try_from(index).ok()?)
}

/// Is symbol and addend a place in the upper two gigabytes, where the kernel and its modules are, or as close to zero?
fn is_near(info: &Info, symbol: &Symbol, entry: &Relocation) -> bool {
    let within = |number: u64, distance: u64| number.wrapping_add(distance) <= 2 * distance;
    let near = |number: u64| within(number, NEAR);
    let addend = entry.addend.unwrap_or_default().cast_unsigned();
    match symbol.shndx {
        // Exported by the kernel or a module, or nothing at all.
        SymbolPlace::UNDEF => entry.symbol != 0 && near(addend),
        SymbolPlace::ABS | SymbolPlace::COMMON | SymbolPlace::LIVEPATCH => near(symbol.value.wrapping_add(addend)),
        // Its "address" is one of the kernel's.
        shndx if info.percpu == Some(usize::from(shndx)) => {
            near(symbol.value) && near(symbol.value.wrapping_add(addend))
        }
        shndx => {
            let section = info.elf.sections().get(usize::from(shndx));
            section.is_some_and(|section| info.keeps_alloc(section))
                && within(symbol.value.wrapping_add(addend), NEAR_SECTION)
        }
    }
}
