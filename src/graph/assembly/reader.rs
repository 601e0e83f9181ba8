//! Statement by statement: who refers to what.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::conditions::Conditions;
use super::dialect::Dialect;
use super::error::AssemblyError;
use super::operands::{Named, number, of_expression, of_instruction, word};
use super::sections::{SectionKind, Sections};
use super::symbols::{Definition, Symbols};
use super::{data, lines};
use crate::graph::Node;
use crate::graph::static_calls::ADDRESSABLE;
use crate::image::escaped;

/// What takes the symbols of operands.
type Found<'f, 't> = dyn FnMut(Named<'t>) + 'f;

/// A node while the text is read.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub node: Node,
    /// Its symbol; of what has no label, `None`.
    pub symbol: Option<usize>,
    section: usize,
    /// The symbols it refers to, and what is added to each.
    pub references: Vec<(usize, i64)>,
    /// The number of the file and the line it begins in.
    pub line: Option<(u32, u32)>,
}

/// What has been read of a text.
#[derive(Debug)]
pub(super) struct AssemblyReader<'t> {
    dialect: Dialect,
    pub sections: Sections<'t>,
    pub symbols: Symbols<'t>,
    pub drafts: Vec<Draft>,
    pub files: lines::Files,
    /// By name: is it a function?
    types: HashMap<&'t str, bool>,
    conditions: Conditions,
    macros: HashSet<&'t str>,
    /// What the text keeps pointers to in a section that the final link throws away.
    pub addressable: BTreeSet<String>,
    /// The function being written, through all the sections it writes to.
    body: Option<usize>,
    /// What has begun and holds nothing yet: another label here is another name of it.
    fresh: Option<usize>,
}

impl<'t> AssemblyReader<'t> {
    pub fn new(text: &'t str, dialect: Dialect) -> Self {
        Self {
            dialect,
            sections: Sections::new(),
            symbols: Symbols::default(),
            drafts: Vec::new(),
            files: lines::Files::default(),
            types: types(text),
            conditions: Conditions::default(),
            macros: HashSet::new(),
            addressable: BTreeSet::new(),
            body: None,
            fresh: None,
        }
    }

    /// Nothing more comes.
    pub const fn finish(&self) -> Result<(), AssemblyError> {
        self.conditions.finish()
    }

    pub fn statement(&mut self, mut text: &'t str, line: usize) -> Result<(), AssemblyError> {
        loop {
            text = text.trim_ascii();
            let quoted = text.starts_with('"');
            let length = if quoted { super::statements::string(text.as_bytes()) } else { word(text) };
            let (first, rest) = text.split_at_checked(length).unwrap_or_default();
            let after = rest.trim_ascii_start();
            if first.is_empty() {
                return Ok(());
            }
            if let Some(rest) = after.strip_prefix(':') {
                if !self.conditions.is_unread() {
                    self.label(first.trim_matches('"'));
                }
                text = rest;
                continue;
            }
            return self.directive(first, text, rest, after, line);
        }
    }

    fn directive(
        &mut self,
        first: &'t str,
        text: &'t str,
        rest: &'t str,
        after: &'t str,
        line: usize,
    ) -> Result<(), AssemblyError> {
        if first.starts_with('.') {
            if first == ".macro" && !self.conditions.is_unread() {
                let name = after.get(..word(after)).unwrap_or_default();
                self.macros.insert(name);
            }
            if self.conditions.take(first, rest, line) {
                return Ok(());
            }
        } else if self.conditions.is_unread() {
            return Ok(());
        }
        if let Some(value) = after.strip_prefix('=') {
            self.assign(first, value.trim_start_matches('='));
        } else if first.starts_with('.') {
            return self.known_directive(first, rest.trim_ascii(), line);
        } else if self.macros.contains(first) {
            self.macro_arguments(rest);
        } else if !self.is_description() {
            let dialect = self.dialect;
            self.refer(&mut |found| of_instruction(text, dialect, found));
        }
        Ok(())
    }

    fn known_directive(&mut self, word: &'t str, rest: &'t str, line: usize) -> Result<(), AssemblyError> {
        let unread = |what| Err(AssemblyError::Unread { line, what });
        match word {
            ".loc" => {
                if let Some(draft) = self.code().and_then(|node| self.drafts.get_mut(node)) {
                    self.files.line(rest, &mut draft.line);
                }
            }
            ".section" | ".pushsection" => self.section(word, rest),
            ".text" | ".data" | ".bss" => self.go(|sections| sections.go(word, None)),
            ".previous" => self.go(Sections::swap),
            ".subsection" => self.sections.stay(),
            ".popsection" => {
                self.sections.pop(line)?;
                self.arrived();
            }
            ".size" => self.end(first_name(rest)),
            ".globl" | ".global" | ".weak" => self.mark(rest, |symbol| symbol.is_outward = true),
            ".internal" => self.mark(rest, |symbol| symbol.is_internal = true),
            ".set" | ".equ" | ".equiv" | ".weakref" => {
                let (name, value) = rest.split_once(',').unwrap_or((rest, ""));
                self.assign(name.trim_ascii().trim_matches('"'), value);
            }
            ".comm" | ".lcomm" => self.symbols.define(first_name(rest), Definition::Nothing),
            ".file" => self.files.file(rest),
            ".include" => return unread("what .include names"),
            ".intel_syntax" => return unread("Intel syntax"),
            // Marks, by a relocation that writes nothing.
            ".reloc" if !rest.contains("_NONE") => {
                self.refer(&mut |found| of_expression(rest.rsplit(',').next().unwrap_or_default(), found));
            }
            _ => self.data(word, rest),
        }
        Ok(())
    }

    fn data(&mut self, word: &str, rest: &'t str) {
        if self.sections.here().is_some_and(|section| section.name == ADDRESSABLE) {
            self.addressable.insert(escaped(rest.trim_ascii().as_bytes()));
        }
        if self.is_description() {
            return;
        }
        if data::width(word, self.dialect).is_some() {
            self.refer(&mut |found| of_expression(rest, found));
        }
        let dialect = self.dialect;
        if let Some(section) = self.sections.here_mut().filter(|section| section.kind == SectionKind::Data) {
            let after = data::after(section.written, word, rest, dialect);
            if after > section.written && !word.ends_with("align") {
                self.fresh = None;
            }
            section.written = after;
        }
    }

    fn section(&mut self, word: &str, rest: &'t str) {
        let (name, more) = match rest.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
            Some((name, more)) => (name, more),
            None => rest.split_at_checked(rest.find(',').unwrap_or(rest.len())).unwrap_or_default(),
        };
        let flags = more.split('"').nth(1);
        let name = name.trim_ascii();
        if word == ".section" {
            self.go(|sections| sections.go(name, flags));
        } else {
            self.go(|sections| sections.push(name, flags));
        }
    }

    fn go(&mut self, way: impl FnOnce(&mut Sections<'t>)) {
        way(&mut self.sections);
        self.arrived();
    }

    /// Back in the section of a function that is not ended, it is being written again.
    fn arrived(&mut self) {
        self.fresh = None;
        let open =
            self.sections.here().filter(|section| section.kind == SectionKind::Code).and_then(|section| section.open);
        self.body = open.or(self.body);
    }

    fn label(&mut self, name: &'t str) {
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            return;
        }
        let definition = match self.sections.here().map(|section| section.kind) {
            Some(SectionKind::Code) => self.label_in_code(name),
            Some(SectionKind::Data) => self.begin(name, false),
            Some(SectionKind::Table) => self.owner().map_or(Definition::Nothing, Definition::Inside),
            Some(SectionKind::Description) | None => Definition::Nothing,
        };
        self.symbols.define(name, definition);
    }

    fn label_in_code(&mut self, name: &'t str) -> Definition {
        let known = self.types.get(name).copied().filter(|_| !name.starts_with(".L"));
        // Assembly code is often marked by nothing but a label.
        let begins = known.is_some() || (self.code().is_none() && !name.starts_with(".L"));
        if begins {
            return self.begin(name, known != Some(false));
        }
        self.owner().map_or(Definition::Nothing, Definition::Inside)
    }

    /// A function or a piece of data begins here.
    fn begin(&mut self, name: &'t str, function: bool) -> Definition {
        if let Some(fresh) = self.fresh {
            return Definition::Node(fresh);
        }
        let index = self.drafts.len();
        let section = self.sections.current.section;
        let symbol = Some(self.symbols.index(name));
        let node = Node { name: escaped(name.as_bytes()), function, ..Node::default() };
        self.drafts.push(Draft { node, symbol, section, ..Draft::default() });
        self.fresh = Some(index);
        let Some(here) = self.sections.here_mut() else { return Definition::Nothing };
        if here.kind == SectionKind::Code {
            (here.open, self.body) = (Some(index), Some(index));
        } else {
            here.last = Some(index);
            here.starts.push((here.written, index));
            self.sections.current.label = Some(index);
        }
        Definition::Node(index)
    }

    /// `.size name, …` ends a function.
    fn end(&mut self, name: &'t str) {
        let symbol = self.symbols.index(name);
        let Some(Definition::Node(node)) = self.symbols.get(symbol).map(|symbol| symbol.definition) else { return };
        let Some(draft) = self.drafts.get(node).filter(|draft| draft.node.function) else { return };
        if let Some(section) = self.sections.all.get_mut(draft.section) {
            section.open = section.open.filter(|open| *open != node);
        }
        self.body = self.body.filter(|body| *body != node);
        self.fresh = None;
    }

    /// `name = expression`
    fn assign(&mut self, name: &'t str, value: &'t str) {
        let value = value.trim_ascii();
        let definition = match value.strip_prefix('.').filter(|rest| word(rest) == 0) {
            Some(more) => self.place(more),
            None => self.alias(name, value),
        };
        self.symbols.define(name, definition);
    }

    /// `. + 4`
    fn place(&mut self, more: &str) -> Definition {
        let more = more.trim_ascii().strip_prefix('+').and_then(|digits| number(digits.trim_ascii())).unwrap_or(0);
        let current = self.sections.current.section;
        match self.sections.here() {
            Some(section) if section.kind == SectionKind::Data => {
                Definition::At(current, section.written.wrapping_add_signed(more))
            }
            Some(section) if section.kind != SectionKind::Description => {
                self.owner().map_or(Definition::Nothing, Definition::Inside)
            }
            _ => Definition::Nothing,
        }
    }

    /// One symbol, perhaps with a number added, is an alias; all else is a number.
    fn alias(&mut self, name: &'t str, value: &'t str) -> Definition {
        let (mut first, mut others) = (None, false);
        of_expression(value, &mut |named: Named<'t>| {
            others |= first.is_some() || named.negative || named.name == name;
            first = first.or(Some(named));
        });
        match first.filter(|_| !others) {
            Some(named) => Definition::Alias(self.symbols.index(named.name), named.addend),
            None => Definition::Nothing,
        }
    }

    /// Macros are not expanded; what they are given is taken for what they refer to, where registers can be told.
    fn macro_arguments(&mut self, arguments: &'t str) {
        if self.dialect == Dialect::X86 && !self.is_description() {
            let values = arguments.split(',').map(|value| value.rsplit('=').next().unwrap_or_default());
            self.refer(&mut |found| values.clone().for_each(|value| of_expression(value, found)));
        }
    }

    fn mark(&mut self, names: &'t str, set: impl Fn(&mut super::symbols::Symbol<'t>)) {
        for name in names.split(',').map(|name| name.trim_ascii().trim_matches('"')).filter(|name| !name.is_empty()) {
            if let Some(symbol) = self.symbols.named(name) {
                set(symbol);
            }
        }
    }

    fn is_description(&self) -> bool {
        self.sections.here().is_none_or(|section| section.kind == SectionKind::Description)
    }

    /// The function that code written here belongs to.
    fn code(&self) -> Option<usize> {
        let here = self.sections.here().filter(|section| section.kind == SectionKind::Code)?;
        here.open.or(self.body)
    }

    /// The node that what is written here belongs to.
    fn owner(&mut self) -> Option<usize> {
        let here = self.sections.here()?;
        let owner = match here.kind {
            SectionKind::Code => here.open.or(self.body),
            SectionKind::Table => self.body,
            SectionKind::Data => self.sections.current.label.or(self.body).or(here.last),
            SectionKind::Description => return None,
        };
        owner.or_else(|| self.rest())
    }

    /// The node of a section's nameless part.
    fn rest(&mut self) -> Option<usize> {
        let section = self.sections.current.section;
        let here = self.sections.here_mut()?;
        let rest = here.rest.get_or_insert_with(|| {
            let node = Node { name: escaped(here.name.as_bytes()), local: true, ..Node::default() };
            self.drafts.push(Draft { node, section, ..Draft::default() });
            self.drafts.len() - 1
        });
        Some(*rest)
    }

    fn refer(&mut self, each: &mut dyn FnMut(&mut Found<'_, 't>)) {
        if self.is_description() {
            return;
        }
        self.fresh = None;
        let Some(owner) = self.owner() else { return };
        let Some(draft) = self.drafts.get_mut(owner) else { return };
        let symbols = &mut self.symbols;
        each(&mut |named| {
            let index = symbols.index(named.name);
            let Some(symbol) = symbols.get_mut(index).filter(|_| !named.negative) else { return };
            // Most of what is referred to again is referred to by the same code.
            if symbol.referred != Some(owner) || named.addend != 0 {
                draft.references.push((index, named.addend));
            }
            if named.addend == 0 {
                symbol.referred = Some(owner);
            }
        });
    }
}

fn first_name(rest: &str) -> &str {
    rest.split(',').next().unwrap_or_default().trim_ascii().trim_matches('"')
}

/// Every `.type name, @function` and `@object`, which may come behind the label they speak of.
fn types(text: &str) -> HashMap<&str, bool> {
    let mut types = HashMap::new();
    for (at, directive) in text.match_indices(".type") {
        let rest = text.get(at + directive.len()..).unwrap_or_default();
        let name = rest.trim_start_matches([' ', '\t']);
        let (name, rest) = name.split_at_checked(word(name)).unwrap_or_default();
        let Some(kind) = rest.trim_start_matches([' ', '\t']).strip_prefix(',') else { continue };
        let kind = kind.trim_start_matches([' ', '\t', '@', '%', '#', '"']);
        match kind.get(..word(kind)) {
            Some("function" | "gnu_indirect_function" | "STT_FUNC") => types.insert(name, true),
            Some("object" | "tls_object" | "STT_OBJECT") => types.insert(name, false),
            _ => None,
        };
    }
    types
}
