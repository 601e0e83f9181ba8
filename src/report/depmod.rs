//! The lines of depmod.

use std::fmt::Write as _;
use std::path::Path;

use super::wording::printable;
use crate::check::DepmodLine;
use crate::kernel::{WalkFault, WalkPlace};
use crate::terms::Errno;

/// The number of the first file that a program opens, behind its three streams: depmod's is the root of the tree. Each folder below
/// has the next number.
const FIRST_FILE: usize = 3;

/// The lines that `depmod -n -e -E Module.symvers` prints to standard error.
pub fn depmod(lines: &[DepmodLine]) -> String {
    let mut text = String::new();
    for line in lines {
        _ = match line {
            DepmodLine::Unlisted(WalkFault::Stat(place)) => {
                let WalkPlace { depth, name, error } = place;
                writeln!(text, "depmod: ERROR: fstatat({}, {}): {error}", FIRST_FILE + depth, printable(name))
            }
            DepmodLine::Unlisted(WalkFault::Open(place)) => {
                let WalkPlace { depth, name, error } = place;
                writeln!(text, "depmod: ERROR: openat({}, {}, O_RDONLY): {error}", FIRST_FILE + depth, printable(name))
            }
            DepmodLine::Unlisted(WalkFault::Special(path, kind)) => {
                writeln!(text, "depmod: ERROR: unsupported file type {}: {kind:o}", shown(path))
            }
            DepmodLine::Unlisted(WalkFault::Loop(_)) => Ok(()),
            DepmodLine::LacksSize => writeln!(text, "depmod: ERROR: zstd: Failed to determine decompression size"),
            DepmodLine::Unreadable { path, errno } => {
                let error = match errno {
                    Errno::ENOEXEC => "Exec format error",
                    Errno::EACCES => "Permission denied",
                    Errno::ENOENT => "No such file or directory",
                    Errno::ELOOP => "Too many levels of symbolic links",
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
