//! Opens many module files, to be kept.

use std::sync::atomic::AtomicU64;

use super::ModuleFile;
use super::each::try_each;
use crate::image::Image;
use crate::kernel::Kernel;

/// The part of a budget that modules may take which are kept as a whole: a quarter.
const KEPT: u64 = 4;
/// The part of a budget that the loaded parts of all other modules may take: a quarter.
const PARTS: u64 = 4;
/// How many verdicts are made of each, with a list of what it imports.
const VERDICTS: usize = 3;

/// Opens module files on all threads, and keeps them. One that cannot be read has an image without contents. Once they take a
/// quarter of the kernel's budget, only the parts of the others are kept that a loader looks at, up to another quarter, and of the rest
/// only those that every load reads. All of such a file is read again where that is needed.
pub fn open_modules(kernel: &Kernel, files: &[ModuleFile]) -> Vec<Image> {
    let budget = kernel.budget();
    let room = AtomicU64::new(budget.limit() / PARTS);
    let open = |file: &ModuleFile| {
        let image = kernel.open_module(&file.path)?.counted(VERDICTS)?;
        if budget.taken() <= budget.limit() / KEPT {
            return Ok(image);
        }
        // Found and kept now: they cannot be found once parts of the image are freed.
        image.damage();
        image.as_announced().iter().for_each(|elf| _ = (elf.modinfo(), elf.loose_symbols(), elf.exports()));
        Ok(match image.loaded_parts_within(&room) {
            Some(parts) => image.reduced_to(parts),
            None => image.reduced(),
        })
    };
    let opened = try_each(files, open).into_iter().zip(files);
    opened.map(|(image, file)| image.unwrap_or_else(|error| kernel.faulty(&file.path, &error))).collect()
}
