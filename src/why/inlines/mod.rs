//! The inline map of a kernel: which inline functions of its headers need symbols that a module under another license,
//! or any module, does not get.
//!
//! The map is read from objects in which the inline functions are compiled out of line, or from assembly: what the
//! compiler made of them for one configuration and architecture. Nothing is guessed from the text of headers.

mod access;
mod change;
mod error;
mod map;
mod probed;
mod reach;
mod walk;

pub use crate::probe::SkippedHeader;
pub use change::InlineChanges;
pub use error::MapError;
pub use map::{DroppedInline, Inline, InlineMap};
