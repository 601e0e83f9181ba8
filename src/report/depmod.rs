//! The lines of depmod.

use std::fmt::Write as _;
use std::path::Path;

use super::wording::printable;
use crate::check::DepmodLine;
use crate::terms::Errno;

/// The lines that `depmod -n -e -E Module.symvers` prints to standard error.
pub fn depmod(lines: &[DepmodLine]) -> String {
    let mut text = String::new();
    for line in lines {
        _ = match line {
            DepmodLine::Unreadable { path, errno } => {
                let error = match errno {
                    Errno::ENOEXEC => "Exec format error",
                    _ => "Invalid argument",
                };
                writeln!(text, "depmod: ERROR: failed to load symbols from {}: {error}", shown(path))
            }
            DepmodLine::Unknown { path, symbol } => {
                writeln!(text, "depmod: WARNING: {} needs unknown symbol {}", shown(path), printable(symbol))
            }
            DepmodLine::Disagrees { path, symbol } => {
                writeln!(
                    text,
                    "depmod: WARNING: {} disagrees about version of symbol {}",
                    shown(path),
                    printable(symbol)
                )
            }
            DepmodLine::Cycle(names) => {
                writeln!(text, "depmod: ERROR: Cycle detected: {}", printable(&names.join(" -> ")))
            }
            DepmodLine::InCycles(number) => {
                writeln!(text, "depmod: ERROR: Found {number} modules in dependency cycles!")
            }
        };
    }
    text
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}
