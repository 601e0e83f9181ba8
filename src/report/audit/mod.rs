//! What exports hand on: for people and for machines.

pub(super) mod codes;
mod document;
mod human;
mod license;
mod lines;
mod report;

pub use document::{AuditDocument, audit_document};
pub use human::human_audit;
pub use report::AuditReport;
