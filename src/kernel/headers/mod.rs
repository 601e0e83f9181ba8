//! The headers of a kernel, where its headers package or source tree is at hand, and what their text says of names. The text
//! is not preprocessed: every branch of every condition is read, except for those that no C file ever sees.

mod attributes;
mod branches;
mod declared;
mod files;
mod mention;
mod mentions;
mod names;
mod parameters;
mod roots;
mod scan;
mod tokens;
mod uses;

pub use mention::{Declaration, Form, Mention, Mentions, Place};
pub use names::is_made_by_macros;
pub(super) use roots::{HeaderRoot, package_root};
