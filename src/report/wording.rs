//! Pieces of English: lists, plurals, and names of facts.

use std::collections::HashSet;

use crate::kernel::Fact;

/// How many names a capped list shows. A list that is longer by only one name is shown in full.
const LISTED: usize = 8;

/// The symbols, sections or parameters that a sentence names, each once, in order.
#[derive(Clone, Debug)]
pub(super) struct NameList<'a> {
    names: Vec<&'a str>,
    capped: bool,
}

impl<'a> NameList<'a> {
    /// The names, each once. Text shows the first of a long list only if it is `capped`.
    pub(super) fn new(names: impl IntoIterator<Item = &'a str>, capped: bool) -> Self {
        let mut seen = HashSet::new();
        let names = names.into_iter().filter(|name| seen.insert(*name)).collect();
        Self { names, capped }
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Every name.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.names.iter().copied()
    }

    /// Returns whether there is exactly one name.
    pub(super) fn one(&self) -> bool {
        self.names.len() == 1
    }

    /// Returns `one` for one name, otherwise `many`.
    pub(super) fn pick<'w>(&self, one: &'w str, many: &'w str) -> &'w str {
        if self.one() { one } else { many }
    }

    /// `is` or `are`.
    pub(super) fn is(&self) -> &'static str {
        self.pick("is", "are")
    }
}

impl std::fmt::Display for NameList<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let limit = if self.capped && self.len() > LISTED + 1 { LISTED } else { self.len() };
        f.write_str(&list(&self.names, limit))
    }
}

/// `a`, `a and b`, `a, b and c`, `a, b and 38 more`.
pub(super) fn list<S: AsRef<str>>(names: &[S], limit: usize) -> String {
    let shown = names.get(..limit).unwrap_or(names);
    first_of(shown, names.len() - shown.len())
}

/// The list of the names that are shown, and the number of further names.
pub(super) fn first_of<S: AsRef<str>>(shown: &[S], more: usize) -> String {
    let shown: Vec<&str> = shown.iter().map(AsRef::as_ref).collect();
    match (more, shown.split_last()) {
        (_, None) => "none".to_owned(),
        (0, Some((only, []))) => (*only).to_owned(),
        (0, Some((last, rest))) => format!("{} and {last}", rest.join(", ")),
        (more, Some(_)) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// All names as a list: `a, b and c`.
pub(super) fn all<S: AsRef<str>>(names: &[S]) -> String {
    list(names, names.len())
}

/// `1 byte`, `2 bytes`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// `4,023`.
pub(super) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count with separators between thousands: `1 module`, `4,023 modules`.
pub(super) fn many(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

/// `1 byte`, `1280 bytes`.
pub(super) fn bytes(number: u64) -> String {
    format!("{number} {}", if number == 1 { "byte" } else { "bytes" })
}

/// A fact about a kernel, in a few words.
pub(super) const fn fact_title(fact: Fact) -> &'static str {
    match fact {
        Fact::Release => "release",
        Fact::Version => "version",
        Fact::Arch => "architecture",
        Fact::Config => "configuration",
        Fact::Modversions => "symbol versions",
        Fact::Exports => "exports",
        Fact::OutsideExports => "outside modules",
        Fact::Kinds => "their kinds",
        Fact::Crcs => "their CRCs",
        Fact::Namespaces => "their namespaces",
        Fact::Modules => "own modules",
        Fact::Licenses => "their licenses",
        Fact::Builtin => "built-in modules",
        Fact::Vermagic => "vermagic",
        Fact::StructModuleSize => "sizeof struct module",
        Fact::Certificates => "trusted keys",
        Fact::Symbols => "own symbols",
        Fact::Image => "image",
        Fact::Headers => "headers",
        Fact::Packages => "packages",
    }
}
