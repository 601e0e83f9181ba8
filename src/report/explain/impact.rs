//! The pages of what `diff` and `upgrade` say, one Markdown file a word.

use super::Page;
use super::page::{files, page};
use crate::impact::{Answer, ChangeClass};

/// The page of a class of changes.
pub fn explain_change(of: ChangeClass) -> Page {
    page(change(of))
}

/// The page of an answer.
pub fn explain_answer(of: Answer) -> Page {
    page(answer(of))
}

files! { change(ChangeClass) in "impact/":
    Removed = "removed",
    Added = "added",
    BecameGplOnly = "became_gpl_only",
    BecamePlain = "became_plain",
    NamespaceChanged = "namespace_changed",
    ExporterMoved = "owner_moved",
    CrcChanged = "crc_changed",
}

files! { answer(Answer) in "impact/":
    LoadsAsItIs = "loads_as_it_is",
    LoadsOnceSigned = "loads_once_signed",
    LoadsAfterRebuild = "loads_after_rebuild",
    Unknown = "unknown",
    RefusedByKernel = "refused_by_kernel",
    NeedsSourceChanges = "needs_source_changes",
    RefusedForLicense = "refused_for_license",
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
