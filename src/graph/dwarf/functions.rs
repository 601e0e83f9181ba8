//! Where functions are declared.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::entries::{Entry, EntryReader, SourceDeclaration, file_number};
use super::sections::{DebugSections, Slice};

/// Every function out of line, by the address it begins at.
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
            if let Some(address) = begin(&dwarf, &unit, entry)? {
                let declared = reader.declared(entry)?;
                found.entry(address).or_insert(declared);
            }
        }
    }
    Ok(found)
}

/// A function that is inlined somewhere, in a call of one file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InlinedFunction {
    /// Its name.
    pub name: String,
    /// The file it is declared in, as the compiler was given it.
    pub file: Option<String>,
    /// The file it is called in.
    pub called_in: Option<String>,
}

/// The functions that are inlined somewhere, each once for every file that calls it.
pub(super) fn inlined(sections: &DebugSections<'_>) -> gimli::Result<BTreeSet<InlinedFunction>> {
    let dwarf = sections.dwarf();
    let mut found = BTreeSet::new();
    let mut headers = dwarf.units();
    while let Some(header) = headers.next()? {
        let unit = dwarf.unit(header)?;
        let reader = EntryReader { dwarf: &dwarf, unit: &unit };
        // Many places are of one function and file: each is looked up once.
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

fn begin<'a>(
    dwarf: &gimli::Dwarf<Slice<'a>>,
    unit: &gimli::Unit<Slice<'a>>,
    entry: &Entry<'a>,
) -> gimli::Result<Option<u64>> {
    if let Some(low) = entry.attr_value(gimli::DW_AT_low_pc) {
        return dwarf.attr_address(unit, low);
    }
    // A function with parts apart: the first range is the one it begins with.
    let mut ranges = dwarf.die_ranges(unit, entry)?;
    Ok(ranges.next()?.map(|range| range.begin))
}
