//! Patterns for names, as a shell's.

/// A pattern: `*` stands for any characters or none, also for `/`; `?` for one byte. Everything else stands for itself.
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

    /// Is all of `text` what the pattern says?
    pub fn matches(&self, text: &str) -> bool {
        let (pattern, text) = (self.0.as_bytes(), text.as_bytes());
        let (mut at, mut read) = (0, 0);
        // Where the last star stands, and up to where it has swallowed the text.
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
                (_, Some((stars_place, swallowed))) => {
                    star = Some((stars_place, swallowed + 1));
                    at = stars_place + 1;
                    read = swallowed + 1;
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

    /// Many stars cost no more than a product of lengths.
    #[test]
    fn hostile_patterns_end() {
        assert!(!Glob::from("*a".repeat(200).as_str()).matches(&"ab".repeat(2000)));
    }
}
