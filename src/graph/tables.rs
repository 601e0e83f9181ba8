//! Tables whose entries stand for a place in the code: what such an entry refers to, that code refers to.
//!
//! A static key is the plainest case: the instruction is a `nop`, and only the entry of `__jump_table` names the key. The
//! same holds for the key of a static call, for the code an alternative may put in place of another, and for what runs when
//! an instruction faults.

use crate::elf::Relocation;
use crate::image::ModuleElf;
use crate::terms::ElfMachine;

/// A kind of table.
#[derive(Clone, Copy, Debug)]
pub(super) struct TableKind {
    /// The section.
    pub name: &'static str,
    /// Pointers in an entry, each of which has a relocation; the first is the code. Where versions and architectures
    /// differ, the larger number first.
    pointers: &'static [usize],
    /// The section with the code that the second pointer of an entry leads to, and that runs in place of the first.
    pub replacements: Option<&'static str>,
    /// Is the last byte of an entry the length of that code, where it stands elsewhere?
    pub has_lengths: bool,
}

/// Sources: include/linux/jump_label.h, include/linux/static_call_types.h, and of the architectures asm/alternative.h and
/// asm/extable.h. All of them are 32-bit offsets or whole words, as the version and the architecture please.
const KINDS: [TableKind; 4] = [
    // struct jump_entry: code, target, key.
    TableKind { name: "__jump_table", pointers: &[3], replacements: None, has_lengths: false },
    // struct static_call_site: code, key.
    TableKind { name: ".static_call_sites", pointers: &[2], replacements: None, has_lengths: false },
    // struct alt_instr: code, replacement. On arm64 the second may be a function that makes the replacement, and
    // replacements stand in .text, behind the functions.
    TableKind {
        name: ".altinstructions",
        pointers: &[2],
        replacements: Some(".altinstr_replacement"),
        has_lengths: true,
    },
    // struct exception_table_entry: instruction, where to go on, and (x86 before 5.16) the handler.
    TableKind { name: "__ex_table", pointers: &[3, 2], replacements: Some(".fixup"), has_lengths: false },
];

impl TableKind {
    pub fn of(name: &[u8]) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.name.as_bytes() == name)
    }

    /// How many relocations an entry has, if the table is as regular as one must be.
    ///
    /// `relocations` are in the order of their offsets, in a section of `size` bytes.
    fn stride(&self, relocations: &[Relocation], size: u64, machine: Option<ElfMachine>) -> Option<usize> {
        let x86 = matches!(machine, Some(ElfMachine::X86_64 | ElfMachine::I386));
        let fits = |pointers: &usize| {
            let entries = relocations.len() / pointers;
            let whole = entries > 0 && relocations.len().is_multiple_of(*pointers);
            // Handlers are x86's alone; elsewhere three pointers would be one and a half entries.
            let handlers = *pointers < 3 || self.pointers.len() == 1 || x86;
            whole
                && handlers
                && size.is_multiple_of(entries as u64)
                && is_regular(relocations, *pointers, size / entries as u64)
        };
        self.pointers.iter().copied().find(fits)
    }
}

fn is_regular(relocations: &[Relocation], pointers: usize, entry: u64) -> bool {
    let Some(first) = relocations.get(..pointers) else { return false };
    relocations.chunks_exact(pointers).zip(0_u64..).all(|(chunk, index)| {
        let start = index.checked_mul(entry);
        first.first().is_some_and(|code| code.offset == 0)
            && chunk
                .iter()
                .zip(first)
                .all(|(own, model)| start.and_then(|start| start.checked_add(model.offset)) == Some(own.offset))
    })
}

/// One table of an object: its relocations, entry by entry.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub kind: &'static TableKind,
    relocations: Vec<Relocation>,
    stride: usize,
}

impl Table {
    /// `None` where the table is not regular: nothing is known then of what belongs together.
    pub fn new(
        kind: &'static TableKind,
        mut relocations: Vec<Relocation>,
        size: u64,
        machine: Option<ElfMachine>,
    ) -> Option<Self> {
        relocations.sort_by_key(|relocation| relocation.offset);
        let stride = kind.stride(&relocations, size, machine)?;
        Some(Self { kind, relocations, stride })
    }

    /// The pointer to the code in the entry that `offset` lies in.
    pub fn code_of(&self, offset: u64) -> Option<&Relocation> {
        let before = self.relocations.partition_point(|relocation| relocation.offset <= offset);
        self.relocations.get(before.checked_sub(1)? / self.stride * self.stride)
    }

    /// The pointers to the code and to its replacement, of every entry that has one, and the entry's last byte.
    pub fn replacements(
        &self,
        elf: &ModuleElf,
        section: usize,
    ) -> impl Iterator<Item = (&Relocation, &Relocation, u64)> {
        let contents = elf.sections().get(section).map_or(&[][..], |section| elf.contents(section));
        let size = contents.len() / (self.relocations.len() / self.stride).max(1);
        let lasts = contents.chunks(size.max(1)).map(|entry| entry.last().copied().map_or(0, u64::from));
        let entries = self.relocations.chunks_exact(self.stride).zip(lasts);
        entries.filter_map(|(entry, last)| Some((entry.first()?, entry.get(1)?, last)))
    }
}
