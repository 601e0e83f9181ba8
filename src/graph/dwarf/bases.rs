//! An address for every place of an object that is not linked.

use crate::graph::Place;
use crate::image::ModuleElf;

/// The first address: not 0, which linkers leave where code is gone, and readers skip.
const FIRST: u64 = 0x1_0000;
/// What lies between two sections at least, so that the end of one is not the beginning of the next.
const GAP: u64 = 0x1000;

/// The address each section begins at; `None` for those that occupy no memory.
#[derive(Clone, Debug)]
pub(super) struct Bases(Vec<Option<u64>>);

impl Bases {
    pub fn new(elf: &ModuleElf) -> Self {
        let mut next = FIRST;
        let base = |section: &crate::elf::Section| {
            if section.index == 0 || !section.is_alloc() {
                return None;
            }
            let base = next;
            // Sizes come from the file: one that leaves the address space gets no base, nor do those after it.
            next = next.checked_add(section.size)?.checked_add(GAP)? & !(GAP - 1);
            Some(base)
        };
        Self(elf.sections().iter().map(base).collect())
    }

    pub fn of(&self, section: usize) -> Option<u64> {
        self.0.get(section).copied().flatten()
    }

    pub fn address(&self, place: Place) -> Option<u64> {
        self.of(place.section)?.checked_add(place.offset)
    }
}
