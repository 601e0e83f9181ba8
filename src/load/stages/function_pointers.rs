//! What the kernel finds in `init` and `exit` of `struct module` once the module is relocated.

use crate::elf::{Section, SectionFlags};
use crate::image::{ModuleFunction, NamedSection, ThisModule, ThisModulePlace};
use crate::load::loaded::FunctionPointer;
use crate::load::relocate::{SymbolValue, stores_pointer};
use crate::load::run::Call;
use crate::load::stages::relocations::symbol_value;
use crate::load::stages::struct_module::functions;
use crate::load::state::Info;
use crate::terms::{Class, ElfMachine};
use crate::verdict::Missing;

/// `mod->init` and `mod->exit`, at the offsets of the kernel; if they are not known, at those of the module.
pub(in crate::load) fn function_pointers(call: Call<'_>, info: &Info) -> [FunctionPointer; 2] {
    let Some(section) = info.elf.sections().get(info.this_module) else { return [FunctionPointer::Null; 2] };
    let this = info.elf.this_module(section);
    let [init, exit] = functions(call);
    [(ModuleFunction::Init, init), (ModuleFunction::Exit, exit)].map(|(function, kernel)| {
        let offset = kernel.or_else(|| this.offset_of(function));
        offset.map_or(FunctionPointer::Null, |offset| at(info, &this, offset, function))
    })
}

/// What is not known about a call through such a pointer, and what happens otherwise.
pub(in crate::load) fn unknown_function(function: ModuleFunction) -> (Missing, String) {
    let field = function.field();
    (
        Missing::Memory(format!("the address that {field} in struct module holds")),
        format!("{field} in struct module is not the address of a function of the module"),
    )
}

/// What a pointer holds.
fn at(info: &Info, this: &ThisModule, offset: u64, function: ModuleFunction) -> FunctionPointer {
    let width = if info.arch.class == Class::Elf64 { 8 } else { 4 };
    if this.places.len() >= ThisModule::MOST {
        return FunctionPointer::Other;
    }
    // No relocation writes more than a word.
    let end = offset.saturating_add(width);
    let places = this.places.iter();
    let mut touching = places.filter(|place| place.offset < end && offset < place.offset.saturating_add(width));
    match (touching.next(), touching.next()) {
        (None, _) if this.is_zero_at(offset, width) => FunctionPointer::Null,
        (Some(place), None) if place.offset == offset && stores_pointer(info.arch, place.kind) => {
            stored(info, place, function)
        }
        _ => FunctionPointer::Other,
    }
}

/// What a relocation stores in a pointer.
fn stored(info: &Info, place: &ThisModulePlace, function: ModuleFunction) -> FunctionPointer {
    let addend = place.addend;
    let index = usize::try_from(place.index).unwrap_or(usize::MAX);
    let Some(symbol) = &place.symbol else { return FunctionPointer::Other };
    match symbol_value(info, index, symbol) {
        SymbolValue::Absolute(number) => {
            let number = number.wrapping_add(addend);
            let is_null = if info.arch.class == Class::Elf64 { number == 0 } else { number & 0xffff_ffff == 0 };
            if is_null { FunctionPointer::Null } else { FunctionPointer::Other }
        }
        SymbolValue::InModule { section, offset } => {
            let section = info.elf.sections().get(section);
            let offset = offset.wrapping_add(addend);
            let is_function =
                section.is_some_and(|section| has_function(info, section, place.section, offset, function));
            // What any other code does if the kernel calls it is not known.
            if is_function && function.begins_at(place) { FunctionPointer::Function } else { FunctionPointer::Other }
        }
        _ => FunctionPointer::Other,
    }
}

/// Returns whether code of the module lies at an offset of a section when the kernel calls the function.
fn has_function(info: &Info, section: &Section, name: NamedSection, offset: u64, function: ModuleFunction) -> bool {
    let is_descriptor = info.arch.machine == ElfMachine::Ppc64 && name == NamedSection::Descriptors;
    let is_gone = function == ModuleFunction::Exit && name == NamedSection::Init;
    (is_descriptor || section.flags & SectionFlags::EXECINSTR != 0)
        && info.keeps_alloc(section)
        && offset < section.size
        && !is_gone
}
