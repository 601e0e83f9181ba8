//! Reads statements one by one, and collects what each function and each piece of data refers to.

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

/// Receives the symbols of operands.
type Found<'f, 't> = dyn FnMut(Named<'t>) + 'f;

/// A node under construction.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub node: Node,
    /// Its symbol; `None` if it has no label.
    pub symbol: Option<usize>,
    section: usize,
    /// The symbols it refers to, each with its addend.
    pub references: Vec<(usize, i64)>,
    /// The number of its file and the line it begins at.
    pub line: Option<(u32, u32)>,
}

/// The state of reading a text.
#[derive(Debug)]
pub(super) struct AssemblyReader<'t> {
    dialect: Dialect,
    pub sections: Sections<'t>,
    pub symbols: Symbols<'t>,
    pub drafts: Vec<Draft>,
    pub files: lines::LineFiles,
    /// Whether each symbol with a `.type` is a function.
    types: HashMap<&'t str, bool>,
    conditions: Conditions,
    macros: HashSet<&'t str>,
    /// The symbols that the text keeps pointers to in [`ADDRESSABLE`].
    pub addressable: BTreeSet<String>,
    /// The function that is being written, in whatever section.
    body: Option<usize>,
    /// A node that has begun and is still empty: another label here is another name for it.
    fresh: Option<usize>,
}

impl<'t> AssemblyReader<'t> {
    pub fn new(text: &'t str, dialect: Dialect) -> Self {
        Self {
            dialect,
            sections: Sections::new(),
            symbols: Symbols::default(),
            drafts: Vec::new(),
            files: lines::LineFiles::default(),
            types: types(text),
            conditions: Conditions::default(),
            macros: HashSet::new(),
            addressable: BTreeSet::new(),
            body: None,
            fresh: None,
        }
    }

    /// Checks that nothing is open at the end of the text.
    pub const fn finish(&self) -> Result<(), AssemblyError> {
        self.conditions.finish()
    }

    /// Reads one statement, with the labels before it.
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

    /// Reads a statement that begins with the word `first`. `rest` follows the word, and `after` is `rest` without
    /// leading blanks.
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
                self.entered_section();
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
            ".include" => return Err(AssemblyError::Unread { line, what: "what .include names" }),
            ".intel_syntax" => return Err(AssemblyError::Unread { line, what: "Intel syntax" }),
            // A relocation of type R_*_NONE is a mark, and writes nothing.
            ".reloc" if !rest.contains("_NONE") => {
                self.refer(&mut |found| of_expression(rest.rsplit(',').next().unwrap_or_default(), found));
            }
            _ => self.data(word, rest),
        }
        Ok(())
    }

    /// Reads a directive that writes data.
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

    /// Changes the current section.
    fn go(&mut self, change: impl FnOnce(&mut Sections<'t>)) {
        change(&mut self.sections);
        self.entered_section();
    }

    /// In the section of a function that has not ended, that function is being written again.
    fn entered_section(&mut self) {
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
        // In assembly code, a function may have no mark but its label.
        let begins = known.is_some() || (self.code().is_none() && !name.starts_with(".L"));
        if begins {
            return self.begin(name, known != Some(false));
        }
        self.owner().map_or(Definition::Nothing, Definition::Inside)
    }

    /// Begins a function or a piece of data.
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
            here.open = Some(index);
            self.body = Some(index);
        } else {
            here.last = Some(index);
            here.starts.push((here.written, index));
            self.sections.current.label = Some(index);
        }
        Definition::Node(index)
    }

    /// Ends a function, at its `.size name, …`.
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

    /// Reads `name = expression`.
    fn assign(&mut self, name: &'t str, value: &'t str) {
        let value = value.trim_ascii();
        let definition = match value.strip_prefix('.').filter(|rest| word(rest) == 0) {
            Some(more) => self.place(more),
            None => self.alias(name, value),
        };
        self.symbols.define(name, definition);
    }

    /// The place that `. + 4` names. `more` follows the dot.
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

    /// The definition of a name by an expression: an alias if that is one symbol with or without an addend, or else a
    /// number.
    fn alias(&mut self, name: &'t str, value: &'t str) -> Definition {
        let mut first = None;
        let mut is_compound = false;
        of_expression(value, &mut |named: Named<'t>| {
            is_compound |= first.is_some() || named.negative || named.name == name;
            first = first.or(Some(named));
        });
        match first.filter(|_| !is_compound) {
            Some(named) => Definition::Alias(self.symbols.index(named.name), named.addend),
            None => Definition::Nothing,
        }
    }

    /// Takes the arguments of a macro for what it refers to, because macros are not expanded. Only x86 marks registers,
    /// so that they can be distinguished from symbols.
    fn macro_arguments(&mut self, arguments: &'t str) {
        if self.dialect == Dialect::X86 && !self.is_description() {
            let values = arguments.split(',').map(|value| value.rsplit('=').next().unwrap_or_default());
            self.refer(&mut |found| values.clone().for_each(|value| of_expression(value, found)));
        }
    }

    /// Applies a directive to each symbol of a list.
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

    /// The node that statements here belong to.
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

    /// The node for the nameless part of the section.
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

    /// Adds references to the node that statements here belong to. `each` finds the symbols.
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
            // Repeated references mostly come from one node, so only the last node is remembered.
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

/// Every `.type name, @function` (true) and `@object` (false). They may follow the label, so they are read in advance.
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
