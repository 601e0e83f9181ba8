//! Colours, as whoever prints the text wants them.

/// What to write before a piece of text of each kind; `reset` ends it. The default colours nothing.
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
    /// The words `what`, `why`, `fix` and their like.
    pub label: &'static str,
    /// Lines of the kernel log and other things one may skip.
    pub dim: &'static str,
    /// The end of every coloured piece.
    pub reset: &'static str,
}

impl Palette {
    /// `text` in `style`, which is one of the palette's own fields.
    pub(super) fn paint(&self, style: &str, text: &str) -> String {
        if style.is_empty() { text.to_owned() } else { format!("{style}{text}{}", self.reset) }
    }
}
