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
    /// `text` in `style`, which is one of the palette's fields.
    pub(super) fn paint(&self, style: &str, text: &str) -> String {
        if style.is_empty() { text.to_owned() } else { format!("{style}{text}{}", self.reset) }
    }
}
