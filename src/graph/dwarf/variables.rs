//! Finds variables and their fields by address.

use std::collections::HashMap;

use gimli::{AttributeValue, Operation, Unit, UnitOffset};

use super::entries::{Entry, EntryReader};
use super::sections::{DebugSections, Slice};

/// How deeply types may be nested. Real ones are far below.
const MAX_DEPTH: usize = 32;

/// The variable and field that contain a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataPlace {
    /// The name of the variable.
    pub variable: String,
    /// Its type, such as `struct file_operations`; `None` for types without a name.
    pub kind: Option<String>,
    /// The field, such as `.open` or `[2].show`; empty for a variable without fields.
    pub field: String,
    /// The file it is declared in, by the path that the compiler was given.
    pub file: Option<String>,
    /// The line in it.
    pub line: Option<u32>,
}

/// The variables of an object, by address: the offsets of the unit that describes each, and of its entry.
#[derive(Debug)]
pub(super) struct Variables(HashMap<u64, (gimli::DebugInfoOffset, UnitOffset)>);

impl Variables {
    /// Finds the variables. In a broken unit, those before the broken entry are found.
    pub fn read(sections: &DebugSections<'_>) -> Self {
        let dwarf = sections.dwarf();
        let mut found = HashMap::new();
        let mut headers = dwarf.units();
        while let Ok(Some(header)) = headers.next() {
            let Some(start) = header.debug_info_offset() else { continue };
            let Ok(unit) = dwarf.unit(header) else { continue };
            let mut entries = unit.entries();
            while let Ok(Some(entry)) = entries.next_dfs() {
                if entry.tag() == gimli::DW_TAG_variable
                    && let Ok(Some(address)) = address(&dwarf, &unit, entry)
                {
                    found.entry(address).or_insert((start, entry.offset()));
                }
            }
        }
        Self(found)
    }

    /// The field at an offset in the variable that begins at the address `start`.
    pub fn describe(&self, sections: &DebugSections<'_>, start: u64, offset: u64) -> gimli::Result<Option<DataPlace>> {
        let Some((unit, entry)) = self.0.get(&start) else { return Ok(None) };
        let dwarf = sections.dwarf();
        let header = dwarf.debug_info.header_from_offset(*unit)?;
        let unit = dwarf.unit(header)?;
        let reader = EntryReader { dwarf: &dwarf, unit: &unit };
        reader.describe(&unit.entry(*entry)?, offset).map(Some)
    }
}

/// The fixed address of a variable; `None` for one on the stack.
fn address(dwarf: &gimli::Dwarf<Slice<'_>>, unit: &Unit<Slice<'_>>, entry: &Entry<'_>) -> gimli::Result<Option<u64>> {
    let Some(AttributeValue::Exprloc(expression)) = entry.attr_value(gimli::DW_AT_location) else { return Ok(None) };
    match expression.operations(unit.encoding()).next()? {
        Some(Operation::Address { address }) => Ok(Some(address)),
        Some(Operation::AddressIndex { index }) => dwarf.address(unit, index).map(Some),
        _ => Ok(None),
    }
}

impl<'a> EntryReader<'_, 'a> {
    fn describe(&self, variable: &Entry<'a>, offset: u64) -> gimli::Result<DataPlace> {
        let declared = self.declared(variable)?;
        let kind = match self.type_of(variable)? {
            Some(kind) => Some(kind),
            None => self.declaration(variable)?.map(|entry| self.type_of(&entry)).transpose()?.flatten(),
        };
        let mut field = String::new();
        let mut type_name = None;
        if let Some(kind) = kind {
            type_name = self.type_name(&kind, MAX_DEPTH)?;
            self.append_field(kind, offset, &mut field, MAX_DEPTH)?;
        }
        Ok(DataPlace { variable: declared.name, kind: type_name, field, file: declared.file, line: declared.line })
    }

    /// The type of an entry, without typedefs and qualifiers.
    fn type_of(&self, entry: &Entry<'a>) -> gimli::Result<Option<Entry<'a>>> {
        let mut kind = self.entry_at(entry.attr_value(gimli::DW_AT_type))?;
        for _ in 0..MAX_DEPTH {
            let Some(known) = &kind else { break };
            match known.tag() {
                gimli::DW_TAG_typedef
                | gimli::DW_TAG_const_type
                | gimli::DW_TAG_volatile_type
                | gimli::DW_TAG_atomic_type => {
                    kind = self.entry_at(known.attr_value(gimli::DW_AT_type))?;
                }
                _ => break,
            }
        }
        Ok(kind)
    }

    /// The name of a type, as C writes it.
    fn type_name(&self, kind: &Entry<'a>, depth: usize) -> gimli::Result<Option<String>> {
        let Some(depth) = depth.checked_sub(1) else { return Ok(None) };
        let word = match kind.tag() {
            gimli::DW_TAG_structure_type => "struct ",
            gimli::DW_TAG_union_type => "union ",
            gimli::DW_TAG_array_type => {
                let element = self.type_of(kind)?.map(|element| self.type_name(&element, depth)).transpose()?.flatten();
                return Ok(element.map(|element| format!("{element}[]")));
            }
            _ => "",
        };
        Ok(self.text(kind.attr_value(gimli::DW_AT_name))?.map(|name| format!("{word}{name}")))
    }

    /// Appends the field at an offset in a type, with its fields in turn.
    fn append_field(&self, kind: Entry<'a>, offset: u64, field: &mut String, depth: usize) -> gimli::Result<()> {
        let Some(depth) = depth.checked_sub(1) else { return Ok(()) };
        match kind.tag() {
            gimli::DW_TAG_structure_type | gimli::DW_TAG_union_type | gimli::DW_TAG_class_type => {
                let Some((name, start, inner)) = self.member(&kind, offset)? else { return Ok(()) };
                if let Some(name) = name {
                    field.push('.');
                    field.push_str(&name);
                }
                self.append_field(inner, offset - start, field, depth)
            }
            gimli::DW_TAG_array_type => {
                let Some(element) = self.type_of(&kind)? else { return Ok(()) };
                let Some(size) = self.size(&element, depth)?.filter(|size| *size > 0) else { return Ok(()) };
                field.push_str(&subscripts(offset / size, &self.bounds(&kind)?));
                self.append_field(element, offset % size, field, depth)
            }
            _ => Ok(()),
        }
    }

    /// The member that contains an offset: its name, the offset where it begins, and its type. In a union, the first
    /// member that is large enough.
    fn member(&self, kind: &Entry<'a>, offset: u64) -> gimli::Result<Option<(Option<String>, u64, Entry<'a>)>> {
        let mut tree = self.unit.entries_tree(Some(kind.offset()))?;
        let mut children = tree.root()?.children();
        while let Some(child) = children.next()? {
            let entry = child.entry();
            if entry.tag() != gimli::DW_TAG_member {
                continue;
            }
            let start =
                entry.attr_value(gimli::DW_AT_data_member_location).and_then(|value| value.udata_value()).unwrap_or(0);
            let Some(inner) = self.type_of(entry)? else { continue };
            let size = self.size(&inner, MAX_DEPTH)?.unwrap_or(0);
            if start <= offset && offset - start < size {
                return Ok(Some((self.text(entry.attr_value(gimli::DW_AT_name))?, start, inner)));
            }
        }
        Ok(None)
    }

    /// The size of a type in bytes; `None` if it is unknown.
    fn size(&self, kind: &Entry<'a>, depth: usize) -> gimli::Result<Option<u64>> {
        if let Some(size) = kind.attr_value(gimli::DW_AT_byte_size).and_then(|value| value.udata_value()) {
            return Ok(Some(size));
        }
        let Some(depth) = depth.checked_sub(1) else { return Ok(None) };
        match kind.tag() {
            gimli::DW_TAG_pointer_type => Ok(Some(self.unit.encoding().address_size.into())),
            gimli::DW_TAG_array_type => {
                let Some(element) = self.type_of(kind)? else { return Ok(None) };
                let Some(size) = self.size(&element, depth)? else { return Ok(None) };
                let bounds = self.bounds(kind)?;
                Ok(bounds.into_iter().try_fold(size, |size, bound| size.checked_mul(bound?)))
            }
            _ => Ok(None),
        }
    }

    /// The number of elements in each dimension of an array; `None` for an unknown one.
    fn bounds(&self, array: &Entry<'a>) -> gimli::Result<Vec<Option<u64>>> {
        let mut tree = self.unit.entries_tree(Some(array.offset()))?;
        let mut children = tree.root()?.children();
        let mut bounds = Vec::new();
        while let Some(child) = children.next()? {
            let entry = child.entry();
            let count = entry.attr_value(gimli::DW_AT_count).and_then(|value| value.udata_value());
            let upper = entry.attr_value(gimli::DW_AT_upper_bound).and_then(|value| value.udata_value());
            bounds.push(count.or_else(|| upper?.checked_add(1)));
        }
        Ok(bounds)
    }
}

/// The subscripts of an element by its number. Element 5 in rows of three is `[1][2]`; how many rows there are does not
/// matter.
fn subscripts(mut element: u64, bounds: &[Option<u64>]) -> String {
    let mut inner = String::new();
    for bound in bounds.iter().skip(1).rev().take(MAX_DEPTH) {
        let Some(bound) = bound.filter(|bound| *bound > 0) else { break };
        inner.insert_str(0, &format!("[{}]", element % bound));
        element /= bound;
    }
    format!("[{element}]{inner}")
}
