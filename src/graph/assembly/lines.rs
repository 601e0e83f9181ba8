//! Source files and lines of the code (`.file` and `.loc`).

use std::collections::HashMap;

use crate::graph::dwarf::join;
use crate::graph::{NodeDeclaration, SourcePaths};

/// The source files of a text.
#[derive(Debug, Default)]
pub(super) struct LineFiles {
    /// The folder that the compiler ran in; empty if unknown.
    folder: String,
    by_number: HashMap<u32, String>,
    /// Whether any code has a line.
    pub has_lines: bool,
}

impl LineFiles {
    /// Reads `.file 3 "folder" "name"`, or `.file 3 "name"`. Without a number it names the unit, and is ignored.
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

    /// Reads `.loc 3 17 …`. The first one of a function is where its body begins, a line or two below its name.
    pub fn line(&mut self, rest: &str, known: &mut Option<(u32, u32)>) {
        self.has_lines = true;
        if known.is_none() {
            let mut numbers = rest.split_ascii_whitespace().map(str::parse);
            if let (Some(Ok(file)), Some(Ok(line))) = (numbers.next(), numbers.next()) {
                *known = Some((file, line));
            }
        }
    }

    /// Every file by its number, as a declaration without a line.
    pub fn declarations(&self) -> HashMap<u32, NodeDeclaration> {
        let paths = SourcePaths::of_files(&self.folder, self.by_number.values().map(String::as_str));
        let declarations = self.by_number.iter().map(|(number, name)| {
            let (file, header) = paths.name(&join(&self.folder, name));
            (*number, NodeDeclaration { file, line: None, header })
        });
        declarations.collect()
    }
}

/// The string that a text begins with, and the rest of the text.
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
