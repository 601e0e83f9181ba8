//! A fast hash of names, for tables that compare whole names afterwards.

use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::OnceLock;

fn mix(hash: u64, word: u64) -> u64 {
    const FACTOR: u64 = 0xf135_7aea_2e62_a9c5;
    (hash ^ word).wrapping_mul(FACTOR).rotate_left(26)
}

/// A number that differs from process to process, so that no file can be made whose names have equal hashes.
fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| RandomState::new().hash_one(0))
}

/// Multiplies two words and adds the halves of the product without carry, as wyhash does. Both halves depend on every bit of both
/// words.
const fn fold(one: u64, other: u64) -> u64 {
    let product = one as u128 * other as u128;
    (product >> 64) as u64 ^ product as u64
}

/// Hashes a name eight bytes at a time. The hash of a name differs from process to process.
pub(crate) fn name_hash(name: &[u8]) -> u64 {
    const FACTOR: u64 = 0xf135_7aea_2e62_a9c5;
    let seed = seed();
    let mix = |hash: u64, word: [u8; 8]| fold(hash ^ u64::from_le_bytes(word), seed ^ FACTOR);
    let (words, rest) = name.as_chunks::<8>();
    // The last word overlaps with the one before it: a copy of a few bytes would take longer.
    let last = name.last_chunk::<8>().copied().unwrap_or_else(|| padded(rest));
    let hash = mix(words.iter().fold(seed ^ name.len() as u64, |hash, word| mix(hash, *word)), last);
    hash ^ (hash >> 32)
}

fn padded(bytes: &[u8]) -> [u8; 8] {
    let mut word = [0; 8];
    word.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = *byte);
    word
}

/// A name with its hash, to look it up in several tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HashedName<'a> {
    pub name: &'a [u8],
    pub hash: u64,
}

impl<'a> From<&'a [u8]> for HashedName<'a> {
    fn from(name: &'a [u8]) -> Self {
        Self { name, hash: name_hash(name) }
    }
}

impl<'a> From<&'a str> for HashedName<'a> {
    fn from(name: &'a str) -> Self {
        name.as_bytes().into()
    }
}

/// A fast hasher for tables whose keys are names, or begin with a number that gplok assigns, so that no file can make many keys
/// collide.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NumberHasher(u64);

/// Builds a [`NumberHasher`] for numbers.
pub(crate) type ByNumber = BuildHasherDefault<NumberHasher>;

/// Builds a [`NumberHasher`] for names.
pub(crate) type ByName = BuildHasherDefault<NumberHasher>;

impl Hasher for NumberHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = mix(self.0, name_hash(bytes));
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = mix(self.0, number);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}
