//! `__param`: the parameters that a module takes.

use std::collections::HashMap;

use serde::Serialize;

use super::ModuleElf;
use super::text::escaped;
use crate::elf::{Relocation, Section, Symbol};
use crate::terms::Class;

/// One `struct kernel_param` (include/linux/moduleparam.h).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// The symbol that defines its operations, for example `param_ops_int`; empty if no relocation refers to one.
    pub ops: String,
    /// `KERNEL_PARAM_FL_*`.
    pub flags: u8,
    /// Whether a `long` has 64 bits.
    pub is_64_bit: bool,
    /// The number of elements of an array (`param_array_ops`), and the symbol of their operations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub array: Option<(u32, String)>,
    /// The size of the buffer for a copied string (`param_ops_string`), in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maxlen: Option<u32>,
}

/// The pointers in a section, found by offset.
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

    /// The symbol that the pointer at `offset` refers to, and the addend.
    fn target(&self, offset: u64) -> Option<(&'a Symbol, u64)> {
        let relocation = self.by_offset.get(&offset)?;
        let symbol = self.elf.symbols().get(usize::try_from(relocation.symbol).ok()?)?;
        let addend = match relocation.addend {
            Some(addend) => addend.cast_unsigned(),
            None => self.implicit_addend(offset).unwrap_or_default(),
        };
        Some((symbol, addend))
    }

    /// The addend of a `SHT_REL` entry: the bytes of the pointer itself.
    fn implicit_addend(&self, offset: u64) -> Option<u64> {
        let at = usize::try_from(offset).ok()?;
        self.elf.format().number(self.elf.contents(self.section), at, self.elf.format().class().word())
    }

    /// The section and the offset in it that the pointer at `offset` points to.
    fn pointee(&self, offset: u64) -> Option<(&'a Section, u64)> {
        let (symbol, addend) = self.target(offset)?;
        Some((self.elf.sections().get(usize::from(symbol.shndx))?, symbol.value.wrapping_add(addend)))
    }

    /// The name of the symbol that the pointer at `offset` refers to.
    fn name(&self, offset: u64) -> Option<String> {
        self.target(offset).map(|(symbol, _)| self.elf.symbol_text(symbol))
    }
}

impl ModuleElf {
    /// The parameters in the order of `__param`, an array of `struct kernel_param`:
    ///
    /// ```text
    /// { char *name; struct module *mod; ops *ops; u16 perm; s8 level; u8 flags; void *arg; }
    /// ```
    ///
    /// An entry without a readable name is omitted.
    pub fn parameters(&self) -> Vec<Parameter> {
        let Some(section) = self.find_sec("__param") else { return Vec::new() };
        let size = ParamLayout::of(self.format().class()).size;
        let pointers = Pointers::of(self, section);
        let mut arrays = HashMap::new();
        let count = self.contents(section).len() / size;
        (0..count).filter_map(|index| self.parameter(&pointers, index * size, &mut arrays)).collect()
    }

    /// The parameter at offset `at` of `__param`. `arrays` caches the pointers of the sections that hold `struct
    /// kparam_array`.
    fn parameter<'a>(
        &'a self,
        pointers: &Pointers<'a>,
        at: usize,
        arrays: &mut HashMap<usize, Pointers<'a>>,
    ) -> Option<Parameter> {
        let class = self.format().class();
        let layout = ParamLayout::of(class);
        let (names, name) = pointers.pointee(u64::try_from(at).ok()?)?;
        let name = escaped(self.string(names.offset.checked_add(name)?)?);
        let ops = pointers.name(u64::try_from(at + layout.ops).ok()?).unwrap_or_default();
        let flags = self.contents(pointers.section).get(at + layout.flags).copied().unwrap_or_default();
        let is_64_bit = class == Class::Elf64;
        let mut parameter = Parameter { name, ops, flags, is_64_bit, array: None, maxlen: None };
        if let Some((section, start)) = pointers.pointee(u64::try_from(at + layout.arg).ok()?) {
            let number = usize::try_from(start).ok().and_then(|at| self.format().number(self.contents(section), at, 4));
            let number = number.and_then(|number| u32::try_from(number).ok());
            match parameter.ops.as_str() {
                // struct kparam_string { unsigned int maxlen; char *string; }
                "param_ops_string" => parameter.maxlen = number,
                // struct kparam_array { unsigned int max, elemsize; unsigned int *num; ops *ops; void *elem; }
                "param_array_ops" => {
                    let inside = arrays.entry(section.index).or_insert_with(|| Pointers::of(self, section));
                    let ops = start.checked_add(8 + u64::try_from(class.word()).ok()?).and_then(|at| inside.name(at));
                    parameter.array = number.zip(ops);
                }
                _ => {}
            }
        }
        Some(parameter)
    }
}

/// The offsets of the fields of `struct kernel_param` and its size, in bytes.
struct ParamLayout {
    ops: usize,
    flags: usize,
    arg: usize,
    size: usize,
}

impl ParamLayout {
    fn of(class: Class) -> Self {
        let word = class.word();
        // `perm`, `level` and `flags` share four bytes, padded to a word.
        let arg = 3 * word + 4_usize.next_multiple_of(word);
        Self { ops: 2 * word, flags: 3 * word + 3, arg, size: arg + word }
    }
}
