//! How much memory the units of debug information take once they are read. They may share tables of abbreviations and of files, and
//! gimli reads those for each of them.

use std::collections::HashSet;

use gimli::{AttributeValue, EndianSlice, Reader as _, RunTimeEndian, UnitHeader};

use super::error::DwarfError;

/// What gimli reads from.
pub(super) type Slice<'a> = EndianSlice<'a, RunTimeEndian>;

/// What a unit takes beside its tables, in bytes.
const UNIT: usize = 1536;
/// How many times as large as its bytes a table is in memory.
const TABLE: usize = 20;
/// How many times as long as their section all tables may be that are read, beside [`FREE`]. Compilers write one for each unit, and
/// tools that join units let some of them share one.
const TIMES: usize = 4;
/// How many bytes of tables are read in any case.
const FREE: usize = 16 << 20;

/// The sections with tables.
pub(super) struct Tables<'a> {
    /// `.debug_abbrev`.
    pub abbreviations: Slice<'a>,
    /// `.debug_line`.
    pub lines: Slice<'a>,
}

/// The size of all units in memory, in bytes. Nothing behind a unit whose header is broken is read.
///
/// # Errors
/// If they share tables in such a way that it would take very long to read these.
pub(super) fn size(mut dwarf: gimli::Dwarf<Slice<'_>>, tables: &Tables<'_>) -> Result<usize, DwarfError> {
    let limit = |section: &Slice<'_>| section.len().saturating_mul(TIMES).saturating_add(FREE);
    let mut known = HashSet::new();
    let (mut size, mut abbreviations, mut lines) = (0_usize, 0_usize, 0_usize);
    let mut headers = dwarf.units();
    while let Ok(Some(header)) = headers.next() {
        size = size.saturating_add(UNIT);
        let mut table = tables.abbreviations;
        if known.insert(header.debug_abbrev_offset()) && table.skip(header.debug_abbrev_offset().0).is_ok() {
            abbreviations = abbreviations.saturating_add(length_of_abbreviations(table));
        }
        if abbreviations > limit(&tables.abbreviations) {
            return Err(DwarfError::Shared);
        }
    }
    // Only now: tables that overlap are read for each place where one begins.
    dwarf.populate_abbreviations_cache(gimli::AbbreviationsCacheStrategy::Duplicates);
    let mut headers = dwarf.units();
    while let Ok(Some(header)) = headers.next() {
        lines = lines.saturating_add(length_of_files(&dwarf, &header, tables.lines).unwrap_or_default());
        if lines > limit(&tables.lines) {
            return Err(DwarfError::Shared);
        }
    }
    Ok(abbreviations.saturating_add(lines).saturating_mul(TABLE).saturating_add(size))
}

/// The length of the table of abbreviations at the beginning of some bytes.
fn length_of_abbreviations(mut table: Slice<'_>) -> usize {
    let whole = table.len();
    // It ends with a code of 0, and behind what cannot be read.
    while skip_abbreviation(&mut table).is_some() {}
    whole - table.len()
}

/// Skips an abbreviation; `None` at the end of the table.
fn skip_abbreviation(table: &mut Slice<'_>) -> Option<()> {
    if table.read_uleb128().ok()? == 0 {
        return None;
    }
    table.read_uleb128().ok()?;
    table.read_u8().ok()?;
    loop {
        let name = table.read_uleb128().ok()?;
        let form = table.read_uleb128().ok()?;
        if form == u64::from(gimli::DW_FORM_implicit_const.0) {
            table.read_sleb128().ok()?;
        }
        if (name, form) == (0, 0) {
            return Some(());
        }
    }
}

/// The length of the table of files that a unit names; `None` if it names none.
fn length_of_files(
    dwarf: &gimli::Dwarf<Slice<'_>>,
    header: &UnitHeader<Slice<'_>>,
    mut lines: Slice<'_>,
) -> Option<usize> {
    let abbreviations = dwarf.abbreviations(header).ok()?;
    let mut entries = header.entries_raw(&abbreviations, None).ok()?;
    let root = entries.read_abbreviation().ok()??;
    let attributes = root.attributes().iter();
    let offset =
        attributes.map_while(|attribute| entries.read_attribute(*attribute).ok()).find_map(
            |attribute| match attribute.value() {
                AttributeValue::DebugLineRef(offset) => Some(offset.0),
                _ => None,
            },
        )?;
    lines.skip(offset).ok()?;
    let (_, format) = lines.read_initial_length().ok()?;
    if lines.read_u16().ok()? >= 5 {
        lines.skip(2).ok()?;
    }
    let length = lines.read_word(format).ok()?;
    Some(length.min(lines.len()))
}
