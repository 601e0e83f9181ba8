//! One module file as facts. Nothing here says whether a fact is good.

pub(crate) mod asn1;
mod bytes;
mod compression;
mod debug_file;
pub(crate) mod distinguished_name;
mod error;
mod exports;
mod facts;
mod kernel_decompress;
mod modinfo;
mod module_elf;
mod modversions;
mod parameters;
mod pkcs7;
mod signature;
pub(crate) mod stream;

pub use bytes::Bytes;
pub use compression::{
    Compression, DECOMPRESSED_LIMIT, decompress, decompress_payload, decompress_section, decompressor,
};
pub use debug_file::{DebugFiles, DebugObject};
pub use error::{Error, ErrorKind};
pub use exports::{EntryLayout, ExportEntry, ExportTable, TABLES};
pub use facts::{Facts, Import, SectionFacts, SignatureFacts, Signer};
pub use kernel_decompress::{KernelDecompressFault, kernel_decompress};
pub use modinfo::Modinfo;
pub use module_elf::{ModuleElf, as_text, escaped};
pub use modversions::{ExtendedVersion, Version, Versions};
pub use parameters::Parameter;
pub use pkcs7::{ContentType, EmbeddedCertificate, Pkcs7, Pkcs7Fault, SignatureAlgorithm, SignerId, SignerInfo};
pub use signature::{AppendedSignature, MarkedSignature, SignatureInfo};

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::elf::Elf;
use crate::terms::{Arch, Class, ElfMachine, Endian};

/// A module file: its bytes as stored, and as they are once decompressed.
#[derive(Debug)]
pub struct Image {
    path: PathBuf,
    compression: Option<Compression>,
    stored: Bytes,
    contents: Bytes,
    readings: Mutex<Vec<Arc<ModuleElf>>>,
    number: u64,
}

/// Every image has a number of its own: under it others remember what they have found out of it.
fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Image {
    /// Opens a module file, compressed or not.
    ///
    /// # Errors
    /// When the file cannot be read or decompressed. A file that is no module at all is no error: the kernel judges it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| Error::new(path, ErrorKind::Io(source)))?;
        Self::from_bytes(path, bytes)
    }

    /// Opens a module file to be handed to the kernel as it is: what is compressed and broken is the kernel's to refuse.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn open_raw(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let stored = std::fs::read(path).map_err(|source| Error::new(path, ErrorKind::Io(source)))?;
        Ok(Self::from_bytes_raw(path, stored))
    }

    /// A module from bytes in memory, to be handed to the kernel as they are.
    pub fn from_bytes_raw(path: impl AsRef<Path>, bytes: impl Into<Vec<u8>>) -> Self {
        let (path, stored) = (path.as_ref(), Bytes::from(bytes.into()));
        Self::from_shared(path, stored.clone()).unwrap_or_else(|_| Self {
            path: path.to_owned(),
            compression: Compression::of(&stored),
            contents: Bytes::default(),
            stored,
            readings: Mutex::default(),
            number: next_number(),
        })
    }

    /// A module from bytes in memory; `path` only names it.
    ///
    /// # Errors
    /// When the bytes are compressed and cannot be decompressed.
    pub fn from_bytes(path: impl AsRef<Path>, bytes: impl Into<Vec<u8>>) -> Result<Self, Error> {
        Self::from_shared(path.as_ref(), Bytes::from(bytes.into()))
    }

    fn from_shared(path: &Path, stored: Bytes) -> Result<Self, Error> {
        let path = path.to_owned();
        let compression = Compression::of(&stored);
        let contents = match compression {
            None => stored.clone(),
            Some(compression) => decompress(compression, &stored).map_err(|kind| Error::new(&path, kind))?.into(),
        };
        Ok(Self { path, compression, stored, contents, readings: Mutex::default(), number: next_number() })
    }

    /// Its number, which no other image has.
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How it is compressed.
    pub const fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// The bytes of the file.
    pub fn stored(&self) -> &Bytes {
        &self.stored
    }

    /// The bytes after decompression; those of the file where it is not compressed.
    pub fn contents(&self) -> &Bytes {
        &self.contents
    }

    /// The architecture its own header announces.
    pub fn arch(&self) -> Option<Arch> {
        let (class, endian) = Elf::ident(&self.contents)?;
        let header = Elf::new(&self.contents, class, endian).header()?;
        Some(Arch { machine: ElfMachine::from_e_machine(header.e_machine)?, class, endian })
    }

    /// The module as its own header wants it read; `None` when the first bytes are no ELF identification.
    pub fn as_announced(&self) -> Option<Arc<ModuleElf>> {
        let (class, endian) = Elf::ident(&self.contents)?;
        Some(self.reading(&self.contents, class, endian))
    }

    /// `bytes` (of this file) read in a class and byte order; each reading is made once.
    pub(crate) fn reading(&self, bytes: &Bytes, class: Class, endian: Endian) -> Arc<ModuleElf> {
        let mut readings = self.readings.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let same = |reading: &&Arc<ModuleElf>| reading.is_reading_of(bytes, class, endian);
        if let Some(reading) = readings.iter().find(same) {
            return Arc::clone(reading);
        }
        let reading = Arc::new(ModuleElf::new(bytes.clone(), class, endian));
        readings.push(Arc::clone(&reading));
        reading
    }
}
