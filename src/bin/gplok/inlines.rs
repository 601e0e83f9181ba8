//! `gplok inlines`: what the inlines of a kernel's headers need.

use std::path::Path;

use gplok::image::Image;
use gplok::kernel::Kernel;
use gplok::why::inlines::InlineMap;

use crate::arguments::InlinesArguments;
use crate::output::write;
use crate::{Error, Exit};

pub fn run(arguments: &InlinesArguments) -> Result<Exit, Error> {
    let kernel = arguments.kernel.open()?;
    let mut map = InlineMap::default();
    for path in &arguments.object {
        map.merge(read_map(path, &kernel)?);
    }
    write(&(serde_json::to_string_pretty(&map)? + "\n"))?;
    Ok(Exit::Good)
}

/// A map that was written before, or an object of inlines compiled for the kernel.
pub fn read_map(path: &Path, kernel: &Kernel) -> Result<InlineMap, Error> {
    let fail = |what: &dyn std::fmt::Display| format!("cannot read {}: {what}", path.display());
    let image = Image::open(path)?;
    if image.contents().first() == Some(&b'{') {
        return Ok(serde_json::from_slice(image.contents()).map_err(|error| fail(&error))?);
    }
    let elf = image.as_announced().ok_or_else(|| fail(&"it is neither an inline map nor an object"))?;
    let exports = kernel.exports().ok_or("the kernel's exports are not known: give its Module.symvers with -k")?;
    Ok(InlineMap::of_object(&elf, exports).map_err(|error| fail(&error))?)
}
