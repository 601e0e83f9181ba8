//! What headers say about a name.

use std::collections::BTreeMap;

/// What the headers say about all wanted names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions(pub(crate) BTreeMap<String, Mention>);

impl Mentions {
    /// What they say about a name; `None` if it does not appear in them.
    pub fn of(&self, name: &str) -> Option<&Mention> {
        self.0.get(name)
    }

    /// All mentioned names in alphabetical order, with what is said about each.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Mention)> {
        self.0.iter().map(|(name, mention)| (name.as_str(), mention))
    }
}

/// What the headers say about one name, sorted by file and line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mention {
    /// Its declarations.
    pub declared: Vec<Declaration>,
    /// Its definitions as a macro or inline function.
    pub defined: Vec<HeaderDefinition>,
    /// The macros and inline functions whose bodies use it. A macro may have the name of the function it wraps.
    pub used_by: Vec<HeaderDefinition>,
}

impl Mention {
    /// Sorts what was found, and removes duplicates.
    pub(crate) fn settle(&mut self) {
        self.declared.sort_by(|a, b| (&a.file, a.line, &a.text).cmp(&(&b.file, b.line, &b.text)));
        self.declared.dedup();
        for definitions in [&mut self.defined, &mut self.used_by] {
            definitions.sort();
            definitions.dedup();
        }
    }
}

/// A prototype of a function, or a declaration of data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// The header, relative to the kernel's tree.
    pub file: String,
    /// The line of the name.
    pub line: u32,
    /// Its text on one line, without comments and without the attributes that change no call.
    pub text: String,
    /// The type and name of each parameter; `...` stands for variable arguments. `None` for data.
    pub parameters: Option<Vec<String>>,
    /// The text without the names of parameters and without `extern`.
    pub(super) shape: String,
}

impl Declaration {
    /// Returns whether both declare the same function or data, ignoring the names of parameters. False may only be a
    /// matter of spelling: a type with two names, or `const` on the other side of a type.
    pub fn same_shape(&self, other: &Self) -> bool {
        self.shape == other.shape
    }
}

/// How a name is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DefinitionKind {
    /// `#define`.
    Macro,
    /// A function with a body.
    Inline,
}

/// A macro or inline function, ordered by file and line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeaderDefinition {
    /// The header, relative to the kernel's tree.
    pub file: String,
    /// The line of its name.
    pub line: u32,
    /// Its name. A function that a macro generates has the name of the macro call: `DEFINE_GUARD(mutex)`.
    pub name: String,
    /// Whether it is a macro or an inline function.
    pub form: DefinitionKind,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_sorted_without_duplicates() {
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
