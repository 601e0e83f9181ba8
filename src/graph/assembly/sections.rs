//! The section that statements stand in, and the sections to go back to.

use std::collections::HashMap;

use super::error::AssemblyError;
use crate::graph::references::is_description;
use crate::graph::tables;

/// What stands in a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SectionKind {
    /// Functions, and parts of functions.
    Code,
    /// Entries that belong to the code in the middle of which they are written.
    Table,
    /// Variables and constants, and what functions write beside themselves.
    Data,
    /// What the program does not use.
    Description,
}

/// One section.
#[derive(Clone, Debug)]
pub(super) struct Section<'t> {
    pub name: &'t str,
    pub kind: SectionKind,
    /// The function that is begun in it and not ended.
    pub open: Option<usize>,
    /// The data last begun in it.
    pub last: Option<usize>,
    /// What stands for statements that belong to nothing else.
    pub rest: Option<usize>,
    /// How far it has been written, in bytes: of data only.
    pub written: u64,
    /// Where its data begins, in order.
    pub starts: Vec<(u64, usize)>,
}

/// A stay in a section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Visit {
    /// Which one.
    pub section: usize,
    /// The data begun during this stay.
    pub label: Option<usize>,
}

/// Every section of a text. The first is `.text`, where every text begins.
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

    pub fn here(&self) -> Option<&Section<'t>> {
        self.all.get(self.current.section)
    }

    pub fn here_mut(&mut self) -> Option<&mut Section<'t>> {
        self.all.get_mut(self.current.section)
    }

    /// `.section name, "flags", …`, and its shorter forms
    pub fn go(&mut self, name: &'t str, flags: Option<&str>) {
        let section = self.named(name, flags);
        self.previous = std::mem::replace(&mut self.current, Visit { section, label: None });
    }

    /// `.pushsection name, "flags", …`
    pub fn push(&mut self, name: &'t str, flags: Option<&str>) {
        self.stack.push((self.current, self.previous));
        self.go(name, flags);
    }

    /// `.popsection`
    pub fn pop(&mut self, line: usize) -> Result<(), AssemblyError> {
        let missing = AssemblyError::Unbalanced { line, what: ".popsection without a .pushsection" };
        (self.current, self.previous) = self.stack.pop().ok_or(missing)?;
        Ok(())
    }

    /// `.previous`
    pub const fn swap(&mut self) {
        std::mem::swap(&mut self.current, &mut self.previous);
    }

    /// `.subsection`: another part of the same section.
    pub const fn stay(&mut self) {
        self.previous = self.current;
    }

    fn named(&mut self, name: &'t str, flags: Option<&str>) -> usize {
        let all = &mut self.all;
        *self.by_name.entry(name).or_insert_with(|| {
            let kind = kind(name, flags);
            all.push(Section { name, kind, open: None, last: None, rest: None, written: 0, starts: Vec::new() });
            all.len() - 1
        })
    }
}

/// Sections whose flags need no saying: as their names say, or with more behind a dot.
const CODE: [&str; 3] = [".text", ".init", ".fini"];
const DATA: [&str; 8] = [".data", ".rodata", ".bss", ".tdata", ".tbss", ".init_array", ".fini_array", ".preinit_array"];

/// Tables of what an instruction does when it faults, besides those that the graph knows.
const TABLES: [&str; 3] = ["__bug_table", ".parainstructions", ".smp_locks"];

fn kind(name: &str, flags: Option<&str>) -> SectionKind {
    let is_of = |names: &[&str]| {
        names.iter().any(|known| name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    };
    let has = |flag: char| flags.is_some_and(|flags| flags.contains(flag));
    let (code, data) = (is_of(&CODE), is_of(&DATA));
    if is_description(name.as_bytes()) || !(has('a') || code || data) {
        return SectionKind::Description;
    }
    if tables::TableKind::of(name.as_bytes()).is_some() || TABLES.contains(&name) {
        return SectionKind::Table;
    }
    if has('x') || (code && flags.is_none()) || name == ".text" { SectionKind::Code } else { SectionKind::Data }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_told_by_flags_and_names() {
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
    fn every_way_back_leads_back() {
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
