//! The pages of the codes of `audit`: one Markdown file for each code.

use super::page::{Page, page};
use crate::audit::AuditCode;
use crate::report::audit::codes::wording;

/// The page of a code of `audit`.
pub fn explain_finding(code: AuditCode) -> Page {
    page(wording(code).page)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_has_a_whole_page_of_its_own() {
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/report/explain/audit"));
        let files = folder.expect("the pages are beside this file").count();
        let titles: BTreeSet<_> = AuditCode::ALL.iter().map(|code| explain_finding(*code).title).collect();
        assert_eq!((titles.len(), files), (AuditCode::ALL.len(), AuditCode::ALL.len()));
        for code in AuditCode::ALL {
            let page = explain_finding(*code);
            let lines = page.text.lines().count();
            assert!((8..=40).contains(&lines), "{code}: {lines} lines");
            for heading in ["The kernel prints:", "Why:", "Fix:", "Example:", "See:"] {
                assert!(page.text.contains(heading), "{code} has no \"{heading}\"");
            }
            assert!(page.text.lines().all(|line| line.chars().count() <= 130), "{code} has a long line");
        }
    }
}
