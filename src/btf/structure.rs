//! The fields of a structure.

use super::record::{Kind, Record};
use super::table::Table;

/// A field that consists of no others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, with the names of the fields around it: `list.next`, `mem[0].base`.
    pub path: String,
    /// Its offset in bytes.
    pub offset: u64,
    /// Its size in bytes; for a bit field, of the bytes that it lies in.
    pub size: u64,
    /// Whether it is a pointer.
    pub is_pointer: bool,
}

/// Limits that no structure of a kernel comes near to.
const MAX_DEPTH: usize = 8;
const MAX_FIELDS: usize = 4096;
const MAX_MODIFIERS: usize = 32;

/// The fields found so far, and what is needed to find more.
struct Search<'a> {
    table: Table<'a>,
    pointer: u64,
    fields: Vec<Field>,
}

impl<'a> Table<'a> {
    /// The size of the structure of a name, in bytes. `None` if there is none, or if there are several of different sizes.
    pub fn struct_size(self, name: &str) -> Option<u64> {
        let mut sizes = self.structs(name).map(|record| record.size);
        let size = sizes.next()?;
        sizes.all(|other| other == size).then_some(size.into())
    }

    fn structs(self, name: &str) -> impl Iterator<Item = Record<'a>> {
        let is_it = move |record: &Record<'_>| {
            record.kind() == Kind::STRUCT && self.string(record.name) == Some(name.as_bytes())
        };
        self.types().map(|(_, record)| record).filter(is_it)
    }

    /// The value of an enumerator of the enumeration of a name. `None` if there is none, or if it has several values.
    pub fn enumerator(self, enumeration: &str, name: &str) -> Option<u32> {
        let is_it = |record: &Record<'_>| {
            record.kind() == Kind::ENUM && self.string(record.name) == Some(enumeration.as_bytes())
        };
        let all = self.types().map(|(_, record)| record).filter(is_it).flat_map(Record::enumerators);
        let mut values = all.filter(|(known, _)| self.string(*known) == Some(name.as_bytes())).map(|(_, value)| value);
        let value = values.next()?;
        values.all(|other| other == value).then_some(value)
    }

    /// The fields of the structure of a name, in the order of the types. `None` if there is none, if there are several that
    /// differ, or if the types are not those of a structure. `pointer` is the size of a pointer in bytes.
    pub fn struct_fields(self, name: &str, pointer: u64) -> Option<Vec<Field>> {
        let mut found: Option<Vec<Field>> = None;
        for record in self.structs(name) {
            let mut search = Search { table: self, pointer, fields: Vec::new() };
            search.composite(record, 0, "", MAX_DEPTH)?;
            if found.as_ref().is_some_and(|found| *found != search.fields) {
                return None;
            }
            found = Some(search.fields);
        }
        found
    }
}

impl<'a> Search<'a> {
    fn composite(&mut self, record: Record<'_>, start: u64, path: &str, depth: usize) -> Option<()> {
        for member in record.members() {
            let bits = u64::from(record.bit_offset(member));
            let name = String::from_utf8_lossy(self.table.string(member.name)?).into_owned();
            let path = match (path, name.as_str()) {
                (path, "") => path.to_owned(),
                ("", name) => name.to_owned(),
                (path, name) => format!("{path}.{name}"),
            };
            let offset = start.checked_add(bits / 8)?;
            match record.bitfield_size(member) {
                0 => self.field(member.of, offset, path, depth)?,
                size => self.push(path, offset, (bits % 8 + u64::from(size)).div_ceil(8), false)?,
            }
        }
        Some(())
    }

    fn field(&mut self, of: u32, offset: u64, path: String, depth: usize) -> Option<()> {
        let record = self.unmodified(of)?;
        match record.kind() {
            Kind::STRUCT if depth > 0 => self.composite(record, offset, &path, depth - 1),
            Kind::ARRAY => {
                let element = self.unmodified(record.word(0))?;
                let count = record.word(2);
                if element.kind() != Kind::STRUCT || depth == 0 {
                    let size = self.size(element)?.checked_mul(count.into())?;
                    return self.push(path, offset, size, false);
                }
                for number in 0..count {
                    let at = u64::from(element.size).checked_mul(number.into())?.checked_add(offset)?;
                    self.composite(element, at, &format!("{path}[{number}]"), depth - 1)?;
                    // An array of empty structures adds no fields.
                    if usize::try_from(number).ok()? >= MAX_FIELDS {
                        return None;
                    }
                }
                Some(())
            }
            kind => {
                let size = self.size(record)?;
                self.push(path, offset, size, kind == Kind::PTR)
            }
        }
    }

    fn push(&mut self, path: String, offset: u64, size: u64, is_pointer: bool) -> Option<()> {
        if self.fields.len() >= MAX_FIELDS {
            return None;
        }
        self.fields.push(Field { path, offset, size, is_pointer });
        Some(())
    }

    /// The size of a type in bytes.
    fn size(&self, record: Record<'_>) -> Option<u64> {
        match record.kind() {
            Kind::PTR => Some(self.pointer),
            Kind::INT | Kind::STRUCT | Kind::UNION | Kind::ENUM | Kind::ENUM64 | Kind::FLOAT => {
                Some(record.size.into())
            }
            Kind::ARRAY => {
                let element = self.unmodified(record.word(0))?;
                match element.kind() {
                    // An array of arrays of arrays would be followed for ever if it contained itself.
                    Kind::ARRAY => None,
                    _ => self.size(element)?.checked_mul(record.word(2).into()),
                }
            }
            _ => None,
        }
    }

    /// The type behind typedefs and qualifiers.
    fn unmodified(&self, of: u32) -> Option<Record<'a>> {
        let mut record = self.table.get(of)?;
        for _ in 0..MAX_MODIFIERS {
            if !record.kind().is_modifier() {
                return Some(record);
            }
            record = self.table.get(record.size)?;
        }
        None
    }
}
