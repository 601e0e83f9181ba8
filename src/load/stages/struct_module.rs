//! `struct module` of a module that was compiled with another idea of its layout than the kernel.
//!
//! The build stores the addresses of the init and the exit function with relocations of `.gnu.linkonce.this_module`. If the
//! kernel has `init` and `exit` at other places, it finds no function there, and the relocations write over other fields. Only
//! x86-64 refuses them, where the bytes are no longer zero because the loader has filled the field.

use std::ops::Range;

use crate::btf::Field;
use crate::elf::Section;
use crate::image::{ModuleFunction, THIS_MODULE, ThisModule, ThisModulePlace};
use crate::kernel::StructModule;
use crate::load::relocate::{Judgement, Module, x86_64_width};
use crate::load::run::{Call, Run};
use crate::load::stages::struct_module_fields::{After, Contents, row};
use crate::load::state::{Info, StageResult, Stop};
use crate::terms::{Class, ElfMachine};
use crate::verdict::{Cause, Missing};

/// A place that a relocation fills although the kernel does not look for a function there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Misplaced {
    /// The function whose address the module stores there, if it is one.
    function: Option<ModuleFunction>,
    /// The offset in the module.
    offset: u64,
    /// How many bytes are filled.
    width: u64,
    /// The offset of the function in the kernel; `None` if the kernel does not have the field.
    kernel: Option<u64>,
}

/// What a module stores at other places than the kernel's.
pub(in crate::load) struct Misfit<'a> {
    info: &'a Info,
    /// Where the kernel has its fields, if its type information is known.
    layout: Option<&'a StructModule>,
    misplaced: Vec<Misplaced>,
    /// The bytes that the file fills although only the kernel fills these fields.
    filled: Vec<u64>,
}

/// What a place holds before relocations are applied.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Held {
    Zero,
    Nonzero,
    /// It is not known what this field holds.
    Unknown(String),
}

/// What the kernel does when a stage after `apply_relocations()` refuses a module: it frees what fields of `struct module` hold.
pub(in crate::load) fn free_module(run: &Run<'_>) -> StageResult {
    let info = run.info()?;
    match Misfit::of(run.call, info) {
        Some(misfit) => misfit.free_module(run, usize::MAX),
        None => Ok(()),
    }
}

/// What the kernel does with sizes and addresses of memory that the file itself sets: up to 6.3 `layout_sections()` adds to the
/// sizes, and whatever refuses the module frees the memory.
pub(in crate::load) fn memory_of_the_file(run: &Run<'_>) -> StageResult {
    const MEMORY: [&str; 4] = ["core_layout.", "init_layout.", "mem[", "percpu"];
    let info = run.info()?;
    let Some(misfit) = Misfit::of(run.call, info) else { return Ok(()) };
    let is_memory = |path: &&str| path.is_empty() || MEMORY.iter().any(|memory| path.starts_with(memory));
    match misfit.kept().find(is_memory) {
        Some(path) if !run.ask(unknown(path))? => Err(Stop::Crash(set_by_file(path))),
        _ => Ok(()),
    }
}

/// The offsets of `init` and `exit` in the kernel: from its files, or from the recorded measurement of this build.
pub(super) fn functions(call: Call<'_>) -> [Option<u64>; 2] {
    if let Some(layout) = call.kernel.struct_module() {
        return [layout.init, layout.exit];
    }
    call.memo.measured_functions(call.kernel).map_or([None; 2], |offsets| offsets.map(Some))
}

impl<'a> Misfit<'a> {
    /// Compares the module's `struct module` with the kernel's. `None` if both agree as far as the kernel's is known.
    pub fn of(call: Call<'a>, info: &'a Info) -> Option<Self> {
        let section = info.elf.sections().get(info.this_module)?;
        let kernel = functions(call);
        let word = if info.arch.class == Class::Elf64 { 8 } else { 4 };
        let this = info.elf.this_module(section);
        let misplaced: Vec<_> = this
            .places
            .iter()
            .filter(|place| !kernel.contains(&Some(place.offset)) || is_swapped(place, kernel))
            .filter_map(|place| {
                let kernel = match place.function {
                    Some(function) => {
                        let offset = of_function(kernel, function);
                        (offset.is_some() || lacks(call, function)).then_some(offset)?
                    }
                    // If the kernel's offsets are not known, this may be one of them.
                    None => (!kernel.contains(&None)).then_some(None)?,
                };
                let is_x86_64 = info.arch.machine == ElfMachine::X86_64;
                let width = if is_x86_64 { x86_64_width(place.kind) } else { word };
                Some(Misplaced { function: place.function, offset: place.offset, width, kernel })
            })
            .collect();
        let mut filled = this.filled.clone();
        filled.extend(misplaced_name(call, info, section));
        if misplaced.is_empty() && filled.is_empty() {
            return None;
        }
        let image = call.kernel.boot_image();
        let layout =
            image.and_then(|image| image.struct_module()).filter(|layout| [layout.init, layout.exit] == kernel);
        Some(Self { info, layout, misplaced, filled })
    }

    /// Marks the places that the loader has filled before. A relocation of such a place is refused on x86-64.
    pub fn mark(&self, run: &Run<'_>, module: &mut Module<'_>) -> StageResult {
        if self.info.arch.machine != ElfMachine::X86_64 {
            return Ok(());
        }
        for misplaced in &self.misplaced {
            let is_zero = match self.held(run, misplaced) {
                Held::Zero => true,
                Held::Nonzero => false,
                Held::Unknown(field) => run.ask(unknown(&field))?,
            };
            if !is_zero {
                module.fill(self.info.this_module, misplaced.offset, misplaced.width);
            }
        }
        Ok(())
    }

    /// Names a misplaced function as the cause if the kernel refuses to relocate its place.
    pub fn explain(&self, mut judgement: Judgement) -> Judgement {
        if let Judgement::Refused { cause, .. } = &mut judgement
            && let Cause::RelocationTarget { section, offset, .. } = &*cause
            && section == THIS_MODULE
            && let Some(misplaced) = self.misplaced.iter().find(|misplaced| misplaced.offset == *offset)
            && let Some(layout) = misplaced.cause(true)
        {
            *cause = layout;
        }
        judgement
    }

    /// What the kernel does once it has written over other fields.
    pub fn consequences(&self, run: &mut Run<'_>) -> StageResult {
        for misplaced in &self.misplaced {
            let after = self.after(misplaced, &run.insmod.args);
            let result = match &after {
                Consequence::Nothing => Ok(()),
                Consequence::Crash(field) => Err(Stop::Crash(written_over(misplaced, field))),
                Consequence::Unknown(field) if run.ask(unknown(field))? => Ok(()),
                Consequence::Unknown(field) => Err(Stop::Crash(written_over(misplaced, field))),
            };
            if let Some(cause) = misplaced.cause(result.is_err()) {
                run.find(cause, None);
            }
            result?;
        }
        for path in self.kept() {
            if !run.ask(unknown(path))? {
                return Err(Stop::Crash(set_by_file(path)));
            }
        }
        Ok(())
    }

    /// How many places are written before this refusal. `done` says that all relocations of `struct module` were applied before.
    pub fn written_before(&self, cause: &Cause, done: bool) -> usize {
        let refused = match cause {
            Cause::RelocationTarget { section, offset, .. } if section == THIS_MODULE => Some(*offset),
            Cause::StructModuleLayout { module, .. } => Some(*module),
            _ => None,
        };
        match refused.and_then(|offset| self.misplaced.iter().position(|place| place.offset == offset)) {
            Some(position) => position,
            None if done => self.misplaced.len(),
            None => 0,
        }
    }

    /// What the kernel does when it frees a module that it refuses, once the first of these places are written.
    pub fn free_module(&self, run: &Run<'_>, written: usize) -> StageResult {
        for misplaced in self.misplaced.iter().take(written) {
            if let Some(field) = self.freed(misplaced)
                && !run.ask(unknown_once_written(field))?
            {
                return Err(Stop::Crash(written_over(misplaced, field)));
            }
        }
        Ok(())
    }

    /// Returns whether a place lies behind the name and the NUL that ends it.
    fn is_behind_name(&self, misplaced: &Misplaced, field: &Field) -> bool {
        misplaced.offset.saturating_sub(field.offset) > self.info.mod_name.len() as u64
    }

    /// The field in a place that the kernel may look at when it frees the module; an empty name if the fields are not known.
    fn freed(&self, misplaced: &Misplaced) -> Option<&'a str> {
        let Some(mut fields) = self.fields(misplaced) else { return Some("") };
        let is_looked_at = |field: &&Field| {
            let row = row(&field.path);
            row.after == After::Freed || row.after == After::Unknown && !row.before.is_table()
        };
        fields.find(is_looked_at).map(|field| field.path.as_str())
    }

    /// The fields that lie in the bytes of a place. `None` if the layout is not known.
    fn fields(&self, &Misplaced { offset, width, .. }: &Misplaced) -> Option<impl Iterator<Item = &'a Field>> {
        let end = offset.saturating_add(width);
        let overlaps = move |field: &&Field| field.offset < end && offset < field.offset.saturating_add(field.size);
        Some(self.layout?.fields.iter().filter(overlaps))
    }

    /// What a place holds before relocations are applied.
    fn held(&self, run: &Run<'_>, misplaced: &Misplaced) -> Held {
        let &Misplaced { offset, width, .. } = misplaced;
        let Some(fields) = self.fields(misplaced) else { return Held::Unknown(String::new()) };
        let mut all = Held::Zero;
        for field in fields {
            // Only the upper bytes of an address in the kernel are sure not to be zero, and only the lowest of a small number.
            let has_top = field.offset.saturating_add(field.size) <= offset.saturating_add(width);
            let has_bottom = field.offset >= offset;
            let one = match row(&field.path).before.holds(run, self.info) {
                Contents::Zero => Held::Zero,
                Contents::Pointer if has_top => Held::Nonzero,
                Contents::Number if has_bottom => Held::Nonzero,
                Contents::Whole if has_bottom && has_top => Held::Nonzero,
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

    /// The first field that keeps what the file has there; an empty name if the fields are not known.
    fn set_by_the_file(&self) -> Option<&str> {
        self.kept().next()
    }

    /// The fields that keep what the file has there; an empty name if the fields are not known.
    fn kept(&self) -> impl Iterator<Item = &str> {
        let is_cut = self.filled.len() >= ThisModule::MOST_FILLED;
        let unknown = (!self.filled.is_empty() && self.layout.is_none() || is_cut).then_some("");
        let fields = self.filled.iter().filter_map(|offset| {
            let is_there = |field: &&Field| field.offset <= *offset && *offset - field.offset < field.size;
            let field = self.layout?.fields.iter().find(is_there)?;
            (!row(&field.path).is_set_anew()).then_some(field.path.as_str())
        });
        unknown.into_iter().chain(fields)
    }

    /// Returns whether something that a load does not show may follow.
    pub fn is_unforeseeable(&self, args: &str) -> bool {
        self.set_by_the_file().is_some()
            || self
                .misplaced
                .iter()
                .any(|misplaced| self.after(misplaced, args) != Consequence::Nothing || self.freed(misplaced).is_some())
    }

    /// Returns whether a relocation writes over the address of a table of exports, or may: a table that the module does not have is
    /// not looked at while it is loaded, but when another module needs its symbols.
    pub fn writes_over_exports(&self) -> bool {
        const TABLES: [&str; 5] = ["syms", "crcs", "gpl_syms", "gpl_crcs", "flagstab"];
        self.misplaced.iter().any(|misplaced| match self.fields(misplaced) {
            Some(mut fields) => fields.any(|field| TABLES.contains(&field.path.as_str())),
            None => true,
        })
    }

    /// What follows when a place is written over, and the module is loaded with these arguments.
    fn after(&self, misplaced: &Misplaced, args: &str) -> Consequence {
        let Some(fields) = self.fields(misplaced) else { return Consequence::Unknown(String::new()) };
        let mut all = Consequence::Nothing;
        for field in fields {
            let is_exact = field.offset == misplaced.offset && field.size == misplaced.width;
            let row = row(&field.path);
            let one = match row.after {
                // The kernel follows the address of a table that has entries.
                After::Nothing | After::NothingWithoutDyndbg if row.before.is_in_use(self.info) => {
                    Consequence::Unknown(field.path.clone())
                }
                After::Nothing => Consequence::Nothing,
                After::Freed => Consequence::Nothing,
                After::Named if self.is_behind_name(misplaced, field) => Consequence::Nothing,
                After::NothingWithoutTypes if self.info.elf.sections_named(".BTF").next().is_none() => {
                    Consequence::Nothing
                }
                After::NothingWithoutParameters if self.info.elf.find_sec("__param").is_none() => Consequence::Nothing,
                After::NothingWithoutDyndbg if !args.contains("dyndbg") => Consequence::Nothing,
                After::Crash => Consequence::Crash(field.path.clone()),
                // The kernel calls what is only in part an address.
                After::Called if !is_exact => Consequence::Crash(field.path.clone()),
                After::NothingWithoutParameters
                | After::NothingWithoutDyndbg
                | After::NothingWithoutTypes
                | After::Named
                | After::Called
                | After::Unknown => Consequence::Unknown(field.path.clone()),
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
    /// The finding about a misplaced function.
    fn cause(&self, refused: bool) -> Option<Cause> {
        let field = self.function?.field().to_owned();
        Some(Cause::StructModuleLayout { field, module: self.offset, kernel: self.kernel, refused })
    }
}

/// The offsets of the bytes of the module's name, if they lie where the kernel has other fields.
fn misplaced_name(call: Call<'_>, info: &Info, section: &Section) -> Range<u64> {
    let known = call.kernel.struct_module().and_then(|layout| layout.name);
    let own = known.and_then(|known| info.elf.this_module_name_offset(section).filter(|own| *own != known));
    let Some(own) = own else { return 0..0 };
    let name = info.elf.this_module_name_at(section, own).unwrap_or_default();
    own..own.saturating_add(name.len() as u64)
}

/// The offset of a function in the kernel.
const fn of_function([init, exit]: [Option<u64>; 2], function: ModuleFunction) -> Option<u64> {
    match function {
        ModuleFunction::Init => init,
        ModuleFunction::Exit => exit,
    }
}

/// Returns whether one function lies where the kernel has the other.
fn is_swapped(place: &ThisModulePlace, kernel: [Option<u64>; 2]) -> bool {
    place.function.and_then(|function| of_function(kernel, function)).is_some_and(|offset| offset != place.offset)
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

/// The question what the kernel does with a field when it frees the module.
fn unknown_once_written(field: &str) -> Missing {
    if field.is_empty() {
        return Missing::StructModuleLayout;
    }
    Missing::Memory(format!("{field} in struct module once it is written over"))
}

fn set_by_file(path: &str) -> String {
    let field = if path.is_empty() { "another field" } else { path };
    format!("the module's own file sets {field} of struct module")
}

fn written_over(misplaced: &Misplaced, field: &str) -> String {
    let what = match misplaced.function {
        Some(function) => format!("the address of {}", function.symbol()),
        None => "the value of a relocation".to_owned(),
    };
    let field = if field.is_empty() { "another field" } else { field };
    format!("{what} is written over {field} of struct module")
}

/// What follows when a field is written over.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Consequence {
    Nothing,
    Crash(String),
    Unknown(String),
}
