//! Rules about exports, in the format of the `severities` of suse-kabi-tools, extended by pattern prefixes and classes.

use std::path::PathBuf;

use super::{Concern, PolicyEntry};
use crate::impact::{ChangeClass, Classes};
use crate::kernel::VMLINUX;
use crate::terms::{Glob, Shown};

/// All rules, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules(Vec<PolicyRule>);

/// One rule. Changes that it matches pass or fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRule {
    /// The line number in the file.
    pub line: usize,
    /// The text of the rule, without its comment.
    pub text: String,
    /// Whether the changes it matches pass.
    pub passes: bool,
    pattern: Pattern,
    classes: Option<Classes>,
}

/// What a rule matches.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Symbol(Glob),
    /// The path of the module that exports the symbol, or [`VMLINUX`].
    Exporter(Glob),
    Namespace(Glob),
    /// The macro that exports the symbol.
    Kind(Glob),
    /// The license of the module that uses the symbol.
    License(Glob),
}

/// A file of rules that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}, line {line}: {kind}", Shown::path(path))]
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
    /// The line has only a pattern.
    #[error("the rule has no verdict, PASS or FAIL")]
    NoVerdict,
    /// The verdict is neither PASS nor FAIL.
    #[error("the verdict is {0:?}, not PASS or FAIL")]
    Verdict(String),
    /// The name is not a class of changes.
    #[error("there is no class of changes {0:?}; there are {classes}", classes = class_names())]
    Class(String),
    /// The line has more than three words.
    #[error("{0:?} stands behind the rule")]
    Rest(String),
}

impl Rules {
    /// Reads rules, one per line: `PATTERN VERDICT [CLASS,…]`.
    ///
    /// The first two words are the format of suse-kabi-tools: a pattern with a slash, or `vmlinux`, matches the module
    /// that exports a symbol; a pattern without lowercase letters matches the symbol's namespace; any other matches its
    /// name. `#` begins a comment. As an extension, a prefix says what a pattern matches (`symbol:`, `exporter:`,
    /// `namespace:`, `kind:`, `license:`), and a third word names the classes of changes that the rule applies to.
    ///
    /// # Errors
    /// At the first line that is not a rule.
    pub fn parse(path: impl Into<PathBuf>, text: &str) -> Result<Self, RulesError> {
        let mut rules = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line_number = index + 1;
            match PolicyRule::parse(line_number, line) {
                Ok(rule) => rules.extend(rule),
                Err(kind) => return Err(RulesError { path: path.into(), line: line_number, kind }),
            }
        }
        Ok(Self(rules))
    }

    /// All rules, in order.
    pub fn all(&self) -> &[PolicyRule] {
        &self.0
    }

    /// The first rule that matches the entry, with its index.
    pub(super) fn first(&self, entry: &PolicyEntry<'_>) -> Option<(usize, &PolicyRule)> {
        self.0.iter().enumerate().find(|(_, rule)| rule.matches(entry))
    }
}

impl PolicyRule {
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
        let classes = words.next().map(parse_classes).transpose()?;
        if let Some(rest) = words.next() {
            return Err(RulesErrorKind::Rest(rest.to_owned()));
        }
        Ok(Some(Self { line, text: text.to_owned(), passes, pattern: Pattern::parse(pattern), classes }))
    }

    /// Returns whether the rule names the classes of changes that it applies to.
    pub const fn names_classes(&self) -> bool {
        self.classes.is_some()
    }

    fn matches(&self, entry: &PolicyEntry<'_>) -> bool {
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
        match text.split_once(':') {
            Some(("symbol", rest)) => Self::Symbol(Glob::from(rest)),
            Some(("exporter", rest)) => Self::Exporter(Glob::from(rest)),
            Some(("namespace", rest)) => Self::Namespace(Glob::from(rest)),
            Some(("kind", rest)) => Self::Kind(Glob::from(rest)),
            // A license may contain blanks, but a rule separates words at blanks: `_` stands for any one character.
            Some(("license", rest)) => Self::License(Glob::from(rest.replace('_', "?").as_str())),
            _ if text.contains('/') || text == VMLINUX => Self::Exporter(Glob::from(text)),
            _ if !text.chars().any(char::is_lowercase) => Self::Namespace(Glob::from(text)),
            _ => Self::Symbol(Glob::from(text)),
        }
    }
}

/// Reads class names separated by commas.
fn parse_classes(names: &str) -> Result<Classes, RulesErrorKind> {
    let classes =
        names.split(',').map(|name| ChangeClass::from_name(name).ok_or_else(|| RulesErrorKind::Class(name.to_owned())));
    classes.collect()
}

fn class_names() -> String {
    ChangeClass::ALL.map(ChangeClass::name).join(", ")
}
