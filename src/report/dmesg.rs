//! The kernel log alone.

use std::fmt::Write;

use super::entry::Entry;
use super::wording::printable;

/// Every line the kernel log gains in all steps, in order, one a line; with `levels`, each behind its printk level
/// (`<4>`), as `dmesg --raw` shows it.
pub fn dmesg(entries: &[Entry<'_>], levels: bool) -> String {
    let mut out = String::new();
    for line in entries.iter().flat_map(|entry| &entry.verdict.log) {
        if levels {
            let _ = write!(out, "<{}>", line.level as u8);
        }
        out.push_str(&printable(&line.text.to_str()));
        out.push('\n');
    }
    out
}
