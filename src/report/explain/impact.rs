//! The pages of the words that `diff` and `upgrade` print: one Markdown file for each word.

use super::page::{Page, page};
use crate::impact::{Answer, ChangeClass};

/// The page of a class of changes.
pub fn explain_change(of: ChangeClass) -> Page {
    page(match of {
        ChangeClass::Removed => include_str!("impact/removed.md"),
        ChangeClass::Added => include_str!("impact/added.md"),
        ChangeClass::BecameGplOnly => include_str!("impact/became_gpl_only.md"),
        ChangeClass::BecamePlain => include_str!("impact/became_plain.md"),
        ChangeClass::NamespaceChanged => include_str!("impact/namespace_changed.md"),
        ChangeClass::ExporterMoved => include_str!("impact/owner_moved.md"),
        ChangeClass::CrcChanged => include_str!("impact/crc_changed.md"),
    })
}

/// The page of an answer.
pub fn explain_answer(of: Answer) -> Page {
    page(match of {
        Answer::LoadsAsItIs => include_str!("impact/loads_as_it_is.md"),
        Answer::LoadsOnceSigned => include_str!("impact/loads_once_signed.md"),
        Answer::LoadsAfterRebuild => include_str!("impact/loads_after_rebuild.md"),
        Answer::Unknown => include_str!("impact/unknown.md"),
        Answer::RefusedByKernel => include_str!("impact/refused_by_kernel.md"),
        Answer::NeedsSourceChanges => include_str!("impact/needs_source_changes.md"),
        Answer::RefusedForLicense => include_str!("impact/refused_for_license.md"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_its_page() {
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/report/explain/impact"));
        let files = folder.expect("the pages are beside this file").count();
        assert_eq!(files, ChangeClass::ALL.len() + Answer::ALL.len());
        let pages = ChangeClass::ALL.map(explain_change).into_iter().chain(Answer::ALL.map(explain_answer));
        let titles: std::collections::BTreeSet<_> = pages.map(|page| page.title).collect();
        assert_eq!(titles.len(), files);
    }
}
