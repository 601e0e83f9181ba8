//! Text that is safe to print.

use std::fmt::{self, Display, Write as _};

use serde::Serialize;

use super::palette::Palette;
use crate::terms::{Escape, Shown, is_shown};

/// Lines of text that are safe to print: pages, lists, documents and messages.
///
/// Whatever was put into a line is on that line, escaped: names in files cannot begin a line,
/// nor move the cursor or hide text. Only a [`Palette`] adds escape sequences. Every way to make a value of this type ensures that,
/// and the program prints nothing else.
///
/// ```
/// use gplok::report::Printable;
///
/// let line = Printable::from_line(format_args!("cannot read {}", "a\u{1b}[2J\nb.ko"));
/// assert_eq!(line.as_str(), "cannot read a\\x1b[2J\\x0ab.ko\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Printable(String);

impl Printable {
    /// One line. A line break in `text` does not end it.
    pub fn from_line(text: impl Display) -> Self {
        let mut page = Self::default();
        page.line(text);
        page
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Adds the lines of another text.
    pub fn append(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    /// Adds text to the last line.
    pub(super) fn text(&mut self, text: impl Display) -> &mut Self {
        _ = write!(Escape(&mut self.0), "{text}");
        self
    }

    /// Adds text in `style`, which is one of the palette's fields, to the last line.
    pub(super) fn painted(&mut self, palette: &Palette, style: &'static str, text: impl Display) -> &mut Self {
        if style.is_empty() {
            return self.text(text);
        }
        self.0.push_str(style);
        self.text(text);
        self.0.push_str(palette.reset);
        self
    }

    /// Adds text to the last line, and ends it.
    pub(super) fn line(&mut self, text: impl Display) {
        self.text(text);
        self.0.push('\n');
    }

    /// Adds a line of columns with tabs between them, none of which ends its column.
    pub(super) fn row<T: Display>(&mut self, columns: impl IntoIterator<Item = T>) {
        for (index, column) in columns.into_iter().enumerate() {
            if index > 0 {
                self.0.push('\t');
            }
            self.text(column);
        }
        self.0.push('\n');
    }

    /// Ends the last line; after a whole line, adds a blank one.
    pub(super) fn end(&mut self) {
        self.0.push('\n');
    }
}

impl Display for Printable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::ops::Deref for Printable {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<Printable> for String {
    fn from(text: Printable) -> Self {
        text.0
    }
}

/// Text of the program itself, which may have any number of lines.
pub fn program_text(text: &'static str) -> Printable {
    Printable(text.to_owned())
}

/// A document in JSON, indented. What a terminal would obey or hide is escaped in its strings, which are equal to those given.
///
/// # Errors
///
/// If a value cannot be serialized.
pub fn printable_json(document: &impl Serialize) -> Result<Printable, serde_json::Error> {
    let text = serde_json::to_string_pretty(document)?;
    // Outside of strings JSON has only visible ASCII, blanks and line breaks; serde_json escapes control characters below 0x20.
    if text.is_ascii() && !text.contains('\x7f') {
        return Ok(Printable(text + "\n"));
    }
    let mut page = Printable(String::with_capacity(text.len() + 1));
    for c in text.chars() {
        if c == '\n' || is_shown(c) {
            page.0.push(c);
        } else {
            let units = &mut [0; 2];
            c.encode_utf16(units).iter().for_each(|unit| _ = write!(page.0, "\\u{unit:04x}"));
        }
    }
    page.0.push('\n');
    Ok(page)
}

/// Text that was printed before, with the escape sequences of this palette; `None` if it is not safe to print.
pub fn printed_before(text: String, palette: &Palette) -> Option<Printable> {
    let mut rest = text.as_str();
    while let Some(at) = rest.find(|c| c != '\n' && !is_shown(c)) {
        let after = rest.get(at..)?;
        let styles = palette.styles().into_iter().filter(|style| !style.is_empty());
        rest = styles.filter_map(|style| after.strip_prefix(style)).min_by_key(|rest| rest.len())?;
    }
    Some(Printable(text))
}

/// Text with names from files, to be part of a sentence: it cannot end its line.
pub(super) fn printable(text: String) -> String {
    if text.chars().all(is_shown) { text } else { Shown(text).to_string() }
}
