//! Builds the inline map from what kbuild compiled of a kernel's headers.

use std::collections::HashSet;

use super::reach::RefusedFunctions;
use super::{DroppedInline, InlineMap, MapError};
use crate::image::Image;
use crate::kernel::Exports;
use crate::probe::Probe;

impl InlineMap {
    /// Reads the objects of a probe.
    ///
    /// # Errors
    /// As [`InlineMap::of_object`].
    pub fn of_probe(probe: &Probe, exports: &Exports) -> Result<Self, MapError> {
        let mut map = Self::default();
        let refused: RefusedFunctions<'_> =
            probe.dropped.iter().map(|dropped| (dropped.name.as_str(), dropped.file.as_str())).collect();
        for object in &probe.objects {
            let image = Image::from_bytes_raw("probe.o", object.clone());
            let Some(elf) = image.as_announced() else { continue };
            map.merge(Self::of_probed(&elf, exports, &refused)?);
        }
        // Some of the refused functions are partly in an object.
        map.inlines
            .retain(|inline| !inline.file.as_deref().is_some_and(|file| refused.contains(&(&inline.name, file))));
        let known: HashSet<(String, Option<String>)> =
            map.inlines.iter().map(|inline| (inline.name.clone(), inline.file.clone())).collect();
        map.dropped.extend(probe.dropped.iter().map(|dropped| DroppedInline {
            name: dropped.name.clone(),
            file: Some(dropped.file.clone()),
            line: Some(dropped.line),
            why: dropped.why.clone(),
        }));
        let reported: HashSet<(String, Option<String>)> =
            map.dropped.iter().map(|dropped| (dropped.name.clone(), dropped.file.clone())).collect();
        let silent = probe.functions.iter().filter(|function| {
            let key = (function.name.clone(), Some(function.file.clone()));
            !known.contains(&key) && !reported.contains(&key)
        });
        map.dropped.extend(silent.map(|function| DroppedInline {
            name: function.name.clone(),
            file: Some(function.file.clone()),
            line: Some(function.line),
            why: "the compiler left it out".to_owned(),
        }));
        map.skipped = probe.skipped.clone();
        map.sort();
        Ok(map)
    }
}
