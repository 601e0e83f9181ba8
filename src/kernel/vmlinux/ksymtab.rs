//! The export tables of a kernel, in every layout there has been: include/asm-generic/vmlinux.lds.h places them,
//! include/linux/export-internal.h fills them.

use std::ops::Range;

use super::kallsyms::Kallsyms;
use super::memory::Memory;
use crate::image::{EntryLayout, TABLES};
use crate::kernel::exports::Exports;
use crate::kernel::symvers::VMLINUX;
use crate::terms::{ElfMachine, ExportKind};

/// One table, by its place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub kind: ExportKind,
    pub entries: Range<usize>,
    /// The versions of its symbols, in the same order; `None` in a kernel without.
    pub crcs: Option<Range<usize>>,
}

/// All tables of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tables {
    pub tables: Vec<Table>,
    /// A byte for each entry of the only table, whose lowest bit says that it is GPL-only (since 7.1).
    pub flags: Option<Range<usize>>,
}

/// The layouts, from today's to that of 4.18: relative references or pointers, with namespaces or without.
const LAYOUTS: [EntryLayout; 4] = [
    EntryLayout { prel32: true, namespaces: true, rel_crcs: false },
    EntryLayout { prel32: false, namespaces: true, rel_crcs: false },
    EntryLayout { prel32: true, namespaces: false, rel_crcs: false },
    EntryLayout { prel32: false, namespaces: false, rel_crcs: false },
];

/// One entry's strings.
struct Entry<'a> {
    name: &'a str,
    namespace: &'a str,
}

impl Tables {
    /// The tables by their sections.
    pub fn of_sections(memory: &Memory) -> Option<Self> {
        Self::of_places(|name| memory.section(name))
    }

    /// The tables by the symbols that stand around them.
    pub fn of_symbols(memory: &Memory, symbols: &Kallsyms) -> Option<Self> {
        let address = |prefix: &str, name: &str| symbols.address_of(&format!("{prefix}{name}"));
        Self::of_places(|name| {
            let (start, stop) = (address("__start_", name)?, address("__stop_", name));
            let start_at = memory.offset_of(start)?;
            // Tables of versions and flags have had no end of their own.
            let stop = stop.or_else(|| symbols.iter().map(|symbol| symbol.address).find(|address| *address > start))?;
            Some(start_at..start_at.checked_add(usize::try_from(stop.checked_sub(start)?).ok()?)?)
        })
    }

    fn of_places(place: impl Fn(&str) -> Option<Range<usize>>) -> Option<Self> {
        let place = |name: &str| place(name).filter(|place| !place.is_empty());
        let table = |(kind, entries, crcs): (ExportKind, &str, &str)| {
            Some(Table { kind, entries: place(entries)?, crcs: place(crcs) })
        };
        let tables: Vec<_> = TABLES.into_iter().filter_map(table).collect();
        (!tables.is_empty()).then(|| Self { tables, flags: place("__kflagstab") })
    }

    /// Reads every entry. What is exported is known in full or not at all.
    ///
    /// # Errors
    /// When no layout makes sense of all entries; in words that follow the file's name.
    pub fn exports(&self, memory: &Memory) -> Result<Exports, String> {
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

    /// Where a bare image whose tables hold pointers may lie, by the name of the first entry.
    fn bases(&self, memory: &Memory, layout: EntryLayout) -> impl Iterator<Item = u64> {
        let first = self.tables.first().map_or(0, |table| table.entries.start);
        bases(memory, memory.number(first + layout.field(memory.word()), memory.word()).unwrap_or_default())
    }

    fn read(&self, memory: &Memory, layout: EntryLayout) -> Result<Exports, String> {
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
                // Code that is built in twice (arm64's hypervisor up to 5.10) exports twice.
                if entry.name == std::mem::replace(&mut last, entry.name) {
                    continue;
                }
                let flag = |flags: &Range<usize>| memory.number(flags.start + index, 1);
                let kind = match self.flags.as_ref().and_then(flag) {
                    Some(flags) if flags & 1 == 1 => ExportKind::Gpl,
                    _ => table.kind,
                };
                exports.push(Some(crc), entry.name, VMLINUX, Some(kind), entry.namespace);
            }
        }
        Ok(exports)
    }
}

/// Where a bare image may lie in which `name` points to a string: it begins at the beginning of a page.
pub(super) fn bases(memory: &Memory, name: u64) -> impl Iterator<Item = u64> {
    const PAGE: u64 = 4096;
    let places = (name % PAGE..memory.bytes().len() as u64).step_by(4096);
    places.filter_map(move |place| name.checked_sub(place))
}

/// Reads one entry; `None` when its strings are none.
fn entry(memory: &Memory, at: usize, layout: EntryLayout) -> Option<Entry<'_>> {
    let field = layout.field(memory.word());
    let string = |number: usize| {
        let at = at + number * field;
        let target = if layout.prel32 { memory.relative(at) } else { memory.pointer(at) };
        std::str::from_utf8(memory.string(target?)?).ok()
    };
    let name = string(1).filter(|name| is_name(name))?;
    let namespace = match layout.namespaces {
        false => "",
        // Up to 5.6 nothing referred to meant no namespace.
        true if memory.number(at + 2 * field, field) == Some(0) => "",
        true => string(2).filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()))?,
    };
    Some(Entry { name, namespace })
}

/// Can it be the name of a symbol?
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$'))
}

/// Do all entries refer to versions elsewhere, relative to themselves (`CONFIG_MODULE_REL_CRCS`: powerpc and s390 up to 5.18)?
/// A version itself hits the kernel so by chance only, once in a hundred times.
fn has_relative_crcs(memory: &Memory, crcs: &Range<usize>, count: usize) -> bool {
    let architecture = matches!(memory.machine(), Some(ElfMachine::Ppc | ElfMachine::Ppc64 | ElfMachine::S390));
    let hits = |index| memory.relative(crcs.start + index * 4).is_some();
    architecture && (0..count).all(hits)
}

fn crc(memory: &Memory, at: usize, relative: bool) -> Option<u32> {
    let at = if relative { memory.relative(at)? } else { at };
    u32::try_from(memory.number(at, 4)?).ok()
}
