//! A quick hash of names, for tables whose entries are compared as a whole in the end.

/// Takes eight bytes at once, as FxHash does.
pub(crate) fn name_hash(name: &[u8]) -> u64 {
    const FACTOR: u64 = 0xf135_7aea_2e62_a9c5;
    let mix = |hash: u64, word: [u8; 8]| (hash ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR).rotate_left(26);
    let (words, rest) = name.as_chunks::<8>();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    let hash = mix(words.iter().fold(name.len() as u64, |hash, word| mix(hash, *word)), last);
    hash ^ (hash >> 32)
}
