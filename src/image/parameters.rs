//! `__param`: the parameters a module takes.

use std::collections::HashMap;

use serde::Serialize;

use super::ModuleElf;
use super::module_elf::escaped;
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
}

impl ModuleElf {
    /// The parameters, in order.
    ///
    /// ```text
    /// { char *name; struct module *mod; ops *ops; u16 perm; s8 level; u8 flags; void *arg; }
    /// ```
    pub fn parameters(&self) -> Vec<Parameter> {
        let Some(section) = self.find_sec("__param") else { return Vec::new() };
        let word = self.elf().class().word();
        let size = 4 * word + 4_usize.next_multiple_of(word);
        let bytes = self.contents(section);
        let by_offset: HashMap<u64, _> =
            self.relocations_of(section.index).into_iter().map(|r| (r.offset, r)).collect();
        let target = |offset: usize| {
            let relocation = by_offset.get(&u64::try_from(offset).ok()?)?;
            let symbol = self.symbols().get(usize::try_from(relocation.symbol).ok()?)?;
            Some((symbol, relocation.addend.unwrap_or_default().cast_unsigned()))
        };
        let read = |index: usize| {
            let at = index * size;
            let (name, addend) = target(at)?;
            let names = self.sections().get(usize::from(name.shndx))?;
            let name = self.string(names.offset.checked_add(name.value.wrapping_add(addend))?)?;
            let ops = target(at + 2 * word).map(|(symbol, _)| self.symbol_text(symbol)).unwrap_or_default();
            let flags = bytes.get(at + 3 * word + 3).copied().unwrap_or_default();
            let is_64_bit = self.elf().class() == Class::Elf64;
            Some(Parameter { name: escaped(name), ops, flags, is_64_bit })
        };
        (0..bytes.len() / size).filter_map(read).collect()
    }
}
