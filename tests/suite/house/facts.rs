//! What the rules know of one file.

use std::collections::{BTreeMap, BTreeSet};

use super::declarations::Declaration;

/// How a path is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By a private `use`.
    Import,
    /// By a `use` that others can name.
    Reexport,
    /// Before `::*`.
    Glob,
    /// In an expression, a type, a pattern, an attribute or the tokens of a macro.
    Inline,
}

/// A path as it is written. `leading` says that it begins with `::`.
#[derive(Clone, Debug)]
pub struct Mention {
    pub line: usize,
    /// The module it is written in.
    pub module: Vec<String>,
    pub path: Vec<String>,
    pub leading: bool,
    pub kind: Kind,
}

/// The names in one module.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Names of the items defined here, in functions too.
    pub items: BTreeSet<String>,
    /// What `use` brings in, by the name it has here.
    pub imports: BTreeMap<String, Import>,
    /// Paths before `::*`.
    pub globs: Vec<Import>,
    /// A macro is called in place of an item, so there may be more items.
    pub is_opaque: bool,
}

/// The path of a `use`. `leading` says that it begins with `::`, `is_exported` that the `use` is plainly `pub`.
#[derive(Clone, Debug)]
pub struct Import {
    pub path: Vec<String>,
    pub leading: bool,
    pub is_exported: bool,
}

/// Something at a line.
#[derive(Clone, Debug)]
pub struct Spot {
    pub line: usize,
    pub name: String,
}

/// A method call: the last name of the expression before the dot, and the method.
#[derive(Clone, Debug)]
pub struct Call {
    pub line: usize,
    pub receiver: Option<String>,
    pub method: String,
}

/// What one file says.
#[derive(Debug, Default)]
pub struct Facts {
    pub mentions: Vec<Mention>,
    /// By the path of the module.
    pub scopes: BTreeMap<Vec<String>, Scope>,
    /// Modules that exist only in tests.
    pub test_modules: Vec<Vec<String>>,
    pub calls: Vec<Call>,
    pub macros: Vec<Spot>,
    pub fields: Vec<Spot>,
    /// The last names of the operands of comparisons. `!=` is none of them: it finds sources that contradict each other.
    pub compared: Vec<Spot>,
    /// The names of structs in literals and patterns.
    pub structs: Vec<Spot>,
    /// Lines with an index, except `[..]`, which cannot fail.
    pub indexes: Vec<usize>,
    pub unsafes: Vec<usize>,
    pub declarations: Vec<Declaration>,
}
