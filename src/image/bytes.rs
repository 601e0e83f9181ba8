//! The bytes of a file, shared by everyone who reads them, and read only as far as somebody wants them.

use std::fs::File;
use std::io::{self, Read};
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use super::parts::Parts;
use super::{Error, ErrorKind};
use crate::compression::{Compression, decompress};

/// Bytes that are read from several sides, or only their beginning: the loader cuts a signature off without copying.
///
/// Those of a file are read when they are asked for: the sections that a loader looks at by [`Bytes::get`], all of it by
/// dereferencing. What was read can be given back, and is read again when it is asked for again.
#[derive(Clone, Debug, Default)]
pub struct Bytes {
    source: Arc<Source>,
    len: usize,
}

/// Where bytes come from, and those that are in memory.
#[derive(Debug, Default)]
struct Source {
    len: usize,
    /// `None` for bytes that were given.
    file: Option<Stored>,
    parts: OnceLock<Parts>,
    all: OnceLock<Vec<u8>>,
    /// Why a later reading failed.
    fault: OnceLock<ErrorKind>,
}

/// A file as it was when it was opened.
#[derive(Clone, Debug)]
struct Stored {
    path: PathBuf,
    len: u64,
    modified: Option<SystemTime>,
    compression: Option<Compression>,
}

impl Stored {
    /// Opens a regular file; anything else has no size and can be read only once.
    fn open(path: &Path) -> io::Result<(File, Option<Self>)> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let modified = metadata.modified().ok();
        let stored = || Self { path: path.to_owned(), len: metadata.len(), modified, compression: None };
        Ok((file, metadata.is_file().then(stored)))
    }

    /// The same file, if it is still what it was.
    fn reopen(&self) -> Result<File, ErrorKind> {
        let (file, now) = Self::open(&self.path).map_err(ErrorKind::Io)?;
        match now.is_some_and(|now| (now.len, now.modified) == (self.len, self.modified)) {
            true => Ok(file),
            false => Err(ErrorKind::Changed),
        }
    }

    /// Its parts.
    fn parts(&self, file: &File) -> Result<Parts, ErrorKind> {
        let len = usize::try_from(self.len).unwrap_or(usize::MAX);
        Parts::read(file, len).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ErrorKind::Changed,
            _ => ErrorKind::Io(error),
        })
    }

    /// All of it, decompressed where it is compressed.
    fn read(&self, mut file: &File, len: usize) -> Result<Vec<u8>, ErrorKind> {
        let mut stored = Vec::new();
        file.read_to_end(&mut stored).map_err(ErrorKind::Io)?;
        let contents = match self.compression {
            Some(compression) => decompress(compression, &stored)?,
            None => stored,
        };
        if contents.len() == len { Ok(contents) } else { Err(ErrorKind::Changed) }
    }
}

/// How much of a file is read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What a loader looks at.
    Parts,
    /// All.
    Whole,
}

impl Bytes {
    /// Opens a file, and reads of it what a loader looks at, or all.
    ///
    /// # Errors
    /// When it cannot be opened or read.
    pub(super) fn open(path: &Path, extent: Extent) -> Result<Self, Error> {
        let io = |source| Error::new(path, ErrorKind::Io(source));
        let (mut file, stored) = Stored::open(path).map_err(io)?;
        let Some(stored) = stored else {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(io)?;
            return Ok(bytes.into());
        };
        let len = usize::try_from(stored.len).unwrap_or(usize::MAX);
        let fail = |kind| Error::new(path, kind);
        let (mut parts, mut all) = (OnceLock::new(), OnceLock::new());
        match extent {
            Extent::Parts => parts = stored.parts(&file).map_err(fail)?.into(),
            Extent::Whole => all = stored.read(&file, len).map_err(fail)?.into(),
        }
        let source = Source { len, file: Some(stored), parts, all, fault: OnceLock::new() };
        Ok(Self { source: Arc::new(source), len })
    }

    /// What these bytes are once decompressed.
    ///
    /// # Errors
    /// When they are broken.
    pub(super) fn decompressed(&self, compression: Compression) -> Result<Self, ErrorKind> {
        let contents = decompress(compression, self.part(0..self.len).unwrap_or_default())?;
        if let Some(fault) = self.fault() {
            return Err(fault);
        }
        let (len, file) = (contents.len(), self.source.file.clone());
        let file = file.map(|stored| Stored { compression: Some(compression), ..stored });
        let source = Source { len, file, all: contents.into(), ..Source::default() };
        Ok(Self { source: Arc::new(source), len })
    }

    /// Takes what is in memory out of it, but for the ranges named: `None` for bytes that no file has.
    pub(super) fn forgotten(&self, kept: &[Range<u64>]) -> Option<Self> {
        let file = self.source.file.clone()?;
        let kept = Parts::of(kept.iter().filter_map(|range| {
            let start = usize::try_from(range.start).ok()?;
            Some((start, self.part(start..usize::try_from(range.end).ok()?)?))
        }));
        let source = Source { len: self.source.len, file: Some(file), parts: kept.into(), ..Source::default() };
        Some(Self { source: Arc::new(source), len: self.len })
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Are there none?
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes of a range, if they lie inside: only so much of the file is read as a loader looks at.
    pub fn get(&self, range: Range<u64>) -> Option<&[u8]> {
        self.part(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
    }

    /// The same, by places in memory.
    pub fn part(&self, range: Range<usize>) -> Option<&[u8]> {
        if range.end > self.len || range.start > range.end {
            return None;
        }
        match self.in_parts(range.start) {
            Some(part) if part.len() >= range.len() => part.get(..range.len()),
            _ => self.source.all().get(range),
        }
    }

    /// At least `least` bytes from an offset on, or as many as there are; more where they are in memory anyway.
    pub(super) fn tail(&self, offset: usize, least: usize) -> &[u8] {
        let left = self.len.saturating_sub(offset);
        let part = self.in_parts(offset).filter(|part| part.len() >= least.min(left));
        part.or_else(|| self.source.all().get(offset..self.len)).unwrap_or_default()
    }

    fn in_parts(&self, offset: usize) -> Option<&[u8]> {
        let source = &self.source;
        if source.all.get().is_some() {
            return None;
        }
        let stored = source.file.as_ref()?;
        let read = || match stored.compression {
            None => stored.reopen().and_then(|file| stored.parts(&file)),
            Some(_) => Ok(Parts::default()),
        };
        let part = source.parts.get_or_init(|| source.noted(read()).unwrap_or_default()).from(offset)?;
        part.get(..part.len().min(self.len.saturating_sub(offset)))
    }

    /// The first `len` bytes; all, where there are fewer.
    #[must_use]
    pub fn prefix(&self, len: usize) -> Self {
        Self { source: Arc::clone(&self.source), len: self.len.min(len) }
    }

    /// The beginning of the very same bytes, or all of them?
    pub fn is_prefix_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.source, &other.source) && self.len <= other.len
    }

    /// The very same bytes?
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.source, &other.source) && self.len == other.len
    }

    /// What went wrong when bytes were read again: they count as zeros since.
    pub(super) fn fault(&self) -> Option<ErrorKind> {
        self.source.fault.get().map(ErrorKind::again)
    }
}

impl Source {
    fn all(&self) -> &[u8] {
        let read = |stored: &Stored| stored.reopen().and_then(|file| stored.read(&file, self.len));
        let read = |stored: &Stored| self.noted(read(stored)).unwrap_or_else(|| vec![0; self.len]);
        self.all.get_or_init(|| self.file.as_ref().map(read).unwrap_or_default())
    }

    /// Notes what went wrong.
    fn noted<T>(&self, read: Result<T, ErrorKind>) -> Option<T> {
        read.map_err(|fault| self.fault.set(fault)).ok()
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        let len = bytes.len();
        Self { source: Arc::new(Source { len, all: bytes.into(), ..Source::default() }), len }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let all = self.source.all();
        all.get(..self.len).unwrap_or(all)
    }
}
