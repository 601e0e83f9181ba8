//! What a sentence is about, and the parts that it is put together from.

use super::entry::KernelSummary;
use super::wording::{NameList, count};
use crate::verdict::Finding;

/// What a sentence is about: one finding, or several with the same cause.
pub(super) struct Topic<'a> {
    /// The findings. The facts that they share are read from the first.
    pub group: &'a [&'a Finding],
    /// The symbols, sections or parameters that the findings name.
    pub names: NameList<'a>,
    /// The name of the module that is loaded.
    pub module: &'a str,
    /// The kernel that loads it.
    pub kernel: &'a KernelSummary,
}

impl Topic<'_> {
    /// The instruction to build the module again for this kernel.
    pub(super) fn rebuild(&self) -> String {
        format!("rebuild the module against {}: {}", self.kernel.called(), self.kernel.build())
    }

    /// The instruction to build the module again from nothing, because make takes parts built for another kernel for new.
    pub(super) fn clean_rebuild(&self) -> String {
        let release = self.kernel.called();
        format!(
            "build all of the module again, with the compiler and the headers of {release}: {}",
            self.kernel.build()
        )
    }
}

/// A cause in a few words, for headlines.
pub(super) enum Title {
    /// These words, whatever the number of findings.
    Fixed(&'static str),
    /// A number, and the words for one finding and for several.
    Counted(&'static str, &'static str),
}

impl Title {
    /// The title of `number` findings.
    pub(super) fn of(&self, number: usize) -> String {
        match self {
            Self::Fixed(words) => (*words).to_owned(),
            Self::Counted(one, many) => count(number, one, many),
        }
    }
}

/// What is said about a code, whatever the facts of the finding are.
pub(super) struct Heading {
    /// The title in headlines.
    pub title: Title,
    /// The Markdown source of the page that `gplok explain` prints.
    pub page: &'static str,
}

impl Heading {
    /// A heading whose title does not depend on the number of findings.
    pub(super) const fn fixed(title: &'static str, page: &'static str) -> Self {
        Self { title: Title::Fixed(title), page }
    }

    /// A heading whose title counts the findings.
    pub(super) const fn counted(one: &'static str, many: &'static str, page: &'static str) -> Self {
        Self { title: Title::Counted(one, many), page }
    }
}

/// What is said about one topic.
pub(super) struct Wording {
    /// What is the case, and why it matters.
    pub because: Because,
    /// What to do about it, as exact as the facts allow.
    pub fix: String,
}

impl Wording {
    pub(super) fn new(because: Because, fix: impl Into<String>) -> Self {
        Self { because, fix: fix.into() }
    }
}

/// Two halves of a sentence, and the text that joins them.
pub(super) struct Because {
    pub what: String,
    pub link: &'static str,
    pub why: String,
}

impl Because {
    pub(super) fn and(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), link: ", and ", why: why.into() }
    }

    pub(super) fn but(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), link: ", but ", why: why.into() }
    }

    pub(super) fn so(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), link: ", so ", why: why.into() }
    }

    pub(super) fn colon(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), link: ": ", why: why.into() }
    }
}
