//! Every use of a symbol in one module.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use crate::graph::{DebugSections, Dwarf, DwarfError, Place, Reference, References, Site, SourcePaths, Symbols};
use crate::image::{DebugObject, ModuleElf};
use crate::verdict::{Chain, DebugInfo, Declared, Frame, Inside, Use};

/// The functions that are inlined into a module's code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inlined {
    /// All names.
    pub all: BTreeSet<String>,
    /// Those of the kernel's headers that the module's own source calls, by name or through a macro.
    pub by_source: BTreeSet<String>,
}

/// One module, ready to be asked where it uses what.
#[derive(Debug)]
pub struct UseFinder<'a> {
    references: References<'a>,
    symbols: Symbols<'a>,
    /// References to symbols that the module does not define, by name.
    undefined: HashMap<&'a [u8], Vec<Reference>>,
    lines: Option<Lines<'a>>,
}

/// The debug information: the module's own, or that of a file apart, whose sections may be numbered otherwise.
#[derive(Debug)]
struct Lines<'a> {
    dwarf: Dwarf<'a>,
    paths: SourcePaths,
    sections: Vec<Option<usize>>,
}

impl<'a> UseFinder<'a> {
    /// Hands a module with its debug information to `ask`, and says what became of the debug information.
    pub(super) fn with(elf: &ModuleElf, file: Option<&DebugObject>, ask: impl FnOnce(&UseFinder<'_>)) -> DebugInfo {
        let Some(file) = file else {
            ask(&UseFinder::new(elf, None));
            return DebugInfo::Absent;
        };
        let name = file.path().display().to_string();
        let unusable = |error: DwarfError| DebugInfo::Unusable { file: name.clone(), what: error.to_string() };
        let sections = debug_sections(file).map_err(unusable).and_then(|sections| sections.ok_or(DebugInfo::Absent));
        let dwarf = sections.as_ref().map_err(Clone::clone).and_then(|sections| {
            let dwarf = Dwarf::new(sections).map_err(unusable)?;
            Ok(Lines { dwarf, paths: SourcePaths::read(sections), sections: corresponding(elf, file.elf()) })
        });
        match dwarf {
            Ok(lines) => {
                ask(&UseFinder::new(elf, Some(lines)));
                DebugInfo::Read { file: name }
            }
            Err(state) => {
                ask(&UseFinder::new(elf, None));
                state
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

    /// Every use of an undefined symbol, in the order of sections and offsets.
    pub fn uses(&self, symbol: &str) -> Vec<Use> {
        let Some(references) = self.undefined.get(symbol.as_bytes()) else { return Vec::new() };
        let mut sites: Vec<Site> = references.iter().map(|reference| self.references.site(reference.at)).collect();
        sites.sort_unstable();
        sites.dedup();
        sites.into_iter().map(|site| self.describe(site)).collect()
    }

    /// The functions that are inlined into the module's code; `None` where debug information does not tell.
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

    /// Does the module refer to a symbol and leave it undefined?
    pub fn leaves_undefined(&self, symbol: &str) -> bool {
        self.undefined.contains_key(symbol.as_bytes())
    }

    /// The undefined symbols that the functions which use `symbol` refer to, itself included.
    pub fn beside(&self, symbol: &str) -> HashSet<&'a [u8]> {
        let inside = |reference: &Reference| {
            self.symbols.inside(self.references.site(reference.at).place).map(|inside| inside.symbol)
        };
        let Some(references) = self.undefined.get(symbol.as_bytes()) else { return HashSet::new() };
        let functions: HashSet<usize> = references.iter().filter_map(inside).collect();
        let shares = |references: &&Vec<Reference>| {
            references.iter().filter_map(inside).any(|function| functions.contains(&function))
        };
        self.undefined.iter().filter(|(_, references)| shares(references)).map(|(name, _)| *name).collect()
    }

    fn describe(&self, site: Site) -> Use {
        let elf = self.references.elf();
        let section =
            |index: usize| elf.sections().get(index).map(|section| elf.section_text(section)).unwrap_or_default();
        let (inside, chain) = if self.references.is_code(site.place) {
            let inside = self.inside(site.place);
            let chain = self.chain(site.place, inside.as_ref());
            (inside, chain)
        } else {
            (self.data(site.place), Chain::new())
        };
        let (section, via) = (section(site.place.section), site.via.map(section));
        Use { section, offset: site.place.offset, via, inside, chain }
    }

    fn inside(&self, place: Place) -> Option<Inside> {
        let found = self.symbols.inside(place)?;
        let size = self.symbols.get(found.symbol)?.size;
        let (name, offset) = (self.symbols.name(found.symbol), found.offset);
        Some(Inside { name, offset, size, field: None, kind: None, declared: None })
    }

    /// Debug information that is broken at this place leaves what the symbol table knows.
    fn chain(&self, place: Place, inside: Option<&Inside>) -> Chain {
        let function = inside.map(|inside| source_name(&inside.name));
        let known = self.lines.as_ref().map(|lines| lines.chain(place, function)).filter(|chain| !chain.is_empty());
        known.unwrap_or_else(|| {
            let frame = |function: &str| Frame { function: function.to_owned(), file: None, line: None, header: false };
            function.map(frame).into_iter().collect()
        })
    }

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
    fn place(&self, place: Place) -> Option<Place> {
        let section = self.sections.get(place.section).copied().flatten()?;
        Some(Place { section, offset: place.offset })
    }

    /// The chain at a place in code. Compilers describe some functions by their lines alone: `function` names those.
    fn chain(&self, place: Place, function: Option<&str>) -> Chain {
        let frames = self.place(place).and_then(|place| self.dwarf.frames(place).ok()).unwrap_or_default();
        let frame = |frame: crate::graph::SourceFrame| {
            let (file, header) = frame.file.map(|file| self.paths.name(&file)).unzip();
            let header = header.unwrap_or(false);
            // A line of a header belongs to an inline whose name is not known: not to the function out of line.
            let function = frame.function.or_else(|| function.filter(|_| !header).map(str::to_owned))?;
            Some(Frame { function, file, line: frame.line, header })
        };
        frames.into_iter().filter_map(frame).collect()
    }
}

/// The name in the source of a function that the compiler has changed: `f` of `f.isra.0` and `f.cold`. Names in C hold no dot.
fn source_name(symbol: &str) -> &str {
    symbol.split('.').next().filter(|name| !name.is_empty()).unwrap_or(symbol)
}

/// The debug sections, with those of the files that units were split into; a file that is not there any more is passed over.
fn debug_sections(file: &DebugObject) -> Result<Option<DebugSections<'_>>, DwarfError> {
    let Some(mut sections) = DebugSections::read(file.elf())? else { return Ok(None) };
    for unit in sections.split_units() {
        if let Some(elf) = file.open_split(unit.folder.as_deref(), &unit.path) {
            sections.add_split(&unit.path, &elf)?;
        }
    }
    Ok(Some(sections))
}

/// For each section of the module, the one of the debug file that stands for it: of the same name and size, and, where
/// several are, the first that is not taken.
fn corresponding(elf: &ModuleElf, debug: &ModuleElf) -> Vec<Option<usize>> {
    // Each section is looked at once: the names may be long, and the sections many.
    let mut free: HashMap<(Option<&[u8]>, u64), VecDeque<usize>> = HashMap::new();
    for section in debug.sections().iter().skip(1).filter(|section| section.is_alloc()) {
        free.entry((debug.section_name(section), section.size)).or_default().push_back(section.index);
    }
    let find = |section: &crate::elf::Section| {
        let key = (elf.section_name(section), section.size);
        section.is_alloc().then(|| free.get_mut(&key)?.pop_front()).flatten()
    };
    elf.sections().iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::source_name;

    #[test]
    fn functions_are_named_as_in_the_source() {
        assert_eq!(source_name("afs_linux_read_cache.constprop.0.isra.0"), "afs_linux_read_cache");
        assert_eq!(source_name("f.cold"), "f");
        assert_eq!(source_name("f"), "f");
        assert_eq!(source_name(".hidden"), ".hidden");
    }
}
