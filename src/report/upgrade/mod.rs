//! What another kernel does to modules: for people, for scripts, for machines.

mod close;
mod document;
mod human;
mod short;
mod symbols;
mod words;

pub use document::{UpgradeDocument, upgrade_document};
pub use human::human_upgrade;
pub use short::short_upgrade;
