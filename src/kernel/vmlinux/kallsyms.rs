//! The compressed symbol table of a kernel image (`CONFIG_KALLSYMS`), found by its contents without any address.
//! scripts/kallsyms.c writes it, kernel/kallsyms.c reads it.
//!
//! Up to 6.4 `offsets`, `relative_base`, `num_syms`, `names`, `markers`, (6.2 to 6.4 `seqs_of_names`,) `token_table` and
//! `token_index` follow each other; since 6.5 (404bad70fcf7) the offsets come after the index. Each byte of a name is the
//! number of a token. A length above 127 takes two bytes since 6.1 (73bbb94466fd). Offsets have 32 bits. They count from the
//! relative base; with absolute per-CPU symbols (x86 up to 6.14) only negative ones count from the base and the others are
//! absolute; in later kernels each counts from its own address.

use std::ops::Range;

use super::memory::KernelMemory;

/// One symbol of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelSymbol<'a> {
    /// Its address, without randomization.
    pub address: u64,
    /// The distance to the next symbol in bytes.
    pub size: u64,
    /// The letter that `nm` prints: `T` for code, `D` for data; lower case for a local symbol.
    pub kind: char,
    /// Its name.
    pub name: &'a str,
}

/// All symbols of a kernel, in order of address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kallsyms {
    text: String,
    symbols: Vec<KallsymsEntry>,
    /// Whether the addresses were computed from each offset's own place. They then do not show where a bare image is linked.
    self_relative: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct KallsymsEntry {
    address: u64,
    /// The range of the kind and the name in the text.
    place: Range<u32>,
}

/// The tokens of the ten digits, which follow each other in every token table.
const DIGITS: &[u8] = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\0";
/// The longest expanded name, its kind included.
const MAX_NAME: usize = 1024;
/// The most symbols that are read; real kernels have up to 300,000.
const MAX_SYMBOLS: usize = 1 << 22;
/// The number of names between two markers.
const MARKED: usize = 256;
/// The most bytes of all expanded names; those of real kernels take about 10 MiB.
const MAX_TEXT: usize = 1 << 27;
/// The most places that are looked at in search of the names. Debian's kernels take less than a million.
const MAX_PLACES: usize = 1 << 24;

/// How many more places may be looked at. An image may have any number of places that look like the end of the names.
struct Patience(usize);

impl Patience {
    /// Takes note of some places; `None` if there have been too many.
    fn look(&mut self, places: usize) -> Option<()> {
        self.0 = self.0.checked_sub(places)?;
        Some(())
    }
}

impl Kallsyms {
    /// Finds and reads the table; `None` if there is none.
    pub(super) fn read(memory: &KernelMemory) -> Option<Self> {
        let bytes = memory.bytes();
        let mut patience = Patience(MAX_PLACES);
        memchr::memmem::find_iter(bytes, DIGITS).find_map(|digits| {
            let tokens = KallsymsTokens::around(memory, digits)?;
            let names = KallsymsNames::before(memory, tokens.table, &mut patience)?;
            let (addresses, self_relative) = addresses(memory, &names, tokens.end)?;
            let table = Self::expand(memory, &tokens, &names, addresses)?;
            Some(Self { self_relative, ..table })
        })
    }

    /// Adds a symbol. Symbols must be added in order of address.
    pub(in crate::kernel) fn push(&mut self, address: u64, kind: char, name: &str) -> Option<()> {
        let start = u32::try_from(self.text.len()).ok()?;
        self.text.push(kind);
        self.text.push_str(name);
        let place = start..u32::try_from(self.text.len()).ok()?;
        self.symbols.push(KallsymsEntry { address, place });
        Some(())
    }

    fn expand(
        memory: &KernelMemory,
        tokens: &KallsymsTokens,
        names: &KallsymsNames,
        addresses: Vec<u64>,
    ) -> Option<Self> {
        let bytes = memory.bytes();
        let mut table = Self {
            text: String::with_capacity(names.count * 24),
            symbols: Vec::with_capacity(names.count),
            self_relative: false,
        };
        let mut at = names.start;
        for address in addresses {
            let (length, width) = name_length(bytes, at)?;
            let start = table.text.len();
            for byte in bytes.get(at + width..at + width + length)? {
                table.text.push_str(tokens.text(*byte)?);
            }
            let place = u32::try_from(start).ok()?..u32::try_from(table.text.len()).ok()?;
            // Every symbol has a kind and a name of at least one character: otherwise this is no symbol table.
            if !(2..=MAX_NAME).contains(&place.len()) || table.text.len() > MAX_TEXT {
                return None;
            }
            table.symbols.push(KallsymsEntry { address, place });
            at += width + length;
        }
        Some(table)
    }

    /// The number of symbols.
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// Returns whether the addresses were computed from each offset's own place. They then do not show where a bare image is
    /// linked.
    pub(super) const fn is_self_relative(&self) -> bool {
        self.self_relative
    }

    /// Returns whether there are no symbols.
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    fn symbol(&self, index: usize) -> Option<KernelSymbol<'_>> {
        let entry = self.symbols.get(index)?;
        let place = usize::try_from(entry.place.start).ok()?..usize::try_from(entry.place.end).ok()?;
        let text = self.text.get(place)?;
        let kind = text.chars().next()?;
        // The next symbol with another address: several symbols may share one, and all share 0 if the addresses are hidden.
        let next = self.symbols.partition_point(|other| other.address <= entry.address);
        let size = self.symbols.get(next).map_or(0, |next| next.address - entry.address);
        Some(KernelSymbol { address: entry.address, size, kind, name: text.get(kind.len_utf8()..)? })
    }

    /// The symbols, in order of address.
    pub fn iter(&self) -> impl Iterator<Item = KernelSymbol<'_>> {
        (0..self.symbols.len()).filter_map(|index| self.symbol(index))
    }

    /// The address of a symbol; `None` if there is no symbol of that name, or several at different addresses.
    pub fn address_of(&self, name: &str) -> Option<u64> {
        let mut found = self.symbols.iter().filter(|entry| self.name_of(entry) == Some(name.as_bytes()));
        let first = found.next()?;
        found.all(|other| other.address == first.address).then_some(first.address)
    }

    /// The addresses of all symbols of that name, in order of address.
    pub fn addresses_of(&self, name: &str) -> impl Iterator<Item = u64> {
        let is_it = move |entry: &&KallsymsEntry| self.name_of(entry) == Some(name.as_bytes());
        self.symbols.iter().filter(is_it).map(|entry| entry.address)
    }

    /// Returns whether the name of a symbol begins with this one and one of these bytes.
    pub fn has_longer(&self, name: &str, next: &[u8]) -> bool {
        self.symbols.iter().any(|entry| {
            let rest = self.name_of(entry).and_then(|longer| longer.strip_prefix(name.as_bytes()));
            rest.and_then(<[u8]>::first).is_some_and(|byte| next.contains(byte))
        })
    }

    /// Returns whether all addresses are 0, as an unprivileged user sees them in `/proc/kallsyms`.
    pub fn hides_addresses(&self) -> bool {
        self.symbols.last().is_some_and(|last| last.address == 0)
    }

    /// The name of an entry, without its kind.
    fn name_of(&self, entry: &KallsymsEntry) -> Option<&[u8]> {
        let start = usize::try_from(entry.place.start).ok()?;
        let end = usize::try_from(entry.place.end).ok()?;
        self.text.as_bytes().get(start + 1..end)
    }
}

/// `kallsyms_token_table` and `kallsyms_token_index`.
struct KallsymsTokens {
    /// The offset of the table.
    table: usize,
    /// The offset of the end of the index.
    end: usize,
    tokens: Vec<String>,
}

impl KallsymsTokens {
    /// The table around the tokens of the ten digits, if an index that follows it agrees with every token.
    fn around(memory: &KernelMemory, digits: usize) -> Option<Self> {
        let bytes = memory.bytes();
        // The tokens from `0` on, at most 64 bytes each.
        let rest = bytes.get(digits..)?;
        let rest = rest.get(..256 * 64).unwrap_or(rest);
        let last_nul = rest.iter().enumerate().filter(|(_, byte)| **byte == 0).nth(255 - usize::from(b'0'))?.0;
        let end = digits + last_nul + 1;
        (end..end + 16).find_map(|index| {
            let offset = |token: usize| usize::try_from(memory.number(index + 2 * token, 2)?).ok();
            let table = digits.checked_sub(offset(usize::from(b'0'))?)?;
            if offset(0) != Some(0) || offset(255).map(|last| table + last).is_none_or(|last| last >= end) {
                return None;
            }
            let token = |token: usize| {
                let start = table + offset(token)?;
                let stop = if token == 255 { end } else { table + offset(token + 1)? };
                let text = bytes.get(start..stop.checked_sub(1)?)?;
                let printable = text.iter().all(u8::is_ascii_graphic) && bytes.get(stop - 1) == Some(&0);
                printable.then(|| String::from_utf8_lossy(text).into_owned())
            };
            let tokens = (0..256).map(token).collect::<Option<Vec<_>>>()?;
            Some(Self { table, end: index + 512, tokens })
        })
    }

    fn text(&self, byte: u8) -> Option<&str> {
        self.tokens.get(usize::from(byte)).map(String::as_str)
    }
}

/// `kallsyms_num_syms` and `kallsyms_names`. `kallsyms_markers` confirms the lengths of the names.
struct KallsymsNames {
    /// The offset of `kallsyms_num_syms`.
    number: usize,
    /// The offset of the first name.
    start: usize,
    count: usize,
}

impl KallsymsNames {
    /// The names whose markers lie before the token table, with or without `kallsyms_seqs_of_names` between them.
    fn before(memory: &KernelMemory, table: usize, patience: &mut Patience) -> Option<Self> {
        // `kallsyms_seqs_of_names` has three bytes for each symbol.
        let reach = MAX_SYMBOLS * 3;
        for at in (table.saturating_sub(reach)..table).rev().filter(|at| at % 4 == table % 4) {
            patience.look(1)?;
            if memory.number(at, 4) != Some(0) || memory.number(at + 4, 4).is_none_or(|next| next < 256) {
                continue;
            }
            let markers = markers(memory, at, table);
            // A single marker does not confirm the names.
            if markers.len() < 2 {
                continue;
            }
            if let Some(names) = Self::marked(memory, at, &markers, patience) {
                return Some(names);
            }
        }
        None
    }

    /// The names that end at the markers.
    fn marked(memory: &KernelMemory, markers_at: usize, markers: &[usize], patience: &mut Patience) -> Option<Self> {
        // The run of rising numbers may extend into the data that follows. How many of them are markers follows from the
        // number of names; the most count that agree with the names.
        let earliest = markers_at.saturating_sub(markers.last()?.saturating_add(MARKED * 514)).next_multiple_of(4);
        let mut found: Option<(usize, Self)> = None;
        for start in (earliest..=markers_at).rev().filter(|start| start % 4 == 0) {
            patience.look(1)?;
            for gap in [4, 8] {
                let Some(number) = start.checked_sub(gap) else { continue };
                let Some(count) = memory.number(number, 4).and_then(|count| usize::try_from(count).ok()) else {
                    continue;
                };
                let length = count.div_ceil(MARKED);
                if length < 2 || found.as_ref().is_some_and(|(longest, _)| *longest >= length) {
                    continue;
                }
                let Some((last, of_names)) =
                    markers.get(..length).and_then(|of_names| Some((of_names.last()?, of_names)))
                else {
                    continue;
                };
                // After the last marker there are at most as many names as between two of them.
                let latest = start.saturating_add(*last);
                if !(latest..=latest.saturating_add(MARKED * 514)).contains(&markers_at) {
                    continue;
                }
                let names = Self { number, start, count };
                if names.fit(memory, of_names, markers_at, patience)? {
                    found = Some((length, names));
                }
            }
        }
        Some(found?.1)
    }

    /// Returns whether each marker is the offset of its name, and the markers follow the last name; `None` without patience.
    fn fit(
        &self,
        memory: &KernelMemory,
        markers: &[usize],
        markers_at: usize,
        patience: &mut Patience,
    ) -> Option<bool> {
        let mut at = self.start;
        for name in 0..self.count {
            patience.look(1)?;
            if name % MARKED == 0 && markers.get(name / MARKED) != Some(&(at - self.start)) {
                return Some(false);
            }
            match name_length(memory.bytes(), at) {
                Some((length, width)) if length > 0 => at += width + length,
                _ => return Some(false),
            }
        }
        Some((at..at + 16).contains(&markers_at))
    }
}

/// The rising numbers from `at` on, which may be markers.
fn markers(memory: &KernelMemory, at: usize, end: usize) -> Vec<usize> {
    let mut markers: Vec<usize> = Vec::new();
    for at in (at..end).step_by(4).take(MAX_SYMBOLS / MARKED) {
        let Some(number) = memory.number(at, 4).and_then(|number| usize::try_from(number).ok()) else { break };
        if markers.last().is_some_and(|last| number <= *last || number - last > MARKED * 514) {
            break;
        }
        markers.push(number);
    }
    markers
}

/// The length of the name at an offset, and the number of bytes that encode the length.
fn name_length(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let first = *bytes.get(at)?;
    if first & 0x80 == 0 {
        return Some((usize::from(first), 1));
    }
    let second = *bytes.get(at + 1)?;
    Some((usize::from(first & 0x7f) | usize::from(second) << 7, 2))
}

/// The addresses, and whether each counts from its own place. The offsets lie after the token index or before the names; the
/// form is the first in which the addresses are in order.
fn addresses(memory: &KernelMemory, names: &KallsymsNames, index_end: usize) -> Option<(Vec<u64>, bool)> {
    let word = memory.word();
    let size = names.count * 4;
    let after = [4, 8].into_iter().map(|align| {
        let start = index_end.next_multiple_of(align);
        (start, (start + size).next_multiple_of(word.max(align)))
    });
    let before = [4, 8].into_iter().filter_map(|align: usize| {
        let base = names.number.checked_sub(word.max(align))?;
        Some((base.checked_sub(size.next_multiple_of(align))?, base))
    });
    let places: Vec<_> = after.chain(before).collect();
    let offset = |start: usize, index: usize| u32::try_from(memory.number(start + index * 4, 4)?).ok();
    let based = places.iter().find_map(|(start, base)| {
        let base = memory.number(*base, word)?;
        let forms: [&dyn Fn(u32) -> u64; 2] =
            [&|offset| base.wrapping_add(offset.into()), &|offset| match offset.cast_signed() {
                absolute @ 0.. => u64::from(absolute.cast_unsigned()),
                below => base.wrapping_sub(1).wrapping_sub(i64::from(below).cast_unsigned()),
            }];
        forms.into_iter().find_map(|address| in_order(names.count, |index| Some(address(offset(*start, index)?))))
    });
    if let Some(all) = based {
        return Some((all, false));
    }
    // This form is tried last, because zeros after the table are also in order when each counts from its own place.
    let self_relative = places.iter().find_map(|(start, _)| {
        in_order(names.count, |index| {
            let distance = offset(*start, index)?.cast_signed();
            Some(memory.address_of(start + index * 4)?.wrapping_add_signed(distance.into()))
        })
    });
    Some((self_relative?, true))
}

/// The addresses of `count` symbols, if none is lower than the one before and they are not all equal.
fn in_order(count: usize, address: impl Fn(usize) -> Option<u64>) -> Option<Vec<u64>> {
    let mut all = Vec::with_capacity(count.min(MAX_SYMBOLS));
    let mut last = 0;
    for index in 0..count {
        let address = address(index).filter(|address| *address >= last)?;
        last = address;
        all.push(address);
    }
    (all.first() != all.last()).then_some(all)
}
