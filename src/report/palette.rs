//! Colors, which the caller chooses.

/// The text to write before each kind of text; `reset` ends the color. The default has no colors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    /// The answer "loads".
    pub answer_good: &'static str,
    /// The answers "refused" and "crashes".
    pub answer_bad: &'static str,
    /// The answer "undetermined".
    pub answer_unknown: &'static str,
    /// The heading of a paragraph.
    pub heading: &'static str,
    /// The labels: `what`, `why`, `fix` and similar words.
    pub label: &'static str,
    /// Lines of the kernel log, and other text that a reader may skip.
    pub dim: &'static str,
    /// The end of every colored text.
    pub reset: &'static str,
}

impl Palette {
    /// All that it writes.
    pub(super) const fn styles(&self) -> [&'static str; 7] {
        [self.answer_good, self.answer_bad, self.answer_unknown, self.heading, self.label, self.dim, self.reset]
    }
}
