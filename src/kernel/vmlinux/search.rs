//! Finding the export tables of a bare image without sections and symbols, by their shape.
//!
//! An entry is three references (two, up to 5.3): the symbol, its name and its namespace; on x86 and arm64 32-bit ones relative
//! to themselves (since 4.19), elsewhere pointers. The linker sorts each table by name, and places `__ksymtab`,
//! `__ksymtab_gpl`, their versions and the strings after one another (include/asm-generic/vmlinux.lds.h, RO_DATA).

use std::ops::Range;

use super::ksymtab::{ExportTable, ExportTables, bases, is_name};
use super::memory::KernelMemory;
use crate::terms::{Endian, ExportKind};

/// The fewest entries of a run. Fewer in order may be chance.
const FEWEST: usize = 16;
/// A run of this many entries is no chance.
const CERTAIN: usize = 256;
/// The most bytes of padding before the section of strings.
const PADDING: usize = 64;
/// The largest section of strings. A kernel's has about 500,000 bytes.
const STRINGS: u64 = 1 << 21;
/// The number of the longest runs of pointers that are tried.
const TRIED: usize = 16;

/// A sorted run of entries.
#[derive(Clone, Debug)]
struct EntryRun {
    place: Range<usize>,
    entries: usize,
}

/// Finds the export tables of a bare image.
///
/// # Errors
/// If there is no table, or the tables found cannot be distinguished; the message follows the file's name.
pub(super) fn search(memory: &KernelMemory) -> Result<ExportTables, &'static str> {
    let best = best(memory);
    let longest = best.as_ref().and_then(|(_, runs)| runs.iter().max_by_key(|run| run.entries));
    let (Some((scanner, runs)), Some(longest)) = (&best, longest) else {
        return Err("it has no export table that can be recognised");
    };
    // The tables are adjacent: add those before and after the longest.
    let mut tables = vec![longest.clone()];
    while let Some(before) = runs.iter().find(|run| Some(run.place.end) == tables.first().map(|run| run.place.start)) {
        tables.insert(0, before.clone());
    }
    while let Some(after) = runs.iter().find(|run| Some(run.place.start) == tables.last().map(|run| run.place.end)) {
        tables.push(after.clone());
    }
    let end = tables.last().map_or(0, |run| run.place.end);
    // Data before the first table may look like entries of it, but their names do not lie after the tables.
    while let Some(first) =
        tables.first_mut().filter(|run| scanner.name(run.place.start).is_some_and(|(at, _)| at < end))
    {
        first.place.start += scanner.size;
        first.entries -= 1;
    }
    let names = tables.iter().flat_map(|run| run.place.clone().step_by(scanner.size)).filter_map(|at| scanner.name(at));
    let strings = names.map(|(place, _)| place).min().unwrap_or_default();
    let gap = strings.checked_sub(end).ok_or("its export tables do not stand before their strings")?;
    let is_room = |size: usize| (size..size + PADDING).contains(&gap);
    match tables.as_slice() {
        [plain, gpl] => {
            let first = plain.entries * 4;
            let second = gpl.entries * 4;
            let crcs = if is_room(first + second) {
                (Some(end..end + first), Some(end + first..end + first + second))
            } else if is_room(0) {
                (None, None)
            } else {
                return Err("its export tables are not followed by their versions or strings");
            };
            let table = |kind, run: &EntryRun, crcs| ExportTable { kind, entries: run.place.clone(), crcs };
            let tables = vec![table(ExportKind::Plain, plain, crcs.0), table(ExportKind::Gpl, gpl, crcs.1)];
            Ok(ExportTables { tables, flags: None })
        }
        [all] => {
            let count = all.entries;
            let versions = count * 4;
            let flags = |start: usize| {
                let flags = memory.bytes().get(start..start + count)?;
                flags.iter().all(|flag| *flag <= 1).then_some(start..start + count)
            };
            let (crcs, flags) = if is_room(versions + count) {
                (Some(end..end + versions), flags(end + versions))
            } else if is_room(count) {
                (None, flags(end))
            } else {
                (None, None)
            };
            let flags = flags.ok_or("it has one export table, and nothing tells which symbols are GPL-only")?;
            let tables = vec![ExportTable { kind: ExportKind::Plain, entries: all.place.clone(), crcs }];
            Ok(ExportTables { tables, flags: Some(flags) })
        }
        _ => Err("it has more export tables than can be told apart"),
    }
}

/// The layout of entries in which the longest run is found, and all runs in it.
fn best(memory: &KernelMemory) -> Option<(EntryScanner<'_>, Vec<EntryRun>)> {
    let longest = |runs: &[EntryRun]| runs.iter().map(|run| run.entries).max();
    let mut forms = Vec::new();
    for entry_size in [Some(12), Some(8), None] {
        let scanner = match entry_size {
            Some(size) => Some(EntryScanner { memory, size, base: None }),
            None => pointers(memory),
        };
        let Some(scanner) = scanner else { continue };
        let runs = scanner.runs();
        if longest(&runs) >= Some(CERTAIN) {
            return Some((scanner, runs));
        }
        forms.push((scanner, runs));
    }
    forms.into_iter().max_by_key(|(_, runs)| longest(runs))
}

/// A scanner for tables of pointers, with the address of the image in which they point to names.
fn pointers(memory: &KernelMemory) -> Option<EntryScanner<'_>> {
    let word = memory.word();
    [3 * word, 2 * word].into_iter().find_map(|size| {
        let mut alike = alike(memory, size);
        alike.sort_by_key(|run| std::cmp::Reverse(run.len()));
        alike.into_iter().take(TRIED).find_map(|run| {
            // An entry well inside the run: data before the table may look like entries by chance. In a small kernel the
            // symbols themselves may do so too, and then the run begins within an entry.
            let middle = run.start + run.len() / size / 4 * size;
            (middle..middle + size).step_by(word).find_map(|at| {
                let name = memory.number(at + word, word)?;
                let mut bases = bases(memory, name).map(|base| EntryScanner { memory, size, base: Some(base) });
                bases.find(|scanner| scanner.run(at).is_some())
            })
        })
    })
}

/// The runs of pointer entries whose names lie near each other, as in one section of strings.
fn alike(memory: &KernelMemory, size: usize) -> Vec<Range<usize>> {
    let word = memory.word();
    let entry = |at: usize| Some((memory.number(at + word, word)?, memory.number(at + size - word, word)?));
    // Exports from assembly have a zero in the field of the namespace.
    let near = |a: u64, b: u64| a != 0 && (b == 0 || a.abs_diff(b) < STRINGS);
    let mut runs = Vec::new();
    let mut at = 0;
    while let Some((name, namespace)) = entry(at) {
        let mut end = at + size;
        if near(name, namespace) {
            while entry(end).is_some_and(|(other, space)| near(other, name) && near(name, space) && other != name) {
                end += size;
            }
        }
        if end - at >= FEWEST * size {
            runs.push(at..end);
            at = end;
        } else {
            at += word;
        }
    }
    runs
}

/// Reads entries of one layout anywhere in the image.
struct EntryScanner<'a> {
    memory: &'a KernelMemory,
    size: usize,
    /// The address of the image if entries are pointers; `None` if they are relative references.
    base: Option<u64>,
}

impl<'a> EntryScanner<'a> {
    /// All runs of entries in the image.
    fn runs(&self) -> Vec<EntryRun> {
        let step = if self.base.is_some() { self.memory.word() } else { 4 };
        let mut runs = Vec::new();
        let mut at = 0;
        while at + self.size <= self.memory.bytes().len() {
            match self.run(at) {
                Some(run) => {
                    at = run.place.end;
                    runs.push(run);
                }
                None => at += step,
            }
        }
        runs
    }

    /// The offset that a field of the entry at `at` points to.
    fn target(&self, at: usize, field: usize) -> Option<usize> {
        if let Some(base) = self.base {
            let word = self.memory.word();
            return usize::try_from(self.memory.number(at + field * word, word)?.checked_sub(base)?).ok();
        }
        let at = at + field * 4;
        let bytes = self.memory.bytes().get(at..)?.first_chunk()?;
        let distance = match self.memory.endian() {
            Endian::Little => i32::from_le_bytes(*bytes),
            Endian::Big => i32::from_be_bytes(*bytes),
        };
        at.checked_add_signed(isize::try_from(distance).ok()?)
    }

    /// The offset of the name of the entry at `at`, and the name; `None` if there is no entry.
    fn name(&self, at: usize) -> Option<(usize, &'a str)> {
        let bytes = self.memory.bytes();
        let place = self.target(at, 1)?;
        let first = *bytes.get(place)?;
        if !(first.is_ascii_alphabetic() || first == b'_') {
            return None;
        }
        let field = if self.base.is_some() { self.memory.word() } else { 4 };
        let has_namespace = self.size == 3 * field && self.memory.number(at + 2 * field, field)? != 0;
        if has_namespace && !matches!(bytes.get(self.target(at, 2)?)?, 0 | b'!'..=b'~') {
            return None;
        }
        let rest = bytes.get(place..)?;
        let rest = rest.get(..512).unwrap_or(rest);
        let name = rest.get(..rest.iter().position(|byte| *byte == 0)?)?;
        std::str::from_utf8(name).ok().filter(|name| is_name(name)).map(|name| (place, name))
    }

    /// The run of entries, in order of name, from `at` on; `None` if it is shorter than [`FEWEST`].
    fn run(&self, at: usize) -> Option<EntryRun> {
        let (_, mut last) = self.name(at)?;
        let mut end = at + self.size;
        let mut entries = 1;
        let mut names = 1;
        while let Some((_, name)) = self.name(end).filter(|(_, name)| *name >= last) {
            names += usize::from(name > last);
            last = name;
            end += self.size;
            entries += 1;
        }
        (names >= FEWEST).then_some(EntryRun { place: at..end, entries })
    }
}
