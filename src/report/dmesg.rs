//! The kernel log alone, as `dmesg` prints it.

use super::entry::Entry;
use super::printable::Printable;

/// All lines that the kernel prints to its log, in the order of the steps. With `levels`, each line follows its printk level
/// (`<4>`), as in `dmesg --raw`.
pub fn dmesg(entries: &[Entry<'_>], levels: bool) -> Printable {
    let mut log = Printable::default();
    for line in entries.iter().flat_map(|entry| &entry.verdict.log) {
        if levels {
            log.text(format_args!("<{}>", line.level as u8));
        }
        log.line(&line.text);
    }
    log
}
