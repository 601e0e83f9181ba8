//! Tables whose entries belong to a place in code: what an entry refers to counts as a reference of that code.
//!
//! Static keys are the simplest case: the instruction is a `nop`, and only the entry of `__jump_table` names the key.
//! Keys of static calls, replacements of alternatives, and code that runs after a fault are referred to in such tables
//! as well.

use crate::elf::Relocation;
use crate::image::ModuleElf;
use crate::terms::ElfMachine;

/// A kind of table.
#[derive(Clone, Copy, Debug)]
pub(super) struct TableKind {
    /// The name of the section.
    pub name: &'static str,
    /// How many pointers an entry has, each with a relocation; the first points to the code. If versions and
    /// architectures differ, all numbers, the largest first.
    pointers: &'static [usize],
    /// The section of the replacement code, to which the second pointer of an entry leads.
    pub replacements: Option<&'static str>,
    /// Whether the last byte of an entry is the length of the replacement, in case it lies in another section.
    pub has_lengths: bool,
    /// Whether a number of an entry may have a relocation, too: of another type than the pointers.
    has_numbers: bool,
}

/// Sources: include/linux/jump_label.h, include/linux/static_call_types.h, and asm/alternative.h and asm/extable.h of
/// each architecture. Pointers are 32-bit offsets or whole words, depending on the version and the architecture.
const KINDS: [TableKind; 4] = [
    // struct jump_entry: code, target, key.
    TableKind { name: "__jump_table", pointers: &[3], replacements: None, has_lengths: false, has_numbers: false },
    // struct static_call_site: code, key.
    TableKind {
        name: ".static_call_sites",
        pointers: &[2],
        replacements: None,
        has_lengths: false,
        has_numbers: false,
    },
    // struct alt_instr: code, replacement. On arm64 the second may be a function that writes the replacement, and
    // replacements lie in .text, after the functions. In an object that assembly names a feature in, as vdso_read_cpunode()
    // does since 6.12, the feature is a symbol.
    TableKind {
        name: ".altinstructions",
        pointers: &[2],
        replacements: Some(".altinstr_replacement"),
        has_lengths: true,
        has_numbers: true,
    },
    // struct exception_table_entry: instruction, where to continue, and (x86 before 5.16) the handler.
    TableKind {
        name: "__ex_table",
        pointers: &[3, 2],
        replacements: Some(".fixup"),
        has_lengths: false,
        has_numbers: false,
    },
];

impl TableKind {
    /// The kind of table in the section with that name.
    pub fn of(name: &[u8]) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.name.as_bytes() == name)
    }

    /// How many relocations an entry has; `None` if the entries are not all alike.
    ///
    /// `relocations` are sorted by offset, in a section of `size` bytes.
    fn stride(&self, relocations: &[Relocation], size: u64, machine: Option<ElfMachine>) -> Option<usize> {
        let is_x86 = matches!(machine, Some(ElfMachine::X86_64 | ElfMachine::I386));
        for pointers in self.pointers.iter().copied() {
            // Only x86 has handlers; on other architectures three pointers would be one and a half entries.
            if pointers >= 3 && self.pointers.len() > 1 && !is_x86 {
                continue;
            }
            let entries = relocations.len() / pointers;
            if entries > 0
                && relocations.len().is_multiple_of(pointers)
                && size.is_multiple_of(entries as u64)
                && is_regular(relocations, pointers, size / entries as u64)
            {
                return Some(pointers);
            }
        }
        None
    }
}

/// Returns whether all entries of a table have their relocations at the offsets of the first entry. `entry` is the size
/// of one, in bytes.
fn is_regular(relocations: &[Relocation], pointers: usize, entry: u64) -> bool {
    let Some(first) = relocations.get(..pointers) else { return false };
    if first.first().is_none_or(|code| code.offset != 0) {
        return false;
    }
    relocations.chunks_exact(pointers).zip(0_u64..).all(|(chunk, index)| {
        let start = index.checked_mul(entry);
        let mut pairs = chunk.iter().zip(first);
        pairs.all(|(own, model)| start.and_then(|start| start.checked_add(model.offset)) == Some(own.offset))
    })
}

/// One table of an object: its relocations, divided into entries.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub kind: &'static TableKind,
    relocations: Vec<Relocation>,
    stride: usize,
}

impl Table {
    /// `None` if the entries are not all alike, so that they cannot be distinguished.
    pub fn new(
        kind: &'static TableKind,
        mut relocations: Vec<Relocation>,
        size: u64,
        machine: Option<ElfMachine>,
    ) -> Option<Self> {
        relocations.sort_by_key(|relocation| relocation.offset);
        if kind.has_numbers
            && let Some(code) = relocations.first().map(|code| code.kind)
            && kind.stride(&relocations, size, machine).is_none()
        {
            relocations.retain(|relocation| relocation.kind == code);
        }
        let stride = kind.stride(&relocations, size, machine)?;
        Some(Self { kind, relocations, stride })
    }

    /// The pointer to the code in the entry that `offset` lies in.
    pub fn code_of(&self, offset: u64) -> Option<&Relocation> {
        let before = self.relocations.partition_point(|relocation| relocation.offset <= offset);
        self.relocations.get(before.checked_sub(1)? / self.stride * self.stride)
    }

    /// For each entry with a replacement: the pointer to the code, the pointer to the replacement, and the entry's last
    /// byte.
    pub fn replacements(
        &self,
        elf: &ModuleElf,
        section: usize,
    ) -> impl Iterator<Item = (&Relocation, &Relocation, u64)> {
        let contents = elf.sections().get(section).map_or(&[][..], |section| elf.contents(section));
        let size = contents.len() / (self.relocations.len() / self.stride).max(1);
        let last_bytes = contents.chunks(size.max(1)).map(|entry| entry.last().copied().map_or(0, u64::from));
        let entries = self.relocations.chunks_exact(self.stride).zip(last_bytes);
        entries.filter_map(|(entry, last)| Some((entry.first()?, entry.get(1)?, last)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PC32: u32 = 2;
    const ABSOLUTE: u32 = 10;

    fn relocation(offset: u64, kind: u32) -> Relocation {
        Relocation { offset, symbol: 1, kind, addend: Some(0) }
    }

    /// Two alternatives of 14 bytes, of which the second names its feature by a symbol.
    #[test]
    fn a_relocated_feature_is_no_pointer_of_an_alternative() {
        let kind = TableKind::of(b".altinstructions").expect("a kind");
        let pointers = [0, 4, 14, 18].map(|offset| relocation(offset, PC32));
        let all = [&pointers[..], &[relocation(22, ABSOLUTE)]].concat();
        let table = Table::new(kind, all, 28, Some(ElfMachine::X86_64)).expect("a table");
        assert_eq!(table.code_of(18).map(|code| code.offset), Some(14));
        assert_eq!(table.code_of(8).map(|code| code.offset), Some(0));
        let uneven = vec![relocation(0, PC32), relocation(4, PC32), relocation(14, PC32)];
        assert!(Table::new(kind, uneven, 28, Some(ElfMachine::X86_64)).is_none());
    }
}
