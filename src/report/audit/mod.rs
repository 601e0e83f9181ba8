//! The findings of `audit`: as text, and as a document in JSON.

pub(super) mod codes;
mod document;
mod human;
mod license;
mod lines;
mod report;

pub use document::{AuditDocument, audit_document};
pub use human::human_audit;
pub use report::AuditReport;
