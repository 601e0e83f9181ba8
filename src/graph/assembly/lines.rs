//! `.file` and `.loc`: where in the source the code stands.

use std::collections::HashMap;

use crate::graph::dwarf::join;
use crate::graph::{NodeDeclaration, SourcePaths};

/// The source files of a text.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// Where the compiler ran, if it is told.
    folder: String,
    by_number: HashMap<u32, String>,
    /// Has any code a line?
    pub has_lines: bool,
}

impl Files {
    /// `.file 3 "folder" "name"`, or with one string only. Without a number it names the unit.
    pub fn file(&mut self, rest: &str) {
        let digits = rest.split([' ', '\t']).next().unwrap_or_default();
        let Ok(number) = digits.parse() else { return };
        let (first, rest) = quoted(rest.get(digits.len()..).unwrap_or_default());
        let second = quoted(rest).0;
        if number == 0 && !second.is_empty() {
            self.folder.clone_from(&first);
        }
        let name = if second.is_empty() { first } else { join(&first, &second) };
        self.by_number.insert(number, name);
    }

    /// `.loc 3 17 …`: the first of a function is where its body begins, a line or two below its name.
    pub fn line(&mut self, rest: &str, known: &mut Option<(u32, u32)>) {
        self.has_lines = true;
        if known.is_none() {
            let mut numbers = rest.split_ascii_whitespace().map(str::parse);
            if let (Some(Ok(file)), Some(Ok(line))) = (numbers.next(), numbers.next()) {
                *known = Some((file, line));
            }
        }
    }

    /// Every file, as readers of the source know it.
    pub fn named(&self) -> HashMap<u32, NodeDeclaration> {
        let paths = SourcePaths::of_files(&self.folder, self.by_number.values().map(String::as_str));
        let declared = |name: &String| {
            let (file, header) = paths.name(&join(&self.folder, name));
            NodeDeclaration { file, line: None, header }
        };
        self.by_number.iter().map(|(number, name)| (*number, declared(name))).collect()
    }
}

/// The string that a text begins with, and what follows it.
fn quoted(text: &str) -> (String, &str) {
    let text = text.trim_ascii_start();
    if !text.starts_with('"') {
        return (String::new(), text);
    }
    let (string, rest) = text.split_at_checked(super::statements::string(text.as_bytes())).unwrap_or_default();
    let string = string.strip_prefix('"').unwrap_or_default();
    let string = string.strip_suffix('"').unwrap_or(string);
    (string.replace("\\\"", "\"").replace("\\\\", "\\"), rest)
}
