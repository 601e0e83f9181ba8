//! The section that statements are in, and the sections to return to.

use std::collections::HashMap;

use super::error::AssemblyError;
use crate::graph::references::is_description;
use crate::graph::tables;

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SectionKind {
    /// Functions, and parts of functions.
    Code,
    /// Table entries. They belong to the function that was being written before.
    Table,
    /// Variables and constants, including those that belong to the function that was being written before.
    Data,
    /// Debug information and other data that the program does not use.
    Description,
}

/// One section.
#[derive(Clone, Debug)]
pub(super) struct Section<'t> {
    pub name: &'t str,
    pub kind: SectionKind,
    /// The function that has begun in it and not ended.
    pub open: Option<usize>,
    /// The last data that has begun in it.
    pub last: Option<usize>,
    /// The nameless node for statements that belong to no other.
    pub rest: Option<usize>,
    /// How many bytes have been written, for data only.
    pub written: u64,
    /// The offsets where data begins, sorted, each with its node.
    pub starts: Vec<(u64, usize)>,
}

/// One visit to a section, from the directive that enters it to the one that leaves it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Visit {
    /// The index of the section.
    pub section: usize,
    /// The last data that has begun during this visit.
    pub label: Option<usize>,
}

/// Every section of a text. A text begins in the first, `.text`.
#[derive(Debug)]
pub(super) struct Sections<'t> {
    pub all: Vec<Section<'t>>,
    by_name: HashMap<&'t str, usize>,
    pub current: Visit,
    previous: Visit,
    stack: Vec<(Visit, Visit)>,
}

impl<'t> Sections<'t> {
    pub fn new() -> Self {
        let mut sections = Self {
            all: Vec::new(),
            by_name: HashMap::new(),
            current: Visit::default(),
            previous: Visit::default(),
            stack: Vec::new(),
        };
        sections.named(".text", None);
        sections
    }

    /// The current section.
    pub fn here(&self) -> Option<&Section<'t>> {
        self.all.get(self.current.section)
    }

    /// The current section, to be changed.
    pub fn here_mut(&mut self) -> Option<&mut Section<'t>> {
        self.all.get_mut(self.current.section)
    }

    /// `.section name, "flags", …`, and its shorter forms.
    pub fn go(&mut self, name: &'t str, flags: Option<&str>) {
        let section = self.named(name, flags);
        self.previous = std::mem::replace(&mut self.current, Visit { section, label: None });
    }

    /// `.pushsection name, "flags", …`.
    pub fn push(&mut self, name: &'t str, flags: Option<&str>) {
        self.stack.push((self.current, self.previous));
        self.go(name, flags);
    }

    /// `.popsection`.
    pub fn pop(&mut self, line: usize) -> Result<(), AssemblyError> {
        let missing = AssemblyError::Unbalanced { line, what: ".popsection without a .pushsection" };
        let Some((current, previous)) = self.stack.pop() else { return Err(missing) };
        self.current = current;
        self.previous = previous;
        Ok(())
    }

    /// `.previous`.
    pub const fn swap(&mut self) {
        std::mem::swap(&mut self.current, &mut self.previous);
    }

    /// `.subsection`: another part of the same section.
    pub const fn stay(&mut self) {
        self.previous = self.current;
    }

    /// The index of the section with that name. It is added if it is new.
    fn named(&mut self, name: &'t str, flags: Option<&str>) -> usize {
        let all = &mut self.all;
        *self.by_name.entry(name).or_insert_with(|| {
            let kind = kind(name, flags);
            all.push(Section { name, kind, open: None, last: None, rest: None, written: 0, starts: Vec::new() });
            all.len() - 1
        })
    }
}

/// Sections of code with default flags: these names, or these with a dot and more.
const CODE: [&str; 3] = [".text", ".init", ".fini"];
/// Sections of data with default flags.
const DATA: [&str; 8] = [".data", ".rodata", ".bss", ".tdata", ".tbss", ".init_array", ".fini_array", ".preinit_array"];

/// Tables besides those of [`TableKind`](tables::TableKind).
const TABLES: [&str; 3] = ["__bug_table", ".parainstructions", ".smp_locks"];

/// Returns whether a name is one of `names`, or one with a dot and more.
fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// What a section holds, by its name and its flags.
fn kind(name: &str, flags: Option<&str>) -> SectionKind {
    let has = |flag: char| flags.is_some_and(|flags| flags.contains(flag));
    let is_code = is_one_of(name, &CODE);
    if is_description(name.as_bytes()) || !(has('a') || is_code || is_one_of(name, &DATA)) {
        return SectionKind::Description;
    }
    if tables::TableKind::of(name.as_bytes()).is_some() || TABLES.contains(&name) {
        return SectionKind::Table;
    }
    if has('x') || (is_code && flags.is_none()) || name == ".text" { SectionKind::Code } else { SectionKind::Data }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_depends_on_flags_and_name() {
        assert_eq!(kind(".text.f", Some("ax")), SectionKind::Code);
        assert_eq!(kind(".init.text", Some("ax")), SectionKind::Code);
        assert_eq!(kind(".text.hot", None), SectionKind::Code);
        assert_eq!(kind(".init_array", None), SectionKind::Data);
        assert_eq!(kind(".rodata.f.str1.1", Some("aMS")), SectionKind::Data);
        assert_eq!(kind("__jump_table", Some("aw")), SectionKind::Table);
        assert_eq!(kind(".discard.addressable", Some("aw")), SectionKind::Description);
        assert_eq!(kind(".debug_info", Some("")), SectionKind::Description);
        assert_eq!(kind(".note.GNU-stack", Some("")), SectionKind::Description);
        assert_eq!(kind("unsaid", None), SectionKind::Description);
    }

    #[test]
    fn previous_and_popsection_return_to_the_earlier_section() {
        let mut sections = Sections::new();
        sections.go(".data", None);
        let name = |sections: &Sections<'_>| sections.here().map(|section| section.name.to_owned());
        sections.push("a", Some("a"));
        sections.swap();
        assert_eq!(name(&sections).as_deref(), Some(".data"));
        sections.pop(1).expect("one was pushed");
        assert_eq!(name(&sections).as_deref(), Some(".data"));
        sections.swap();
        assert_eq!(name(&sections).as_deref(), Some(".text"));
        assert_eq!(
            sections.pop(7).map_err(|error| error.to_string()),
            Err("line 7: .popsection without a .pushsection".to_owned())
        );
    }
}
