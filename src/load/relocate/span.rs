//! Sets of possible 64-bit values: ranges that may wrap around from the largest value to zero.

/// The values from `first` to `first + extra`, wrapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    first: u64,
    extra: u64,
}

/// How many of the possible values are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// All of them.
    Always,
    /// Some of them.
    Sometimes,
    /// None of them.
    Never,
}

impl Span {
    /// Every value: nothing is known.
    pub(super) const ANY: Self = Self { first: 0, extra: u64::MAX };

    /// Exactly one value.
    pub(super) const fn exact(value: u64) -> Self {
        Self { first: value, extra: 0 }
    }

    /// The values from `first` upward to `last`, wrapping if `last` is smaller.
    pub(super) const fn between(first: u64, last: u64) -> Self {
        Self { first, extra: last.wrapping_sub(first) }
    }

    /// The values that fit in a signed field of `bits` bits (1 to 64).
    pub(super) const fn signed(bits: u32) -> Self {
        let half = 1_u64 << (bits - 1);
        Self::between(half.wrapping_neg(), half - 1)
    }

    /// The values that fit in an unsigned field of `bits` bits (1 to 64).
    pub(super) const fn unsigned(bits: u32) -> Self {
        Self::between(0, u64::MAX >> (64 - bits))
    }

    /// The values from `-reach` to `reach`.
    pub(super) const fn around_zero(reach: u64) -> Self {
        if reach >> 63 != 0 { Self::ANY } else { Self::between(reach.wrapping_neg(), reach) }
    }

    /// The value, if only one is possible.
    pub(super) const fn only(self) -> Option<u64> {
        if self.extra == 0 { Some(self.first) } else { None }
    }

    /// Adds a number to every value.
    pub(super) const fn plus(self, number: u64) -> Self {
        Self { first: self.first.wrapping_add(number), extra: self.extra }
    }

    /// Every difference between one of these values and one of the other's.
    pub(super) const fn minus(self, other: Self) -> Self {
        let first = self.first.wrapping_sub(other.first.wrapping_add(other.extra));
        Self { first, extra: self.extra.saturating_add(other.extra) }
    }

    /// Extends the span by `by` values at both ends.
    pub(super) const fn widened(self, by: u64) -> Self {
        let extra = self.extra.saturating_add(by).saturating_add(by);
        Self { first: self.first.wrapping_sub(by), extra }
    }

    /// Returns how many of these values are among the allowed ones.
    pub(super) const fn fit(self, allowed: Self) -> Fit {
        let skipped = self.first.wrapping_sub(allowed.first);
        if skipped <= allowed.extra && self.extra <= allowed.extra - skipped {
            Fit::Always
        } else if skipped > allowed.extra && skipped.checked_add(self.extra).is_some() {
            Fit::Never
        } else {
            Fit::Sometimes
        }
    }

    /// The lowest and the highest value of the low `bits` bits (8 to 64); `None` if those wrap.
    pub(super) const fn low_bits(self, bits: u32) -> Option<(u64, u64)> {
        let mask = u64::MAX >> (64 - bits);
        let low = self.first & mask;
        let high = self.first.wrapping_add(self.extra) & mask;
        if self.extra <= mask && low <= high { Some((low, high)) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_fits_wholly_partly_or_not_at_all() {
        let signed = Span::signed(32);
        assert_eq!(Span::exact(0x7fff_ffff).fit(signed), Fit::Always);
        assert_eq!(Span::exact(0x8000_0000).fit(signed), Fit::Never);
        assert_eq!(Span::exact(0xffff_ffff_8000_0000).fit(signed), Fit::Always);
        assert_eq!(Span::between(0xffff_ffff_8000_0000, 0x100).fit(Span::unsigned(32)), Fit::Sometimes);
        assert_eq!(Span::between(0xffff_ffff_8000_0000, u64::MAX).fit(Span::unsigned(32)), Fit::Never);
        assert_eq!(Span::ANY.fit(signed), Fit::Sometimes);
        assert_eq!(Span::ANY.fit(Span::unsigned(64)), Fit::Always);
    }

    #[test]
    fn arithmetic_wraps() {
        let module = Span::between(0xffff_ffff_a000_0000, 0xffff_ffff_ff00_0000);
        assert_eq!(module.minus(Span::exact(0xffff_ffff_a000_0000)), Span::between(0, 0x5f00_0000));
        assert_eq!(Span::exact(4).minus(Span::exact(8)).only(), Some(u64::MAX - 3));
        assert_eq!(Span::ANY.minus(module), Span { first: 0x0000_0000_00ff_ffff + 1, extra: u64::MAX });
        assert_eq!(Span::exact(0).widened(1), Span::between(u64::MAX, 1));
        assert_eq!(Span::between(0x1_0000_0001, 0x1_0000_0003).low_bits(32), Some((1, 3)));
        assert_eq!(Span::between(u64::MAX, 1).low_bits(32), None);
    }
}
