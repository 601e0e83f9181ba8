//! Determines which symbols each inline function needs, from an object that has them out of line.

use std::collections::HashSet;

use super::access::SymbolAccess;
use super::walk::{Needs, Walks, base_name, why_dropped};
use super::{DroppedInline, Inline, InlineMap, MapError};
use crate::graph::{DebugSections, Dwarf, Node, Place, Program, SourcePaths};
use crate::image::ModuleElf;
use crate::kernel::Exports;

impl InlineMap {
    /// Reads an object of inline functions: local functions, one for each inline function, compiled for the kernel with
    /// these exports.
    ///
    /// With debug information, functions from files other than the kernel's headers are left out, and paths include the
    /// functions that the compiler inlined into others.
    ///
    /// # Errors
    /// When calls in the object cannot be decoded, or its debug information is broken.
    pub fn of_object(elf: &ModuleElf, exports: &Exports) -> Result<Self, MapError> {
        Self::of_probed(elf, exports, &RefusedFunctions::new())
    }

    /// Reads an object in which some functions are incomplete, because the compiler or the assembler refused them. Those
    /// that refer to them are dropped.
    pub(super) fn of_probed(
        elf: &ModuleElf,
        exports: &Exports,
        refused: &RefusedFunctions<'_>,
    ) -> Result<Self, MapError> {
        if elf.sections().is_empty() {
            return Err(MapError::Sections);
        }
        let mut program = Program::read(elf)?;
        let Some(sections) = DebugSections::read(elf)? else {
            return Ok(Self::of_refusing(&program, exports, &|_| Vec::new(), refused));
        };
        let dwarf = Dwarf::new(&sections)?;
        program.declare(&dwarf.functions()?, &SourcePaths::read(&sections));
        // The outermost first, without the function itself.
        let inlined = |at: Place| {
            let frames = dwarf.frames(at).unwrap_or_default();
            frames.into_iter().rev().skip(1).filter_map(|frame| frame.function).collect()
        };
        Ok(Self::of_refusing(&program, exports, &inlined, refused))
    }

    /// Reads assembly text of inline functions, compiled for the kernel with these exports.
    ///
    /// If the text has line information, functions from files other than the kernel's headers are left out. Paths do
    /// not include functions that the compiler inlined into others.
    ///
    /// # Errors
    /// When the text is in a form that is not supported.
    pub fn of_assembly(text: &str, exports: &Exports) -> Result<Self, MapError> {
        Ok(Self::of_program(&Program::of_assembly(text)?, exports, &|_| Vec::new()))
    }

    /// Reads the inline functions from a program. `inlined` returns the inlined functions that a place belongs to, the
    /// outermost first.
    pub fn of_program(program: &Program, exports: &Exports, inlined: &dyn Fn(Place) -> Vec<String>) -> Self {
        Self::of_refusing(program, exports, inlined, &RefusedFunctions::new())
    }

    fn of_refusing(
        program: &Program,
        exports: &Exports,
        inlined: &dyn Fn(Place) -> Vec<String>,
        refused: &RefusedFunctions<'_>,
    ) -> Self {
        let incomplete: Vec<bool> = program.nodes.iter().map(|node| is_refused(node, refused)).collect();
        let accesses: Vec<SymbolAccess> =
            program.undefined.iter().map(|symbol| SymbolAccess::of(&symbol.name, symbol.internal, exports)).collect();
        let mut map = Self::default();
        let mut walks = Walks::new(program);
        let why = why_dropped(&mut walks, &accesses, &incomplete);
        let mut needs: Vec<Option<Needs>> = Vec::with_capacity(program.nodes.len());
        for (index, node) in program.nodes.iter().enumerate() {
            if !is_inline(program, index) {
                needs.push(None);
                continue;
            }
            let (file, line) =
                node.declared.clone().map_or((None, None), |declared| (Some(declared.file), declared.line));
            let name = node.name.clone();
            match why.get(&index) {
                Some(why) => {
                    map.dropped.push(DroppedInline { name, file, line, why: why.clone() });
                    needs.push(None);
                }
                None => needs.push(Some(Needs::new(Inline { name, file, line, ..Inline::default() }))),
            }
        }
        walks.find_restricted(&accesses, inlined, &mut needs);
        walks.find_needs(&accesses, &mut needs);
        map.inlines.extend(needs.into_iter().flatten().map(Needs::finish));
        map.sort();
        map
    }

    /// Adds the inline functions of another object of the same kernel. Known ones are kept.
    pub fn merge(&mut self, other: Self) {
        let known: HashSet<_> = self.inlines.iter().map(|inline| (inline.name.clone(), inline.file.clone())).collect();
        let is_new = |name: &str, file: &Option<String>| !known.contains(&(name.to_owned(), file.clone()));
        self.inlines.extend(other.inlines.into_iter().filter(|inline| is_new(&inline.name, &inline.file)));
        self.dropped.extend(other.dropped.into_iter().filter(|dropped| is_new(&dropped.name, &dropped.file)));
        self.skipped.extend(other.skipped);
        self.sort();
    }

    pub(super) fn sort(&mut self) {
        self.inlines.sort_by(|a, b| (&a.file, a.line, &a.name).cmp(&(&b.file, b.line, &b.name)));
        self.inlines.dedup_by(|a, b| a.name == b.name && a.file == b.file);
        self.dropped.sort_by(|a, b| (&a.file, a.line, &a.name).cmp(&(&b.file, b.line, &b.name)));
        self.dropped.dedup();
        self.skipped.sort();
        self.skipped.dedup();
    }
}

/// Functions that are incomplete in an object, as their names and files.
pub(super) type RefusedFunctions<'a> = HashSet<(&'a str, &'a str)>;

/// Returns whether a node is a refused function or a part that the compiler split off one.
fn is_refused(node: &Node, refused: &RefusedFunctions<'_>) -> bool {
    let file = node.declared.as_ref().map(|declared| declared.file.as_str());
    let name = base_name(&node.name);
    node.function && refused.iter().any(|known| known.0 == name && file.is_none_or(|file| file == known.1))
}

/// Returns whether a node is an inline function. Functions that the compiler split off (`f.cold`, `f.part.0`) are parts
/// of others.
fn is_inline(program: &Program, node: usize) -> bool {
    program.nodes.get(node).is_some_and(|node| {
        let header = !program.is_declared || node.declared.as_ref().is_some_and(|declared| declared.header);
        node.function && node.local && header && !node.name.contains('.') && !node.name.is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The assembler refused a line of `inner`: what `inner` needs is not known, and so nothing of its caller.
    #[test]
    fn functions_that_need_an_incomplete_one_are_dropped() {
        let text = "\t.text\n\t.type\tinner, @function\ninner:\n\tret\n\t.size\tinner, .-inner\n\
            \t.type\touter, @function\nouter:\n\tcall\tinner\n\tret\n\t.size\touter, .-outer\n\
            \t.type\tother, @function\nother:\n\tcall\tkick\n\tret\n\t.size\tother, .-other\n";
        let program = Program::of_assembly(text).expect("it is assembly");
        let refused = RefusedFunctions::from([("inner", "include/linux/a.h")]);
        let map = InlineMap::of_refusing(&program, &Exports::default(), &|_| Vec::new(), &refused);
        let names: Vec<_> = map.inlines.iter().map(|inline| inline.name.as_str()).collect();
        assert_eq!(names, ["inner", "other"]);
        let dropped: Vec<_> = map.dropped.iter().map(|dropped| (dropped.name.as_str(), dropped.why.as_str())).collect();
        assert_eq!(dropped, [("outer", "it needs inner, which does not compile alone")]);
    }
}
