//! Files that could not be read, found by what they may export. There may be as many as there are modules.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::kernel::{UnreadFile, module_name_of};

/// Files that could not be read. Any of them may have been loaded before.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnreadFiles {
    /// In order, each once.
    files: Vec<UnreadFile>,
    index: OnceLock<Index>,
}

/// Places among the files, in order.
#[derive(Clone, Debug, Default)]
struct Index {
    /// Those of the files that may export anything.
    any: Vec<usize>,
    /// Those of the files of which it is known what they may export, by symbol.
    exporters: HashMap<String, Vec<usize>>,
    /// Those of the files that have the name of a module, by that name.
    named: HashMap<String, Vec<usize>>,
    /// The first that has none, such as a folder.
    nameless: Option<usize>,
}

impl Index {
    fn of(files: &[UnreadFile]) -> Self {
        let mut index = Self::default();
        for (place, file) in files.iter().enumerate() {
            match file.contest.as_ref().and_then(|contest| contest.exports.as_ref()) {
                Some(exports) => {
                    for symbol in exports {
                        index.exporters.entry(symbol.clone()).or_default().push(place);
                    }
                }
                None => index.any.push(place),
            }
            match module_name_of(&file.path) {
                Some(name) => index.named.entry(name).or_default().push(place),
                None => _ = index.nameless.get_or_insert(place),
            }
        }
        index
    }

    fn exporters(&self, symbol: &str) -> &[usize] {
        self.exporters.get(symbol).map(Vec::as_slice).unwrap_or_default()
    }

    fn named(&self, module: &str) -> &[usize] {
        self.named.get(module).map(Vec::as_slice).unwrap_or_default()
    }
}

impl UnreadFiles {
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Returns whether all of these are among the files already.
    pub fn has_all(&self, files: &[UnreadFile]) -> bool {
        files.iter().all(|file| self.files.binary_search(file).is_ok())
    }

    /// Adds files.
    pub fn add(&mut self, files: Vec<UnreadFile>) {
        self.files.extend(files);
        self.files.sort();
        self.files.dedup();
        self.index = OnceLock::new();
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::of(&self.files))
    }

    /// The first file that may export a symbol to a module, and how many others may. A module is not loaded before itself, whichever
    /// of its files counts.
    pub fn exporters(&self, symbol: &str, importer: Option<&str>) -> Option<(&UnreadFile, usize)> {
        let index = self.index();
        let exporters = index.exporters(symbol);
        let is_itself = |place: usize| self.is_of(place, importer);
        let mut firsts: Vec<_> = [index.any.as_slice(), exporters]
            .into_iter()
            .filter_map(|places| places.iter().copied().find(|place| !is_itself(*place)))
            .collect();
        firsts.sort_unstable();
        let own = importer.map(|importer| index.named(importer)).unwrap_or_default();
        let may_export = |place: usize| self.files.get(place).is_some_and(|file| file.may_export(symbol));
        let own = own.iter().filter(|place| is_itself(**place) && may_export(**place)).count();
        let number = (index.any.len() + exporters.len()).saturating_sub(own);
        Some((self.files.get(*firsts.first()?)?, number.saturating_sub(1)))
    }

    /// The file of a module, or the first that may hold modules, if it may export a symbol to a module.
    pub fn file_of(&self, module: &str, symbol: &str, importer: Option<&str>) -> Option<&UnreadFile> {
        let index = self.index();
        let may_export = |place: &&usize| {
            !self.is_of(**place, importer) && self.files.get(**place).is_some_and(|file| file.may_export(symbol))
        };
        let place = index.named(module).iter().find(may_export).or(index.nameless.as_ref())?;
        self.files.get(*place)
    }

    /// Returns whether a file is one of those of a module that may count.
    fn is_of(&self, place: usize, module: Option<&str>) -> bool {
        let file = self.files.get(place).filter(|file| file.contest.is_some());
        file.is_some_and(|file| module.is_some() && module_name_of(&file.path).as_deref() == module)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::kernel::Contest;

    fn contested(file: &str, exports: Option<&[&str]>) -> UnreadFile {
        let exports = exports.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        UnreadFile::contested(&Arc::new(Contest { files: vec![file.into()], why: String::new(), exports }))
    }

    #[test]
    fn files_are_found_by_what_they_may_export() {
        let mut files = UnreadFiles::default();
        assert_eq!(files.exporters("f", None), None);
        let unread = |path: &str| UnreadFile::new(Path::new(path), "");
        let all = vec![
            contested("t/b.ko", Some(&["f", "g"])),
            contested("t/c.ko", None),
            contested("t/d.ko", Some(&["f"])),
            unread("t/e.ko"),
            unread("t/folder"),
        ];
        files.add(all.clone());
        assert!(files.has_all(&all) && !files.has_all(&[unread("t/x.ko")]));
        let found = |symbol: &str, importer: Option<&str>| {
            let (file, more) = files.exporters(symbol, importer).expect("there are files that may export anything");
            (file.path.to_str().expect("UTF-8").to_owned(), more)
        };
        assert_eq!(found("f", None), ("t/b.ko".to_owned(), 4));
        assert_eq!(found("g", None), ("t/b.ko".to_owned(), 3));
        assert_eq!(found("h", None), ("t/c.ko".to_owned(), 2));
        // A module is not loaded before itself, but a file that could not be read may be another one of its name.
        assert_eq!(found("f", Some("b")), ("t/c.ko".to_owned(), 3));
        assert_eq!(found("h", Some("c")), ("t/e.ko".to_owned(), 1));
        assert_eq!(found("h", Some("e")), ("t/c.ko".to_owned(), 2));
        let of = |module: &str, symbol: &str, importer: Option<&str>| {
            files.file_of(module, symbol, importer).map(|file| file.path.to_str().expect("UTF-8").to_owned())
        };
        assert_eq!(of("b", "g", None).as_deref(), Some("t/b.ko"));
        // What may be in a folder is not known.
        assert_eq!(of("b", "h", None).as_deref(), Some("t/folder"));
        assert_eq!(of("b", "g", Some("b")).as_deref(), Some("t/folder"));
        assert_eq!(of("x", "g", None).as_deref(), Some("t/folder"));
    }
}
