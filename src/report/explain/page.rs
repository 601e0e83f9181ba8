//! The pages of findings: one Markdown file for each code, named in [`findings`].

use crate::report::findings;
use crate::verdict::Code;

/// One page. The first line of the file is the title, behind `# `.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The title, without the code.
    pub title: &'static str,
    /// Everything below the title, in Markdown.
    pub text: &'static str,
}

/// The page of a code.
pub fn explain(code: Code) -> Page {
    page(findings::page(code))
}

/// The page in a Markdown source.
pub(super) fn page(source: &'static str) -> Page {
    let (title, text) = source.split_once('\n').unwrap_or_default();
    Page { title: title.trim_start_matches("# "), text: text.trim_matches('\n') }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_has_a_whole_page_of_its_own() {
        let mut titles = BTreeSet::new();
        for code in Code::ALL {
            let page = explain(*code);
            assert!(findings::page(*code).starts_with("# "), "{code}");
            assert!(titles.insert(page.title), "{code}: {} twice", page.title);
            let lines = findings::page(*code).lines().count();
            assert!((8..=32).contains(&lines), "{code}: {lines} lines");
            for heading in ["The kernel prints:", "Why:", "Fix:", "Example:", "See:"] {
                assert!(page.text.contains(heading), "{code} has no \"{heading}\"");
            }
        }
    }

    /// Every page belongs to a code: no other page is ever printed.
    #[test]
    fn no_page_is_orphaned() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/report/explain");
        let pages: BTreeSet<String> = std::fs::read_dir(folder)
            .expect("the pages are beside this file")
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".md").map(str::to_owned))
            .collect();
        let codes: BTreeSet<String> = Code::ALL.iter().map(|code| code.name().to_owned()).collect();
        assert_eq!(pages, codes);
    }
}
