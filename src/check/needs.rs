//! Which modules a module needs: those that export the symbols which it imports.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::contest::{Contests, Probe};
use super::each::try_each;
use super::error::ModprobeError;
use super::order::{Cycle, Order};
use crate::image::{Error, Fault, Image, as_text, text_bytes};
use crate::kernel::{Exports, Kernel, KernelExport, ModuleTree, TreeModule, UnreadFile, VMLINUX, module_name_of};
use crate::load::{ExportersByName, Memo};
use crate::terms::{ByName, ByNumber, ExportedSymbol, ModuleName, parallel};

/// The modules given, followed by the modules of the kernel's tree that they need. Each has a number in this order.
pub(super) struct Modules<'a> {
    given: &'a [Image],
    /// The files that may count instead of others, followed by modules of the kernel's tree.
    of_tree: Vec<Arc<Image>>,
    probes: &'a [Probe],
    /// Which module needs which, and when they are loaded.
    order: Order,
    /// Modules that export a symbol which another module exports too.
    rivals: Rivals,
    needed: HashSet<usize, ByNumber>,
    /// Needed modules with the name of another needed module.
    namesakes: HashSet<usize, ByNumber>,
    /// Modules that depend on others besides those that export their symbols: see [`Exporters::is_odd`].
    odd: HashSet<usize, ByNumber>,
    /// Needed modules of the kernel's tree of which symbols are exported that count as exports of others.
    misattributed: HashSet<usize, ByNumber>,
    /// What each module exports, as far as others may need it.
    exported: Vec<(usize, Arc<Vec<ExportedSymbol>>)>,
    /// The modules given for which there was no memory when they were to be read once more.
    too_large: BTreeMap<usize, Error>,
}

/// Which module exports which symbol.
struct Exporters<'a> {
    kernel: &'a Kernel,
    memo: &'a Memo,
    symbols: HashMap<&'a [u8], usize, ByName>,
    names: HashSet<String>,
    paths: HashSet<&'a OsStr>,
    /// Whether every module of the kernel's tree is among the modules given.
    whole_tree: bool,
    /// The files of the kernel's tree of which it is not known whether they count.
    open: HashSet<PathBuf>,
    given: &'a [Image],
    /// Whether a module given depends on no other, and no other on it.
    is_alone: &'a (dyn Fn(usize) -> bool + Sync),
    /// Without a tree, the names of the modules given.
    given_names: OnceLock<HashSet<ModuleName>>,
    /// The symbols that the kernel's list says they export. Filled where it has many rows of one symbol.
    listed_of_given: OnceLock<HashSet<&'a str>>,
}

/// A needed module: one of those given, or one of the kernel's tree.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Exporter<'k> {
    Given(usize),
    OfTree(&'k Path),
}

/// A needed module, and whether only weak symbols of it are needed.
struct Need<'k> {
    exporter: Exporter<'k>,
    is_weak: bool,
}

/// The modules that a module needs.
#[derive(Default)]
struct Needs<'k> {
    all: Vec<Need<'k>>,
    is_odd: bool,
}

/// The numbers of the modules that each module needs.
#[derive(Default)]
struct Numbered {
    needs: Vec<Vec<usize>>,
    weak: HashSet<(usize, usize)>,
    odd: HashSet<usize, ByNumber>,
    /// Modules of the kernel's tree that were opened already.
    opened: HashMap<PathBuf, usize>,
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
        let (mut symbols, mut rivals) = (HashMap::with_capacity_and_hasher(number, ByName::default()), Rivals::new());
        for (index, exports) in exported.iter().enumerate() {
            for export in exports.iter() {
                // The first module that exports a symbol provides it.
                let first = *symbols.entry(export.name.as_bytes()).or_insert(index);
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
        let open = contests.paths();
        let exporters = Exporters {
            kernel,
            memo,
            symbols,
            names,
            paths,
            whole_tree,
            open,
            given,
            is_alone,
            given_names: OnceLock::new(),
            listed_of_given: OnceLock::new(),
        };
        let of_given = try_each(&numbered, |(index, image)| {
            if is_alone(*index) { Ok(Needs::default()) } else { image.ask(|image| exporters.needs(image)) }
        });
        let of_given = known(of_given, &mut too_large)?;
        let probes = contests.probes();
        let mut of_tree: Vec<_> = probes.iter().map(|probe| Arc::clone(&probe.image)).collect();
        let mut all = Numbered::default();
        for needs in of_given {
            all.add(kernel, given.len(), &mut of_tree, needs);
        }
        while let Some(image) = of_tree.get(all.needs.len() - given.len()).cloned() {
            let needs = image.ask(|image| exporters.needs(image))?;
            all.add(kernel, given.len(), &mut of_tree, needs);
        }
        let mut misattributed = HashSet::default();
        let mut first_of_tree = HashMap::new();
        let mut exported_of_tree = Vec::with_capacity(of_tree.len());
        for (index, image) in of_tree.iter().enumerate().skip(probes.len()) {
            let number = given.len() + index;
            let exports = exports(image)?;
            for export in exports.iter() {
                let name = export.name.as_str();
                if let Some(first) = exporters.symbols.get(name.as_bytes()) {
                    meet(&mut rivals, name, *first, number);
                }
                let first = *first_of_tree.entry(name.to_owned()).or_insert(number);
                if first != number {
                    meet(&mut rivals, name, first, number);
                }
                if listed_exporter(kernel, name).is_some_and(|listed| !is_named(image, &listed)) {
                    misattributed.insert(number);
                }
            }
            exported_of_tree.push((number, exports));
        }
        let exported = exported.into_iter().enumerate().chain(exported_of_tree).collect();
        let needed: HashSet<_, ByNumber> = all.needs.iter().flatten().copied().collect();
        let order = Order::new(all.needs, &all.weak);
        let namesakes = HashSet::default();
        let mut all = Self {
            given,
            of_tree,
            probes,
            order,
            rivals,
            needed,
            namesakes,
            odd: all.odd,
            misattributed,
            exported,
            too_large,
        };
        all.namesakes = all.of_one_name();
        Ok(all)
    }

    /// The needed modules with the name of another needed module.
    fn of_one_name(&self) -> HashSet<usize, ByNumber> {
        let mut first = HashMap::with_capacity(self.needed.len());
        let mut namesakes = HashSet::default();
        let needed: Vec<_> = self.needed.iter().copied().collect();
        for (module, name) in needed.iter().zip(parallel::map(&needed, |module| self.name(*module))) {
            let other = *first.entry(name).or_insert(*module);
            if other != *module {
                namesakes.extend([other, *module]);
            }
        }
        namesakes
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
        self.order.len()
    }

    /// Which module needs which, and when they are loaded.
    pub const fn order(&self) -> &Order {
        &self.order
    }

    /// Returns whether a module exports a symbol that another module exports too, or counts as its exporter.
    pub fn is_rival(&self, index: usize) -> bool {
        self.rivals.contains_key(&index) || self.misattributed.contains(&index)
    }

    /// Which modules export a name.
    pub fn exporters(&self) -> Arc<ExportersByName> {
        Arc::new(ExportersByName::new(self.exported.iter().map(|(number, exports)| (*number, exports.as_slice()))))
    }

    /// Returns whether another needed module has the name of this one.
    pub fn has_namesake(&self, index: usize) -> bool {
        self.namesakes.contains(&index)
    }

    /// Returns whether a module depends on others besides those that export its symbols.
    pub fn is_odd(&self, index: usize) -> bool {
        self.odd.contains(&index)
    }

    /// The exports of a module that another module has too, with that module's name.
    pub fn rivals(&self, index: usize) -> impl Iterator<Item = (String, String)> {
        let rivals = self.rivals.get(&index).into_iter().flatten();
        rivals.map(|(symbol, other)| (symbol.clone(), self.name(*other)))
    }

    /// A shortest dependency cycle that a module is in: each module needs the next, and the last needs the first.
    pub fn cycle(&self, index: usize) -> Option<Vec<String>> {
        let Cycle { modules, in_part } = self.order.cycle(index)?;
        let rest = in_part.then(|| "…".to_owned());
        Some(modules.into_iter().map(|module| self.name(module)).chain(rest).collect())
    }

    /// The name that the module gives itself, else the name of its file.
    pub fn name(&self, index: usize) -> String {
        self.image(index).map(name_of).unwrap_or_default()
    }

    /// Returns whether another module needs this one.
    pub fn is_needed(&self, index: usize) -> bool {
        self.needed.contains(&index)
    }
}

impl Numbered {
    /// Numbers the modules that the next module needs. `given` modules have the first numbers; those of the tree are opened when
    /// they are met first.
    fn add(&mut self, kernel: &Kernel, given: usize, of_tree: &mut Vec<Arc<Image>>, needs: Needs<'_>) {
        let module = self.needs.len();
        let mut numbers = Vec::with_capacity(needs.all.len());
        for Need { exporter, is_weak } in needs.all {
            let number = match exporter {
                Exporter::Given(number) => number,
                Exporter::OfTree(path) => match self.opened.get(path) {
                    Some(number) => *number,
                    None => {
                        of_tree.push(kernel.image(path));
                        self.opened.insert(path.to_owned(), given + of_tree.len() - 1);
                        given + of_tree.len() - 1
                    }
                },
            };
            numbers.push(number);
            if is_weak {
                self.weak.insert((module, number));
            }
        }
        if needs.is_odd {
            self.odd.insert(module);
        }
        self.needs.push(numbers);
    }
}

impl<'k> Exporters<'k> {
    fn needs(&self, image: &Image) -> Needs<'k> {
        let (mut needs, mut seen) = (Needs::default(), HashMap::<_, _, ByNumber>::default());
        let Some(elf) = image.as_announced() else { return needs };
        let (known, all) = (self.memo.looked_at(image), elf.loose_symbols());
        let is_given = |name: &str| self.kernel.exports().is_some_and(|exports| exports.in_vmlinux(name));
        let places: &mut dyn Iterator<Item = usize> = match &known {
            Some(simple) => &mut simple.foreign.iter().copied(),
            None => &mut (0..all.len()),
        };
        for symbol in places.filter_map(|place| all.get(place)).filter(|symbol| symbol.is_undefined()) {
            let Some(raw) = elf.loose_name(symbol) else { continue };
            if known.is_none() && is_given(&as_text(raw)) {
                continue;
            }
            let exporter = match self.symbols.get(&*text_bytes(raw)) {
                Some(given) => Exporter::Given(*given),
                None => {
                    let name = as_text(raw);
                    let Some(path) = self.of_tree(&name).filter(|path| *path != image.path()) else {
                        needs.is_odd |= self.is_listed_of_given(&name);
                        continue;
                    };
                    Exporter::OfTree(path)
                }
            };
            match seen.entry(exporter) {
                Entry::Vacant(entry) => {
                    let exporter = entry.key().clone();
                    entry.insert(needs.all.len());
                    needs.all.push(Need { exporter, is_weak: symbol.is_weak() });
                }
                Entry::Occupied(known) => {
                    let need = needs.all.get_mut(*known.get());
                    need.into_iter().for_each(|need| need.is_weak &= symbol.is_weak());
                }
            }
        }
        // A live patch looks for the symbols of modules that it does not import from.
        needs.is_odd |= !needs.all.is_empty() && elf.modinfo().has("livepatch");
        needs
    }

    /// Returns whether a module that was given counts as the exporter of a symbol, although its file does not export it.
    fn is_listed_of_given(&self, symbol: &str) -> bool {
        let Some(exports) = self.kernel.exports().filter(|_| self.kernel.tree().is_none()) else { return false };
        let is_of_given = |row: &KernelExport<'_>| self.given_names().contains(&ModuleName::of_exporter(row.exporter));
        let mut rows = exports.named(symbol);
        if rows.by_ref().take(Exports::FEW).any(|row| is_of_given(&row)) {
            return true;
        }
        let names = || exports.rows().filter(is_of_given).map(|row| row.name).collect();
        rows.next().is_some() && self.listed_of_given.get_or_init(names).contains(symbol)
    }

    fn given_names(&self) -> &HashSet<ModuleName> {
        self.given_names.get_or_init(|| {
            let others = self.given.iter().enumerate().filter(|(index, _)| !(self.is_alone)(*index));
            others.map(|(_, image)| ModuleName::new(&name_of(image))).collect()
        })
    }

    /// The module of the kernel's tree that exports a symbol, unless it or another file of its name was given.
    fn of_tree(&self, symbol: &str) -> Option<&'k Path> {
        let module = in_tree(self.kernel, symbol, !self.whole_tree)?;
        if self.open.contains(&module.path) {
            return None;
        }
        let is_given = self.paths.contains(module.path.as_os_str()) || self.names.contains(module.name.as_str());
        (!is_given).then_some(module.path.as_path())
    }
}

/// The name that a module gives itself, else the name of its file.
fn name_of(image: &Image) -> String {
    let named = |image: &Image| image.as_announced().and_then(|elf| elf.modinfo().get("name").map(str::to_owned));
    // To ask an image that lacked something once reads its file again, beside those who read theirs alone.
    let known = image.as_announced().and_then(|elf| elf.modinfo_if_read().cloned());
    let own = match known {
        Some(modinfo) => modinfo.get("name").map(str::to_owned),
        None => image.ask(named).ok().flatten(),
    };
    own.or_else(|| module_name_of(image.path())).unwrap_or_default()
}

fn is_named(image: &Image, name: &ModuleName) -> bool {
    ModuleName::of_file(image.path()).is_some_and(|own| own == *name)
}

/// The module that exports a symbol by the list of the kernel's exports.
fn listed_exporter(kernel: &Kernel, symbol: &str) -> Option<ModuleName> {
    let listed = kernel.exports().and_then(|exports| exports.named(symbol).next());
    listed.map(|row| ModuleName::of_exporter(row.exporter)).filter(|exporter| **exporter != *VMLINUX)
}

/// The module of the kernel's tree that exports a symbol: as `Module.symvers` says, else, with `look_through`, as the files of the
/// tree say.
pub(super) fn in_tree<'k>(kernel: &'k Kernel, symbol: &str, look_through: bool) -> Option<&'k TreeModule> {
    let tree = kernel.tree()?;
    let exporter = listed_exporter(kernel, symbol);
    let exporter = exporter.or_else(|| if look_through { tree.exporter(symbol) } else { None });
    tree.module(&exporter?)
}
