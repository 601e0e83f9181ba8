//! `kallsyms`, written as scripts/kallsyms.c writes it, with a compression of its own.

use super::room::Room;

/// The order of the tables, and what the offsets are relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Up to 6.1: offsets first, from a base.
    Base,
    /// The same, with absolute per-CPU symbols: negative offsets count from the base.
    Percpu,
    /// 6.2 to 6.4: a sorted index in the middle.
    Sorted,
    /// Since 6.5: offsets last.
    Behind,
    /// Each offset from its own place.
    Itself,
}

pub const FORMS: [Form; 5] = [Form::Base, Form::Percpu, Form::Sorted, Form::Behind, Form::Itself];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    pub address: u64,
    pub kind: char,
    pub name: String,
}

/// The token of each of the 256 bytes, and the names encoded in them.
fn compress(symbols: &[Symbol]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut names: Vec<Vec<u8>> = symbols.iter().map(|s| format!("{}{}", s.kind, s.name).into_bytes()).collect();
    let used: Vec<u8> = (0..=255).filter(|byte| names.iter().any(|name| name.contains(byte))).collect();
    let mut tokens: Vec<Vec<u8>> =
        (0..=255).map(|byte| if used.contains(&byte) { vec![byte] } else { vec![] }).collect();
    let mut free: Vec<u8> = (0..=255).filter(|byte| !used.contains(byte)).collect();
    // One slot stays empty, as in a kernel with few symbols.
    free.pop();
    while !free.is_empty() {
        let mut counts = vec![0_usize; 1 << 16];
        let pair = |pair: &[u8]| usize::from(pair[0]) << 8 | usize::from(pair[1]);
        names.iter().flat_map(|name| name.windows(2)).for_each(|both| counts[pair(both)] += 1);
        let mut pairs: Vec<_> = (0..1 << 16).filter(|pair| counts[*pair] > 1).collect();
        pairs.sort_by_key(|pair| std::cmp::Reverse(counts[*pair]));
        if pairs.is_empty() {
            break;
        }
        // So many at once, the most frequent.
        let mut slots = vec![None; 1 << 16];
        for pair in pairs.into_iter().take(24) {
            let Some(slot) = free.pop() else { break };
            tokens[usize::from(slot)] =
                [pair >> 8, pair & 0xff].iter().flat_map(|half| tokens[*half].clone()).collect();
            slots[pair] = Some(slot);
        }
        for name in &mut names {
            let (mut packed, mut rest) = (Vec::with_capacity(name.len()), &name[..]);
            while let [first, behind @ ..] = rest {
                let slot = rest.get(..2).and_then(|both| slots[pair(both)]);
                packed.push(slot.unwrap_or(*first));
                rest = if slot.is_some() { &behind[1..] } else { behind };
            }
            *name = packed;
        }
    }
    (tokens, names)
}

/// Writes the table. The symbols are in order of address.
pub fn write(room: &mut Room, symbols: &[Symbol], form: Form) {
    let (tokens, names) = compress(symbols);
    let word = room.word_size();
    let base = symbols.iter().map(|symbol| symbol.address).find(|address| *address >= room.base).unwrap_or_default();
    let offsets = |room: &mut Room| {
        room.align(word);
        for symbol in symbols {
            let offset = match form {
                Form::Itself => symbol.address.wrapping_sub(room.address(room.here())),
                Form::Percpu if symbol.address < base => symbol.address,
                Form::Percpu => base.wrapping_sub(symbol.address).wrapping_sub(1),
                _ => symbol.address - base,
            };
            room.u32(offset);
        }
        if form != Form::Itself {
            room.align(word);
            room.word(base);
        }
    };
    let is_old = matches!(form, Form::Base | Form::Percpu | Form::Sorted);
    if is_old {
        offsets(room);
    }
    room.align(word);
    room.u32(symbols.len() as u64);
    room.align(word);
    let (start, mut markers) = (room.here(), Vec::new());
    for (index, name) in names.iter().enumerate() {
        if index % 256 == 0 {
            markers.push(room.here() - start);
        }
        match name.len() {
            short @ 0..128 => room.put(&[short as u8]),
            long => room.put(&[(long & 0x7f) as u8 | 0x80, (long >> 7) as u8]),
        };
        room.put(name);
    }
    room.align(word);
    markers.iter().for_each(|marker| room.u32(*marker as u64));
    if form == Form::Sorted {
        sequence(room, symbols);
    }
    room.align(word);
    let mut index = Vec::new();
    let table = room.here();
    for token in &tokens {
        index.push(room.here() - table);
        room.put(token);
        room.put(&[0]);
    }
    room.align(word);
    index.iter().for_each(|place| room.number(*place as u64, 2));
    if !is_old {
        offsets(room);
        sequence(room, symbols);
    }
}

/// `kallsyms_seqs_of_names`: numbers of three bytes, in order of name.
fn sequence(room: &mut Room, symbols: &[Symbol]) {
    let word = room.word_size();
    room.align(word);
    let mut order: Vec<usize> = (0..symbols.len()).collect();
    order.sort_by_key(|index| &symbols[*index].name);
    for index in order {
        room.put(&(index as u32).to_be_bytes()[1..]);
    }
}
