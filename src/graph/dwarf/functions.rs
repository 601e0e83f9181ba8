//! Declarations of functions, out of line and inlined.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::entries::{Entry, EntryReader, SourceDeclaration, file_number};
use super::sections::{DebugSections, Slice};

/// The declaration of every out-of-line function, by the address it begins at.
pub(super) fn read(sections: &DebugSections<'_>) -> gimli::Result<HashMap<u64, SourceDeclaration>> {
    let dwarf = sections.dwarf();
    let mut found = HashMap::new();
    let mut headers = dwarf.units();
    while let Some(header) = headers.next()? {
        let unit = dwarf.unit(header)?;
        let reader = EntryReader { dwarf: &dwarf, unit: &unit };
        let mut entries = unit.entries();
        while let Some(entry) = entries.next_dfs()? {
            if entry.tag() != gimli::DW_TAG_subprogram {
                continue;
            }
            if let Some(address) = start_address(&dwarf, &unit, entry)? {
                let declared = reader.declared(entry)?;
                found.entry(address).or_insert(declared);
            }
        }
    }
    Ok(found)
}

/// A function that is inlined into calls of one file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InlinedFunction {
    /// Its name.
    pub name: String,
    /// The file it is declared in, by the path that the compiler was given.
    pub file: Option<String>,
    /// The file it is called in.
    pub called_in: Option<String>,
}

/// The functions that are inlined, each once for every file that calls it.
pub(super) fn inlined(sections: &DebugSections<'_>) -> gimli::Result<BTreeSet<InlinedFunction>> {
    let dwarf = sections.dwarf();
    let mut found = BTreeSet::new();
    let mut headers = dwarf.units();
    while let Some(header) = headers.next()? {
        let unit = dwarf.unit(header)?;
        let reader = EntryReader { dwarf: &dwarf, unit: &unit };
        // Many entries have one function and one file: each pair is looked up once.
        let mut known = HashSet::new();
        let mut entries = unit.entries();
        while let Some(entry) = entries.next_dfs()? {
            if entry.tag() != gimli::DW_TAG_inlined_subroutine {
                continue;
            }
            let file = file_number(entry, gimli::DW_AT_call_file);
            let is_new = match entry.attr_value(gimli::DW_AT_abstract_origin) {
                Some(gimli::AttributeValue::UnitRef(origin)) => known.insert((origin, file)),
                _ => true,
            };
            if is_new {
                let declared = reader.declared(entry)?;
                let called_in = reader.file(file)?;
                found.insert(InlinedFunction { name: declared.name, file: declared.file, called_in });
            }
        }
    }
    Ok(found)
}

/// The address that a function begins at; `None` if it has no code of its own.
fn start_address<'a>(
    dwarf: &gimli::Dwarf<Slice<'a>>,
    unit: &gimli::Unit<Slice<'a>>,
    entry: &Entry<'a>,
) -> gimli::Result<Option<u64>> {
    if let Some(low) = entry.attr_value(gimli::DW_AT_low_pc) {
        return dwarf.attr_address(unit, low);
    }
    // A function in several ranges begins at the start of the first.
    let mut ranges = dwarf.die_ranges(unit, entry)?;
    Ok(ranges.next()?.map(|range| range.begin))
}
