//! The files in a package, and the package's name and version.

use std::fmt;
use std::io::{Read, Result as IoResult};

use super::error::PackageError;
use crate::compression::stream::broken;

/// The most bytes that a package may hold: 8 GiB. Packages of debug information hold about 5 GiB.
pub(super) const CONTENTS_LIMIT: u64 = 8 << 30;

/// The longest path in bytes: `PATH_MAX`.
pub(super) const PATH_LIMIT: usize = 4096;

/// One file of a package. Directories and devices are not reported.
pub(super) struct PackageEntry<'a> {
    /// Its path without a leading `/` or `./`.
    pub path: &'a str,
    /// Its kind.
    pub kind: EntryKind,
    /// Its contents. The visitor need not read them.
    pub contents: &'a mut dyn Read,
}

/// The kind of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EntryKind {
    /// A file with contents.
    File,
    /// A symbolic link, with its target as the archive has it.
    Symlink(String),
    /// A hard link to a file that came before it.
    Hardlink(String),
}

impl PackageEntry<'_> {
    /// Passes the entry to the visitor, and adds the path to an error of the visitor.
    pub(super) fn show(self, visit: VisitEntry<'_>) -> Result<(), PackageError> {
        let path = self.path;
        visit(self).map_err(PackageError::part(path))
    }
}

/// A function that is called with each entry of a package, in order.
pub(super) type VisitEntry<'a> = &'a mut dyn FnMut(PackageEntry<'_>) -> IoResult<()>;

/// The name, version and architecture in a package's own metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::kernel) struct Metadata {
    /// The package's name.
    pub name: Option<String>,
    /// Its version, with the release of the package.
    pub version: Option<String>,
    /// Its architecture, in the distribution's spelling.
    pub arch: Option<String>,
}

impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = [&self.name, &self.version, &self.arch].into_iter().flatten().map(String::as_str).collect();
        f.write_str(&parts.join(" "))
    }
}

impl Metadata {
    /// Reads lines `key: value` or `key = value`; the three keys are those of name, version and architecture.
    pub(super) fn from_lines(text: &str, [name, version, arch]: [&str; 3]) -> Self {
        let field = |key: &str| {
            text.lines().find_map(|line| {
                let rest = line.strip_prefix(key)?.trim_start();
                Some(rest.strip_prefix([':', '='])?.trim().to_owned())
            })
        };
        Self { name: field(name), version: field(version), arch: field(arch) }
    }
}

/// The path of an entry without empty components and `.`.
///
/// # Errors
/// If the path is empty, contains `..` or is longer than [`PATH_LIMIT`].
pub(super) fn normalized(path: &[u8]) -> Result<String, PackageError> {
    if path.len() > PATH_LIMIT {
        let part = format!("{}…", String::from_utf8_lossy(path.get(..40).unwrap_or_default()));
        return Err(PackageError::part(&part)(broken(format!("a path of {} bytes", path.len()))));
    }
    let path = String::from_utf8_lossy(path);
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.is_empty() || parts.contains(&"..") {
        return Err(PackageError::Path(path.into_owned()));
    }
    Ok(parts.join("/"))
}

/// Reads the rest of the input after the last entry, because only the end shows whether compressed data is complete. At most
/// `left` bytes may follow.
pub(super) fn read_rest(name: &str, rest: impl Read, left: u64) -> Result<(), PackageError> {
    let rest = &mut rest.take(left);
    std::io::copy(rest, &mut std::io::sink()).map_err(PackageError::part(name))?;
    match rest.limit() {
        0 => Err(PackageError::TooLarge(CONTENTS_LIMIT)),
        _ => Ok(()),
    }
}
