//! Gives an address to every place of an object that is not linked.

use crate::graph::Place;
use crate::image::ModuleElf;

/// The first address. It is not 0, because linkers write 0 for code that was removed, and readers of DWARF skip it.
const FIRST: u64 = 0x1_0000;
/// The smallest gap between two sections, so that the end of one is not the start of the next.
const GAP: u64 = 0x1000;

/// The base address of each section, by index; `None` for sections that occupy no memory.
#[derive(Clone, Debug)]
pub(super) struct Bases(Vec<Option<u64>>);

impl Bases {
    /// Places the sections of an object one after another.
    pub fn new(elf: &ModuleElf) -> Self {
        let mut next = FIRST;
        let mut bases = Vec::with_capacity(elf.sections().len());
        for section in elf.sections() {
            let mut base = None;
            if section.index != 0 && section.is_alloc() {
                // Sizes come from the file. A section that does not fit into the address space gets no base.
                if let Some(end) = next.checked_add(section.size).and_then(|end| end.checked_add(GAP)) {
                    base = Some(next);
                    next = end & !(GAP - 1);
                }
            }
            bases.push(base);
        }
        Self(bases)
    }

    /// The base address of a section.
    pub fn of(&self, section: usize) -> Option<u64> {
        self.0.get(section).copied().flatten()
    }

    /// The address of a place.
    pub fn address(&self, place: Place) -> Option<u64> {
        self.of(place.section)?.checked_add(place.offset)
    }
}
