//! The lines of depmod.

use super::printable::Printable;
use crate::check::DepmodLine;
use crate::image::KmodComplaint;
use crate::kernel::{WalkFault, WalkPlace};
use crate::terms::{Errno, Shown};

/// The number of the first file that a program opens, behind its three streams: depmod's is the root of the tree. Each folder below
/// has the next number.
const FIRST_FILE: usize = 3;

/// The lines that `depmod -n -e -E Module.symvers` prints to standard error.
pub fn depmod(lines: &[DepmodLine]) -> Printable {
    let mut text = Printable::default();
    for line in lines {
        match line {
            DepmodLine::Unlisted(WalkFault::Stat(place)) => {
                let WalkPlace { depth, name, error } = place;
                text.line(format_args!("depmod: ERROR: fstatat({}, {name}): {error}", FIRST_FILE + depth))
            }
            DepmodLine::Unlisted(WalkFault::Open(place)) => {
                let WalkPlace { depth, name, error } = place;
                text.line(format_args!("depmod: ERROR: openat({}, {name}, O_RDONLY): {error}", FIRST_FILE + depth))
            }
            DepmodLine::Unlisted(WalkFault::Special(path, kind)) => {
                text.line(format_args!("depmod: ERROR: unsupported file type {}: {kind:o}", Shown::path(path)))
            }
            DepmodLine::Unlisted(WalkFault::Loop(_)) | DepmodLine::MoreCycles => {}
            DepmodLine::Complaint(KmodComplaint { compression, says }) => {
                text.line(format_args!("depmod: ERROR: {compression}: {says}"))
            }
            DepmodLine::Unreadable { path, errno } => {
                let error = match errno {
                    Errno::ENOEXEC => "Exec format error",
                    Errno::EACCES => "Permission denied",
                    Errno::ENOENT => "No such file or directory",
                    Errno::ELOOP => "Too many levels of symbolic links",
                    _ => "Invalid argument",
                };
                text.line(format_args!("depmod: ERROR: failed to load symbols from {}: {error}", Shown::path(path)))
            }
            DepmodLine::Unknown { path, symbol } => {
                text.line(format_args!("depmod: WARNING: {} needs unknown symbol {symbol}", Shown::path(path)))
            }
            DepmodLine::Disagrees { path, symbol } => text.line(format_args!(
                "depmod: WARNING: {} disagrees about version of symbol {symbol}",
                Shown::path(path)
            )),
            DepmodLine::Cycle(names) => {
                text.line(format_args!("depmod: ERROR: Cycle detected: {}", names.join(" -> ")))
            }
            DepmodLine::InCycles(number) => {
                text.line(format_args!("depmod: ERROR: Found {number} modules in dependency cycles!"))
            }
        }
    }
    text
}
