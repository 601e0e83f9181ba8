//! Sparse files in tars, as bsdtar and GNU tar write them: version 1.0 of GNU's sparse format for pax. The tar crate reads
//! GNU's old format; other versions are an error.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Result};
use std::vec::IntoIter;

use crate::compression::stream::{array, broken};

/// The most pieces that a file may have.
const PIECES_LIMIT: u64 = 1 << 16;

/// The real path and size of a sparse file.
pub(super) struct SparseFile {
    /// Its path; the path of the entry itself is a placeholder.
    pub path: String,
    /// Its size, with the holes.
    pub size: u64,
}

impl SparseFile {
    /// Reads the `GNU.sparse` attributes of an entry; `None` if it has none.
    pub(super) fn of<R: Read>(entry: &mut ::tar::Entry<'_, R>) -> Result<Option<Self>> {
        let mut said = BTreeMap::new();
        for attribute in entry.pax_extensions()?.into_iter().flatten() {
            let attribute = attribute?;
            if let Some(key) = attribute.key().ok().and_then(|key| key.strip_prefix("GNU.sparse.")) {
                said.insert(key.to_owned(), String::from_utf8_lossy(attribute.value_bytes()).into_owned());
            }
        }
        if said.is_empty() {
            return Ok(None);
        }
        let is_known = ["major", "minor"].map(|key| said.get(key).map(String::as_str)) == [Some("1"), Some("0")];
        let size = said.get("realsize").and_then(|size| size.parse().ok());
        match (said.remove("name"), size) {
            (Some(path), Some(size)) if is_known => Ok(Some(Self { path, size })),
            _ => Err(broken("a file with holes of a kind that gplok does not read")),
        }
    }
}

/// A reader of the contents of a sparse file, its holes filled with zeros.
pub(super) struct Filled<R> {
    input: R,
    /// The start and end of each piece that is left.
    pieces: IntoIter<(u64, u64)>,
    next: (u64, u64),
    at: u64,
}

impl<R: Read> Filled<R> {
    /// Reads the map that precedes the pieces: their count, and the offset and size of each, as decimal numbers, one a line,
    /// padded to blocks of 512 bytes.
    pub(super) fn new(mut input: R, size: u64) -> Result<Self> {
        let mut lines = Vec::new();
        let count = number(&mut input, &mut lines)?;
        if count > PIECES_LIMIT {
            return Err(broken(format!("more than {PIECES_LIMIT} pieces")));
        }
        let mut pieces = Vec::new();
        let mut last = 0;
        for _ in 0..count {
            let start = number(&mut input, &mut lines)?;
            let end = start.saturating_add(number(&mut input, &mut lines)?);
            if start < last || end > size {
                return Err(broken("its pieces do not fit together"));
            }
            pieces.push((start, end));
            last = end;
        }
        // An empty piece at the end makes the reader fill the last hole.
        pieces.push((size, size));
        Ok(Self { input, pieces: pieces.into_iter(), next: (0, 0), at: 0 })
    }
}

fn number(input: &mut impl Read, lines: &mut Vec<u8>) -> Result<u64> {
    if !lines.contains(&b'\n') {
        lines.extend(array::<512>(input)?);
    }
    let end = lines.iter().position(|byte| *byte == b'\n');
    let line: Vec<u8> = lines.drain(..end.map_or(0, |end| end + 1)).collect();
    let number = std::str::from_utf8(&line).ok().and_then(|line| line.trim_end().parse().ok());
    number.ok_or_else(|| broken("the list of its pieces is broken"))
}

impl<R: Read> Read for Filled<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.at == self.next.1 {
            let Some(next) = self.pieces.next() else { return Ok(0) };
            self.next = next;
        }
        let (start, end) = self.next;
        let read = if self.at < start {
            std::io::repeat(0).take(start - self.at).read(buffer)?
        } else {
            self.input.by_ref().take(end - self.at).read(buffer)?
        };
        if read == 0 && !buffer.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.at += read as u64;
        Ok(read)
    }
}
