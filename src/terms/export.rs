//! Exported symbols: their kinds, versions and namespaces.

use std::fmt;

use serde::{Serialize, Serializer};

/// A symbol's version: the CRC-32 that genksyms or gendwarfksyms computes from its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Crc(pub u32);

impl fmt::Display for Crc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:08x}", self.0)
    }
}

impl Serialize for Crc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The namespace of an export; never empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Namespace(String);

impl Namespace {
    /// A namespace, or `None` for the empty string, which the loader reads as "no namespace".
    pub fn new(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The string in the export table.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The comma-separated list after `module:`, which names the modules that may use the symbol; `None` for another namespace.
    pub fn module_list(&self) -> Option<&str> {
        self.0.strip_prefix("module:")
    }

    /// Mirrors `verify_module_namespace()` (kernel/module/main.c, since the `module:` namespaces): returns whether the list
    /// names `module`.
    ///
    /// `-` and `_` are one character. An entry that ends in `*` matches as a prefix. White space is not trimmed.
    pub fn allows_module(&self, module: &str) -> bool {
        let Some(list) = self.module_list() else { return false };
        let module = module.as_bytes();
        list.split(',').filter(|entry| !entry.is_empty()).any(|entry| match entry.strip_suffix('*') {
            Some(prefix) => module.get(..prefix.len()).is_some_and(|start| is_same_name(start, prefix.as_bytes())),
            None => is_same_name(entry.as_bytes(), module),
        })
    }
}

/// Compares two names in which `-` and `_` are one character.
fn is_same_name(a: &[u8], b: &[u8]) -> bool {
    let fold = |byte: u8| if byte == b'-' { b'_' } else { byte };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| fold(*a) == fold(*b))
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a symbol is exported. Kinds that current kernels no longer have are included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum ExportKind {
    /// Visible to every module.
    #[serde(rename = "EXPORT_SYMBOL")]
    Plain,
    /// Visible to modules with a GPL-compatible license.
    #[serde(rename = "EXPORT_SYMBOL_GPL")]
    Gpl,
    /// Visible to every module, with a warning for one without a GPL-compatible license (up to 5.11).
    #[serde(rename = "EXPORT_SYMBOL_GPL_FUTURE")]
    GplFuture,
    /// To be removed; visible only with `CONFIG_UNUSED_SYMBOLS` (up to 5.11).
    #[serde(rename = "EXPORT_UNUSED_SYMBOL")]
    Unused,
    /// Unused, and visible only to modules with a GPL-compatible license (up to 5.11).
    #[serde(rename = "EXPORT_UNUSED_SYMBOL_GPL")]
    UnusedGpl,
}

impl ExportKind {
    /// The exporting macro, which is also the word in `Module.symvers`.
    pub const fn macro_name(self) -> &'static str {
        match self {
            Self::Plain => "EXPORT_SYMBOL",
            Self::Gpl => "EXPORT_SYMBOL_GPL",
            Self::GplFuture => "EXPORT_SYMBOL_GPL_FUTURE",
            Self::Unused => "EXPORT_UNUSED_SYMBOL",
            Self::UnusedGpl => "EXPORT_UNUSED_SYMBOL_GPL",
        }
    }

    /// Returns whether the symbol is hidden from a module whose license is not GPL-compatible.
    pub const fn is_gpl_only(self) -> bool {
        matches!(self, Self::Gpl | Self::UnusedGpl)
    }

    /// Returns whether the symbol is visible only with `CONFIG_UNUSED_SYMBOLS`.
    pub const fn is_unused(self) -> bool {
        matches!(self, Self::Unused | Self::UnusedGpl)
    }

    /// The kind for a word of `Module.symvers`; `None` for an unknown word.
    pub fn from_macro_name(word: &str) -> Option<Self> {
        Some(match word {
            "EXPORT_SYMBOL" => Self::Plain,
            "EXPORT_SYMBOL_GPL" => Self::Gpl,
            "EXPORT_SYMBOL_GPL_FUTURE" => Self::GplFuture,
            "EXPORT_UNUSED_SYMBOL" => Self::Unused,
            "EXPORT_UNUSED_SYMBOL_GPL" => Self::UnusedGpl,
            _ => return None,
        })
    }
}

impl fmt::Display for ExportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.macro_name())
    }
}

/// One entry of an export table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ExportedSymbol {
    /// The name of the symbol.
    pub name: String,
    /// How it is exported.
    pub kind: ExportKind,
    /// Its version; `None` if the exporter has no CRC table.
    pub crc: Option<Crc>,
    /// The namespace that an importer must import.
    pub namespace: Option<Namespace>,
}

#[cfg(test)]
mod tests {
    use super::Namespace;

    #[test]
    fn module_namespaces_match_names_and_prefixes() {
        let allows = |list: &str, module: &str| Namespace::new(list).expect("not empty").allows_module(module);
        assert!(allows("module:kvm,kvm-amd", "kvm_amd"));
        assert!(allows("module:bar_*", "bar_x"));
        assert!(allows("module:*", "anything"));
        assert!(!allows("module:foo", "foobar"));
        assert!(!allows("module:foobar", "foo"));
        assert!(!allows("module:", "foo"));
        assert!(!allows("module:,", ""));
        assert!(!allows("module: foo", "foo"));
        assert!(!allows("foo", "foo"));
    }
}
