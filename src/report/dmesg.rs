//! The kernel log alone, as `dmesg` prints it.

use std::fmt::Write;

use super::entry::Entry;
use super::wording::printable;

/// All lines that the kernel prints to its log, in the order of the steps. With `levels`, each line follows its printk level
/// (`<4>`), as in `dmesg --raw`.
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
