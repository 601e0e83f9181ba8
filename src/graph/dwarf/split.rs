//! Debug information that lies in files of its own: what to look for.

use super::sections::DebugSections;

/// A unit whose debug information lies in a `.dwo` file (`CONFIG_DEBUG_INFO_SPLIT`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitUnit {
    /// The folder of compilation.
    pub folder: Option<String>,
    /// The file, relative to it or absolute.
    pub path: String,
}

impl DebugSections<'_> {
    /// The files that hold the rest of the debug information; none for most objects. Broken units are passed over here.
    pub fn split_units(&self) -> Vec<SplitUnit> {
        let dwarf = self.dwarf();
        let mut units = Vec::new();
        let mut headers = dwarf.units();
        while let Ok(Some(header)) = headers.next() {
            let Ok(unit) = dwarf.unit(header) else { continue };
            let Ok(Some(path)) = unit.dwo_name() else { continue };
            let text = |attribute| dwarf.attr_string(&unit, attribute).map(|text| text.to_string_lossy().into_owned());
            let folder = unit.comp_dir.as_ref().map(|folder| folder.to_string_lossy().into_owned());
            units.extend(text(path).ok().map(|path| SplitUnit { folder, path }));
        }
        units
    }
}
