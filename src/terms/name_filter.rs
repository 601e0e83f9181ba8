//! A quick test for names that a table does not have.

use super::name_hash::name_hash;

/// Bits of the hashes of some names. A name whose bit is missing is not one of them; most other names lack it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NameFilter {
    /// Their number is a power of two, or 0 if there are no names.
    words: Vec<u64>,
}

/// How many words there are for sixteen names: one other name in sixteen passes the filter.
const WORDS: usize = 4;

impl NameFilter {
    /// The filter of some names.
    pub fn of<'a>(names: impl ExactSizeIterator<Item = &'a [u8]>) -> Self {
        let words = names.len().div_ceil(16) * WORDS;
        let mut filter = Self { words: vec![0; if words == 0 { 0 } else { words.next_power_of_two() }] };
        for name in names {
            let (place, bit) = filter.place(name_hash(name));
            if let Some(word) = filter.words.get_mut(place) {
                *word |= bit;
            }
        }
        filter
    }

    /// Returns `false` if none of the names has this hash.
    pub fn may_have(&self, hash: u64) -> bool {
        let (place, bit) = self.place(hash);
        self.words.get(place).is_some_and(|word| word & bit != 0)
    }

    fn place(&self, hash: u64) -> (usize, u64) {
        let word = usize::try_from(hash >> 6).unwrap_or_default() & self.words.len().wrapping_sub(1);
        (word, 1 << (hash & 63))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_passes_and_few_others_do() {
        for count in [0, 1, 15, 16, 17, 1000] {
            let names: Vec<String> = (0..count).map(|number| format!("name_{number}")).collect();
            let filter = NameFilter::of(names.iter().map(String::as_bytes));
            assert!(names.iter().all(|name| filter.may_have(name_hash(name.as_bytes()))));
            let others = (0..10_000).filter(|number| filter.may_have(name_hash(format!("other_{number}").as_bytes())));
            assert!(others.count() < 1_000, "{count}");
        }
    }
}
