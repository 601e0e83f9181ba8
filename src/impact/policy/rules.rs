//! Rules about exports: the `severities` of suse-kabi-tools, and more.

use std::path::PathBuf;

use super::{Concern, Entry};
use crate::impact::{ChangeClass, Classes};
use crate::kernel::VMLINUX;
use crate::terms::Glob;

/// Rules in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules(Vec<Rule>);

/// One rule: changes that it fits pass, or fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The line it stands on.
    pub line: usize,
    /// The rule as it is written, without comment.
    pub text: String,
    /// Does what it fits pass?
    pub passes: bool,
    pattern: Pattern,
    classes: Option<Classes>,
}

/// What a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Symbol(Glob),
    /// The path of the module that exports the symbol, or [`VMLINUX`].
    Exporter(Glob),
    Namespace(Glob),
    /// The macro that exports it.
    Kind(Glob),
    /// The licence of the module that uses it.
    License(Glob),
}

/// Rules that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}, line {line}: {kind}", path.display())]
pub struct RulesError {
    /// The file.
    pub path: PathBuf,
    /// The line.
    pub line: usize,
    /// What is wrong.
    pub kind: RulesErrorKind,
}

/// What is wrong with a rule.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesErrorKind {
    /// Only a pattern.
    #[error("the rule has no verdict, PASS or FAIL")]
    NoVerdict,
    /// Neither of the two.
    #[error("the verdict is {0:?}, not PASS or FAIL")]
    Verdict(String),
    /// No class of changes.
    #[error("there is no class of changes {0:?}; there are {classes}", classes = class_names())]
    Class(String),
    /// More than three words.
    #[error("{0:?} stands behind the rule")]
    Rest(String),
}

impl Rules {
    /// Reads rules, one a line: `PATTERN VERDICT [CLASS,…]`.
    ///
    /// The first two words are the format of suse-kabi-tools: a pattern with a slash, or `vmlinux`, is for the module that
    /// exports a symbol; one without small letters for its namespace; any other for its name. `#` begins a comment. Beyond
    /// that, a prefix says what a pattern is for (`symbol:`, `exporter:`, `namespace:`, `kind:`, `license:`), and a third word
    /// names the classes of changes that the rule is for.
    ///
    /// # Errors
    /// At the first line that is no rule.
    pub fn parse(path: impl Into<PathBuf>, text: &str) -> Result<Self, RulesError> {
        let mut rules = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line_number = index + 1;
            match Rule::parse(line_number, line) {
                Ok(rule) => rules.extend(rule),
                Err(kind) => return Err(RulesError { path: path.into(), line: line_number, kind }),
            }
        }
        Ok(Self(rules))
    }

    /// All of them.
    pub fn all(&self) -> &[Rule] {
        &self.0
    }

    /// The first that fits, with its index.
    pub(super) fn first(&self, entry: &Entry<'_>) -> Option<(usize, &Rule)> {
        self.0.iter().enumerate().find(|(_, rule)| rule.fits(entry))
    }
}

impl Rule {
    fn parse(line: usize, text: &str) -> Result<Option<Self>, RulesErrorKind> {
        let text = text.split('#').next().unwrap_or_default().trim();
        let mut words = text.split_ascii_whitespace();
        let Some(pattern) = words.next() else { return Ok(None) };
        let passes = match words.next() {
            Some("PASS") => true,
            Some("FAIL") => false,
            Some(other) => return Err(RulesErrorKind::Verdict(other.to_owned())),
            None => return Err(RulesErrorKind::NoVerdict),
        };
        let class = |name: &str| ChangeClass::from_name(name).ok_or_else(|| RulesErrorKind::Class(name.to_owned()));
        let classes = words.next().map(|names| names.split(',').map(class).collect::<Result<_, _>>()).transpose()?;
        if let Some(rest) = words.next() {
            return Err(RulesErrorKind::Rest(rest.to_owned()));
        }
        Ok(Some(Self { line, text: text.to_owned(), passes, pattern: Pattern::parse(pattern), classes }))
    }

    /// Does it say which classes of changes it is for?
    pub const fn names_classes(&self) -> bool {
        self.classes.is_some()
    }

    fn fits(&self, entry: &Entry<'_>) -> bool {
        let (Concern::Change(class), Some(export)) = (entry.concern, entry.export()) else { return false };
        self.classes.is_none_or(|classes| classes.has(class))
            && match &self.pattern {
                Pattern::Symbol(glob) => glob.matches(export.name),
                Pattern::Exporter(glob) => glob.matches(export.exporter),
                Pattern::Namespace(glob) => export.namespace.as_ref().is_some_and(|name| glob.matches(name.as_str())),
                Pattern::Kind(glob) => export.kind.is_some_and(|kind| glob.matches(kind.macro_name())),
                Pattern::License(glob) => entry.license.is_some_and(|license| glob.matches(license)),
            }
    }
}

impl Pattern {
    fn parse(text: &str) -> Self {
        let glob = |text: &str| Glob::from(text);
        match text.split_once(':') {
            Some(("symbol", rest)) => Self::Symbol(glob(rest)),
            Some(("exporter", rest)) => Self::Exporter(glob(rest)),
            Some(("namespace", rest)) => Self::Namespace(glob(rest)),
            Some(("kind", rest)) => Self::Kind(glob(rest)),
            // A licence may have blanks in it, and a rule may not.
            Some(("license", rest)) => Self::License(glob(&rest.replace('_', "?"))),
            _ if text.contains('/') || text == VMLINUX => Self::Exporter(glob(text)),
            _ if !text.chars().any(char::is_lowercase) => Self::Namespace(glob(text)),
            _ => Self::Symbol(glob(text)),
        }
    }
}

fn class_names() -> String {
    ChangeClass::ALL.map(ChangeClass::name).join(", ")
}
