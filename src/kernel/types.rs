//! The kernel's own type information (BTF): in its image, or in a file of its own, as the running kernel shows it in
//! `/sys/kernel/btf/vmlinux`.

use std::hash::{Hash, Hasher};
use std::sync::OnceLock;

use super::struct_module::StructModule;
use crate::btf::{Header, Index, NameIndex, Table};
use crate::terms::{Class, CountedBytes, Endian};

/// The types, and their names on first use.
#[derive(Clone, Copy, Debug)]
pub struct KernelTypes<'k> {
    pub(super) table: Table<'k>,
    pub(super) names: &'k OnceLock<NameIndex>,
}

impl<'k> KernelTypes<'k> {
    /// The types.
    pub const fn table(self) -> Table<'k> {
        self.table
    }

    /// The types by name.
    pub fn names(self) -> &'k NameIndex {
        self.names.get_or_init(|| NameIndex::of(self.table))
    }
}

/// A file with the kernel's type information alone.
#[derive(Debug)]
pub(super) struct TypeFile {
    bytes: CountedBytes,
    index: Index,
    names: OnceLock<NameIndex>,
}

impl TypeFile {
    /// Returns whether bytes begin as type information does.
    pub fn is_one(bytes: &[u8]) -> bool {
        endian(bytes).is_some()
    }

    /// Reads the types; `None` if they are malformed.
    pub fn read(bytes: CountedBytes) -> Option<Self> {
        let index = Index::of(&bytes, endian(&bytes)?)?;
        Some(Self { bytes, index, names: OnceLock::new() })
    }

    /// `sizeof(struct module)` in bytes.
    pub fn struct_module_size(&self) -> Option<u64> {
        self.types().table().struct_size("module")
    }

    /// The layout of `struct module` in a kernel of this class, which decides how large a pointer is.
    pub fn struct_module(&self, class: Class) -> Option<StructModule> {
        let pointer = match class {
            Class::Elf32 => 4,
            Class::Elf64 => 8,
        };
        StructModule::of_fields(self.types().table().struct_fields("module", pointer)?)
    }

    /// The types.
    pub fn types(&self) -> KernelTypes<'_> {
        KernelTypes { table: Table::new(&self.bytes, &self.index), names: &self.names }
    }
}

impl Hash for TypeFile {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.bytes.hash(hasher);
    }
}

/// The byte order of type information: that in which its magic number is right.
fn endian(bytes: &[u8]) -> Option<Endian> {
    let is_it = |endian: &Endian| Header::read(bytes, *endian).is_some_and(|header| header.magic == Header::MAGIC);
    [Endian::Little, Endian::Big].into_iter().find(is_it)
}
