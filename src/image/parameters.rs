//! `__param`: the parameters a module takes.

use std::collections::HashMap;

use serde::Serialize;

use super::ModuleElf;
use super::module_elf::escaped;
use crate::elf::{Relocation, Section, Symbol};
use crate::terms::Class;

/// One `struct kernel_param` (include/linux/moduleparam.h).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// The symbol of its operations, for example `param_ops_int`.
    pub ops: String,
    /// `KERNEL_PARAM_FL_*`.
    pub flags: u8,
    /// Is a `long` 64 bits wide?
    pub is_64_bit: bool,
    /// Of an array (`param_array_ops`): how many elements, and the operations of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub array: Option<(u32, String)>,
    /// Of a copied string (`param_ops_string`): the bytes there are for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maxlen: Option<u32>,
}

/// What a section's pointers point to.
struct Pointers<'a> {
    elf: &'a ModuleElf,
    section: &'a Section,
    by_offset: HashMap<u64, Relocation>,
}

impl<'a> Pointers<'a> {
    fn of(elf: &'a ModuleElf, section: &'a Section) -> Self {
        let by_offset = elf.relocations_of(section.index).into_iter().map(|r| (r.offset, r)).collect();
        Self { elf, section, by_offset }
    }

    /// The symbol a pointer at `offset` names, and the addend.
    fn target(&self, offset: u64) -> Option<(&'a Symbol, u64)> {
        let relocation = self.by_offset.get(&offset)?;
        let symbol = self.elf.symbols().get(usize::try_from(relocation.symbol).ok()?)?;
        let implicit = || {
            let at = usize::try_from(offset).ok()?;
            self.elf.format().number(self.elf.contents(self.section), at, self.elf.format().class().word())
        };
        let addend = relocation.addend.map_or_else(implicit, |addend| Some(addend.cast_unsigned()));
        Some((symbol, addend.unwrap_or_default()))
    }

    /// The section and offset that a pointer at `offset` leads to.
    fn place(&self, offset: u64) -> Option<(&'a Section, u64)> {
        let (symbol, addend) = self.target(offset)?;
        Some((self.elf.sections().get(usize::from(symbol.shndx))?, symbol.value.wrapping_add(addend)))
    }

    fn name(&self, offset: u64) -> Option<String> {
        self.target(offset).map(|(symbol, _)| self.elf.symbol_text(symbol))
    }
}

impl ModuleElf {
    /// The parameters, in order.
    ///
    /// ```text
    /// { char *name; struct module *mod; ops *ops; u16 perm; s8 level; u8 flags; void *arg; }
    /// ```
    pub fn parameters(&self) -> Vec<Parameter> {
        let Some(section) = self.find_sec("__param") else { return Vec::new() };
        let word = self.format().class().word();
        let rest = 4_usize.next_multiple_of(word);
        let size = 4 * word + rest;
        let bytes = self.contents(section);
        let pointers = Pointers::of(self, section);
        let mut others: HashMap<usize, Pointers<'_>> = HashMap::new();
        let mut read = |index: usize| {
            let at = index * size;
            let offset = |within: usize| u64::try_from(at + within).ok();
            let (names, name) = pointers.place(offset(0)?)?;
            let name = escaped(self.string(names.offset.checked_add(name)?)?);
            let ops = pointers.name(offset(2 * word)?).unwrap_or_default();
            let flags = bytes.get(at + 3 * word + 3).copied().unwrap_or_default();
            let is_64_bit = self.format().class() == Class::Elf64;
            let mut parameter = Parameter { name, ops, flags, is_64_bit, array: None, maxlen: None };
            if let Some((section, start)) = pointers.place(offset(3 * word + rest)?) {
                let number =
                    usize::try_from(start).ok().and_then(|at| self.format().number(self.contents(section), at, 4));
                let number = number.and_then(|number| u32::try_from(number).ok());
                match parameter.ops.as_str() {
                    // struct kparam_string { unsigned int maxlen; char *string; }
                    "param_ops_string" => parameter.maxlen = number,
                    // struct kparam_array { unsigned int max, elemsize; unsigned int *num; ops *ops; void *elem; }
                    "param_array_ops" => {
                        let inside = others.entry(section.index).or_insert_with(|| Pointers::of(self, section));
                        let ops = start.checked_add(8 + u64::try_from(word).ok()?).and_then(|at| inside.name(at));
                        parameter.array = number.zip(ops);
                    }
                    _ => {}
                }
            }
            Some(parameter)
        };
        (0..bytes.len() / size).filter_map(&mut read).collect()
    }
}
