//! The bytes of a kernel by address and by offset in the file.

use std::ops::Range;

use crate::elf::{Elf, Section};
use crate::image::Bytes;
use crate::terms::{Arch, Class, ElfMachine, Endian};

/// The most bytes of a string that are read: the longest symbol has 512 bytes, the longest namespace fewer.
const MAX_STRING: usize = 1024;

/// A part of the file that is loaded into memory in one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    address: u64,
    offset: u64,
    size: u64,
}

/// A section with a name and contents.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NamedSection {
    name: Vec<u8>,
    place: Range<usize>,
}

/// The bytes of a kernel, found by address or by offset in the file.
///
/// A bare image (arm64's `Image`) does not give its address: it lies at 0 until [`KernelMemory::rebase`].
#[derive(Clone, Debug)]
pub(super) struct KernelMemory {
    bytes: Bytes,
    class: Class,
    endian: Endian,
    machine: Option<ElfMachine>,
    segments: Vec<Segment>,
    sections: Vec<NamedSection>,
    is_flat: bool,
}

impl KernelMemory {
    /// An ELF file; `None` if its header is not that of an ELF file.
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

    /// A bare image, which lies at address 0.
    pub fn flat(bytes: Bytes, Arch { machine, class, endian }: Arch) -> Self {
        let segments = vec![Segment { address: 0, offset: 0, size: bytes.len() as u64 }];
        Self { segments, sections: Vec::new(), class, endian, machine: Some(machine), bytes, is_flat: true }
    }

    /// The same bytes as a bare image whose first byte lies at `address`.
    #[must_use]
    pub fn rebase(&self, address: u64) -> Self {
        let mut moved = self.clone();
        if let [segment] = moved.segments.as_mut_slice() {
            segment.address = address;
        }
        moved
    }

    /// Returns whether this is a bare image, which does not give its address.
    pub const fn is_flat(&self) -> bool {
        self.is_flat
    }

    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.whole()
    }

    /// The instruction set; `None` for one that gplok does not know.
    pub const fn machine(&self) -> Option<ElfMachine> {
        self.machine
    }

    /// Returns whether this is a relocatable object (`ET_REL`).
    pub fn is_relocatable(&self) -> bool {
        let elf = Elf::new(self.bytes.whole(), self.class, self.endian);
        !self.is_flat && elf.header().is_some_and(|header| header.is_relocatable())
    }

    /// The architecture; `None` for one that gplok does not know.
    pub fn arch(&self) -> Option<Arch> {
        self.machine.map(|machine| Arch { machine, class: self.class, endian: self.endian })
    }

    /// The loaded parts: the address and the range in the file of each.
    pub fn segments(&self) -> impl Iterator<Item = (u64, Range<usize>)> {
        self.segments.iter().filter_map(|segment| {
            let start = usize::try_from(segment.offset).ok()?;
            Some((segment.address, start..start.checked_add(usize::try_from(segment.size).ok()?)?))
        })
    }

    /// The ELF class.
    pub const fn class(&self) -> Class {
        self.class
    }

    /// The byte order.
    pub const fn endian(&self) -> Endian {
        self.endian
    }

    /// The size of a pointer in bytes.
    pub const fn word(&self) -> usize {
        self.class.word()
    }

    /// The range of a section's contents in the file.
    pub fn section(&self, name: &str) -> Option<Range<usize>> {
        let section = self.sections.iter().find(|section| section.name == name.as_bytes())?;
        Some(section.place.clone())
    }

    /// Returns whether there are named sections.
    pub fn has_sections(&self) -> bool {
        !self.sections.is_empty()
    }

    /// The offset in the file of an address.
    pub fn offset_of(&self, address: u64) -> Option<usize> {
        let mut segments = self.segments.iter();
        let segment = segments.find(|segment| address.wrapping_sub(segment.address) < segment.size)?;
        usize::try_from(segment.offset.checked_add(address.wrapping_sub(segment.address))?).ok()
    }

    /// The address of an offset in the file.
    pub fn address_of(&self, offset: usize) -> Option<u64> {
        let offset = u64::try_from(offset).ok()?;
        let mut segments = self.segments.iter();
        let segment = segments.find(|segment| offset.wrapping_sub(segment.offset) < segment.size)?;
        Some(segment.address.wrapping_add(offset.wrapping_sub(segment.offset)))
    }

    /// The number of `width` bytes at an offset in the file.
    pub fn number(&self, offset: usize, width: usize) -> Option<u64> {
        Elf::new(self.bytes.whole(), self.class, self.endian).number(self.bytes.whole(), offset, width)
    }

    /// The offset in the file that the self-relative 32-bit reference at `offset` points to.
    pub fn relative(&self, offset: usize) -> Option<usize> {
        let distance = u32::try_from(self.number(offset, 4)?).ok()?.cast_signed();
        self.offset_of(self.address_of(offset)?.wrapping_add_signed(distance.into()))
    }

    /// The offset in the file that the pointer at `offset` points to.
    pub fn pointer(&self, offset: usize) -> Option<usize> {
        self.offset_of(self.number(offset, self.word())?)
    }

    /// The string at an offset in the file, without its NUL.
    pub fn string(&self, offset: usize) -> Option<&[u8]> {
        let bytes = self.bytes.whole();
        let rest = bytes.get(offset..)?;
        let near = rest.get(..MAX_STRING).unwrap_or(rest);
        near.get(..near.iter().position(|byte| *byte == 0)?)
    }
}
