//! Source lines, chains of inlined calls and the fields of variables, from DWARF 2 to 5; gimli and addr2line read it.
//!
//! An object that is not linked has no addresses: every section begins at 0. Each is given a base of its own, and the
//! relocations of the debug sections are applied with those.

mod bases;
mod entries;
mod error;
mod functions;
mod paths;
mod sections;
mod split;
mod variables;

pub use entries::SourceDeclaration;
pub use error::DwarfError;
pub use functions::InlinedFunction;
pub use paths::SourcePaths;
pub(super) use paths::join;
pub use sections::DebugSections;
pub use split::SplitUnit;
pub use variables::DataPlace;

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use addr2line::{Context, LookupResult, SplitDwarfLoad};

use super::Place;
use sections::Slice;
use variables::Variables;

/// One step of a chain of calls: in the source file at the line, the function is at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFrame {
    /// The function, as the source names it.
    pub function: Option<String>,
    /// The file, as the compiler was given it.
    pub file: Option<String>,
    /// The line; `None` where the compiler could not say.
    pub line: Option<u32>,
}

/// The debug information of one object.
pub struct Dwarf<'a> {
    sections: &'a DebugSections<'a>,
    context: Context<Slice<'a>>,
    variables: OnceCell<Variables>,
}

impl std::fmt::Debug for Dwarf<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dwarf").finish_non_exhaustive()
    }
}

impl<'a> Dwarf<'a> {
    /// Finds the units and what they cover.
    ///
    /// # Errors
    /// When the head of a unit is broken.
    pub fn new(sections: &'a DebugSections<'a>) -> Result<Self, DwarfError> {
        let context = Context::from_dwarf(sections.dwarf()).map_err(DwarfError::Broken)?;
        Ok(Self { sections, context, variables: OnceCell::new() })
    }

    /// The chain of calls at a place in code, the innermost inlined function first, the one out of line last; empty where
    /// nothing is known of it.
    ///
    /// # Errors
    /// When the unit that covers it is broken.
    pub fn frames(&self, place: Place) -> Result<Vec<SourceFrame>, DwarfError> {
        let Some(address) = self.sections.address(place) else { return Ok(Vec::new()) };
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

    fn split(&self, load: &SplitDwarfLoad<Slice<'a>>) -> Option<Arc<gimli::Dwarf<Slice<'a>>>> {
        let path = load.path.as_ref()?;
        let mut dwarf = self.sections.split_dwarf(&path.to_string_lossy())?;
        dwarf.make_dwo(&load.parent);
        Some(Arc::new(dwarf))
    }

    /// The field of a variable that a place in data lies in. `start` is where the variable begins.
    ///
    /// # Errors
    /// When what describes the variable is broken.
    pub fn data(&self, start: Place, offset: u64) -> Result<Option<DataPlace>, DwarfError> {
        let Some(address) = self.sections.address(start) else { return Ok(None) };
        let variables = self.variables.get_or_init(|| Variables::read(self.sections));
        variables.describe(self.sections, address, offset).map_err(DwarfError::Broken)
    }

    /// The functions that are inlined somewhere, each once for every file that calls it.
    ///
    /// # Errors
    /// When a unit is broken.
    pub fn inlined(&self) -> Result<BTreeSet<InlinedFunction>, DwarfError> {
        functions::inlined(self.sections).map_err(DwarfError::Broken)
    }

    /// Where the functions out of line are declared, by the place each begins at.
    ///
    /// # Errors
    /// When a unit is broken.
    pub fn functions(&self) -> Result<DeclaredFunctions<'a>, DwarfError> {
        let found = functions::read(self.sections).map_err(DwarfError::Broken)?;
        Ok(DeclaredFunctions { sections: self.sections, found })
    }
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
