//! Sizes in bytes, as users write them.

use std::fmt;
use std::str::FromStr;

/// A size in bytes. It is read with an optional suffix, `512M` or `2GiB`, and printed in the largest unit that divides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSize(pub u64);

/// The units, the largest first.
const UNITS: [(&str, u32); 4] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];

/// A text that is no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a number of bytes is expected, or one with a unit: 512M, 2G")]
pub struct NoByteSize;

impl FromStr for ByteSize {
    type Err = NoByteSize;

    /// Units are powers of 1024, in upper or lower case, with or without `iB` or `B`.
    fn from_str(text: &str) -> Result<Self, NoByteSize> {
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let unit = text.get(digits.len()..).unwrap_or_default().to_ascii_lowercase();
        let names = |name: &str| {
            let name = name.to_ascii_lowercase();
            unit == name || unit == name.replace('i', "") || name.strip_suffix("ib") == Some(&unit)
        };
        let shift = match UNITS.iter().find(|(name, _)| names(name)) {
            Some((_, shift)) => *shift,
            None if unit.is_empty() || unit == "b" => 0,
            None => return Err(NoByteSize),
        };
        let number: u64 = digits.trim_end().parse().map_err(|_| NoByteSize)?;
        number.checked_mul(1 << shift).map(Self).ok_or(NoByteSize)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |shift: u32| self.0 > 0 && self.0.is_multiple_of(1 << shift);
        match UNITS.iter().find(|(_, shift)| fits(*shift)) {
            Some((unit, shift)) => write!(f, "{} {unit}", self.0 >> shift),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_printed() {
        let cases = [
            ("0", 0, "0 bytes"),
            ("1000", 1000, "1000 bytes"),
            ("512M", 512 << 20, "512 MiB"),
            ("2GiB", 2 << 30, "2 GiB"),
            ("2 gb", 2 << 30, "2 GiB"),
            ("4096k", 4 << 20, "4 MiB"),
            ("7b", 7, "7 bytes"),
        ];
        for (text, size, printed) in cases {
            assert_eq!(text.parse(), Ok(ByteSize(size)), "{text}");
            assert_eq!(ByteSize(size).to_string(), printed);
        }
        for text in ["", "M", "-1", "1.5G", "2X", "99999999999T"] {
            assert_eq!(text.parse::<ByteSize>(), Err(NoByteSize), "{text}");
        }
    }
}
