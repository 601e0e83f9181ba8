//! The names of modules.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::path::Path;

use serde::{Serialize, Serializer};

/// The ends of module file names. kbuild compresses modules with gzip, xz or zstd (scripts/Makefile.modinst).
const SUFFIXES: [&str; 4] = [".ko", ".ko.gz", ".ko.xz", ".ko.zst"];

/// The name of a module as the kernel and kmod compare it: `-` and `_` are one character, written `_`.
///
/// kbuild replaces `-` in a file name by `_` in `KBUILD_MODNAME` (scripts/Makefile.lib, `name-fix`), and kmod folds names in
/// this way before it compares them (`modname_normalize()`, shared/util.c).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleName(String);

impl ModuleName {
    /// Folds a name.
    pub fn new(name: &str) -> Self {
        Self(name.replace('-', "_"))
    }

    /// The name of the module in a file `NAME.ko`, or `NAME.ko.gz`, `.xz` or `.zst` for a compressed one; `None` for any other
    /// file name.
    pub fn of_file(path: &Path) -> Option<Self> {
        let file = path.file_name()?.to_str()?;
        let stem = SUFFIXES.iter().find_map(|suffix| file.strip_suffix(suffix))?;
        Some(Self::new(stem))
    }

    /// The name of the module that a row of `Module.symvers` gives as exporter: a path in the kernel's build tree, without
    /// suffix (`drivers/usb/core/usbcore`).
    pub fn of_exporter(exporter: &str) -> Self {
        Self::new(exporter.rsplit('/').next().unwrap_or(exporter))
    }

    /// The folded name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for ModuleName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ModuleName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ModuleName> for String {
    fn from(name: ModuleName) -> Self {
        name.0
    }
}

impl Serialize for ModuleName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_one_name() {
        assert_eq!(ModuleName::new("snd-hda-intel"), ModuleName::new("snd_hda_intel"));
        assert_eq!(ModuleName::new("snd-hda-intel").as_str(), "snd_hda_intel");
    }

    #[test]
    fn a_file_names_its_module() {
        let of = |path: &str| ModuleName::of_file(Path::new(path)).map(String::from);
        assert_eq!(of("kernel/sound/snd-hda-intel.ko.xz").as_deref(), Some("snd_hda_intel"));
        assert_eq!(of("a.b.ko").as_deref(), Some("a.b"));
        assert_eq!(of("a.kompressed"), None);
        assert_eq!(of("vmlinux"), None);
    }

    #[test]
    fn an_exporter_is_the_last_part_of_a_path() {
        assert_eq!(ModuleName::of_exporter("drivers/usb/core/usb-common").as_str(), "usb_common");
        assert_eq!(ModuleName::of_exporter("usbcore").as_str(), "usbcore");
    }
}
