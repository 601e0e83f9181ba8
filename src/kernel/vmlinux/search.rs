//! Finding the export tables of a bare image that has neither sections nor symbols: by their shape.
//!
//! An entry is three references (two, up to 5.3): the symbol, its name and its namespace; on x86 and arm64 32-bit ones relative
//! to themselves (since 4.19), elsewhere pointers. The linker sorts each table by name, and lays `__ksymtab`, `__ksymtab_gpl`, their
//! versions and the strings one behind the other: include/asm-generic/vmlinux.lds.h, RO_DATA.

use std::ops::Range;

use super::ksymtab::{Table, Tables, bases, is_name};
use super::memory::Memory;
use crate::terms::{Endian, ExportKind};

/// Fewer entries in order may be chance.
const FEWEST: usize = 16;
/// So many are none.
const CERTAIN: usize = 256;
/// The section of strings may begin so many bytes behind what is before it.
const PADDING: usize = 64;
/// No section of their strings is larger: a kernel's are some 500,000 bytes.
const STRINGS: u64 = 1 << 21;
/// So many of the longest runs of pointers are looked at.
const TRIED: usize = 16;

/// A sorted run of entries.
#[derive(Clone, Debug)]
struct Run {
    place: Range<usize>,
    entries: usize,
}

/// The tables of a bare image.
///
/// # Errors
/// When there is no table, or more than can be told apart; in words that follow the file's name.
pub(super) fn search(memory: &Memory) -> Result<Tables, &'static str> {
    let best = best(memory);
    let longest = best.as_ref().and_then(|(_, runs)| runs.iter().max_by_key(|run| run.entries));
    let (Some((reader, runs)), Some(longest)) = (&best, longest) else {
        return Err("it has no export table that can be recognised");
    };
    // The tables lie one behind the other: those before and behind the longest.
    let mut tables = vec![longest.clone()];
    while let Some(before) = runs.iter().find(|run| Some(run.place.end) == tables.first().map(|run| run.place.start)) {
        tables.insert(0, before.clone());
    }
    while let Some(behind) = runs.iter().find(|run| Some(run.place.start) == tables.last().map(|run| run.place.end)) {
        tables.push(behind.clone());
    }
    let end = tables.last().map_or(0, |run| run.place.end);
    // Whatever stands before the first table may look like an entry of it, but its name does not stand behind the tables.
    while let Some(first) =
        tables.first_mut().filter(|run| reader.name(run.place.start).is_some_and(|(at, _)| at < end))
    {
        first.place.start += reader.size;
        first.entries -= 1;
    }
    let names = tables.iter().flat_map(|run| run.place.clone().step_by(reader.size)).filter_map(|at| reader.name(at));
    let strings = names.map(|(place, _)| place).min().unwrap_or_default();
    let gap = strings.checked_sub(end).ok_or("its export tables do not stand before their strings")?;
    let is_room = |size: usize| (size..size + PADDING).contains(&gap);
    match tables.as_slice() {
        [plain, gpl] => {
            let (first, second) = (plain.entries * 4, gpl.entries * 4);
            let crcs = if is_room(first + second) {
                (Some(end..end + first), Some(end + first..end + first + second))
            } else if is_room(0) {
                (None, None)
            } else {
                return Err("its export tables are not followed by their versions or strings");
            };
            let table = |kind, run: &Run, crcs| Table { kind, entries: run.place.clone(), crcs };
            let tables = vec![table(ExportKind::Plain, plain, crcs.0), table(ExportKind::Gpl, gpl, crcs.1)];
            Ok(Tables { tables, flags: None })
        }
        [all] => {
            let (count, versions) = (all.entries, all.entries * 4);
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
            let tables = vec![Table { kind: ExportKind::Plain, entries: all.place.clone(), crcs }];
            Ok(Tables { tables, flags: Some(flags) })
        }
        _ => Err("it has more export tables than can be told apart"),
    }
}

/// The form in which the longest runs of entries are found.
fn best(memory: &Memory) -> Option<(Reader<'_>, Vec<Run>)> {
    let longest = |runs: &[Run]| runs.iter().map(|run| run.entries).max();
    let mut forms = Vec::new();
    for form in [Some(12), Some(8), None] {
        let reader = match form {
            Some(size) => Some(Reader { memory, size, base: None }),
            None => pointers(memory),
        };
        let Some(reader) = reader else { continue };
        let runs = reader.runs();
        if longest(&runs) >= Some(CERTAIN) {
            return Some((reader, runs));
        }
        forms.push((reader, runs));
    }
    forms.into_iter().max_by_key(|(_, runs)| longest(runs))
}

/// How tables of pointers are to be read, and where the image lies then.
fn pointers(memory: &Memory) -> Option<Reader<'_>> {
    let word = memory.word();
    [3 * word, 2 * word].into_iter().find_map(|size| {
        let mut alike = alike(memory, size);
        alike.sort_by_key(|run| std::cmp::Reverse(run.len()));
        alike.into_iter().take(TRIED).find_map(|run| {
            // The middle of the longest table: what stands around it may look alike by chance. In a small kernel, so may
            // the symbols themselves, and the run begins within an entry.
            let middle = run.start + run.len() / size / 4 * size;
            (middle..middle + size).step_by(word).find_map(|at| {
                let name = memory.number(at + word, word)?;
                let mut bases = bases(memory, name).map(|base| Reader { memory, size, base: Some(base) });
                bases.find(|reader| reader.run(at).is_some())
            })
        })
    })
}

/// Runs of entries whose names all lie near each other, as those in one section of strings do.
fn alike(memory: &Memory, size: usize) -> Vec<Range<usize>> {
    let word = memory.word();
    let entry = |at: usize| Some((memory.number(at + word, word)?, memory.number(at + size - word, word)?));
    // Exports of assembly have no namespace, and name none.
    let near = |a: u64, b: u64| a != 0 && (b == 0 || a.abs_diff(b) < STRINGS);
    let (mut runs, mut at) = (Vec::new(), 0);
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

struct Reader<'a> {
    memory: &'a Memory,
    size: usize,
    /// Where the image lies, where its entries are pointers.
    base: Option<u64>,
}

impl<'a> Reader<'a> {
    /// All runs of entries.
    fn runs(&self) -> Vec<Run> {
        let step = if self.base.is_some() { self.memory.word() } else { 4 };
        let (mut runs, mut at) = (Vec::new(), 0);
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

    /// The place that the reference in a field of the entry at `at` points to.
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

    /// The name of the entry at `at`, and where it stands.
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

    /// The entries in order of name from `at` on, if there are enough.
    fn run(&self, at: usize) -> Option<Run> {
        let (_, mut last) = self.name(at)?;
        let (mut end, mut entries, mut names) = (at + self.size, 1, 1);
        while let Some((_, name)) = self.name(end).filter(|(_, name)| *name >= last) {
            names += usize::from(name > last);
            last = name;
            end += self.size;
            entries += 1;
        }
        (names >= FEWEST).then_some(Run { place: at..end, entries })
    }
}
