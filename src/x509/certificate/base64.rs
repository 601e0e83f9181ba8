//! Base64, the encoding of bytes in PEM.

/// A base64 decoder that is fed line by line.
#[derive(Default)]
pub(super) struct Base64 {
    pub(super) bytes: Vec<u8>,
    bits: u32,
    count: u32,
}

impl Base64 {
    /// Decodes a line; `None` if a character is not base64.
    pub(super) fn line(&mut self, line: &str) -> Option<()> {
        for byte in line.bytes() {
            let digit = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' => continue,
                _ => return None,
            };
            self.bits = self.bits << 6 & 0xffff | u32::from(digit);
            self.count += 6;
            if self.count >= 8 {
                self.count -= 8;
                self.bytes.push(u8::try_from(self.bits >> self.count & 0xff).ok()?);
            }
        }
        Some(())
    }
}
