//! Source lines, chains of inlined calls and the fields of variables, from DWARF 2 to 5. gimli and addr2line read it.
//!
//! An object that is not linked has no addresses: every section begins at 0. Each section therefore gets a base
//! address, and the relocations of the debug sections are applied with these.

mod bases;
mod entries;
mod error;
mod functions;
mod paths;
mod sections;
mod units;
mod variables;

pub use entries::SourceDeclaration;
pub use error::DwarfError;
pub use functions::InlinedFunction;
pub use paths::SourcePaths;
pub(super) use paths::join;
pub use sections::{DebugSections, SplitUnit};
pub use variables::DataPlace;

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use addr2line::{Context, LookupResult, SplitDwarfLoad};

use super::Place;
use sections::Slice;
use variables::Variables;

/// One frame of a chain of calls: a function, and the source line that it is at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFrame {
    /// The name of the function in the source.
    pub function: Option<String>,
    /// The file, by the path that the compiler was given.
    pub file: Option<String>,
    /// The line; `None` if the compiler did not record one.
    pub line: Option<u32>,
}

/// The debug information of one object.
pub struct Dwarf<'a> {
    sections: &'a DebugSections<'a>,
    context: Context<Slice<'a>>,
    variables: OnceCell<Variables>,
    /// Whether no entry is nested deeper than [`MAX_NESTING`].
    is_shallow: OnceCell<bool>,
}

/// How deep entries may be nested. addr2line reads inlined calls within inlined calls by recursion. Compilers stay below 100.
const MAX_NESTING: isize = 256;

impl std::fmt::Debug for Dwarf<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dwarf").finish_non_exhaustive()
    }
}

impl<'a> Dwarf<'a> {
    /// Finds the units and the addresses that they cover.
    ///
    /// # Errors
    /// When the header of a unit is broken.
    pub fn new(sections: &'a DebugSections<'a>) -> Result<Self, DwarfError> {
        let context = Context::from_dwarf(sections.dwarf()).map_err(DwarfError::Broken)?;
        Ok(Self { sections, context, variables: OnceCell::new(), is_shallow: OnceCell::new() })
    }

    /// The chain of calls at a place in code, from the innermost inlined function to the out-of-line function. It is
    /// empty if no unit covers the place.
    ///
    /// # Errors
    /// When the unit that covers the place is broken, or entries are nested too deep.
    pub fn frames(&self, place: Place) -> Result<Vec<SourceFrame>, DwarfError> {
        let Some(address) = self.sections.address(place) else { return Ok(Vec::new()) };
        if !self.is_shallow.get_or_init(|| is_shallow(&self.sections.dwarf())) {
            return Err(DwarfError::TooDeep(MAX_NESTING));
        }
        let mut lookup = self.context.find_frames(address);
        let mut frames = loop {
            match lookup {
                LookupResult::Output(frames) => break frames.map_err(DwarfError::Broken)?,
                LookupResult::Load { load, continuation } => {
                    use addr2line::LookupContinuation as _;
                    lookup = continuation.resume(self.split(&load));
                }
            }
        };
        let mut chain = Vec::new();
        while let Some(frame) = frames.next().map_err(DwarfError::Broken)? {
            let location = frame.location;
            chain.push(SourceFrame {
                function: frame.function.and_then(|name| name.raw_name().ok().map(|name| name.into_owned())),
                file: location.as_ref().and_then(|location| location.file).map(ToOwned::to_owned),
                line: location.and_then(|location| location.line).filter(|line| *line > 0),
            });
        }
        Ok(chain)
    }

    /// The debug information of a unit that lies in a file of its own, if that file was added.
    fn split(&self, load: &SplitDwarfLoad<Slice<'a>>) -> Option<Arc<gimli::Dwarf<Slice<'a>>>> {
        let path = load.path.as_ref()?;
        let mut dwarf = self.sections.split_dwarf(&path.to_string_lossy())?;
        dwarf.make_dwo(&load.parent);
        is_shallow(&dwarf).then(|| Arc::new(dwarf))
    }

    /// The field of a variable that contains an offset. `start` is where the variable begins.
    ///
    /// # Errors
    /// When the description of the variable is broken.
    pub fn data(&self, start: Place, offset: u64) -> Result<Option<DataPlace>, DwarfError> {
        let Some(address) = self.sections.address(start) else { return Ok(None) };
        let variables = self.variables.get_or_init(|| Variables::read(self.sections));
        variables.describe(self.sections, address, offset).map_err(DwarfError::Broken)
    }

    /// The functions that are inlined, each once for every file that calls it.
    ///
    /// # Errors
    /// When a unit is broken.
    pub fn inlined(&self) -> Result<BTreeSet<InlinedFunction>, DwarfError> {
        functions::inlined(self.sections).map_err(DwarfError::Broken)
    }

    /// The declarations of the out-of-line functions.
    ///
    /// # Errors
    /// When a unit is broken.
    pub fn functions(&self) -> Result<DeclaredFunctions<'a>, DwarfError> {
        let found = functions::read(self.sections).map_err(DwarfError::Broken)?;
        Ok(DeclaredFunctions { sections: self.sections, found })
    }
}

/// Returns whether no entry is nested deeper than [`MAX_NESTING`]. Behind an error nothing is read, here and there.
fn is_shallow(dwarf: &gimli::Dwarf<Slice<'_>>) -> bool {
    let mut units = dwarf.units();
    while let Ok(Some(header)) = units.next() {
        let Ok(abbreviations) = dwarf.abbreviations(&header) else { continue };
        let Ok(mut entries) = header.entries_raw(&abbreviations, None) else { continue };
        while !entries.is_empty() {
            if entries.next_depth() > MAX_NESTING {
                return false;
            }
            let read = entries.read_abbreviation().and_then(|abbreviation| match abbreviation {
                Some(abbreviation) => entries.skip_attributes(abbreviation.attributes()),
                None => Ok(()),
            });
            if read.is_err() {
                break;
            }
        }
    }
    true
}

/// The declarations of functions.
#[derive(Debug)]
pub struct DeclaredFunctions<'a> {
    sections: &'a DebugSections<'a>,
    found: HashMap<u64, SourceDeclaration>,
}

impl DeclaredFunctions<'_> {
    /// The declaration of the function that begins at a place.
    pub fn at(&self, place: Place) -> Option<&SourceDeclaration> {
        self.found.get(&self.sections.address(place)?)
    }
}
