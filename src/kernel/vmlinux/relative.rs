//! The pointers of a relocatable RISC-V image. The image has zeros in place of its pointers; a table of relative relocations
//! holds them, which the kernel applies when it starts (`relocate_kernel()`, arch/riscv/mm/init.c).

use crate::terms::{Arch, CountedBytes, ElfMachine};

/// `R_RISCV_RELATIVE`.
const RELATIVE: u64 = 3;
/// The size of an entry: an offset, a type and an addend.
const ENTRY: usize = 24;
/// The fewest entries of a table. Fewer in a row may be chance; real kernels have tens of thousands.
const FEWEST: usize = 64;
/// The address of the image is a multiple of this.
const ALIGN: u64 = 2 << 20;

/// Writes the pointers into the image, for the address that the kernel was linked at. An image without such a table is not
/// changed.
pub(super) fn apply(mut bytes: CountedBytes, arch: Arch) -> CountedBytes {
    if arch.machine != ElfMachine::Riscv {
        return bytes;
    }
    let pointers = pointers(&bytes).unwrap_or_default();
    for (place, pointer) in pointers {
        if let Some(field) = bytes.as_mut_slice().get_mut(place..).and_then(|rest| rest.first_chunk_mut()) {
            *field = pointer.to_le_bytes();
        }
    }
    bytes
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|field| u64::from_le_bytes(*field))
}

/// The offset in the file of each pointer, and the pointer.
fn pointers(bytes: &[u8]) -> Option<Vec<(usize, u64)>> {
    let is_entry = |at: usize| number(bytes, at + 8) == Some(RELATIVE);
    let mut starts = (0..bytes.len()).step_by(8);
    let start = starts.find(|at| (0..FEWEST).all(|entry| is_entry(at + entry * ENTRY)))?;
    let places = (start..bytes.len()).step_by(ENTRY).take_while(|at| is_entry(*at));
    let entries: Vec<_> = places.filter_map(|at| Some((number(bytes, at)?, number(bytes, at + 16)?))).collect();
    // The image was linked at the only address for which every offset lies in the file and holds zeros.
    let size = u64::try_from(bytes.len()).ok()?;
    let lowest = entries.iter().map(|(at, _)| *at).min()?;
    let highest = entries.iter().map(|(at, _)| *at).max()?;
    let first = lowest - lowest % ALIGN;
    let bases =
        (0..=size / ALIGN).filter_map(|step| first.checked_sub(step * ALIGN)).filter(|base| highest - base < size);
    let place = |base: u64, at: u64| usize::try_from(at - base).ok();
    let mut fitting = bases.filter(|base| {
        entries.iter().all(|(at, _)| place(*base, *at).and_then(|place| number(bytes, place)) == Some(0))
    });
    let base = fitting.next()?;
    fitting.next().is_none().then(|| entries.iter().filter_map(|(at, to)| Some((place(base, *at)?, *to))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::{Class, Endian};

    fn applied(bytes: Vec<u8>, arch: Arch) -> Vec<u8> {
        apply(bytes.into(), arch).to_vec()
    }

    const RISCV: Arch = Arch { machine: ElfMachine::Riscv, class: Class::Elf64, endian: Endian::Little };

    /// A page of other bytes, room for pointers, and the table that fills it.
    fn image(base: u64) -> Vec<u8> {
        let mut bytes = vec![0xff; 0x1000];
        bytes.extend([0; FEWEST * 8]);
        for entry in 0..FEWEST as u64 {
            for number in [base + 0x1000 + entry * 8, RELATIVE, base + entry] {
                bytes.extend(number.to_le_bytes());
            }
        }
        bytes
    }

    #[test]
    fn pointers_are_written_into_the_image() {
        let base = 0xffff_ffff_8000_0000;
        let written = applied(image(base), RISCV);
        assert_eq!(number(&written, 0x1000), Some(base));
        assert_eq!(number(&written, 0x1000 + 8 * 63), Some(base + 63));
        assert_eq!(written.get(..0x1000), image(base).get(..0x1000));
        assert_eq!(applied(image(base), Arch::ARM64), image(base));
    }

    #[test]
    fn a_table_that_does_not_fit_changes_nothing() {
        let mut overwritten = image(0xffff_ffff_8000_0000);
        overwritten[0x1008] = 1;
        assert_eq!(applied(overwritten.clone(), RISCV), overwritten);
    }
}
