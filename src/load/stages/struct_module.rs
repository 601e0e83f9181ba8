//! `struct module` of a module that was compiled with another idea of its layout than the kernel.
//!
//! The build stores the addresses of the init and the exit function with relocations of `.gnu.linkonce.this_module`. If the
//! kernel has `init` and `exit` at other places, it finds no function there, and the relocations write over other fields. Only
//! x86-64 refuses them, where the bytes are no longer zero because the loader has filled the field.

use crate::btf::Field;
use crate::elf::Section;
use crate::history::struct_module_functions;
use crate::image::{ModuleElf, ModuleFunction, THIS_MODULE};
use crate::kernel::StructModule;
use crate::load::relocate::{Judgement, Module};
use crate::load::run::{Call, Run};
use crate::load::stages::struct_module_fields::{After, Contents, row};
use crate::load::state::{Info, StageResult, Stop};
use crate::terms::{Class, ElfMachine};
use crate::verdict::{Cause, Missing};

/// A function whose address the module stores where the kernel does not look for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misplaced {
    pub function: ModuleFunction,
    /// The offset in the module.
    pub offset: u64,
    /// The offset in the kernel; `None` if the kernel does not have the field.
    pub kernel: Option<u64>,
}

/// What a module stores at other places than the kernel's.
pub(super) struct Misfit<'a> {
    info: &'a Info,
    /// Where the kernel has its fields, if its type information is known.
    layout: Option<&'a StructModule>,
    misplaced: Vec<Misplaced>,
    width: u64,
}

/// What a place holds before relocations are applied.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Held {
    Zero,
    Nonzero,
    /// It is not known what this field holds.
    Unknown(String),
}

/// The offsets of `init` and `exit` in the kernel: from its files, or from the recorded measurement of this build.
fn functions(call: Call<'_>) -> [Option<u64>; 2] {
    let kernel = call.kernel;
    if let Some(layout) = kernel.struct_module() {
        return [layout.init, layout.exit];
    }
    let measured = || struct_module_functions(kernel.release()?, call.memo.arch(kernel)?, kernel.module_layout());
    measured().map_or([None; 2], |offsets| offsets.map(Some))
}

/// Returns whether the kernel finds an init and an exit function in `struct module`.
pub(in crate::load) fn has_init_and_exit(call: Call<'_>, elf: &ModuleElf, section: &Section) -> [bool; 2] {
    let places = elf.this_module_places(section);
    let kernel = functions(call);
    [(ModuleFunction::Init, kernel[0]), (ModuleFunction::Exit, kernel[1])].map(|(function, kernel)| match kernel {
        Some(offset) => places.iter().any(|place| place.offset == offset),
        None => places.iter().any(|place| place.function == Some(function)),
    })
}

impl<'a> Misfit<'a> {
    /// Compares the module's `struct module` with the kernel's. `None` if both agree as far as the kernel's is known.
    pub fn of(call: Call<'a>, info: &'a Info) -> Option<Self> {
        let section = info.elf.sections().get(info.this_module)?;
        let kernel = functions(call);
        let mut misplaced = Vec::new();
        for (function, kernel) in [(ModuleFunction::Init, kernel[0]), (ModuleFunction::Exit, kernel[1])] {
            if let Some(offset) = info.elf.offset_of_function(section, function)
                && (kernel.is_some_and(|kernel| kernel != offset) || kernel.is_none() && lacks(call, function))
            {
                misplaced.push(Misplaced { function, offset, kernel });
            }
        }
        if misplaced.is_empty() {
            return None;
        }
        let image = call.kernel.boot_image();
        let layout =
            image.and_then(|image| image.struct_module()).filter(|layout| [layout.init, layout.exit] == kernel);
        let width = if info.arch.class == Class::Elf64 { 8 } else { 4 };
        Some(Self { info, layout, misplaced, width })
    }

    /// Marks the places that the loader has filled before. A relocation of such a place is refused on x86-64.
    pub fn mark(&self, run: &Run<'_>, module: &mut Module<'_>) -> StageResult {
        if self.info.arch.machine != ElfMachine::X86_64 {
            return Ok(());
        }
        for misplaced in &self.misplaced {
            let is_zero = match self.held(run, misplaced.offset) {
                Held::Zero => true,
                Held::Nonzero => false,
                Held::Unknown(field) => run.ask(unknown(&field))?,
            };
            if !is_zero {
                module.fill(self.info.this_module, misplaced.offset, self.width);
            }
        }
        Ok(())
    }

    /// Names the misplaced function as the cause if the kernel refuses to relocate its place.
    pub fn explain(&self, mut judgement: Judgement) -> Judgement {
        if let Judgement::Refused { cause, .. } = &mut judgement
            && let Cause::RelocationTarget { section, offset, .. } = &*cause
            && section == THIS_MODULE
            && let Some(misplaced) = self.misplaced.iter().find(|misplaced| misplaced.offset == *offset)
        {
            *cause = misplaced.cause(true);
        }
        judgement
    }

    /// What the kernel does once it has written over other fields.
    pub fn consequences(&self, run: &mut Run<'_>) -> StageResult {
        for misplaced in &self.misplaced {
            let after = self.after(misplaced.offset);
            let result = match &after {
                Consequence::Nothing => Ok(()),
                Consequence::Crash(field) => Err(Stop::Crash(written_over(misplaced, field))),
                Consequence::Unknown(field) if run.ask(unknown(field))? => Ok(()),
                Consequence::Unknown(field) => Err(Stop::Crash(written_over(misplaced, field))),
            };
            run.find(misplaced.cause(result.is_err()), None);
            result?;
        }
        Ok(())
    }

    /// The fields that lie in the bytes of a pointer at `offset`. `None` if the layout is not known.
    fn fields(&self, offset: u64) -> Option<impl Iterator<Item = &'a Field>> {
        let end = offset.saturating_add(self.width);
        let overlaps = move |field: &&Field| field.offset < end && offset < field.offset.saturating_add(field.size);
        Some(self.layout?.fields.iter().filter(overlaps))
    }

    /// What the place of a pointer holds before relocations are applied.
    fn held(&self, run: &Run<'_>, offset: u64) -> Held {
        let Some(fields) = self.fields(offset) else { return Held::Unknown(String::new()) };
        let mut all = Held::Zero;
        for field in fields {
            // Only the upper bytes of an address in the kernel are sure not to be zero, and only the lowest of a small number.
            let has_top = field.offset.saturating_add(field.size) <= offset.saturating_add(self.width);
            let has_bottom = field.offset >= offset;
            let one = match row(&field.path).before.holds(run, self.info) {
                Contents::Zero => Held::Zero,
                Contents::Pointer if has_top => Held::Nonzero,
                Contents::Number if has_bottom => Held::Nonzero,
                _ => Held::Unknown(field.path.clone()),
            };
            match (&all, one) {
                (Held::Nonzero, _) | (_, Held::Zero) => {}
                (_, Held::Nonzero) => all = Held::Nonzero,
                (Held::Unknown(_), _) => {}
                (Held::Zero, one) => all = one,
            }
        }
        all
    }

    /// What follows when a pointer is written to `offset`.
    fn after(&self, offset: u64) -> Consequence {
        let Some(fields) = self.fields(offset) else { return Consequence::Unknown(String::new()) };
        let mut all = Consequence::Nothing;
        for field in fields {
            let is_exact = field.offset == offset && field.size == self.width;
            let row = row(&field.path);
            let one = match row.after {
                // The kernel follows the address of a table that has entries.
                After::Nothing if row.before.is_in_use(self.info) => Consequence::Unknown(field.path.clone()),
                After::Nothing => Consequence::Nothing,
                After::NothingWithoutParameters if self.info.elf.find_sec("__param").is_none() => Consequence::Nothing,
                After::Crash => Consequence::Crash(field.path.clone()),
                // The kernel calls what is only in part an address.
                After::Called if !is_exact => Consequence::Crash(field.path.clone()),
                After::NothingWithoutParameters | After::Called | After::Unknown => {
                    Consequence::Unknown(field.path.clone())
                }
            };
            match (&all, one) {
                (Consequence::Crash(_), _) | (_, Consequence::Nothing) => {}
                (_, crash @ Consequence::Crash(_)) => all = crash,
                (Consequence::Nothing, one) => all = one,
                (Consequence::Unknown(_), _) => {}
            }
        }
        all
    }
}

impl Misplaced {
    fn cause(&self, refused: bool) -> Cause {
        Cause::StructModuleLayout {
            field: self.function.field().to_owned(),
            module: self.offset,
            kernel: self.kernel,
            refused,
        }
    }
}

/// Returns whether the kernel does not have the field of a function.
fn lacks(call: Call<'_>, function: ModuleFunction) -> bool {
    let fields = call.kernel.struct_module().map(|layout| layout.fields.as_slice()).unwrap_or_default();
    !fields.is_empty() && fields.iter().all(|field| field.path != function.field())
}

/// The question what a field holds, or what the kernel does with it. Without a name, the fields are not known.
fn unknown(field: &str) -> Missing {
    if field.is_empty() {
        return Missing::StructModuleLayout;
    }
    Missing::Memory(format!("{field} in struct module"))
}

fn written_over(misplaced: &Misplaced, field: &str) -> String {
    let function = misplaced.function.symbol();
    if field.is_empty() {
        return format!("the address of {function} is written over another field of struct module");
    }
    format!("the address of {function} is written over {field} of struct module")
}

/// What follows when a field is written over.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Consequence {
    Nothing,
    Crash(String),
    Unknown(String),
}
