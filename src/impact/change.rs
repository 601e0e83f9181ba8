//! How one export of a kernel differs in another.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::kernel::{ExportFilter, KernelExport};

/// What became of an export. One symbol may be in several classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeClass {
    /// Nobody exports it any more.
    Removed,
    /// Nobody exported it before.
    Added,
    /// Every module could use it; now those with a GPL-compatible licence can.
    BecameGplOnly,
    /// The other way round.
    BecamePlain,
    /// It is in another namespace, or newly in one, or no longer.
    NamespaceChanged,
    /// Another module exports it, or the same one under another path.
    OwnerMoved,
    /// Its version differs: its prototype has changed, or a type that it reaches.
    CrcChanged,
}

impl ChangeClass {
    /// Every class, the worst for modules first, but for `Added`, which does them no harm.
    pub const ALL: [Self; 7] = [
        Self::Removed,
        Self::Added,
        Self::BecameGplOnly,
        Self::BecamePlain,
        Self::NamespaceChanged,
        Self::OwnerMoved,
        Self::CrcChanged,
    ];

    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Added => "added",
            Self::BecameGplOnly => "became_gpl_only",
            Self::BecamePlain => "became_plain",
            Self::NamespaceChanged => "namespace_changed",
            Self::OwnerMoved => "owner_moved",
            Self::CrcChanged => "crc_changed",
        }
    }

    /// The class of that name, written with `_` or `-`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name.replace('-', "_"))
    }

    /// Can a module that worked before be worse off for it?
    pub const fn is_harmful(self) -> bool {
        !matches!(self, Self::Added | Self::BecamePlain | Self::OwnerMoved)
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
    /// Adds one if it is so.
    #[must_use]
    pub const fn with(self, class: ChangeClass, is_so: bool) -> Self {
        if is_so { Self(self.0 | 1 << class as u8) } else { self }
    }

    /// Is the class in it?
    pub const fn has(self, class: ChangeClass) -> bool {
        self.0 & 1 << class as u8 != 0
    }

    /// Is no class in it?
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those in it, in the order of [`ChangeClass::ALL`].
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

/// One export that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportChange<'a> {
    /// The symbol.
    pub symbol: Cow<'a, str>,
    /// How the earlier kernel exports it.
    pub before: Option<KernelExport<'a>>,
    /// How the later one does.
    pub after: Option<KernelExport<'a>>,
    /// What has changed. In a comparison never empty; of a symbol that a module needs it may be.
    pub classes: Classes,
}

impl<'a> ExportChange<'a> {
    /// How it was, or where it is new, how it is.
    pub fn known(&self) -> Option<&KernelExport<'a>> {
        self.before.as_ref().or(self.after.as_ref())
    }

    /// Is it of what the filter wants, before or after?
    pub fn is_wanted(&self, filter: &ExportFilter) -> bool {
        let fits = |side: &Option<KernelExport<'_>>| side.as_ref().is_some_and(|export| filter.wants(export));
        fits(&self.before) || fits(&self.after)
    }
}
