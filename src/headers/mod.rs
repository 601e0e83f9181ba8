//! Reads the text of C headers: which names it declares, defines and uses. The text is not preprocessed. Every branch
//! of every condition is read, except for branches that no C file ever sees.
//!
//! This room reads text only. Finding and opening header files is the job of `kernel/headers/`.

mod attributes;
mod branches;
mod declared;
mod mention;
mod names;
mod parameters;
mod scan;
mod tokens;
mod uses;

pub use mention::{Declaration, DefinitionKind, HeaderDefinition, Mention, Mentions};
pub(crate) use names::{WantedNames, is_made_by_macros};
pub(crate) use scan::{HeaderFact, scan};
