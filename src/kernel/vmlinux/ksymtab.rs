//! The export tables of a kernel, in every layout since 4.18. include/asm-generic/vmlinux.lds.h places them, and
//! include/linux/export-internal.h defines their entries.

use std::ops::Range;

use super::kallsyms::Kallsyms;
use super::memory::KernelMemory;
use crate::image::{EntryLayout, TABLES};
use crate::kernel::exports::Exports;
use crate::kernel::symvers::VMLINUX;
use crate::terms::{ElfMachine, ExportKind};

/// One export table, by its range in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExportTable {
    pub kind: ExportKind,
    pub entries: Range<usize>,
    /// The range of the versions of its symbols, in the order of the entries; `None` in a kernel without versions.
    pub crcs: Option<Range<usize>>,
}

/// All export tables of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExportTables {
    pub tables: Vec<ExportTable>,
    /// The range of `__kflagstab`, one byte an entry of the single table. The lowest bit means GPL-only (since 7.1).
    pub flags: Option<Range<usize>>,
}

/// The layouts of entries, the current one first: with relative references or pointers, with namespaces or without.
const LAYOUTS: [EntryLayout; 4] = [
    EntryLayout { prel32: true, namespaces: true, rel_crcs: false },
    EntryLayout { prel32: false, namespaces: true, rel_crcs: false },
    EntryLayout { prel32: true, namespaces: false, rel_crcs: false },
    EntryLayout { prel32: false, namespaces: false, rel_crcs: false },
];

/// The strings of one entry.
struct EntryStrings<'a> {
    name: &'a str,
    namespace: &'a str,
}

impl ExportTables {
    /// The tables, found by their sections.
    pub fn of_sections(memory: &KernelMemory) -> Option<Self> {
        Self::of_ranges(|name| memory.section(name))
    }

    /// The tables, found by the symbols `__start_…` and `__stop_…` around them.
    pub fn of_symbols(memory: &KernelMemory, symbols: &Kallsyms) -> Option<Self> {
        Self::of_ranges(|name| {
            let start = symbols.address_of(&format!("__start_{name}"))?;
            let stop = symbols.address_of(&format!("__stop_{name}"));
            let start_at = memory.offset_of(start)?;
            // In some kernels the tables of versions and flags have no `__stop_` symbol.
            let stop = stop.or_else(|| symbols.iter().map(|symbol| symbol.address).find(|address| *address > start))?;
            Some(start_at..start_at.checked_add(usize::try_from(stop.checked_sub(start)?).ok()?)?)
        })
    }

    fn of_ranges(range: impl Fn(&str) -> Option<Range<usize>>) -> Option<Self> {
        let range = |name: &str| range(name).filter(|range| !range.is_empty());
        let tables: Vec<_> = TABLES
            .into_iter()
            .filter_map(|(kind, entries, crcs)| Some(ExportTable { kind, entries: range(entries)?, crcs: range(crcs) }))
            .collect();
        (!tables.is_empty()).then(|| Self { tables, flags: range("__kflagstab") })
    }

    /// Reads every entry, in the first layout in which all entries are well-formed.
    ///
    /// # Errors
    /// If there is no such layout; the message follows the file's name.
    pub fn exports(&self, memory: &KernelMemory) -> Result<Exports, String> {
        let mut why = None;
        for layout in LAYOUTS {
            match self.read(memory, layout) {
                Ok(exports) => return Ok(exports),
                Err(broken) => why = why.or(Some(broken)),
            }
            if memory.is_flat()
                && !layout.prel32
                && let Some(exports) =
                    self.bases(memory, layout).find_map(|base| self.read(&memory.rebase(base), layout).ok())
            {
                return Ok(exports);
            }
        }
        Err(why.unwrap_or_default())
    }

    /// The addresses that a bare image whose tables hold pointers may lie at, by the name of the first entry.
    fn bases(&self, memory: &KernelMemory, layout: EntryLayout) -> impl Iterator<Item = u64> {
        let first = self.tables.first().map_or(0, |table| table.entries.start);
        bases(memory, memory.number(first + layout.field(memory.word()), memory.word()).unwrap_or_default())
    }

    fn read(&self, memory: &KernelMemory, layout: EntryLayout) -> Result<Exports, String> {
        let size = layout.size(memory.word());
        let bytes: usize = self.tables.iter().map(|table| table.entries.len()).sum();
        let mut exports = Exports::with_capacity(bytes / size);
        for table in &self.tables {
            let place = &table.entries;
            let broken = |what: &str| format!("its export table at offset {:#x} {what}", place.start);
            if place.len() % size != 0 {
                return Err(broken("does not consist of whole entries"));
            }
            let count = place.len() / size;
            let crcs = table.crcs.as_ref().filter(|crcs| crcs.len() >= count * 4);
            if table.crcs.is_some() && crcs.is_none() {
                return Err(broken("has more entries than versions"));
            }
            if self.flags.as_ref().is_some_and(|flags| flags.len() < count) {
                return Err(broken("has more entries than flags"));
            }
            let relative = crcs.is_some_and(|crcs| has_relative_crcs(memory, crcs, count));
            let mut last = "";
            for index in 0..count {
                let at = place.start + index * size;
                let entry = entry(memory, at, layout).filter(|entry| entry.name >= last);
                let entry = entry.ok_or_else(|| broken(&format!("is broken at entry {index} of {count}")))?;
                let crc = crcs.and_then(|crcs| crc(memory, crcs.start + index * 4, relative)).unwrap_or_default();
                // Code that is linked twice (arm64's hypervisor up to 5.10) exports its symbols twice.
                if entry.name == std::mem::replace(&mut last, entry.name) {
                    continue;
                }
                let flags = self.flags.as_ref().and_then(|flags| memory.number(flags.start + index, 1));
                let kind = match flags {
                    Some(flags) if flags & 1 == 1 => ExportKind::Gpl,
                    _ => table.kind,
                };
                exports.push(Some(crc), entry.name, VMLINUX, Some(kind), entry.namespace);
            }
        }
        Ok(exports)
    }
}

/// The addresses that a bare image may lie at if the pointer `name` points into it: the beginnings of pages.
pub(super) fn bases(memory: &KernelMemory, name: u64) -> impl Iterator<Item = u64> {
    const PAGE: u64 = 4096;
    let offsets = (name % PAGE..memory.bytes().len() as u64).step_by(4096);
    offsets.filter_map(move |offset| name.checked_sub(offset))
}

/// Reads one entry; `None` if its name or its namespace is malformed.
fn entry(memory: &KernelMemory, at: usize, layout: EntryLayout) -> Option<EntryStrings<'_>> {
    let field = layout.field(memory.word());
    let string = |number: usize| {
        let at = at + number * field;
        let target = if layout.prel32 { memory.relative(at) } else { memory.pointer(at) };
        std::str::from_utf8(memory.string(target?)?).ok()
    };
    let name = string(1).filter(|name| is_name(name))?;
    // Up to 5.6 an entry without a namespace has a zero in the field.
    let namespace = if !layout.namespaces || memory.number(at + 2 * field, field) == Some(0) {
        ""
    } else {
        string(2).filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()))?
    };
    Some(EntryStrings { name, namespace })
}

/// Returns whether a string may be the name of a symbol.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$'))
}

/// Returns whether all entries are relative references to versions (`CONFIG_MODULE_REL_CRCS`: powerpc and s390 up to 5.18).
///
/// An entry that is a version itself, read as a reference, points into the kernel only by chance, about once in a hundred
/// times.
fn has_relative_crcs(memory: &KernelMemory, crcs: &Range<usize>, count: usize) -> bool {
    matches!(memory.machine(), Some(ElfMachine::Ppc | ElfMachine::Ppc64 | ElfMachine::S390))
        && (0..count).all(|index| memory.relative(crcs.start + index * 4).is_some())
}

fn crc(memory: &KernelMemory, at: usize, relative: bool) -> Option<u32> {
    let at = if relative { memory.relative(at)? } else { at };
    u32::try_from(memory.number(at, 4)?).ok()
}
