//! Reads what a file stores in `struct module`.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use super::module_elf::{ModuleElf, THIS_MODULE};
use super::text::as_text;
use super::this_module::{ModuleFunction, NamedSection, ThisModule, ThisModulePlace};
use crate::elf::{Relocation, Section, Symbol};

impl ModuleElf {
    /// The name field of `struct module` in a section; `None` also if it is not known where the field is.
    pub fn this_module_name(&self, section: &Section) -> Option<Arc<str>> {
        let read = || self.this_module_name_at(section, self.this_module_name_offset(section)?);
        self.once_of_this_module(&self.kept.this_module_name, section, read)
    }

    /// The offset of the name field in `struct module`: behind the state and the list head, unless the build has put the fields in
    /// another order. Then it is where the name is that `.modinfo` has; `None` if that is not in one place.
    pub fn this_module_name_offset(&self, section: &Section) -> Option<u64> {
        if !self.is_randomized() {
            return Some(self.usual_name_offset());
        }
        let name = self.modinfo().get("name").filter(|name| !name.is_empty())?;
        let wanted = [name.as_bytes(), &[0]].concat();
        let contents = self.contents(section);
        let is_it = |at: &usize| {
            let is_alone = at.checked_sub(1).is_none_or(|before| contents.get(before) == Some(&0));
            is_alone && contents.get(*at..).is_some_and(|rest| rest.starts_with(&wanted))
        };
        let mut places = (0..contents.len()).filter(is_it);
        let place = places.next().filter(|_| places.next().is_none())?;
        u64::try_from(place).ok()
    }

    /// Returns whether the build has put the fields of structures in another order (`CONFIG_RANDSTRUCT`), as its version magic says.
    pub fn is_randomized(&self) -> bool {
        *self.kept.is_randomized.get_or_init(|| self.modinfo().get("vermagic").is_some_and(is_randomized))
    }

    /// The offset of the name field in a kernel that has the fields in the order of its source.
    pub fn usual_name_offset(&self) -> u64 {
        u64::try_from(3 * self.format().class().word()).unwrap_or(u64::MAX)
    }

    /// The text at an offset of `struct module`, if the name field is there.
    pub fn this_module_name_at(&self, section: &Section, offset: u64) -> Option<Arc<str>> {
        let limit = self.format().class().module_name_len();
        let at = section.offset.checked_add(offset)?;
        let at = usize::try_from(at).ok().filter(|at| *at <= self.bytes.len())?;
        let rest = self.bytes.tail(at, limit);
        let field = rest.get(..limit).unwrap_or(rest);
        Some(as_text(field.split(|byte| *byte == 0).next().unwrap_or_default()).into())
    }

    /// What the file stores in `section`, which holds `struct module`.
    pub fn this_module(&self, section: &Section) -> Arc<ThisModule> {
        self.once_of_this_module(&self.kept.this_module, section, || Arc::new(self.read_this_module(section)))
    }

    fn read_this_module(&self, section: &Section) -> ThisModule {
        // Every architecture has a type 0 that writes nothing.
        const NONE: u32 = 0;
        let word = self.format().class().word();
        let contents = self.contents(section);
        let held = |offset: u64| {
            let offset = usize::try_from(offset).unwrap_or(usize::MAX);
            // A section without contents is zero.
            self.format().number(contents, offset, word).unwrap_or_default()
        };
        let named = OnceCell::new();
        let place = |relocation: &Relocation| {
            let symbol = self.symbol_of(relocation).copied();
            let addend = relocation.addend.map_or_else(|| held(relocation.offset), i64::cast_unsigned);
            let function =
                ModuleFunction::ALL.into_iter().find(|function| self.refers_to(relocation, function.symbol()));
            let begins = ModuleFunction::ALL.map(|wanted| {
                // The build refers to the symbol itself. The symbols are searched for what it does not make.
                if addend == 0 && function.is_some() {
                    return function == Some(wanted);
                }
                symbol.is_some_and(|symbol: Symbol| {
                    let named = named.get_or_init(|| self.function_symbols());
                    named.contains(&(wanted, symbol.shndx, symbol.value.wrapping_add(addend)))
                })
            });
            ThisModulePlace {
                offset: relocation.offset,
                kind: relocation.kind,
                index: relocation.symbol,
                symbol,
                addend,
                function,
                begins,
                section: self.named_section(symbol.as_ref()),
            }
        };
        let relocations = self.relocations_of(section.index);
        let relocations = relocations.iter().filter(|relocation| relocation.kind != NONE);
        let places: Vec<_> = relocations.take(ThisModule::MOST).map(place).collect();
        let name = self.this_module_name_offset(section).unwrap_or_else(|| self.usual_name_offset());
        let name = usize::try_from(name).unwrap_or(usize::MAX);
        let name = name..name.saturating_add(self.format().class().module_name_len());
        let width = u64::try_from(word).unwrap_or(u64::MAX);
        let is_written =
            |at: u64| places.iter().any(|place| (place.offset..place.offset.saturating_add(width)).contains(&at));
        // Nearly all of it is zero.
        const STEP: usize = 8;
        let (steps, rest) = contents.as_chunks::<STEP>();
        let steps = steps.iter().zip((0..).step_by(STEP)).filter(|(bytes, _)| **bytes != [0; STEP]);
        let steps = steps.flat_map(|(bytes, start)| bytes.iter().zip(start..));
        let bytes = steps.chain(rest.iter().zip(contents.len() - rest.len()..)).filter(|(byte, _)| **byte != 0);
        let outside = bytes.map(|(_, at)| at).filter(|at| !name.contains(at));
        let filled = outside.filter_map(|at| u64::try_from(at).ok()).filter(|at| !is_written(*at));
        let filled = filled.take(ThisModule::MOST_FILLED).collect();
        ThisModule { places, filled }
    }

    /// The symbols with the names of the init and the exit function, with their sections and values.
    fn function_symbols(&self) -> HashSet<(ModuleFunction, u16, u64)> {
        let named = self.symbols().iter().filter_map(|symbol| {
            let name = self.symbol_name(symbol)?;
            let function = ModuleFunction::ALL.into_iter().find(|function| function.symbol().as_bytes() == name)?;
            Some((function, symbol.shndx, symbol.value))
        });
        named.collect()
    }

    fn symbol_of(&self, relocation: &Relocation) -> Option<&Symbol> {
        self.symbols().get(usize::try_from(relocation.symbol).ok()?)
    }

    fn named_section(&self, symbol: Option<&Symbol>) -> NamedSection {
        let section = symbol.and_then(|symbol| self.sections().get(usize::from(symbol.shndx)));
        let name = section.and_then(|section| self.section_name(section)).unwrap_or_default();
        match name {
            b".opd" => NamedSection::Descriptors,
            _ if name.starts_with(b".init") => NamedSection::Init,
            _ => NamedSection::Other,
        }
    }

    fn refers_to(&self, relocation: &Relocation, symbol: &str) -> bool {
        self.symbol_of(relocation).is_some_and(|target| self.symbol_name(target) == Some(symbol.as_bytes()))
    }

    /// Caches what is read from the section that nearly every loader takes as `struct module`; reads any other section
    /// anew.
    fn once_of_this_module<T: Clone>(&self, kept: &OnceLock<T>, section: &Section, read: impl FnOnce() -> T) -> T {
        match self.find_sec(THIS_MODULE) {
            Some(first) if first.index == section.index => kept.get_or_init(read).clone(),
            _ => read(),
        }
    }
}

/// Returns whether a version magic is that of a build with its fields in another order.
pub(crate) fn is_randomized(vermagic: &str) -> bool {
    vermagic.contains(" RANDSTRUCT_")
}
