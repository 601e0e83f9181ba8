//! Which modules a module needs: those that export the symbols which it imports.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::contest::{Contests, Probe};
use super::each::try_each;
use super::error::ModprobeError;
use crate::image::{Error, Fault, Image, as_text};
use crate::kernel::{Kernel, ModuleTree, TreeModule, UnreadFile, VMLINUX, module_name_of};
use crate::load::Memo;
use crate::terms::{ByNumber, ExportedSymbol, ModuleName};

/// The modules given, followed by the modules of the kernel's tree that they need. Each has a number in this order.
pub(super) struct Modules<'a> {
    given: &'a [Image],
    /// The files that may count instead of others, followed by modules of the kernel's tree.
    of_tree: Vec<Arc<Image>>,
    probes: &'a [Probe],
    /// The modules that each module needs itself, in the order of its imports.
    needs: Vec<Vec<usize>>,
    /// Modules that export a symbol which another module exports too.
    rivals: Rivals,
    needed: HashSet<usize, ByNumber>,
    /// The modules given for which there was no memory when they were to be read once more.
    too_large: BTreeMap<usize, Error>,
}

/// Which module exports which symbol.
struct Exporters<'a> {
    kernel: &'a Kernel,
    memo: &'a Memo,
    symbols: HashMap<&'a str, usize>,
    names: HashSet<String>,
    paths: HashSet<&'a OsStr>,
    /// Whether every module of the kernel's tree is among the modules given.
    whole_tree: bool,
    /// The files of the kernel's tree of which it is not known whether they count.
    open: HashSet<PathBuf>,
}

/// A needed module: one of those given, or one of the kernel's tree.
enum Need {
    Given(usize),
    OfTree(PathBuf),
}

/// The exports of each module that another module has too, with that module's number.
type Rivals = BTreeMap<usize, BTreeSet<(String, usize)>>;

fn meet(rivals: &mut Rivals, symbol: &str, one: usize, other: usize) {
    for (one, other) in [(one, other), (other, one)] {
        rivals.entry(one).or_default().insert((symbol.to_owned(), other));
    }
}

/// What a module exports.
///
/// # Errors
/// When the file has to be read once more and cannot be.
fn exports(image: &Image) -> Result<Arc<Vec<ExportedSymbol>>, Error> {
    image.ask(|image| image.as_announced().map(|elf| Arc::clone(elf.exports())).unwrap_or_default())
}

/// What is known of each module. Those for which there is no memory are noted, and nothing is known of them.
fn known<T: Default>(all: Vec<Result<T, Error>>, too_large: &mut BTreeMap<usize, Error>) -> Result<Vec<T>, Error> {
    let known = all.into_iter().enumerate().map(|(index, result)| match result {
        Err(error) if error.is_about_memory() => {
            too_large.insert(index, error);
            Ok(T::default())
        }
        result => result,
    });
    known.collect()
}

impl<'a> Modules<'a> {
    /// # Errors
    /// When a file of the kernel's tree cannot be read.
    pub fn new(
        kernel: &Kernel,
        memo: &Memo,
        given: &'a [Image],
        is_alone: &(impl Fn(usize) -> bool + Sync),
        contests: &'a Contests,
    ) -> Result<Self, ModprobeError> {
        let apart = contests.apart();
        let numbered: Vec<_> = given.iter().enumerate().collect();
        let none = Arc::<Vec<ExportedSymbol>>::default();
        let mut too_large = BTreeMap::new();
        let exported = try_each(&numbered, |(index, image)| match is_alone(*index) || apart.contains(index) {
            true => Ok(Arc::clone(&none)),
            false => exports(image),
        });
        let exported = known(exported, &mut too_large)?;
        let number = exported.iter().map(|exports| exports.len()).sum();
        let (mut symbols, mut rivals) = (HashMap::with_capacity(number), Rivals::new());
        for (index, exports) in exported.iter().enumerate() {
            for export in exports.iter() {
                // The first module that exports a symbol provides it.
                let first = *symbols.entry(export.name.as_str()).or_insert(index);
                if first != index {
                    meet(&mut rivals, &export.name, first, index);
                }
            }
        }
        let of_tree = || given.iter().filter(|_| kernel.tree().is_some());
        let names = of_tree().filter_map(|image| module_name_of(image.path())).collect();
        let paths: HashSet<_> = of_tree().map(|image| image.path().as_os_str()).collect();
        let is_given = |tree: &ModuleTree| tree.modules().all(|module| paths.contains(module.path.as_os_str()));
        let whole_tree = kernel.tree().is_some_and(is_given);
        let exporters = Exporters { kernel, memo, symbols, names, paths, whole_tree, open: contests.paths() };
        let of_given = try_each(&numbered, |(index, image)| {
            if is_alone(*index) { Ok(Vec::new()) } else { image.ask(|image| exporters.needs(image)) }
        });
        let of_given = known(of_given, &mut too_large)?;
        let probes = contests.probes();
        let of_tree = probes.iter().map(|probe| Arc::clone(&probe.image)).collect();
        let needed = HashSet::default();
        let mut all = Self { given, of_tree, probes, needs: Vec::new(), rivals, needed, too_large };
        let mut known = HashMap::new();
        for needs in of_given {
            let needs = all.numbered(kernel, &mut known, needs);
            all.needs.push(needs);
        }
        while let Some(image) = all.of_tree.get(all.needs.len() - given.len()).cloned() {
            let needs = image.ask(|image| exporters.needs(image))?;
            let needs = all.numbered(kernel, &mut known, needs);
            all.needs.push(needs);
        }
        for (index, image) in all.of_tree.iter().enumerate().skip(probes.len()) {
            let exports = exports(image)?;
            for export in exports.iter() {
                if let Some(first) = exporters.symbols.get(export.name.as_str()) {
                    meet(&mut all.rivals, &export.name, *first, given.len() + index);
                }
            }
        }
        all.needed = all.needs.iter().flatten().copied().collect();
        Ok(all)
    }

    /// The modules that could not be read, or in which no sections were found: those given and those of the kernel's tree, as far
    /// as they were looked at. What these export is not known.
    ///
    /// # Errors
    /// When a file has to be read once more and cannot be.
    pub fn unread(&self, kernel: &Kernel) -> Result<Vec<UnreadFile>, Error> {
        let mut unread = kernel.tree().map(ModuleTree::unread).unwrap_or_default();
        for (index, image) in self.given.iter().chain(self.of_tree.iter().map(AsRef::as_ref)).enumerate() {
            if let Some(Fault::Unread(why)) = image.fault() {
                unread.push(UnreadFile::new(image.path(), why));
                continue;
            }
            if let Some(error) = self.too_large.get(&index) {
                unread.push(UnreadFile::new(image.path(), error.kind.to_string()));
                continue;
            }
            let damage = image.ask(|image| image.damage().map(str::to_owned))?;
            unread.extend(damage.map(|why| UnreadFile::damaged(image.path(), why)));
        }
        Ok(unread)
    }

    /// The numbers of needed modules. Modules of the tree are opened at first.
    fn numbered(&mut self, kernel: &Kernel, known: &mut HashMap<PathBuf, usize>, needs: Vec<Need>) -> Vec<usize> {
        let mut numbers = Vec::with_capacity(needs.len());
        for need in needs {
            numbers.push(match need {
                Need::Given(index) => index,
                Need::OfTree(path) => match known.get(&path) {
                    Some(index) => *index,
                    None => {
                        let index = self.given.len() + self.of_tree.len();
                        self.of_tree.push(kernel.image(&path));
                        known.insert(path, index);
                        index
                    }
                },
            });
        }
        numbers
    }

    /// The module with a number.
    pub fn image(&self, index: usize) -> Option<&Image> {
        self.given.get(index).or_else(|| self.of_tree.get(index.checked_sub(self.given.len())?).map(AsRef::as_ref))
    }

    /// Returns whether a module was given, or may count instead of one that was, and not found in the kernel's tree.
    pub fn is_given(&self, index: usize) -> bool {
        let probe = index.checked_sub(self.given.len()).map(|place| self.probes.get(place));
        probe.is_none_or(|probe| probe.is_some_and(|probe| probe.is_given))
    }

    /// How many modules there are.
    pub fn len(&self) -> usize {
        self.needs.len()
    }

    /// Returns whether a module exports a symbol that another module exports too.
    pub fn is_rival(&self, index: usize) -> bool {
        self.rivals.contains_key(&index)
    }

    /// The exports of a module that another module has too, with that module's name.
    pub fn rivals(&self, index: usize) -> impl Iterator<Item = (String, String)> {
        let rivals = self.rivals.get(&index).into_iter().flatten();
        rivals.map(|(symbol, other)| (symbol.clone(), self.name(*other)))
    }

    /// A shortest dependency cycle that a module is in: each module needs the next, and the last needs the first.
    pub fn cycle(&self, index: usize) -> Option<Vec<String>> {
        let mut from = HashMap::new();
        let mut open = VecDeque::from([index]);
        while let Some(module) = open.pop_front() {
            for need in self.needs(module) {
                if *need == index {
                    let mut back = vec![module];
                    while let Some(before) = back.last().filter(|last| **last != index).and_then(|last| from.get(last))
                    {
                        back.push(*before);
                    }
                    return Some(back.into_iter().rev().map(|module| self.name(module)).collect());
                }
                if let Entry::Vacant(entry) = from.entry(*need) {
                    entry.insert(module);
                    open.push_back(*need);
                }
            }
        }
        None
    }

    /// The name that the module gives itself, else the name of its file.
    fn name(&self, index: usize) -> String {
        let Some(image) = self.image(index) else { return String::new() };
        let named = |image: &Image| image.as_announced().and_then(|elf| elf.modinfo().get("name").map(str::to_owned));
        let own = image.ask(named).ok().flatten();
        own.or_else(|| module_name_of(image.path())).unwrap_or_default()
    }

    /// Returns whether another module needs this one.
    pub fn is_needed(&self, index: usize) -> bool {
        self.needed.contains(&index)
    }

    /// The modules that a module needs itself.
    pub fn needs(&self, index: usize) -> &[usize] {
        self.needs.get(index).map_or(&[], Vec::as_slice)
    }

    /// The order in which to load a module and all that it needs: the module is the last.
    pub fn chain(&self, index: usize) -> Vec<usize> {
        let (mut chain, mut met) = (Vec::new(), HashSet::<_, ByNumber>::default());
        met.insert(index);
        let mut open = vec![(index, 0)];
        while let Some((module, next)) = open.last_mut() {
            let need = self.needs(*module).get(*next).copied();
            *next += 1;
            match need {
                Some(need) if met.insert(need) => open.push((need, 0)),
                Some(_) => {}
                None => {
                    chain.push(*module);
                    open.pop();
                }
            }
        }
        chain
    }
}

impl Exporters<'_> {
    fn needs(&self, image: &Image) -> Vec<Need> {
        let (mut needs, mut seen, mut opened) = (Vec::new(), HashSet::<_, ByNumber>::default(), HashSet::new());
        let Some(elf) = image.as_announced() else { return needs };
        let (known, all) = (self.memo.looked_at(image), elf.loose_symbols());
        let is_given = |name: &str| self.kernel.exports().is_some_and(|exports| exports.in_vmlinux(name));
        let places: &mut dyn Iterator<Item = usize> = match &known {
            Some(simple) => &mut simple.foreign.iter().copied(),
            None => &mut (0..all.len()),
        };
        for symbol in places.filter_map(|place| all.get(place)).filter(|symbol| symbol.is_undefined()) {
            let Some(name) = elf.loose_name(symbol).map(as_text) else { continue };
            if known.is_none() && is_given(&name) {
                continue;
            }
            let given = self.symbols.get(name.as_ref()).copied();
            if let Some(exporter) = given {
                if seen.insert(exporter) {
                    needs.push(Need::Given(exporter));
                }
            } else if let Some(path) = self.of_tree(&name)
                && path != image.path()
                && opened.insert(path.to_owned())
            {
                needs.push(Need::OfTree(path.to_owned()));
            }
        }
        needs
    }

    /// The module of the kernel's tree that exports a symbol, unless it or another file of its name was given.
    fn of_tree(&self, symbol: &str) -> Option<&Path> {
        let module = in_tree(self.kernel, symbol, !self.whole_tree)?;
        if self.open.contains(&module.path) {
            return None;
        }
        let is_given = self.paths.contains(module.path.as_os_str()) || self.names.contains(module.name.as_str());
        (!is_given).then_some(module.path.as_path())
    }
}

/// The module of the kernel's tree that exports a symbol: as `Module.symvers` says, else, with `look_through`, as the files of the
/// tree say.
pub(super) fn in_tree<'k>(kernel: &'k Kernel, symbol: &str, look_through: bool) -> Option<&'k TreeModule> {
    let tree = kernel.tree()?;
    let listed = kernel.exports().and_then(|exports| exports.named(symbol).next());
    let exporter = listed.map(|row| ModuleName::of_exporter(row.exporter)).filter(|exporter| **exporter != *VMLINUX);
    let exporter = exporter.or_else(|| if look_through { tree.exporter(symbol) } else { None });
    tree.module(&exporter?)
}
