//! What headers say of a name.

use std::collections::BTreeMap;

/// What the headers say of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions(pub(crate) BTreeMap<String, Mention>);

impl Mentions {
    /// What they say of a name; `None` if it stands nowhere in them.
    pub fn of(&self, name: &str) -> Option<&Mention> {
        self.0.get(name)
    }

    /// The names that are mentioned, in their order, and what is said of each.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Mention)> {
        self.0.iter().map(|(name, mention)| (name.as_str(), mention))
    }
}

/// What the headers say of one name, ordered by file and line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mention {
    /// Where it is declared.
    pub declared: Vec<Declaration>,
    /// Where it is a macro or an inline function itself.
    pub defined: Vec<HeaderDefinition>,
    /// The macros and inline functions that name it in their bodies. A macro may be called as what it wraps.
    pub used_by: Vec<HeaderDefinition>,
}

impl Mention {
    /// Brings what was found into order; a place counts once.
    pub(crate) fn settle(&mut self) {
        self.declared.sort_by(|a, b| (&a.file, a.line, &a.text).cmp(&(&b.file, b.line, &b.text)));
        self.declared.dedup();
        for places in [&mut self.defined, &mut self.used_by] {
            places.sort();
            places.dedup();
        }
    }
}

/// A prototype, or a declaration of data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// The header, relative to the kernel's tree.
    pub file: String,
    /// The line of the name.
    pub line: u32,
    /// Its text on one line, without comments and without the attributes that change no call.
    pub text: String,
    /// Each parameter's type and name; `...` where more may follow. `None` for data.
    pub parameters: Option<Vec<String>>,
    /// The text without the names of parameters, and without `extern`.
    pub(super) shape: String,
}

impl Declaration {
    /// Does it declare the same, whatever its parameters are called? "No" may be a matter of spelling: a type that has two
    /// names, or `const` on either side of it.
    pub fn same_shape(&self, other: &Self) -> bool {
        self.shape == other.shape
    }
}

/// What defines a name or uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DefinitionKind {
    /// `#define`.
    Macro,
    /// A function with its body.
    Inline,
}

/// A macro or an inline function, ordered by where it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeaderDefinition {
    /// The header, relative to the kernel's tree.
    pub file: String,
    /// The line of its name.
    pub line: u32,
    /// Its name. One that a macro puts together is called as that macro is called: `DEFINE_GUARD(mutex)`.
    pub name: String,
    /// Which of the two it is.
    pub form: DefinitionKind,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_ordered_by_file_and_line_and_count_once() {
        let place = |file: &str, line| HeaderDefinition {
            file: file.into(),
            line,
            name: "f".into(),
            form: DefinitionKind::Inline,
        };
        let used_by = vec![place("b.h", 1), place("a.h", 7), place("a.h", 7), place("a.h", 3)];
        let mut mention = Mention { used_by, ..Mention::default() };
        mention.settle();
        assert_eq!(mention.used_by, [place("a.h", 3), place("a.h", 7), place("b.h", 1)]);
    }
}
