//! Debug information of a module's code, as a compiler leaves it: not linked, with relocations for whatever lies in
//! another section.

use std::collections::HashMap;

use gimli::write::{
    Address, AttributeValue, Dwarf, EndianVec, Expression, FileId, LineProgram, LineString, LineStringTable, Range,
    RangeList, RelocateWriter, Relocation, RelocationTarget, Sections, StringTable, UnitEntryId,
};
use gimli::{Encoding, Format, LineEncoding, RunTimeEndian, SectionId};
use gplok::terms::ElfMachine;
use object::elf::{SHF_MERGE, SHF_STRINGS};

use super::elf::{Elf, Section};
use super::profile::Profile;
use super::source::{Frame, Function, STEP, Step, Type, Unit, Variable, refer, section_symbol};

/// A unit whose functions and variables have their places.
pub(super) struct Placed<'u> {
    pub unit: &'u Unit,
    pub functions: Vec<u64>,
    pub variables: Vec<u64>,
}

/// Adds the debug sections to a module.
pub(super) fn describe(elf: &mut Elf, profile: &Profile, version: u16, units: &[Placed<'_>]) {
    let address_size = profile.arch.class.word() as u8;
    let encoding = Encoding { format: Format::Dwarf32, version, address_size };
    let mut dwarf = Dwarf::new();
    for placed in units {
        Describer::unit(&mut dwarf, encoding, elf, placed);
    }
    let endian = if profile.little() { RunTimeEndian::Little } else { RunTimeEndian::Big };
    let mut sections = Sections::new(Bytes { writer: EndianVec::new(endian), relocations: Vec::new() });
    dwarf.write(&mut sections).expect("a vector can grow");
    let mut written = Vec::new();
    let filled = sections.for_each(|id, bytes| {
        written.extend((!bytes.writer.slice().is_empty()).then_some((id, bytes)));
        Ok::<_, gimli::write::Error>(())
    });
    filled.expect("nothing fails");
    for (id, bytes) in &written {
        let mut section = Section::new(id.name(), 0, 1, bytes.writer.slice());
        if matches!(id, SectionId::DebugStr | SectionId::DebugLineStr) {
            section.flags |= u64::from(SHF_MERGE | SHF_STRINGS);
            section.entsize = 1;
        }
        elf.sections.push(section);
    }
    for (id, bytes) in &written {
        for relocation in &bytes.relocations {
            let target = match relocation.target {
                RelocationTarget::Symbol(index) => elf.sections[index].name.clone(),
                RelocationTarget::Section(id) => id.name().to_owned(),
            };
            section_symbol(elf, &target);
            let (place, width) = (relocation.offset as u64, usize::from(relocation.size));
            let kind = if width == profile.pointer().1 { profile.pointer().0 } else { absolute32(profile) };
            refer(elf.section(id.name()), profile, (place, width), &target, kind, relocation.addend);
        }
    }
}

/// The relocation that stores an address in 32 bits, where a word is wider.
fn absolute32(profile: &Profile) -> u32 {
    match profile.arch.machine {
        ElfMachine::X86_64 => 10,
        ElfMachine::Arm64 => 258,
        ElfMachine::S390 => 4,
        machine => panic!("the builder has no 32-bit address for {machine}"),
    }
}

/// A debug section in the making. A symbol of gimli's is the index of a section of the module.
#[derive(Clone)]
struct Bytes {
    writer: EndianVec<RunTimeEndian>,
    relocations: Vec<Relocation>,
}

impl RelocateWriter for Bytes {
    type Writer = EndianVec<RunTimeEndian>;

    fn writer(&self) -> &Self::Writer {
        &self.writer
    }

    fn writer_mut(&mut self) -> &mut Self::Writer {
        &mut self.writer
    }

    fn relocate(&mut self, relocation: Relocation) {
        self.relocations.push(relocation);
    }
}

/// One unit in the making.
struct Describer<'d> {
    unit: &'d mut gimli::write::Unit,
    source: &'d Unit,
    encoding: Encoding,
    strings: &'d mut StringTable,
    paths: &'d mut LineStringTable,
    /// The entries that inlined calls are copies of, by name.
    inlines: HashMap<&'static str, UnitEntryId>,
    /// The types that contain the one being described.
    around: Vec<UnitEntryId>,
    /// Where the unit begins, if it is in one piece: lists of ranges count from there.
    base: Option<Address>,
}

impl Describer<'_> {
    fn unit(dwarf: &mut Dwarf, encoding: Encoding, elf: &Elf, placed: &Placed<'_>) {
        let source = placed.unit;
        let mut text = |text: &str| LineString::new(text, encoding, &mut dwarf.line_strings);
        let (folder, file) = (text(source.folder), text(source.file));
        let lines = LineProgram::new(encoding, LineEncoding::default(), folder, None, file, None);
        let id = dwarf.units.add(gimli::write::Unit::new(encoding, lines));
        let (unit, strings, paths) = (dwarf.units.get_mut(id), &mut dwarf.strings, &mut dwarf.line_strings);
        let mut describer = Describer {
            unit,
            source,
            encoding,
            strings,
            paths,
            inlines: HashMap::new(),
            around: Vec::new(),
            base: None,
        };
        describer.file(source.file);
        for header in &source.includes {
            describer.file(header);
        }
        let root = describer.unit.root();
        describer.text(root, gimli::DW_AT_name, source.file);
        describer.text(root, gimli::DW_AT_comp_dir, source.folder);
        describer.set(root, gimli::DW_AT_language, AttributeValue::Language(gimli::DW_LANG_C99));
        let address = |section: &str, addend: u64| {
            let symbol = elf.sections.iter().position(|known| known.name == section).expect("it is placed");
            Address::Symbol { symbol, addend: addend as i64 }
        };
        let begin = |(function, start): (&Function, &u64)| address(function.section, *start);
        let begins: Vec<Address> = source.functions.iter().zip(&placed.functions).map(begin).collect();
        if !begins.is_empty() {
            let ranges = begins.iter().zip(&source.functions).map(|(begin, function)| (*begin, function.size()));
            describer.covers(root, ranges.collect());
        }
        for (function, begin) in source.functions.iter().zip(begins) {
            describer.function(function, begin);
        }
        for (variable, start) in source.variables.iter().zip(&placed.variables) {
            describer.variable(variable, address(variable.section, *start));
        }
    }

    fn function(&mut self, function: &Function, start: Address) {
        let entry = self.declared(self.unit.root(), gimli::DW_TAG_subprogram, function.name, function.line);
        self.set(entry, gimli::DW_AT_external, AttributeValue::FlagPresent);
        self.covers(entry, vec![(start, function.size())]);
        let file = self.source.file;
        let begin = |(index, step): (u64, _)| Chain {
            at: plus(start, STEP * (index + 1)),
            step,
            frames: outermost_first(step),
        };
        let chains: Vec<Chain<'_>> = (0..).zip(&function.steps).map(begin).collect();
        self.inlined(entry, &chains.iter().collect::<Vec<_>>(), 0);

        let own = self.file(file);
        let rows =
            chains.iter().map(|chain| chain.step.inlined.first().map_or((file, chain.step.line), |i| (i.1, i.2)));
        let mut rows: Vec<_> = rows.map(|(file, line)| (self.file(file), line)).collect();
        rows.insert(0, (own, function.line));
        rows.push((own, function.line + function.steps.len() as u64));
        let lines = &mut self.unit.line_program;
        lines.begin_sequence(Some(start));
        for (index, (file, line)) in (0..).zip(rows) {
            let row = lines.row();
            (row.address_offset, row.file, row.line) = (STEP * index, file, line);
            lines.generate_row();
        }
        lines.end_sequence(function.size());
    }

    /// Describes what is inlined at `depth` of the chains, and below. Steps of the same call are one entry, wherever they
    /// stand, as after a compiler has moved instructions about.
    fn inlined(&mut self, parent: UnitEntryId, chains: &[&Chain<'_>], depth: usize) {
        let mut calls: Vec<(Call, Vec<&Chain<'_>>)> = Vec::new();
        for chain in chains {
            let Some(call) = chain.call(depth, self.source.file) else { continue };
            match calls.iter_mut().find(|(known, _)| *known == call) {
                Some((_, steps)) => steps.push(chain),
                None => calls.push((call, vec![chain])),
            }
        }
        for ((name, declared, file, line), steps) in calls {
            let origin = self.inline(name, declared);
            let entry = self.unit.add(parent, gimli::DW_TAG_inlined_subroutine);
            self.set(entry, gimli::DW_AT_abstract_origin, AttributeValue::UnitRef(origin));
            self.covers(entry, steps.iter().map(|chain| (chain.at, STEP)).collect());
            let file = self.file(file);
            self.set(entry, gimli::DW_AT_call_file, AttributeValue::FileIndex(Some(file)));
            self.set(entry, gimli::DW_AT_call_line, AttributeValue::Udata(line));
            self.inlined(entry, &steps, depth + 1);
        }
    }

    /// The entry of an inline function, of which calls are copies.
    fn inline(&mut self, name: &'static str, file: &'static str) -> UnitEntryId {
        if let Some(known) = self.inlines.get(name) {
            return *known;
        }
        let entry = self.unit.add(self.unit.root(), gimli::DW_TAG_subprogram);
        self.text(entry, gimli::DW_AT_name, name);
        let file = self.file(file);
        self.set(entry, gimli::DW_AT_decl_file, AttributeValue::FileIndex(Some(file)));
        self.set(entry, gimli::DW_AT_inline, AttributeValue::Inline(gimli::DW_INL_declared_inlined));
        self.inlines.insert(name, entry);
        entry
    }

    fn variable(&mut self, variable: &Variable, start: Address) {
        let root = self.unit.root();
        let kind = self.kind(&variable.kind);
        let mut location = Expression::new();
        location.op_addr(start);
        let entry = match variable.announced {
            // A definition repeats of its declaration only what is otherwise.
            Some(line) => {
                let declaration = self.declared(root, gimli::DW_TAG_variable, variable.name, line);
                self.set(declaration, gimli::DW_AT_type, AttributeValue::UnitRef(kind));
                self.set(declaration, gimli::DW_AT_declaration, AttributeValue::FlagPresent);
                let entry = self.unit.add(root, gimli::DW_TAG_variable);
                self.set(entry, gimli::DW_AT_specification, AttributeValue::UnitRef(declaration));
                self.set(entry, gimli::DW_AT_decl_line, AttributeValue::Udata(variable.line));
                entry
            }
            None => {
                let entry = self.declared(root, gimli::DW_TAG_variable, variable.name, variable.line);
                self.set(entry, gimli::DW_AT_type, AttributeValue::UnitRef(kind));
                entry
            }
        };
        self.set(entry, gimli::DW_AT_location, AttributeValue::Exprloc(location));
    }

    fn kind(&mut self, kind: &Type) -> UnitEntryId {
        let tag = match kind {
            Type::Long => gimli::DW_TAG_base_type,
            Type::Function => gimli::DW_TAG_pointer_type,
            Type::Struct(..) => gimli::DW_TAG_structure_type,
            Type::Union(..) => gimli::DW_TAG_union_type,
            Type::Array(..) => gimli::DW_TAG_array_type,
            Type::Const(_) => gimli::DW_TAG_const_type,
            Type::Typedef(..) => gimli::DW_TAG_typedef,
            Type::Itself => return *self.around.last().expect("a type around it"),
        };
        let (root, word) = (self.unit.root(), u64::from(self.encoding.address_size));
        let entry = self.unit.add(root, tag);
        self.around.push(entry);
        match kind {
            Type::Long => {
                self.text(entry, gimli::DW_AT_name, "long int");
                self.set(entry, gimli::DW_AT_byte_size, AttributeValue::Udata(word));
                self.set(entry, gimli::DW_AT_encoding, AttributeValue::Encoding(gimli::DW_ATE_signed));
            }
            Type::Function => {
                let function = self.unit.add(root, gimli::DW_TAG_subroutine_type);
                self.set(entry, gimli::DW_AT_byte_size, AttributeValue::Udata(word));
                self.set(entry, gimli::DW_AT_type, AttributeValue::UnitRef(function));
            }
            Type::Struct(name, size, members) | Type::Union(name, size, members) => {
                name.iter().for_each(|name| self.text(entry, gimli::DW_AT_name, name));
                self.set(entry, gimli::DW_AT_byte_size, AttributeValue::Udata(*size));
                for (name, offset, kind) in members {
                    let kind = self.kind(kind);
                    let member = self.unit.add(entry, gimli::DW_TAG_member);
                    name.iter().for_each(|name| self.text(member, gimli::DW_AT_name, name));
                    self.set(member, gimli::DW_AT_type, AttributeValue::UnitRef(kind));
                    self.set(member, gimli::DW_AT_data_member_location, AttributeValue::Udata(*offset));
                }
            }
            Type::Array(of, bounds) => {
                let of = self.kind(of);
                self.set(entry, gimli::DW_AT_type, AttributeValue::UnitRef(of));
                for bound in bounds {
                    let range = self.unit.add(entry, gimli::DW_TAG_subrange_type);
                    self.set(range, gimli::DW_AT_upper_bound, AttributeValue::Udata(bound - 1));
                }
            }
            Type::Const(of) | Type::Typedef(_, of) => {
                let of = self.kind(of);
                if let Type::Typedef(name, _) = kind {
                    self.text(entry, gimli::DW_AT_name, name);
                }
                self.set(entry, gimli::DW_AT_type, AttributeValue::UnitRef(of));
            }
            Type::Itself => {}
        }
        self.around.pop();
        entry
    }

    /// An entry with a name, and a line in the unit's own file.
    fn declared(&mut self, parent: UnitEntryId, tag: gimli::DwTag, name: &str, line: u64) -> UnitEntryId {
        let entry = self.unit.add(parent, tag);
        self.text(entry, gimli::DW_AT_name, name);
        let file = self.file(self.source.file);
        self.set(entry, gimli::DW_AT_decl_file, AttributeValue::FileIndex(Some(file)));
        self.set(entry, gimli::DW_AT_decl_line, AttributeValue::Udata(line));
        entry
    }

    /// One range, of a beginning and a length, as its two ends; several as a list. Those that touch are one.
    fn covers(&mut self, entry: UnitEntryId, ranges: Vec<(Address, u64)>) {
        let mut joined: Vec<(Address, u64)> = Vec::new();
        for (begin, length) in ranges {
            match joined.last_mut() {
                Some((start, before)) if plus(*start, *before) == begin => *before += length,
                _ => joined.push((begin, length)),
            }
        }
        let (low, high) = (gimli::DW_AT_low_pc, gimli::DW_AT_high_pc);
        let is_unit = entry == self.unit.root();
        if let [(begin, length)] = joined[..] {
            self.set(entry, low, AttributeValue::Address(begin));
            self.set(entry, high, AttributeValue::Udata(length));
            self.base = self.base.or(is_unit.then_some(begin));
            return;
        }
        if is_unit {
            self.set(entry, low, AttributeValue::Address(Address::Constant(0)));
        }
        let range = |(begin, length)| match self.base {
            Some(base) => Range::OffsetPair { begin: between(base, begin), end: between(base, begin) + length },
            None => Range::StartEnd { begin, end: plus(begin, length) },
        };
        let list = RangeList(joined.into_iter().map(range).collect());
        let list = self.unit.ranges.add(list);
        self.set(entry, gimli::DW_AT_ranges, AttributeValue::RangeListRef(list));
    }

    fn set(&mut self, entry: UnitEntryId, name: gimli::DwAt, value: AttributeValue) {
        self.unit.get_mut(entry).set(name, value);
    }

    fn text(&mut self, entry: UnitEntryId, name: gimli::DwAt, text: &str) {
        let text = AttributeValue::StringRef(self.strings.add(text));
        self.set(entry, name, text);
    }

    /// The number of a file in the unit's list.
    fn file(&mut self, path: &str) -> FileId {
        let lines = &mut self.unit.line_program;
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folder = match folder {
            "" => lines.default_directory(),
            folder => lines.add_directory(LineString::new(folder, self.encoding, self.paths)),
        };
        lines.add_file(LineString::new(name, self.encoding, self.paths), folder, None)
    }
}

/// An inlined call: who, where that is declared, and the file and line of the call.
type Call = (&'static str, &'static str, &'static str, u64);

/// A step at its address.
struct Chain<'s> {
    at: Address,
    step: &'s Step,
    frames: Vec<Frame>,
}

impl Chain<'_> {
    /// The call at a depth. It is in the enclosing frame; the outermost one is the out-of-line function, in `file`.
    fn call(&self, depth: usize, file: &'static str) -> Option<Call> {
        let (name, declared, _) = *self.frames.get(depth)?;
        let around = depth.checked_sub(1).and_then(|outer| self.frames.get(outer));
        let (file, line) = around.map_or((file, self.step.line), |frame| (frame.1, frame.2));
        Some((name, declared, file, line))
    }
}

fn outermost_first(step: &Step) -> Vec<Frame> {
    step.inlined.iter().rev().copied().collect()
}

fn plus(address: Address, bytes: u64) -> Address {
    match address {
        Address::Symbol { symbol, addend } => Address::Symbol { symbol, addend: addend + bytes as i64 },
        Address::Constant(constant) => Address::Constant(constant + bytes),
    }
}

/// The distance of two addresses of one section.
fn between(from: Address, to: Address) -> u64 {
    match (from, to) {
        (Address::Symbol { addend: from, .. }, Address::Symbol { addend: to, .. }) => (to - from) as u64,
        _ => panic!("the builder places everything in sections"),
    }
}
