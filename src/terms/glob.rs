//! Shell patterns for names.

/// A pattern: `*` matches any number of characters, also `/`; `?` matches one byte. Every other character matches itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

impl From<&str> for Glob {
    fn from(pattern: &str) -> Self {
        Self(pattern.to_owned())
    }
}

impl Glob {
    /// The pattern.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether it may match more than one name.
    pub fn is_pattern(&self) -> bool {
        self.0.contains(['*', '?'])
    }

    /// Returns whether the pattern matches all of `text`.
    pub fn matches(&self, text: &str) -> bool {
        let pattern = self.0.as_bytes();
        let text = text.as_bytes();
        let mut at = 0;
        let mut read = 0;
        // The position of the last star in the pattern, and the end of the text that it matches so far.
        let mut star = None;
        while let Some(byte) = text.get(read) {
            match (pattern.get(at), star) {
                (Some(b'*'), _) => {
                    star = Some((at, read));
                    at += 1;
                }
                (Some(wanted), _) if *wanted == b'?' || wanted == byte => {
                    at += 1;
                    read += 1;
                }
                (_, Some((position, end))) => {
                    star = Some((position, end + 1));
                    at = position + 1;
                    read = end + 1;
                }
                (_, None) => return false,
            }
        }
        pattern.iter().skip(at).all(|rest| *rest == b'*')
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn stars_and_question_marks_match() {
        let matches = |pattern: &str, text: &str| Glob::from(pattern).matches(text);
        assert!(matches("kmalloc", "kmalloc") && !matches("kmalloc", "kmalloc2") && !matches("kmalloc", "kmallo"));
        assert!(matches("k?alloc", "kmalloc") && !matches("k?alloc", "kalloc"));
        assert!(matches("*", "") && matches("**", "x") && matches("", "") && !matches("", "x") && !matches("?", ""));
        assert!(matches("usb_*_dev*", "usb_get_dev") && matches("*_*_x", "a_b_c_x") && !matches("*_x", "a_xy"));
        assert!(matches("drivers/*/usb-storage", "drivers/usb/storage/usb-storage"));
        assert!(matches("module:*kvm*", "module:kvm,kvm-amd"));
        assert!(matches("[x]", "[x]"));
    }

    /// The time grows with the product of the lengths, also with many stars.
    #[test]
    fn hostile_patterns_are_matched_in_time() {
        assert!(!Glob::from("*a".repeat(200).as_str()).matches(&"ab".repeat(2000)));
    }
}
