//! Text from files and arguments in messages.

use std::fmt::{self, Display, Write as _};
use std::path::Path;

/// Text from files or arguments, as messages show it: on one line, and without anything that a terminal obeys or that is invisible.
///
/// Control characters, marks that change the direction of writing, separators of lines, and characters that are never drawn are
/// written as `\xNN` or `\u{NNNN}`. Letters of all languages stay as they are. Text that is shown already does not change.
///
/// ```
/// use gplok::terms::Shown;
///
/// assert_eq!(Shown("größe\n\u{1b}[2J\u{202e}").to_string(), r"größe\x0a\x1b[2J\u{202e}");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Shown<T>(pub T);

impl<T: Display> Display for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escape(f), "{}", self.0)
    }
}

/// A path, in which bytes that are no text are written as `\xNN`.
#[derive(Clone, Copy, Debug)]
pub struct PathText<'a>(&'a Path);

impl<'a> Shown<PathText<'a>> {
    /// A path as messages show it.
    pub fn path(path: &'a (impl AsRef<Path> + ?Sized)) -> Self {
        Self(PathText(path.as_ref()))
    }
}

impl Display for PathText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.as_os_str().as_encoded_bytes().utf8_chunks() {
            f.write_str(part.valid())?;
            part.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

/// A writer that passes text on as it is shown.
pub(crate) struct Escape<'a, W: ?Sized>(pub(crate) &'a mut W);

impl<W: fmt::Write + ?Sized> fmt::Write for Escape<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Nearly all text is plain.
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return self.0.write_str(text);
        }
        let mut rest = text;
        while let Some(at) = rest.find(|c| !is_shown(c)) {
            let (shown, after) = rest.split_at(at);
            self.0.write_str(shown)?;
            let mut characters = after.chars();
            for c in characters.by_ref().take(1) {
                if c.is_ascii() {
                    write!(self.0, "\\x{:02x}", u32::from(c))
                } else {
                    write!(self.0, "{}", c.escape_unicode())
                }?;
            }
            rest = characters.as_str();
        }
        self.0.write_str(rest)
    }
}

/// Returns whether a message shows a character as it is.
pub(crate) fn is_shown(c: char) -> bool {
    // Nearly all characters are these.
    if matches!(c, ' '..='~') {
        return true;
    }
    let is_hidden = matches!(
        c,
        // Separators of lines and paragraphs, and annotations between lines.
        '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}'
        // What a terminal need not draw: Default_Ignorable_Code_Point of Unicode 16. The marks that change the direction of writing
        // are among these.
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}'
    );
    !c.is_control() && !is_hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_or_hides_is_escaped() {
        let hidden = [
            ("a\nb\r\tc", r"a\x0ab\x0d\x09c"),
            ("\u{1b}[31m\u{7f}\0", r"\x1b[31m\x7f\x00"),
            ("\u{9b}2J\u{85}", r"\u{9b}2J\u{85}"),
            ("\u{202e}\u{2066}\u{200f}\u{61c}", r"\u{202e}\u{2066}\u{200f}\u{61c}"),
            ("\u{2028}\u{2029}", r"\u{2028}\u{2029}"),
            ("\u{200b}\u{ad}\u{feff}\u{e0041}", r"\u{200b}\u{ad}\u{feff}\u{e0041}"),
        ];
        for (text, shown) in hidden {
            assert_eq!(Shown(text).to_string(), shown);
            assert_eq!(Shown(shown).to_string(), shown, "shown twice");
        }
    }

    #[test]
    fn letters_of_all_languages_stay() {
        for text in
            ["größe", "Ελλάδα", "русский", "日本語 한국어", "עברית العربية", "हिन्दी ไทย", "e\u{301} 🙂", "plain ~!\\"]
        {
            assert_eq!(Shown(text).to_string(), text);
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_bytes_of_a_path_that_are_no_text_are_told() {
        use std::os::unix::ffi::OsStrExt as _;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/lib/\xff\xe9\n\xc3\xa9.ko"));
        assert_eq!(Shown::path(path).to_string(), r"/lib/\xff\xe9\x0aé.ko");
    }
}
