//! The compressed symbol table that a kernel carries for its own messages (`CONFIG_KALLSYMS`), found and undone without any
//! address: scripts/kallsyms.c writes it, kernel/kallsyms.c reads it.
//!
//! Up to 6.4 `offsets`, `relative_base`, `num_syms`, `names`, `markers`, (6.2 to 6.4 `seqs_of_names`,) `token_table` and
//! `token_index` follow each other; since 6.5 (404bad70fcf7) the offsets stand behind the index. Names are bytes that each
//! stand for a token; a length above 127 takes two bytes since 6.1 (73bbb94466fd). Offsets are 32-bit: from the relative base;
//! with absolute per-CPU symbols (x86 up to 6.14) negative ones from the base and others absolute; later relative to themselves.

use std::ops::Range;

use super::memory::Memory;

/// One symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelSymbol<'a> {
    /// Where it lies; without randomisation.
    pub address: u64,
    /// Up to the next symbol.
    pub size: u64,
    /// The letter `nm` would print: `T` for code, `D` for data, small when local.
    pub kind: char,
    /// Its name.
    pub name: &'a str,
}

/// All symbols of a kernel, in order of address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kallsyms {
    text: String,
    symbols: Vec<Entry>,
    /// Were the addresses relative to their own place, and so tell nothing of where the image lies?
    self_relative: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    address: u64,
    /// Kind and name in the text.
    place: Range<u32>,
}

/// The tokens for the ten digits stand one behind the other: no name is without them.
const DIGITS: &[u8] = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\0";
/// The longest expanded name, its kind included.
const MAX_NAME: usize = 1024;
/// How many symbols are read; real kernels have up to 300,000.
const MAX_SYMBOLS: usize = 1 << 22;
/// Every so many names a marker tells the place.
const MARKED: usize = 256;
/// With how many lengths rising numbers are taken for markers.
const MAX_LENGTHS: usize = 64;
/// And how many lengths of all rising numbers are tried. Each costs a look at all places where the names could begin.
const MAX_TRIED: usize = 8192;

impl Kallsyms {
    /// Finds and reads the table; `None` without one.
    pub(super) fn read(memory: &Memory) -> Option<Self> {
        let bytes = memory.bytes();
        memchr::memmem::find_iter(bytes, DIGITS).find_map(|digits| {
            let tokens = Tokens::around(memory, digits)?;
            let names = Names::before(memory, tokens.table)?;
            let (addresses, self_relative) = addresses(memory, &names, tokens.end)?;
            let table = Self::expand(memory, &tokens, &names, addresses)?;
            Some(Self { self_relative, ..table })
        })
    }

    /// A table out of lines that are read already, in order of address.
    pub(in crate::kernel) fn push(&mut self, address: u64, kind: char, name: &str) -> Option<()> {
        let start = u32::try_from(self.text.len()).ok()?;
        self.text.push(kind);
        self.text.push_str(name);
        let place = start..u32::try_from(self.text.len()).ok()?;
        self.symbols.push(Entry { address, place });
        Some(())
    }

    fn expand(memory: &Memory, tokens: &Tokens, names: &Names, addresses: Vec<u64>) -> Option<Self> {
        let bytes = memory.bytes();
        let (text, symbols) = (String::with_capacity(names.count * 24), Vec::with_capacity(names.count));
        let mut table = Self { text, symbols, self_relative: false };
        let mut at = names.start;
        for address in addresses {
            let (length, width) = name_length(bytes, at)?;
            let start = table.text.len();
            for byte in bytes.get(at + width..at + width + length)? {
                table.text.push_str(tokens.text(*byte)?);
            }
            let place = u32::try_from(start).ok()?..u32::try_from(table.text.len()).ok()?;
            // A kind and at least one letter, all of them printable: otherwise this is no such table.
            if !(2..=MAX_NAME).contains(&place.len()) {
                return None;
            }
            table.symbols.push(Entry { address, place });
            at += width + length;
        }
        Some(table)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// Were the addresses read relative to their own place? Then they tell nothing of where a bare image lies.
    pub(super) const fn is_self_relative(&self) -> bool {
        self.self_relative
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    fn symbol(&self, index: usize) -> Option<KernelSymbol<'_>> {
        let entry = self.symbols.get(index)?;
        let place = usize::try_from(entry.place.start).ok()?..usize::try_from(entry.place.end).ok()?;
        let text = self.text.get(place)?;
        let kind = text.chars().next()?;
        // The next symbol that lies elsewhere: several may name one place, and where no address is told, all do.
        let next = self.symbols.partition_point(|other| other.address <= entry.address);
        let size = self.symbols.get(next).map_or(0, |next| next.address - entry.address);
        Some(KernelSymbol { address: entry.address, size, kind, name: text.get(kind.len_utf8()..)? })
    }

    /// The symbols, in order of address.
    pub fn iter(&self) -> impl Iterator<Item = KernelSymbol<'_>> {
        (0..self.symbols.len()).filter_map(|index| self.symbol(index))
    }

    /// The address of the only symbol of that name; `None` when there is none, or several.
    pub fn address_of(&self, name: &str) -> Option<u64> {
        let named = |entry: &&Entry| {
            let place = usize::try_from(entry.place.start).ok().zip(usize::try_from(entry.place.end).ok());
            place.and_then(|(start, end)| self.text.as_bytes().get(start + 1..end)) == Some(name.as_bytes())
        };
        let mut found = self.symbols.iter().filter(named);
        let first = found.next()?;
        found.all(|other| other.address == first.address).then_some(first.address)
    }
}

/// `kallsyms_token_table` and `kallsyms_token_index`.
struct Tokens {
    /// Where the table begins.
    table: usize,
    /// Where the index ends.
    end: usize,
    tokens: Vec<String>,
}

impl Tokens {
    /// The table around the ten digits, if an index behind it agrees with every token.
    fn around(memory: &Memory, digits: usize) -> Option<Self> {
        let bytes = memory.bytes();
        // The rest of the tokens, of at most so many bytes.
        let rest = bytes.get(digits..)?;
        let rest = rest.get(..256 * 64).unwrap_or(rest);
        let behind = rest.iter().enumerate().filter(|(_, byte)| **byte == 0).nth(255 - usize::from(b'0'))?.0;
        let end = digits + behind + 1;
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

/// `kallsyms_num_syms` and `kallsyms_names`, whose lengths `kallsyms_markers` confirms.
struct Names {
    /// Where `kallsyms_num_syms` stands.
    number: usize,
    /// Where the names begin.
    start: usize,
    count: usize,
}

impl Names {
    /// The names whose markers stand before the token table, with or without `kallsyms_seqs_of_names` between them.
    fn before(memory: &Memory, table: usize) -> Option<Self> {
        // Three bytes for each symbol, and a marker for each 256.
        let reach = MAX_SYMBOLS * 3;
        let zeros = (table.saturating_sub(reach)..table).rev().filter(|at| at % 4 == table % 4);
        let mut tried = 0;
        for at in zeros {
            if memory.number(at, 4) != Some(0) || memory.number(at + 4, 4).is_none_or(|next| next < 256) {
                continue;
            }
            let markers = markers(memory, at, table);
            // With one marker only, nothing would confirm the names.
            if markers.len() < 2 {
                continue;
            }
            tried += markers.len().min(MAX_LENGTHS);
            if tried > MAX_TRIED {
                return None;
            }
            if let Some(names) = Self::marked(memory, at, &markers) {
                return Some(names);
            }
        }
        None
    }

    /// The names that end where the markers begin.
    fn marked(memory: &Memory, markers_at: usize, markers: &[usize]) -> Option<Self> {
        // The run of rising numbers may go on into what follows: every length down to two is tried, the longest first.
        let lengths = (2..=markers.len()).rev().take(MAX_LENGTHS);
        lengths.into_iter().find_map(|length| {
            let last = *markers.get(length - 1)?;
            let latest = markers_at.checked_sub(last)? & !3;
            let earliest = latest.saturating_sub(MARKED * 514);
            let counts = (length - 1) * MARKED + 1..=length * MARKED;
            (earliest..=latest).rev().step_by(4).find_map(|start| {
                [4, 8].into_iter().find_map(|gap| {
                    let number = start.checked_sub(gap)?;
                    let count = usize::try_from(memory.number(number, 4)?).ok()?;
                    let names = Self { number, start, count };
                    (counts.contains(&count) && names.fit(memory, markers.get(..length)?, markers_at)).then_some(names)
                })
            })
        })
    }

    /// Does each marker stand for the place of its name, and do the markers follow the last name?
    fn fit(&self, memory: &Memory, markers: &[usize], markers_at: usize) -> bool {
        let mut at = self.start;
        for name in 0..self.count {
            if name % MARKED == 0 && markers.get(name / MARKED) != Some(&(at - self.start)) {
                return false;
            }
            match name_length(memory.bytes(), at) {
                Some((length, width)) if length > 0 => at += width + length,
                _ => return false,
            }
        }
        (at..at + 16).contains(&markers_at)
    }
}

/// The rising numbers from `at` on.
fn markers(memory: &Memory, at: usize, end: usize) -> Vec<usize> {
    let numbers = (at..end).step_by(4).map_while(|at| usize::try_from(memory.number(at, 4)?).ok());
    let mut last = None;
    let rises = |number: &usize| {
        let good = last.is_none_or(|last| *number > last && *number - last <= MARKED * 514);
        last = Some(*number);
        good
    };
    numbers.take_while(rises).take(MAX_SYMBOLS / MARKED).collect()
}

/// How many bytes the name at a place has, and how many tell so.
fn name_length(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let first = *bytes.get(at)?;
    if first & 0x80 == 0 {
        return Some((usize::from(first), 1));
    }
    let second = *bytes.get(at + 1)?;
    Some((usize::from(first & 0x7f) | usize::from(second) << 7, 2))
}

/// The addresses: behind the index, or before the names; in whichever form puts them in order.
fn addresses(memory: &Memory, names: &Names, behind: usize) -> Option<(Vec<u64>, bool)> {
    let word = memory.word();
    let size = names.count * 4;
    let after = [4, 8].into_iter().map(|align| {
        let start = behind.next_multiple_of(align);
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
    // Last: zeros behind the table are in order relative to their own places, too.
    let of_themselves = || {
        places.iter().find_map(|(start, _)| {
            in_order(names.count, |index| {
                let distance = offset(*start, index)?.cast_signed();
                Some(memory.address_of(start + index * 4)?.wrapping_add_signed(distance.into()))
            })
        })
    };
    based.map(|all| (all, false)).or_else(|| Some((of_themselves()?, true)))
}

/// So many addresses, if each lies no lower than the one before, and they do not all lie at one place.
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
