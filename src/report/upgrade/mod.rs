//! The effects of another kernel on modules: as text, as lines for scripts, as a document in JSON.

mod close;
mod document;
mod human;
mod short;
mod symbols;
mod words;

pub use document::{UpgradeDocument, upgrade_document};
pub use human::human_upgrade;
pub use short::short_upgrade;
