//! The preprocessed texts that are compiled, and which functions are taken from which.

use std::collections::HashSet;

use super::definitions::{InlineDefinition, find};
use super::headers::within_tree;
use super::kbuild::Compiler;
use super::result::HeaderInline;
use super::source::placed;

/// A preprocessed text, and the functions that an object must contain.
pub(super) struct ProbeText {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) definitions: Vec<InlineDefinition>,
    /// The indices of the definitions that no earlier text has.
    pub(super) wanted: Vec<usize>,
    /// The files that the text consists of.
    files: HashSet<String>,
}

impl ProbeText {
    /// A text of which all functions are wanted.
    #[cfg(test)]
    pub(super) fn of(text: String, definitions: Vec<InlineDefinition>) -> Self {
        let wanted = (0..definitions.len()).collect();
        Self { name: "probe".to_owned(), text, definitions, wanted, files: HashSet::new() }
    }

    /// The definitions that no earlier text has.
    fn wanted_definitions(&self) -> impl Iterator<Item = &InlineDefinition> {
        self.wanted.iter().filter_map(|index| self.definitions.get(*index))
    }
}

/// All texts that have functions of their own.
pub(super) struct ProbeTexts<'a> {
    compiler: &'a Compiler,
    texts: Vec<ProbeText>,
    seen: HashSet<HeaderInline>,
    files: HashSet<String>,
}

impl<'a> ProbeTexts<'a> {
    pub(super) fn new(compiler: &'a Compiler) -> Self {
        Self { compiler, texts: Vec::new(), seen: HashSet::new(), files: HashSet::new() }
    }

    pub(super) fn add(&mut self, name: &str, preprocessed: &str) {
        let text = self.read(name, preprocessed);
        self.push(text);
    }

    /// Reads a text with the functions that no text has so far. Without such functions, the text is left empty.
    pub(super) fn read(&self, name: &str, preprocessed: &str) -> ProbeText {
        let mut files = HashSet::new();
        let mut text = placed(preprocessed, |file| {
            let file = within_tree(file, self.compiler);
            files.insert(file.clone());
            file
        });
        let mut definitions = find(&text);
        let all = definitions.iter().enumerate();
        let wanted: Vec<usize> =
            all.filter(|(_, definition)| !self.seen.contains(&definition.inline())).map(|(index, _)| index).collect();
        if wanted.is_empty() {
            text = String::new();
            definitions = Vec::new();
        }
        ProbeText { name: name.to_owned(), text, definitions, wanted, files }
    }

    /// Adds a text, without the functions that were added since it was read.
    pub(super) fn push(&mut self, mut text: ProbeText) {
        let ProbeText { definitions, wanted, files, .. } = &mut text;
        wanted.retain(|index| definitions.get(*index).is_some_and(|found| self.seen.insert(found.inline())));
        self.files.extend(files.drain());
        if !text.wanted.is_empty() {
            self.texts.push(text);
        }
    }

    pub(super) fn texts(&self) -> &[ProbeText] {
        &self.texts
    }

    /// Returns whether a file is in any of the texts, also in those without functions of their own.
    pub(super) fn has_file(&self, file: &str) -> bool {
        self.files.contains(file)
    }

    /// Every function that an object must contain.
    pub(super) fn wanted(&self) -> impl Iterator<Item = &InlineDefinition> {
        self.texts.iter().flat_map(ProbeText::wanted_definitions)
    }
}
