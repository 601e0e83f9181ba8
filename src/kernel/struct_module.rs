//! The layout of `struct module`.

use crate::btf::Field;
use crate::elf::Section;
use crate::image::{ModuleElf, ModuleFunction};

/// Where the kernel has the fields of `struct module`, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StructModule {
    /// The offset of `init`.
    pub init: Option<u64>,
    /// The offset of `exit`; a kernel that cannot unload modules does not have it.
    pub exit: Option<u64>,
    /// The offset of `name`.
    pub name: Option<u64>,
    /// All fields, if the kernel's type information is known.
    pub fields: Vec<Field>,
}

impl StructModule {
    /// The layout with these fields; `None` if they are not those of `struct module`, which always has an init function.
    pub(super) fn of_fields(fields: Vec<Field>) -> Option<Self> {
        let offset = |path| fields.iter().find(|field| field.path == path).map(|field| field.offset);
        let init = offset("init")?;
        Some(Self { init: Some(init), exit: offset("exit"), name: offset("name"), fields })
    }

    /// The layout in a module that was built with the kernel. It shows the places of the functions that the module has.
    pub(super) fn of_module(elf: &ModuleElf, section: &Section) -> Self {
        let this = elf.this_module(section);
        let [init, exit] = ModuleFunction::ALL.map(|function| this.offset_of(function));
        Self { init, exit, name: elf.this_module_name_offset(section), fields: Vec::new() }
    }
}
