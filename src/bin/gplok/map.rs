//! Reads inline maps from files.

use std::path::Path;

use gplok::image::Image;
use gplok::kernel::Kernel;
use gplok::terms::Shown;
use gplok::why::inlines::InlineMap;

use crate::exit::CommandError;

/// Reads a map that `gplok inlines` wrote, or builds one from inline functions compiled for the kernel, as an object or
/// as assembly text.
pub fn read_map(path: &Path, kernel: &Kernel) -> Result<InlineMap, CommandError> {
    let fail = |what: &dyn std::fmt::Display| format!("cannot read {}: {what}", Shown::path(path));
    let image = Image::open_within(path, kernel.budget())?;
    let contents = image.contents().whole();
    if contents.first() == Some(&b'{') {
        return Ok(serde_json::from_slice(contents).map_err(|error| fail(&error))?);
    }
    let exports = kernel.exports().ok_or("the kernel's exports are not known: give its Module.symvers with -k")?;
    if let Some(elf) = image.as_announced() {
        return Ok(InlineMap::of_object(&elf, exports).map_err(|error| fail(&error))?);
    }
    if contents.contains(&0) {
        return Err(fail(&"it is neither an inline map nor an object nor assembly text").into());
    }
    let text = String::from_utf8_lossy(contents);
    Ok(InlineMap::of_assembly(&text, exports).map_err(|error| fail(&error))?)
}
