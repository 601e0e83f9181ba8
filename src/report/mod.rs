//! The texts that gplok prints: sentences for findings, pages for people, documents in JSON, and the kernel log.
//!
//! This room judges no module and knows no terminal. Facts come in as a [`Verdict`](crate::verdict::Verdict) and a
//! [`KernelSummary`]; text goes out as a
//! [`Printable`] or, where it is part of a sentence, as a `String`.
//!
//! A page (`human`, `human_…`) is for people; a document (`…_document`) is a value that serializes to the JSON schema
//! `gplok/1`. Nothing here fails. The default [`Palette`] has no colors.
//!
//! ```
//! use gplok::kernel::Kernel;
//! use gplok::report::{Entry, KernelSummary, Op, Palette, human};
//! use gplok::verdict::{Outcome, Verdict};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/founding");
//! let kernel = KernelSummary::from(&Kernel::open(&[format!("{folder}/linux-4.18")])?);
//! let verdict = Verdict::new("openafs", Outcome::Loads);
//! let page = human(&[Entry { op: Op::Insmod, path: Some("openafs.ko"), verdict: &verdict }], &kernel, &Palette::default());
//! assert!(page.contains("openafs.ko"));
//! # Ok(())
//! # }
//! ```

mod audit;
mod bad_files;
mod compiler_symbols;
mod conflict;
mod depmod;
mod diff;
mod dmesg;
mod entry;
mod explain;
mod exports;
mod facts;
mod findings;
mod group;
mod headline;
mod human;
mod incident;
mod inlines;
mod inspect;
mod json;
mod many;
mod missing;
mod modpost;
mod palette;
mod policy;
mod printable;
mod provenance;
mod sentence;
mod system_map;
mod topic;
mod unread;
mod upgrade;
mod usage;
mod wording;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod validator;

pub use audit::{AuditDocument, AuditReport, audit_document, human_audit};
unstable!(depmod::depmod);
pub use diff::{DiffDocument, diff_document, human_diff, short_diff};
pub use dmesg::dmesg;
pub use entry::{Entry, KernelSummary, Op};
pub use explain::{Page, explain, explain_answer, explain_change, explain_finding};
pub use exports::{
    CountsDocument, ExportsDocument, counts_document, export_notes, exports_document, human_counts, human_exports,
    no_exports, no_symbols, symvers,
};
pub use facts::{FactsDocument, facts_document, human_facts};
pub use group::{Group, groups};
pub use headline::headline;
pub use human::{human, human_steps, human_why};
pub use incident::incident_list;
unstable!(inlines::{
    InlineChangesDocument, InlinesDocument, human_inline_changes, human_inlines, inline_changes_document,
    inlines_document,
});
pub use inspect::inspect;
pub use json::{Document, modules_document, steps_document, why_document};
pub use many::human_many;
pub use missing::remedy;
pub use palette::Palette;
unstable!(policy::{PolicyFailure, PolicyReport});
pub use printable::Printable;
unstable!(printable::{printable_json, printed_before, program_text});
pub use sentence::{Sentence, group_sentence, sentence};
unstable!(system_map::{SymbolsDocument, symbols_document, system_map});
pub use upgrade::{UpgradeDocument, human_upgrade, short_upgrade, upgrade_document};
