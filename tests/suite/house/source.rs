//! All source files, parsed, and the files that their paths lead to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rayon::prelude::*;

use super::facts::{Facts, Kind, Mention, Scope};
use super::reader;

/// The first name in the module paths of the library, and of the program.
pub const LIBRARY: &str = "lib";
pub const PROGRAM: &str = "bin";

/// One file below `src`.
pub struct Source {
    /// Relative to `src`.
    pub path: String,
    pub facts: Facts,
}

impl Source {
    fn read(path: &str, text: &str) -> Self {
        let facts = reader::read(text, &module_of(path)).unwrap_or_else(|error| panic!("src/{path}: {error}"));
        Self { path: path.to_owned(), facts }
    }

    /// The first folder of its path; nothing for `lib.rs`.
    pub fn room(&self) -> &str {
        self.path.split_once('/').map_or("", |(room, _)| room)
    }

    pub fn is_of_library(&self) -> bool {
        self.room() != PROGRAM
    }

    pub fn is_below(&self, folder: &str) -> bool {
        self.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// The module that a file is.
fn module_of(path: &str) -> Vec<String> {
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let (root, path) = match path.strip_prefix("bin/gplok/") {
        Some(path) => (PROGRAM, path),
        None => (LIBRARY, path),
    };
    let names = path.split('/').filter(|name| !["mod", "lib", "main"].contains(name));
    std::iter::once(root).chain(names).map(str::to_owned).collect()
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An item, by its path and the index of the file that defines it. What follows the item in the path (a variant, an
    /// associated function) is left out.
    Item { file: usize, path: Vec<String> },
    /// A module.
    Module(Vec<String>),
    /// Something of another crate, or a local name.
    Outside(Vec<String>),
    /// A path into this crate that leads nowhere.
    Nothing,
}

/// The parsed sources of the library and the program, without what exists only in tests.
pub struct House {
    pub sources: Vec<Source>,
    /// By module: the index of its file.
    files: BTreeMap<Vec<String>, usize>,
}

impl House {
    /// The sources of this package, parsed once.
    pub fn this() -> &'static Self {
        static HOUSE: OnceLock<House> = OnceLock::new();
        HOUSE.get_or_init(|| {
            let src = root().join("src");
            let paths = files_below(&src).into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
            let texts = paths.map(|path| {
                let text = std::fs::read_to_string(&path).expect("the file can be read");
                let path = path.strip_prefix(&src).expect("it lies in src").to_str().expect("its name is UTF-8");
                (path.to_owned(), text)
            });
            let texts = texts.collect::<Vec<_>>();
            Self::new(texts.par_iter().map(|(path, text)| Source::read(path, text)).collect())
        })
    }

    /// A house of these files, for the tests of the rules.
    pub fn of(files: &[(&str, &str)]) -> Self {
        Self::new(files.iter().map(|(path, text)| Source::read(path, text)).collect())
    }

    fn new(mut sources: Vec<Source>) -> Self {
        let tests = sources.iter().flat_map(|source| source.facts.test_modules.clone()).collect::<BTreeSet<_>>();
        sources.retain(|source| {
            let module = module_of(&source.path);
            !(1..=module.len()).any(|length| tests.contains(&module[..length]))
        });
        let modules = sources.iter().enumerate();
        let modules =
            modules.flat_map(|(index, source)| source.facts.scopes.keys().map(move |module| (module.clone(), index)));
        let files = modules.collect();
        Self { sources, files }
    }

    /// Every path that is written in the sources, with its source.
    pub fn mentions(&self) -> impl Iterator<Item = (&Source, &Mention)> {
        self.sources.iter().flat_map(|source| source.facts.mentions.iter().map(move |mention| (source, mention)))
    }

    /// What a mention leads to.
    pub fn target(&self, mention: &Mention) -> Target {
        let mut seen = BTreeSet::new();
        self.resolve(&mention.module, &mention.path, mention.leading, &mut seen)
    }

    /// The source that a mention leads to, where that is an item of this crate.
    pub fn source_of(&self, mention: &Mention) -> Option<&Source> {
        match self.target(mention) {
            Target::Item { file, .. } => self.sources.get(file),
            _ => None,
        }
    }

    /// For every file the files it depends on, with one line and path for each as the evidence. A re-export is no dependency
    /// of the file it stands in, unless its own items use the name.
    pub fn dependencies(&self) -> Vec<BTreeMap<usize, String>> {
        let dependencies = self.sources.iter().enumerate().map(|(index, source)| {
            let mut all = BTreeMap::new();
            for mention in source.facts.mentions.iter().filter(|mention| mention.kind != Kind::Reexport) {
                if let Target::Item { file, .. } = self.target(mention)
                    && file != index
                {
                    let evidence = || format!("src/{}:{}: {}", source.path, mention.line, mention.path.join("::"));
                    all.entry(file).or_insert_with(evidence);
                }
            }
            all
        });
        dependencies.collect()
    }

    pub fn scope(&self, module: &[String]) -> Option<(usize, &Scope)> {
        let file = *self.files.get(module)?;
        Some((file, self.sources.get(file)?.facts.scopes.get(module)?))
    }

    pub fn resolve(
        &self,
        module: &[String],
        path: &[String],
        leading: bool,
        seen: &mut BTreeSet<(Vec<String>, String)>,
    ) -> Target {
        let Some((first, rest)) = path.split_first() else { return Target::Module(module.to_vec()) };
        match first.as_str() {
            "crate" => return self.inside(&module[..1], rest, seen),
            "self" => return self.inside(module, rest, seen),
            "super" => return self.inside(module, path, seen),
            _ => {}
        }
        if !leading && let Some(target) = self.named(module, path, seen) {
            return target;
        }
        match first.as_str() {
            "gplok" => self.inside(&[LIBRARY.to_owned()], rest, seen),
            _ => Target::Outside(path.to_vec()),
        }
    }

    /// What a path names that continues in a module.
    fn inside(&self, module: &[String], path: &[String], seen: &mut BTreeSet<(Vec<String>, String)>) -> Target {
        let Some((first, rest)) = path.split_first() else { return Target::Module(module.to_vec()) };
        if first == "super" {
            return match module.split_last() {
                Some((_, parent)) if !parent.is_empty() => self.inside(parent, rest, seen),
                _ => Target::Nothing,
            };
        }
        self.named(module, path, seen).unwrap_or_else(|| match self.scope(module) {
            Some((file, scope)) if scope.is_opaque => Target::Item { file, path: [module, &path[..1]].concat() },
            _ => Target::Nothing,
        })
    }

    /// What the names in a module's scope make of a path.
    fn named(&self, module: &[String], path: &[String], seen: &mut BTreeSet<(Vec<String>, String)>) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let own = [module, std::slice::from_ref(first)].concat();
        let is_module = self.files.contains_key(&own);
        if is_module && !rest.is_empty() {
            return Some(self.inside(&own, rest, seen));
        }
        let Some((file, scope)) = self.scope(module) else { return is_module.then_some(Target::Module(own)) };
        if scope.items.contains(first) {
            return Some(Target::Item { file, path: own });
        }
        if !seen.insert((module.to_vec(), first.clone())) {
            return None;
        }
        if let Some(import) = scope.imports.get(first) {
            return Some(match self.resolve(module, &import.path, import.leading, seen) {
                Target::Module(module) => self.inside(&module, rest, seen),
                Target::Outside(outside) => Target::Outside([&outside, rest].concat()),
                found => found,
            });
        }
        if is_module {
            return Some(Target::Module(own));
        }
        scope.globs.iter().find_map(|glob| match self.resolve(module, &glob.path, glob.leading, seen) {
            Target::Module(module) => self.named(&module, path, seen),
            _ => None,
        })
    }
}

/// The folder of the package.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be listed") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() { all.extend(files_below(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}
