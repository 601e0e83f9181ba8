//! What a package holds.

use std::fmt;
use std::io::{Read, Result as IoResult};

use super::error::PackageError;
use crate::compression::stream::broken;

/// The most that a package may hold: 8 GiB. Those of debug information hold some 5 GiB.
pub(super) const CONTENTS_LIMIT: u64 = 8 << 30;

/// The longest path; `PATH_MAX`.
pub(super) const PATH_LIMIT: usize = 4096;

/// One file of a package. Directories and devices are passed over.
pub(super) struct Entry<'a> {
    /// Its path, without a `/` or `./` before it.
    pub path: &'a str,
    /// What it is.
    pub kind: EntryKind,
    /// Its contents; whatever is not read is passed over.
    pub contents: &'a mut dyn Read,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EntryKind {
    /// A file with contents.
    File,
    /// A link to a path, as the archive has it.
    Symlink(String),
    /// Another name of a file that came before it.
    Hardlink(String),
}

impl Entry<'_> {
    /// Shows it, and says whose an error is.
    pub(super) fn show(self, visit: Visit<'_>) -> Result<(), PackageError> {
        let path = self.path;
        visit(self).map_err(PackageError::part(path))
    }
}

/// Sees one entry after the other.
pub(super) type Visit<'a> = &'a mut dyn FnMut(Entry<'_>) -> IoResult<()>;

/// What a package says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::kernel) struct Metadata {
    /// The name of the package.
    pub name: Option<String>,
    /// Its version with its release.
    pub version: Option<String>,
    /// The architecture, in the distribution's word.
    pub arch: Option<String>,
}

impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = [&self.name, &self.version, &self.arch].into_iter().flatten().map(String::as_str).collect();
        f.write_str(&parts.join(" "))
    }
}

impl Metadata {
    /// Reads lines of `key: value` or `key = value`, under the keys of name, version and architecture.
    pub(super) fn from_lines(text: &str, [name, version, arch]: [&str; 3]) -> Self {
        let field = |key: &str| {
            let value =
                |line: &str| Some(line.strip_prefix(key)?.trim_start().strip_prefix([':', '='])?.trim().to_owned());
            text.lines().find_map(value)
        };
        Self { name: field(name), version: field(version), arch: field(arch) }
    }
}

/// The path of an entry as others name it.
///
/// # Errors
/// When it leads out of the package or nowhere, or is too long.
pub(super) fn normalised(path: &[u8]) -> Result<String, PackageError> {
    if path.len() > PATH_LIMIT {
        let part = format!("{}…", String::from_utf8_lossy(path.get(..40).unwrap_or_default()));
        return Err(PackageError::part(&part)(broken(format!("a path of {} bytes", path.len()))));
    }
    let path = String::from_utf8_lossy(path);
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    match parts.is_empty() || parts.contains(&"..") {
        true => Err(PackageError::Path(path.into_owned())),
        false => Ok(parts.join("/")),
    }
}

/// Reads what follows the last entry: whether compressed data is whole shows at its end.
pub(super) fn read_rest(name: &str, rest: impl Read, left: u64) -> Result<(), PackageError> {
    let rest = &mut rest.take(left);
    std::io::copy(rest, &mut std::io::sink()).map_err(PackageError::part(name))?;
    match rest.limit() {
        0 => Err(PackageError::TooLarge(CONTENTS_LIMIT)),
        _ => Ok(()),
    }
}
