//! Finds every use of a symbol in one module.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use crate::graph::{DebugSections, Dwarf, DwarfError, Place, Reference, References, Site, SourcePaths, Symbols};
use crate::image::{DebugObject, ModuleElf};
use crate::verdict::{Chain, DebugInfo, Declared, Frame, Inside, Use};

/// The functions that are inlined into a module's code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inlined {
    /// The names of all inlined functions.
    pub all: BTreeSet<String>,
    /// The functions of the kernel's headers that the module's own source calls, directly or through a macro.
    pub by_source: BTreeSet<String>,
}

/// An index of one module's references, which finds the uses of its symbols.
#[derive(Debug)]
pub struct UseFinder<'a> {
    references: References<'a>,
    symbols: Symbols<'a>,
    /// References to symbols that the module does not define, by name.
    undefined: HashMap<&'a [u8], Vec<Reference>>,
    lines: Option<Lines<'a>>,
}

/// The debug information: the module's own, or that of a separate file, whose sections may have other numbers.
#[derive(Debug)]
struct Lines<'a> {
    dwarf: Dwarf<'a>,
    paths: SourcePaths,
    /// For each section of the module, the number of its counterpart in the debug file.
    sections: Vec<Option<usize>>,
}

impl<'a> UseFinder<'a> {
    /// Calls `ask` with the index of a module and its debug information. Returns the state of the debug information.
    pub(super) fn with(elf: &ModuleElf, file: Option<&DebugObject>, ask: impl FnOnce(&UseFinder<'_>)) -> DebugInfo {
        let Some(file) = file else {
            ask(&UseFinder::new(elf, None));
            return DebugInfo::Absent;
        };
        let name = file.path().to_string_lossy().into_owned();
        let sections = match debug_sections(file) {
            Ok(Some(sections)) => sections,
            Ok(None) => {
                ask(&UseFinder::new(elf, None));
                return DebugInfo::Absent;
            }
            Err(error) => {
                ask(&UseFinder::new(elf, None));
                return DebugInfo::Unusable { file: name, what: error.to_string() };
            }
        };
        match Dwarf::new(&sections) {
            Ok(dwarf) => {
                let paths = SourcePaths::read(&sections);
                let lines = Lines { dwarf, paths, sections: corresponding(elf, file.elf()) };
                ask(&UseFinder::new(elf, Some(lines)));
                DebugInfo::Read { file: name }
            }
            Err(error) => {
                ask(&UseFinder::new(elf, None));
                DebugInfo::Unusable { file: name, what: error.to_string() }
            }
        }
    }

    fn new(elf: &'a ModuleElf, lines: Option<Lines<'a>>) -> Self {
        let references = References::new(elf);
        let mut undefined: HashMap<&[u8], Vec<Reference>> = HashMap::new();
        for reference in references.all() {
            let symbol = elf.symbols().get(reference.symbol).filter(|symbol| symbol.is_undefined());
            if let Some(name) = symbol.and_then(|symbol| elf.symbol_name(symbol)) {
                undefined.entry(name).or_default().push(reference);
            }
        }
        Self { references, symbols: Symbols::new(elf), undefined, lines }
    }

    /// Every use of an undefined symbol, sorted by section and offset.
    pub fn uses(&self, symbol: &str) -> Vec<Use> {
        let Some(references) = self.undefined.get(symbol.as_bytes()) else { return Vec::new() };
        let mut sites: Vec<Site> = references.iter().map(|reference| self.references.site(reference.at)).collect();
        sites.sort_unstable();
        sites.dedup();
        sites.into_iter().map(|site| self.describe(site)).collect()
    }

    /// The functions inlined into the module's code; `None` if there is no usable debug information.
    pub fn inlined(&self) -> Option<Inlined> {
        let lines = self.lines.as_ref()?;
        let is_header = |file: &Option<String>| file.as_ref().is_some_and(|file| lines.paths.name(file).1);
        let mut found = Inlined::default();
        for function in lines.dwarf.inlined().ok()? {
            let by_source = function.called_in.is_some() && !is_header(&function.called_in);
            if by_source && is_header(&function.file) {
                found.by_source.insert(function.name.clone());
            }
            found.all.insert(function.name);
        }
        Some(found)
    }

    /// Returns whether the module refers to a symbol and leaves it undefined.
    pub fn leaves_undefined(&self, symbol: &str) -> bool {
        self.undefined.contains_key(symbol.as_bytes())
    }

    /// The undefined symbols that the functions using `symbol` refer to, including `symbol` itself.
    pub fn beside(&self, symbol: &str) -> HashSet<&'a [u8]> {
        let Some(references) = self.undefined.get(symbol.as_bytes()) else { return HashSet::new() };
        let functions: HashSet<usize> = references.iter().filter_map(|reference| self.function(reference)).collect();
        let mut beside = HashSet::new();
        for (name, references) in &self.undefined {
            let mut users = references.iter().filter_map(|reference| self.function(reference));
            if users.any(|function| functions.contains(&function)) {
                beside.insert(*name);
            }
        }
        beside
    }

    /// The symbol of the function or object that contains a reference.
    fn function(&self, reference: &Reference) -> Option<usize> {
        self.symbols.inside(self.references.site(reference.at).place).map(|inside| inside.symbol)
    }

    fn section_name(&self, index: usize) -> String {
        let elf = self.references.elf();
        elf.sections().get(index).map(|section| elf.section_text(section)).unwrap_or_default()
    }

    fn describe(&self, site: Site) -> Use {
        let (inside, chain) = if self.references.is_code(site.place) {
            let inside = self.inside(site.place);
            let chain = self.chain(site.place, inside.as_ref());
            (inside, chain)
        } else {
            (self.data(site.place), Chain::new())
        };
        let section = self.section_name(site.place.section);
        let via = site.via.map(|index| self.section_name(index));
        Use { section, offset: site.place.offset, via, inside, chain }
    }

    /// The symbol that contains a place, with the offset in it.
    fn inside(&self, place: Place) -> Option<Inside> {
        let found = self.symbols.inside(place)?;
        let size = self.symbols.get(found.symbol)?.size;
        let (name, offset) = (self.symbols.name(found.symbol), found.offset);
        Some(Inside { name, offset, size, field: None, kind: None, declared: None })
    }

    /// The chain of inlined calls at a place in code. If debug information is missing or broken there, the chain holds
    /// only the function of the symbol table.
    fn chain(&self, place: Place, inside: Option<&Inside>) -> Chain {
        let function = inside.map(|inside| source_name(&inside.name));
        let known = self.lines.as_ref().map(|lines| lines.chain(place, function)).filter(|chain| !chain.is_empty());
        known.unwrap_or_else(|| {
            let frame = |function: &str| Frame { function: function.to_owned(), file: None, line: None, header: false };
            function.map(frame).into_iter().collect()
        })
    }

    /// The data that contains a place, with the field if debug information describes it.
    fn data(&self, place: Place) -> Option<Inside> {
        let mut inside = self.inside(place)?;
        let found = self.lines.as_ref().and_then(|lines| {
            let start = Place { section: place.section, offset: place.offset - inside.offset };
            lines.dwarf.data(lines.place(start)?, inside.offset).ok()?
        });
        if let (Some(found), Some(lines)) = (found, &self.lines) {
            inside.field = Some(found.field).filter(|field| !field.is_empty());
            inside.kind = found.kind;
            inside.declared = found.file.map(|file| Declared { file: lines.paths.name(&file).0, line: found.line });
        }
        Some(inside)
    }
}

impl Lines<'_> {
    /// The place in the debug file that corresponds to a place in the module.
    fn place(&self, place: Place) -> Option<Place> {
        let section = self.sections.get(place.section).copied().flatten()?;
        Some(Place { section, offset: place.offset })
    }

    /// The chain at a place in code. Compilers describe some functions by their lines alone; `function` gives the name
    /// of those.
    fn chain(&self, place: Place, function: Option<&str>) -> Chain {
        let frames = self.place(place).and_then(|place| self.dwarf.frames(place).ok()).unwrap_or_default();
        let mut chain = Chain::new();
        for frame in frames {
            let (file, header) = frame.file.map(|file| self.paths.name(&file)).unzip();
            let header = header.unwrap_or(false);
            // A line of a header belongs to an inline function of unknown name, not to the out-of-line function.
            let function = frame.function.or_else(|| function.filter(|_| !header).map(str::to_owned));
            chain.extend(function.map(|function| Frame { function, file, line: frame.line, header }));
        }
        chain
    }
}

/// The source name of a function whose symbol the compiler changed: `f` for `f.isra.0` and `f.cold`. C names contain no
/// dot.
fn source_name(symbol: &str) -> &str {
    symbol.split('.').next().filter(|name| !name.is_empty()).unwrap_or(symbol)
}

/// The debug sections, including those of the files that units were split into. A split file that no longer exists is
/// skipped.
fn debug_sections(file: &DebugObject) -> Result<Option<DebugSections<'_>>, DwarfError> {
    let Some(mut sections) = DebugSections::read(file.elf())? else { return Ok(None) };
    for unit in sections.split_units() {
        if let Some(elf) = file.open_split(unit.folder.as_deref(), &unit.path) {
            sections.add_split(&unit.path, &elf)?;
        }
    }
    Ok(Some(sections))
}

/// For each section of the module, the section of the debug file that corresponds to it: the first one of the same name
/// and size that is not taken yet.
fn corresponding(elf: &ModuleElf, debug: &ModuleElf) -> Vec<Option<usize>> {
    // Each section is visited once: names may be long, and sections many.
    let mut free: HashMap<(Option<&[u8]>, u64), VecDeque<usize>> = HashMap::new();
    for section in debug.sections().iter().skip(1).filter(|section| section.is_alloc()) {
        free.entry((debug.section_name(section), section.size)).or_default().push_back(section.index);
    }
    let counterparts = elf.sections().iter().map(|section| {
        let key = (elf.section_name(section), section.size);
        if section.is_alloc() { free.get_mut(&key)?.pop_front() } else { None }
    });
    counterparts.collect()
}

#[cfg(test)]
mod tests {
    use super::source_name;

    #[test]
    fn symbols_are_reduced_to_their_source_names() {
        assert_eq!(source_name("afs_linux_read_cache.constprop.0.isra.0"), "afs_linux_read_cache");
        assert_eq!(source_name("f.cold"), "f");
        assert_eq!(source_name("f"), "f");
        assert_eq!(source_name(".hidden"), ".hidden");
    }
}
