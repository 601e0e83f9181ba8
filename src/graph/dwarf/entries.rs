//! Reads the entries (DIEs) of one unit.

use gimli::{AttributeValue, DebuggingInformationEntry, Unit};

use super::paths::join;
use super::sections::Slice;

pub(super) type Entry<'a> = DebuggingInformationEntry<Slice<'a>>;

/// How many links from an entry to its declaration are followed.
const LONGEST: usize = 4;

/// Where something is declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceDeclaration {
    /// Its name.
    pub name: String,
    /// The file, by the path that the compiler was given.
    pub file: Option<String>,
    /// The line in it.
    pub line: Option<u32>,
}

/// Reads the entries of one unit.
pub(super) struct EntryReader<'d, 'a> {
    pub dwarf: &'d gimli::Dwarf<Slice<'a>>,
    pub unit: &'d Unit<Slice<'a>>,
}

impl<'a> EntryReader<'_, 'a> {
    /// Where an entry is declared, by its own attributes and by those of the entries it links to.
    pub fn declared(&self, entry: &Entry<'a>) -> gimli::Result<SourceDeclaration> {
        let mut found = self.own_declaration(entry)?;
        let mut next = self.declaration(entry)?;
        for _ in 0..LONGEST {
            let Some(entry) = next else { break };
            let other = self.own_declaration(&entry)?;
            if found.name.is_empty() {
                found.name = other.name;
            }
            found.file = found.file.or(other.file);
            found.line = found.line.or(other.line);
            next = self.declaration(&entry)?;
        }
        Ok(found)
    }

    /// Where an entry is declared, by its own attributes.
    fn own_declaration(&self, entry: &Entry<'a>) -> gimli::Result<SourceDeclaration> {
        let line = entry.attr_value(gimli::DW_AT_decl_line).and_then(|value| value.udata_value());
        Ok(SourceDeclaration {
            name: self.text(entry.attr_value(gimli::DW_AT_name))?.unwrap_or_default(),
            file: self.file(file_number(entry, gimli::DW_AT_decl_file))?,
            line: line.and_then(|line| u32::try_from(line).ok()),
        })
    }

    /// The entry that declares what this entry defines, or that this entry is an instance of.
    pub fn declaration(&self, entry: &Entry<'a>) -> gimli::Result<Option<Entry<'a>>> {
        let specification = entry.attr_value(gimli::DW_AT_specification);
        self.entry_at(specification.or_else(|| entry.attr_value(gimli::DW_AT_abstract_origin)))
    }

    /// The entry that an attribute links to, if it is in the same unit.
    pub fn entry_at(&self, link: Option<AttributeValue<Slice<'a>>>) -> gimli::Result<Option<Entry<'a>>> {
        match link {
            Some(AttributeValue::UnitRef(offset)) => self.unit.entry(offset).map(Some),
            _ => Ok(None),
        }
    }

    /// The string that an attribute holds.
    pub fn text(&self, value: Option<AttributeValue<Slice<'a>>>) -> gimli::Result<Option<String>> {
        let Some(value) = value else { return Ok(None) };
        Ok(Some(self.dwarf.attr_string(self.unit, value)?.to_string_lossy().into_owned()))
    }

    /// The path of a file of the unit, by its number in the line program.
    pub fn file(&self, number: Option<u64>) -> gimli::Result<Option<String>> {
        let Some(program) = &self.unit.line_program else { return Ok(None) };
        let header = program.header();
        let Some(file) = number.and_then(|number| header.file(number)) else { return Ok(None) };
        let name = self.text(Some(file.path_name()))?.unwrap_or_default();
        let within = self.text(file.directory(header))?.unwrap_or_default();
        let folder = self.unit.comp_dir.map(|folder| folder.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Some(join(&join(&folder, &within), &name)))
    }
}

/// The number of the file that an attribute names.
pub fn file_number(entry: &Entry<'_>, attribute: gimli::DwAt) -> Option<u64> {
    match entry.attr_value(attribute)? {
        AttributeValue::FileIndex(index) => Some(index),
        other => other.udata_value(),
    }
}
