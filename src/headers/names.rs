//! The wanted names, with a quick test for texts that contain none of them.

use std::collections::{BTreeMap, BTreeSet};

use super::tokens::is_name_byte;

/// The prefixes that macros put before a name when they declare static calls and tracepoints, the longest first.
const PREFIXES: [&str; 7] =
    ["__SCT__tp_func_", "__SCK__tp_func_", "__tracepoint_", "__traceiter_", "__probestub_", "__SCT__", "__SCK__"];

/// The word that a macro made the name from. Such a name does not appear whole in a source file.
fn stem(name: &str) -> Option<&str> {
    PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix))
}

/// Returns whether a macro makes the name from another one: names of static calls and tracepoints.
pub fn is_made_by_macros(name: &str) -> bool {
    stem(name).is_some()
}

/// The wanted names.
pub(crate) struct WantedNames<'n> {
    all: &'n BTreeSet<&'n str>,
    /// The words that macros make some of the names from.
    stems: BTreeMap<&'n str, Vec<&'n str>>,
    /// The lengths of names by their first byte, as a bit mask. Most words of a text fail this test.
    lengths: [u64; 256],
}

impl<'n> WantedNames<'n> {
    pub(crate) fn new(all: &'n BTreeSet<&'n str>) -> Self {
        let mut stems: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for name in all {
            if let Some(stem) = stem(name) {
                stems.entry(stem).or_default().push(*name);
            }
        }
        let mut lengths = [0; 256];
        for word in all.iter().copied().chain(stems.keys().copied()) {
            let slot = word.bytes().next().and_then(|first| lengths.get_mut(usize::from(first)));
            if let Some(slot) = slot {
                *slot |= bit(word.len());
            }
        }
        Self { all, stems, lengths }
    }

    /// Returns whether a word has the first byte and length of a wanted name.
    fn has_length_of_one(&self, word: &[u8]) -> bool {
        let lengths = word.first().and_then(|first| self.lengths.get(usize::from(*first)));
        lengths.is_some_and(|lengths| lengths & bit(word.len()) != 0)
    }

    /// Returns whether the word is a wanted name.
    pub(super) fn has(&self, word: &str) -> bool {
        self.has_length_of_one(word.as_bytes()) && self.all.contains(word)
    }

    /// Returns whether the word is a wanted name, or a macro makes one from it.
    pub(super) fn has_or_makes(&self, word: &str) -> bool {
        self.has_length_of_one(word.as_bytes()) && (self.all.contains(word) || self.stems.contains_key(word))
    }

    /// The wanted names that macros make from a word.
    pub(super) fn made_of(&self, stem: &str) -> &[&'n str] {
        self.stems.get(stem).map_or(&[], Vec::as_slice)
    }

    /// Returns whether the text, including its comments, contains any of the names.
    pub(crate) fn stand_in(&self, text: &[u8]) -> bool {
        let words = text.split(|byte| !is_name_byte(*byte)).filter(|word| self.has_length_of_one(word));
        words.filter_map(|word| std::str::from_utf8(word).ok()).any(|word| self.has_or_makes(word))
    }
}

/// The bit of a length. Lengths of 63 bytes and more share one bit.
fn bit(length: usize) -> u64 {
    1 << length.min(63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_as_a_whole_word_only() {
        let long = "x".repeat(70);
        let all = BTreeSet::from(["vmalloc", "__SCT__might_resched", long.as_str()]);
        let names = WantedNames::new(&all);
        assert!(names.stand_in(b"p = vmalloc(3);") && names.stand_in(b"vmalloc"));
        assert!(!names.stand_in(b"__vmalloc(vmalloc_user, \"vmallocs\")"));
        assert!(names.stand_in(long.as_bytes()) && !names.stand_in("x".repeat(71).as_bytes()));
        assert!(names.stand_in(b"DECLARE_STATIC_CALL(might_resched, f)") && !names.has("might_resched"));
        assert_eq!(names.made_of("might_resched"), ["__SCT__might_resched"]);
        assert!(!WantedNames::new(&BTreeSet::new()).stand_in(b"int x;"));
    }
}
