//! How one export differs between two kernels.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::kernel::{ExportFilter, KernelExport};

/// One way in which an export differs between two kernels. A symbol can differ in several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ChangeClass {
    /// The later kernel does not export the symbol.
    Removed,
    /// The earlier kernel did not export the symbol.
    Added,
    /// The symbol was open to every module and is now open only to modules with a GPL-compatible license.
    BecameGplOnly,
    /// The symbol was open only to modules with a GPL-compatible license and is now open to every module.
    BecamePlain,
    /// The symbol entered a namespace, left one, or moved to another.
    NamespaceChanged,
    /// Another module exports the symbol, or the exporting module moved to another path.
    ExporterMoved,
    /// The CRC differs: the prototype changed, or a type that the prototype reaches.
    CrcChanged,
}

impl ChangeClass {
    /// Every class, from most to least harmful to modules, except that `Added` does no harm.
    pub const ALL: [Self; 7] = [
        Self::Removed,
        Self::Added,
        Self::BecameGplOnly,
        Self::BecamePlain,
        Self::NamespaceChanged,
        Self::ExporterMoved,
        Self::CrcChanged,
    ];

    /// The stable name, as used in JSON and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Added => "added",
            Self::BecameGplOnly => "became_gpl_only",
            Self::BecamePlain => "became_plain",
            Self::NamespaceChanged => "namespace_changed",
            Self::ExporterMoved => "owner_moved",
            Self::CrcChanged => "crc_changed",
        }
    }

    /// Finds a class by its name, written with `_` or `-`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name.replace('-', "_"))
    }

    /// Returns whether the change can break a module that loaded before.
    pub const fn is_harmful(self) -> bool {
        !matches!(self, Self::Added | Self::BecamePlain | Self::ExporterMoved)
    }
}

impl fmt::Display for ChangeClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for ChangeClass {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A set of classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Classes(u8);

impl Classes {
    /// Adds `class` if `applies` is true.
    #[must_use]
    pub const fn with(self, class: ChangeClass, applies: bool) -> Self {
        if applies { Self(self.0 | 1 << class as u8) } else { self }
    }

    /// Returns whether the set contains the class.
    pub const fn has(self, class: ChangeClass) -> bool {
        self.0 & 1 << class as u8 != 0
    }

    /// Returns whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The classes in the set, in the order of [`ChangeClass::ALL`].
    pub fn iter(self) -> impl Iterator<Item = ChangeClass> {
        ChangeClass::ALL.into_iter().filter(move |class| self.has(*class))
    }
}

impl Serialize for Classes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl FromIterator<ChangeClass> for Classes {
    fn from_iter<T: IntoIterator<Item = ChangeClass>>(classes: T) -> Self {
        classes.into_iter().fold(Self::default(), |set, class| set.with(class, true))
    }
}

/// One export that differs between two kernels.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportChange<'a> {
    /// The symbol.
    pub symbol: Cow<'a, str>,
    /// How the earlier kernel exports it.
    pub before: Option<KernelExport<'a>>,
    /// How the later kernel exports it.
    pub after: Option<KernelExport<'a>>,
    /// How the two exports differ. Never empty in an [`ExportDiff`](super::ExportDiff); possibly empty for a symbol
    /// that a module needs.
    pub classes: Classes,
}

impl<'a> ExportChange<'a> {
    /// The earlier export, or the later one if the symbol is new.
    pub fn known(&self) -> Option<&KernelExport<'a>> {
        self.before.as_ref().or(self.after.as_ref())
    }

    /// Returns whether the filter selects the export of the earlier or of the later kernel.
    pub fn is_wanted(&self, filter: &ExportFilter) -> bool {
        self.before.iter().chain(&self.after).any(|export| filter.wants(export))
    }
}
