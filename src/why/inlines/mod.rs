//! The inline map of a kernel: which inlines of its headers need symbols that a module under another licence, or any module,
//! does not get.
//!
//! The inlines come from objects in which they stand out of line, or from assembly: what the compiler made of them for one
//! configuration and architecture. Nothing is guessed from the text of headers.

mod change;
mod error;
mod map;
mod probed;
mod reach;

pub use crate::probe::SkippedHeader;
pub use change::InlineChanges;
pub use error::MapError;
pub use map::{DroppedInline, Inline, InlineMap};
