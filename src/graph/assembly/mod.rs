//! Reads assembly text as a [`Program`]: the output of GCC and Clang for x86 and arm64, before an assembler has run.
//!
//! Nothing is assembled. Each statement belongs to a function or to data, and names symbols. What a function writes to
//! other sections before it ends (jump labels, alternatives, exceptions) belongs to the function. Macros are not
//! expanded: compilers write none, and those of the kernel's inline assembly name no symbols.

mod conditions;
mod data;
mod dialect;
mod error;
mod lines;
mod operands;
mod reader;
mod sections;
mod statements;
mod symbols;
#[cfg(test)]
mod tests;

pub use error::AssemblyError;

use std::collections::{HashMap, HashSet};

use super::{Edge, NodeDeclaration, Program, Target, Undefined};
use crate::image::escaped;
use dialect::Dialect;
use reader::{AssemblyReader, Draft};
use symbols::Definition;

impl Program {
    /// Reads the text that a compiler writes for the assembler. Functions get declarations if the text has line
    /// numbers.
    ///
    /// # Errors
    /// When it is not assembly text, when its architecture is unknown, and when a statement is unknown or has no end.
    pub fn of_assembly(text: &str) -> Result<Self, AssemblyError> {
        let dialect = Dialect::of(text)?;
        let text = statements::without_comments(text, dialect)?;
        let mut reader = AssemblyReader::new(&text, dialect);
        for (number, line) in (1..).zip(text.lines()) {
            for statement in statements::statements(line, dialect) {
                reader.statement(statement, number)?;
            }
        }
        reader.finish()?;
        Ok(program(&reader))
    }
}

/// Makes a program of what was read.
fn program(reader: &AssemblyReader<'_>) -> Program {
    let mut targets = Targets { reader, undefined: Vec::new(), by_symbol: HashMap::new() };
    let mut program = Program { is_declared: reader.files.has_lines, ..Program::default() };
    let files = reader.files.declarations();
    for (index, draft) in reader.drafts.iter().enumerate() {
        let mut node = draft.node.clone();
        node.local |=
            draft.symbol.and_then(|symbol| reader.symbols.get(symbol)).is_some_and(|symbol| !symbol.is_outward);
        let declared = draft.line.filter(|_| node.function).and_then(|(file, line)| Some((files.get(&file)?, line)));
        node.declared = declared.map(|(file, line)| NodeDeclaration { line: Some(line), ..file.clone() });
        let mut seen = HashSet::from([Target::Node(index)]);
        for (symbol, addend) in &draft.references {
            if let Some(to) = targets.target(draft, *symbol, *addend).filter(|to| seen.insert(*to)) {
                node.edges.push(Edge { to, at: None });
            }
        }
        program.nodes.push(node);
    }
    program.undefined = targets.undefined;
    program.add_static_call_keys(&reader.addressable);
    program
}

/// Finds the targets of references.
struct Targets<'a, 't> {
    reader: &'a AssemblyReader<'t>,
    undefined: Vec<Undefined>,
    /// Indices of undefined symbols, by index of the symbol.
    by_symbol: HashMap<usize, usize>,
}

impl Targets<'_, '_> {
    /// What a reference from a node to a symbol with an addend leads to; `None` if it makes no edge.
    fn target(&mut self, from: &Draft, symbol: usize, addend: i64) -> Option<Target> {
        let (index, addend) = self.reader.symbols.resolve(symbol, addend)?;
        let symbol = self.reader.symbols.get(index)?;
        match symbol.definition {
            Definition::Node(node) => Some(Target::Node(node)),
            // Nameless data that points into the middle of a function is the jump table of a switch in that function.
            Definition::Inside(node) => {
                let is_nameless = !from.node.function && (from.symbol.is_none() || from.node.name.starts_with(".L"));
                (!is_nameless).then_some(Target::Node(node))
            }
            Definition::At(section, offset) => self.data_at(section, offset.wrapping_add_signed(addend)),
            // `.L` names never become symbols: if one is not defined, a macro defines it.
            Definition::Elsewhere if !symbol.name.starts_with(".L") => {
                let undefined = &mut self.undefined;
                Some(Target::Undefined(*self.by_symbol.entry(index).or_insert_with(|| {
                    let name = escaped(symbol.name.as_bytes());
                    undefined.push(Undefined { name, internal: symbol.is_internal });
                    undefined.len() - 1
                })))
            }
            Definition::Elsewhere | Definition::Alias(..) | Definition::Nothing => None,
        }
    }

    /// The data at an offset of a section.
    fn data_at(&self, section: usize, offset: u64) -> Option<Target> {
        let starts = &self.reader.sections.all.get(section)?.starts;
        let after = starts.partition_point(|(start, _)| *start <= offset);
        let (_, node) = starts.get(after.checked_sub(1)?)?;
        Some(Target::Node(*node))
    }
}
