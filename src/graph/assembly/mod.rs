//! Assembly text as a program, where a compiler has been run and no assembler: what GCC and Clang write for x86 and arm64.
//!
//! Nothing is assembled. Statements are asked which function or data they belong to and which symbols they name; what a
//! function writes to other sections while it lasts (jump labels, alternatives, exceptions) belongs to it. Macros are not
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
    /// Reads the text that a compiler gives to the assembler. Functions know where they are declared where it has lines.
    ///
    /// # Errors
    /// When it is none, when it is of an architecture that is not known, and where statements are not.
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

fn program(reader: &AssemblyReader<'_>) -> Program {
    let mut linker = Linker { reader, undefined: Vec::new(), by_symbol: HashMap::new() };
    let mut program = Program { is_declared: reader.files.has_lines, ..Program::default() };
    let files = reader.files.named();
    for (index, draft) in reader.drafts.iter().enumerate() {
        let mut node = draft.node.clone();
        node.local |=
            draft.symbol.and_then(|symbol| reader.symbols.get(symbol)).is_some_and(|symbol| !symbol.is_outward);
        let declared = draft.line.filter(|_| node.function).and_then(|(file, line)| Some((files.get(&file)?, line)));
        node.declared = declared.map(|(file, line)| NodeDeclaration { line: Some(line), ..file.clone() });
        let mut seen = HashSet::from([Target::Node(index)]);
        let targets = draft.references.iter().filter_map(|(symbol, addend)| linker.target(draft, *symbol, *addend));
        node.edges = targets.filter(|to| seen.insert(*to)).map(|to| Edge { to, at: None }).collect();
        program.nodes.push(node);
    }
    program.undefined = linker.undefined;
    program.add_static_call_keys(&reader.addressable);
    program
}

/// Finds what references mean.
struct Linker<'a, 't> {
    reader: &'a AssemblyReader<'t>,
    undefined: Vec<Undefined>,
    by_symbol: HashMap<usize, usize>,
}

impl Linker<'_, '_> {
    fn target(&mut self, from: &Draft, symbol: usize, addend: i64) -> Option<Target> {
        let (index, addend) = self.reader.symbols.meant(symbol, addend)?;
        let symbol = self.reader.symbols.get(index)?;
        match symbol.definition {
            Definition::Node(node) => Some(Target::Node(node)),
            // A label inside a function that nameless data points to is a case of a switch, in the function that reads it.
            Definition::Inside(node) => {
                let nameless = !from.node.function && (from.symbol.is_none() || from.node.name.starts_with(".L"));
                (!nameless).then_some(Target::Node(node))
            }
            Definition::At(section, offset) => self.data_at(section, offset.wrapping_add_signed(addend)),
            // The assembler's own names never leave it: what one would be defined by is in a macro.
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

    fn data_at(&self, section: usize, offset: u64) -> Option<Target> {
        let starts = &self.reader.sections.all.get(section)?.starts;
        let after = starts.partition_point(|(start, _)| *start <= offset);
        let (_, node) = starts.get(after.checked_sub(1)?)?;
        Some(Target::Node(*node))
    }
}
