//! A kernel as it lies in memory: which address stands where in the file.

use std::ops::Range;

use crate::elf::{Elf, Section};
use crate::image::Bytes;
use crate::terms::{Arch, Class, ElfMachine, Endian};

/// How much of a string is read: the longest symbol has 512 bytes, the longest namespace less.
const MAX_STRING: usize = 1024;

/// A part of the file that lies in memory in one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    address: u64,
    offset: u64,
    size: u64,
}

/// A section that has a name and contents.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NamedSection {
    name: Vec<u8>,
    place: Range<usize>,
}

/// The bytes of a kernel, found by address or by place in the file.
///
/// A bare image (arm64's `Image`) does not tell its addresses: it lies at 0 until [`Memory::rebase`].
#[derive(Clone, Debug)]
pub(super) struct Memory {
    bytes: Bytes,
    class: Class,
    endian: Endian,
    machine: Option<ElfMachine>,
    segments: Vec<Segment>,
    sections: Vec<NamedSection>,
    is_flat: bool,
}

impl Memory {
    /// An ELF file; `None` when it does not begin as one.
    pub fn elf(bytes: Bytes) -> Option<Self> {
        let (class, endian) = Elf::ident(bytes.whole())?;
        let elf = Elf::new(bytes.whole(), class, endian);
        let header = elf.header()?;
        let loads = elf.loads(&header);
        let segments =
            loads.iter().map(|load| Segment { address: load.address, offset: load.offset, size: load.file_size });
        let all = elf.sections(&header).unwrap_or_default();
        let names = all.get(usize::from(header.e_shstrndx)).and_then(|names| elf.contents(names)).unwrap_or_default();
        let named = |section: &Section| {
            let name = names.get(usize::try_from(section.name).ok()?..)?.split(|byte| *byte == 0).next()?;
            let start = usize::try_from(section.offset).ok()?;
            elf.contents(section)?;
            let place = start..start.checked_add(usize::try_from(section.size).ok()?)?;
            Some(NamedSection { name: name.to_owned(), place })
        };
        let sections = all.iter().filter(|section| section.has_contents()).filter_map(named).collect();
        let machine = ElfMachine::from_e_machine(header.e_machine);
        Some(Self { segments: segments.collect(), sections, class, endian, machine, bytes, is_flat: false })
    }

    /// A bare image.
    pub fn flat(bytes: Bytes, Arch { machine, class, endian }: Arch) -> Self {
        let segments = vec![Segment { address: 0, offset: 0, size: bytes.len() as u64 }];
        Self { segments, sections: Vec::new(), class, endian, machine: Some(machine), bytes, is_flat: true }
    }

    /// Moves a bare image to where its first byte lies in memory.
    #[must_use]
    pub fn rebase(&self, address: u64) -> Self {
        let mut moved = self.clone();
        if let [segment] = moved.segments.as_mut_slice() {
            segment.address = address;
        }
        moved
    }

    /// Is it a bare image, which does not tell where it lies?
    pub const fn is_flat(&self) -> bool {
        self.is_flat
    }

    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.whole()
    }

    /// The machine it runs on; `None` for one that is not known.
    pub const fn machine(&self) -> Option<ElfMachine> {
        self.machine
    }

    /// Is it an object that is still to be linked?
    pub fn is_relocatable(&self) -> bool {
        let elf = Elf::new(self.bytes.whole(), self.class, self.endian);
        !self.is_flat && elf.header().is_some_and(|header| header.is_relocatable())
    }

    /// The architecture it runs on; `None` for one that is not known.
    pub fn arch(&self) -> Option<Arch> {
        self.machine.map(|machine| Arch { machine, class: self.class, endian: self.endian })
    }

    /// The parts that lie in memory: where, and where in the file.
    pub fn segments(&self) -> impl Iterator<Item = (u64, Range<usize>)> {
        self.segments.iter().filter_map(|segment| {
            let start = usize::try_from(segment.offset).ok()?;
            Some((segment.address, start..start.checked_add(usize::try_from(segment.size).ok()?)?))
        })
    }

    /// Its class.
    pub const fn class(&self) -> Class {
        self.class
    }

    /// Its byte order.
    pub const fn endian(&self) -> Endian {
        self.endian
    }

    /// Bytes of a pointer.
    pub const fn word(&self) -> usize {
        self.class.word()
    }

    /// Where a section's contents lie in the file.
    pub fn section(&self, name: &str) -> Option<Range<usize>> {
        let section = self.sections.iter().find(|section| section.name == name.as_bytes())?;
        Some(section.place.clone())
    }

    /// Has it named sections?
    pub fn has_sections(&self) -> bool {
        !self.sections.is_empty()
    }

    /// The place in the file of an address.
    pub fn offset_of(&self, address: u64) -> Option<usize> {
        let inside = |segment: &&Segment| address.wrapping_sub(segment.address) < segment.size;
        let segment = self.segments.iter().find(inside)?;
        usize::try_from(segment.offset.checked_add(address.wrapping_sub(segment.address))?).ok()
    }

    /// The address of a place in the file.
    pub fn address_of(&self, offset: usize) -> Option<u64> {
        let offset = u64::try_from(offset).ok()?;
        let inside = |segment: &&Segment| offset.wrapping_sub(segment.offset) < segment.size;
        let segment = self.segments.iter().find(inside)?;
        Some(segment.address.wrapping_add(offset.wrapping_sub(segment.offset)))
    }

    /// The number of `width` bytes at a place in the file.
    pub fn number(&self, offset: usize, width: usize) -> Option<u64> {
        Elf::new(self.bytes.whole(), self.class, self.endian).number(self.bytes.whole(), offset, width)
    }

    /// The place in the file that the 32-bit reference at `offset` points to, relative to itself.
    pub fn relative(&self, offset: usize) -> Option<usize> {
        let distance = u32::try_from(self.number(offset, 4)?).ok()?.cast_signed();
        self.offset_of(self.address_of(offset)?.wrapping_add_signed(distance.into()))
    }

    /// The place in the file that the pointer at `offset` points to.
    pub fn pointer(&self, offset: usize) -> Option<usize> {
        self.offset_of(self.number(offset, self.word())?)
    }

    /// The string at a place in the file, without its NUL.
    pub fn string(&self, offset: usize) -> Option<&[u8]> {
        let bytes = self.bytes.whole();
        let rest = bytes.get(offset..)?;
        let near = rest.get(..MAX_STRING).unwrap_or(rest);
        near.get(..near.iter().position(|byte| *byte == 0)?)
    }
}
