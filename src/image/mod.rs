//! Reads a module file and records what is in it. Nothing here judges whether a module can be loaded.
//!
//! [`Image::open`] reads the whole file. Inside the library an image may be opened with only the parts of its file that
//! a loader looks at (`Extent::Parts`); later it can drop more of them. A range that is inside the file but not in
//! memory is answered with `None`, never with zeros, and [`Image::lacked`] returns `true` from then on. Whatever was
//! computed from such an image must be discarded and computed again from the whole file: `Image::ask` does both, and
//! `Image::completed` returns the image with the whole file in memory.

mod buffer;
mod bytes;
mod debug_file;
mod error;
mod exports;
mod facts;
mod file;
mod kmod;
mod loose_symbols;
mod modinfo;
mod module_elf;
mod modversions;
mod parameters;
mod parts;
mod regular;
mod root;
mod signature;
mod text;
mod this_module;
mod this_module_reader;

unstable!(bytes::Bytes);
pub use debug_file::DebugFiles;
unstable!(debug_file::DebugObject);
pub use error::{Error, ErrorKind};
pub(crate) use exports::TOO_MANY_EXPORTS;
unstable!(exports::{EntryLayout, ExportEntry, ExportTable, TABLES});
pub use facts::{Facts, Import, SectionFacts, SignatureFacts, Signer};
pub(crate) use file::Extent;
pub(crate) use regular::Known;
unstable!(kmod::{KmodComplaint, KmodLinks, KmodSymbol});
unstable!(loose_symbols::LooseSymbol);
pub use modinfo::Modinfo;
unstable!(module_elf::{ModuleElf, THIS_MODULE});
pub(crate) use this_module_reader::is_randomized;
unstable!(this_module::{ModuleFunction, NamedSection, ThisModule, ThisModulePlace});
unstable!(modversions::Versions);
pub use parameters::Parameter;
pub(crate) use regular::{read_counted, require_regular};
unstable!(regular::{open_own_folder, open_regular, read_own, read_regular, read_regular_text});
unstable!(regular::{read_stream_text, write_regular});
unstable!(root::{exists, in_root, is_dir, is_file, metadata, root, set_root});
pub(crate) use root::{read_dir, real_path};
unstable!(signature::{AppendedSignature, MarkedSignature, SignatureInfo});
pub(crate) use text::text_bytes;
pub(crate) use text::{is_plain, with_letters};
unstable!(text::{as_text, escaped});

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use self::file::{ModuleFile, Origin};
pub use crate::compression::{Compression, CompressionError};
use crate::compression::{
    DEPMOD_READS, KernelDecompressFault, KernelNeeds, NotAtOnce, complaints, decompress_module, kernel_decompress,
    kernel_needs, not_at_once,
};
use crate::elf::Elf;
use crate::terms::{Arch, Budget, Claim, Class, CountedBytes, ElfMachine, Endian, ExportedSymbol, Shown};

/// A module file: its bytes as stored and as decompressed.
///
/// See the [module documentation](self) for what happens when not all of the file is in memory.
#[derive(Debug)]
pub struct Image {
    path: PathBuf,
    /// Where it is read again; `None` if the bytes were passed in memory.
    file: Option<Origin>,
    compression: Option<Compression>,
    /// What the kernel needs to decompress the file to these contents itself, if that is known.
    kernel_needs: Option<KernelNeeds>,
    /// Why kmod 34 and later do not decompress it, although earlier ones do.
    not_at_once: Option<NotAtOnce>,
    stored: Bytes,
    contents: Bytes,
    signature: OnceLock<AppendedSignature>,
    /// The contents parsed as ELF, cached by class, byte order and length.
    readings: Mutex<Vec<Arc<ModuleElf>>>,
    /// Unique to this image: the key under which caches keep what they computed from it.
    number: u64,
    /// Why the contents are empty although the file is not, or are read by the kernel alone.
    fault: Option<Fault>,
    /// Whether the sections are found, as far as that was asked while they were in memory.
    damage: OnceLock<Option<&'static str>>,
    /// What was computed from the contents and stays in memory, counted in the budget.
    kept: Claim,
}

/// Why a module file has no contents, or none that kmod can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It could not be read: what is in it is not known.
    Unread(String),
    /// Its compressed data is broken: kmod cannot decompress it. The contents are those that the kernel's own decompressor
    /// reads; there are none if these are no module.
    Broken(String),
    /// It is longer than the kernel reads.
    TooLong(String),
}

/// The size of the larger of the two ELF headers, in bytes.
const HEAD: usize = 64;

/// How many bytes at the end show that a module has no signature appended.
const MARK: u64 = 64;

/// Returns a number that no other image has.
fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Image {
    /// Reads a whole module file into memory, and decompresses it if it is compressed.
    ///
    /// # Errors
    /// If the file cannot be read or decompressed, or takes more memory than a [`Budget`] of its own has. A file that is not a
    /// module is not an error here: the loader judges it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_within(path, &Budget::default())
    }

    /// Reads a module file as [`Image::open`] does, and counts it in a budget that is shared with others.
    ///
    /// # Errors
    /// As [`Image::open`], or if it takes more memory than is left.
    pub fn open_within(path: impl AsRef<Path>, budget: &Budget) -> Result<Self, Error> {
        Self::open_for(path.as_ref(), Known::Nothing, Extent::Whole, budget)
    }

    /// Reads a module file to the given extent. A compressed file is always read as a whole.
    ///
    /// # Errors
    /// If the file cannot be read or decompressed, or does not fit into the budget.
    pub(crate) fn open_for(path: &Path, known: Known, extent: Extent, budget: &Budget) -> Result<Self, Error> {
        let (stored, file) = ModuleFile::open(path, known, extent, budget)?;
        Ok(Self { file: Some(Origin::File(file)), ..Self::from_shared(path, stored)? })
    }

    /// Reads a whole file below a folder, by a path that somebody else chose.
    ///
    /// # Errors
    /// As [`Image::open`], or if the path leads out of the folder.
    fn open_below(folder: &Path, path: &Path, budget: &Budget) -> Result<Self, Error> {
        let (stored, file) = ModuleFile::open_below(folder, path, budget)?;
        Ok(Self { file: Some(Origin::File(file)), ..Self::from_shared(path, stored)? })
    }

    /// Reads a module file that is passed to the kernel as it is: broken compression is not an error here, because the
    /// kernel judges it.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn open_raw(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_raw_within(path.as_ref(), &Budget::default())
    }

    /// # Errors
    /// As [`Image::open_raw`], or if it takes more memory than is left.
    pub(crate) fn open_raw_within(path: &Path, budget: &Budget) -> Result<Self, Error> {
        let (stored, file) = ModuleFile::open(path, Known::Nothing, Extent::Whole, budget)?;
        Ok(Self { file: Some(Origin::File(file)), ..Self::raw_from_shared(path, stored) })
    }

    /// Takes a module from bytes in memory that are passed to the kernel as they are; `path` is only a name.
    pub fn from_bytes_raw(path: impl AsRef<Path>, bytes: impl Into<Vec<u8>>) -> Self {
        Self::from_counted_raw(path.as_ref(), CountedBytes::from(bytes.into()))
    }

    pub(crate) fn from_counted_raw(path: &Path, bytes: CountedBytes) -> Self {
        Self::raw_from_shared(path, bytes.into())
    }

    fn raw_from_shared(path: &Path, stored: Bytes) -> Self {
        Self::from_shared(path, stored.clone()).unwrap_or_else(|_| {
            let compression = Compression::of(stored.tail(0, HEAD));
            Self::new(path, compression, stored, Bytes::default())
        })
    }

    /// Takes a module from bytes in memory; `path` is only a name.
    ///
    /// # Errors
    /// If the bytes are compressed and cannot be decompressed.
    pub fn from_bytes(path: impl AsRef<Path>, bytes: impl Into<Vec<u8>>) -> Result<Self, Error> {
        Self::from_counted(path.as_ref(), CountedBytes::from(bytes.into()))
    }

    /// # Errors
    /// As [`Image::from_bytes`], or if they do not fit into the budget when they are decompressed.
    pub(crate) fn from_counted(path: &Path, bytes: CountedBytes) -> Result<Self, Error> {
        Self::from_shared(path, bytes.into())
    }

    /// Takes a module from a package, whose bytes `read` reads.
    ///
    /// # Errors
    /// As [`Image::from_counted`], or if they cannot be read.
    pub(crate) fn from_member(
        path: &Path,
        read: impl Fn() -> std::io::Result<CountedBytes> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let stored = read().map_err(|error| Error::new(path, ErrorKind::Io(error)))?;
        Ok(Self { file: Some(Origin::Member(Arc::new(read))), ..Self::from_counted(path, stored)? })
    }

    fn from_shared(path: &Path, stored: Bytes) -> Result<Self, Error> {
        let Some(compression) = Compression::of(stored.tail(0, HEAD)) else {
            return Ok(Self::new(path, None, stored.clone(), stored));
        };
        let contents = decompress_module(compression, stored.whole(), &stored.budget());
        let contents = contents.map_err(|kind| Error::new(path, kind.into()))?;
        let kernel_needs = kernel_needs(compression, stored.whole());
        let not_at_once = match compression {
            Compression::Zstd => not_at_once(stored.whole(), contents.len()),
            _ => None,
        };
        Ok(Self { kernel_needs, not_at_once, ..Self::new(path, Some(compression), stored, contents.into()) })
    }

    fn new(path: &Path, compression: Option<Compression>, stored: Bytes, contents: Bytes) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
            compression,
            kernel_needs: None,
            not_at_once: None,
            stored,
            contents,
            signature: OnceLock::new(),
            readings: Mutex::default(),
            number: next_number(),
            fault: None,
            damage: OnceLock::new(),
            kept: Claim::default(),
        }
    }

    /// Stands for a file that could not be read: what is in it is not known.
    #[cfg_attr(not(feature = "unstable"), doc(hidden))]
    pub fn unread(path: &Path, why: impl Into<String>) -> Self {
        Self { fault: Some(Fault::Unread(why.into())), ..Self::new(path, None, Bytes::default(), Bytes::default()) }
    }

    /// A file that could not be opened with this error. `in_package` gives the bytes of a file that lies in a package.
    pub(crate) fn faulty(
        error: &Error,
        budget: &Budget,
        in_package: impl FnOnce() -> Result<Option<CountedBytes>, Error>,
    ) -> Self {
        let (path, why) = (&error.path, error.kind.to_string());
        match &error.kind {
            ErrorKind::Compression(CompressionError::Broken { .. }) => {}
            ErrorKind::TooLong { .. } => {
                let empty = Self::new(path, None, Bytes::default(), Bytes::default());
                return Self { fault: Some(Fault::TooLong(why)), ..empty };
            }
            ErrorKind::Io(_) => return Self::unread(path, why_unread(path, &why)),
            _ => return Self::unread(path, why),
        }
        let raw = match in_package() {
            Ok(Some(stored)) => Ok(Self::from_counted_raw(path, stored)),
            Ok(None) => Self::open_raw_within(path, budget),
            Err(error) => Err(error),
        };
        let broken = raw.ok().and_then(|raw| raw.read_as_kernel());
        match broken {
            Some(broken) => Self { fault: Some(Fault::Broken(why)), file: None, ..broken },
            None => Self::unread(path, why),
        }
    }

    /// The contents that the kernel's own decompressor reads of a compressed file, which ignores what follows the first stream;
    /// empty if it refuses the file or what it reads is no module. `None` if it is not known what it reads.
    fn read_as_kernel(self) -> Option<Self> {
        let contents = match kernel_decompress(self.compression?, self.stored.whole(), &[], &self.budget()) {
            Ok(contents) => Bytes::from(contents),
            Err(KernelDecompressFault::Refused { .. }) => Bytes::default(),
            Err(KernelDecompressFault::Limit) => return None,
        };
        let is_module = Self::new(&self.path, None, contents.clone(), contents.clone()).damage().is_none();
        Some(Self { contents: if is_module { contents } else { Bytes::default() }, ..self })
    }

    /// Why the contents are missing or not for kmod; `None` if all can read them.
    pub(crate) const fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Why the sections of the module cannot be found, so that what it exports is not known; `None` if they are found. Must be
    /// called before parts of the image are freed.
    pub(crate) fn damage(&self) -> Option<&str> {
        if let Some(Fault::Unread(why) | Fault::Broken(why) | Fault::TooLong(why)) = &self.fault
            && self.contents.is_empty()
        {
            return Some(why);
        }
        *self.damage.get_or_init(|| match self.as_announced() {
            None => Some("it is no ELF file"),
            Some(elf) if elf.sections().is_empty() => Some("its section headers do not lie inside the file"),
            Some(_) => None,
        })
    }

    /// What stays in memory of the module once its bytes are freed, with what so many verdicts may say of it, as a part of the budget.
    ///
    /// # Errors
    /// If it does not fit into what is left.
    pub(crate) fn claim_kept(&self, verdicts: usize) -> Result<Claim, Error> {
        self.claim(self.as_announced().map_or(0, |elf| elf.size_of_kept(verdicts)))
    }

    /// What a copy of its exports takes, as a part of the budget.
    ///
    /// # Errors
    /// If it does not fit into what is left.
    pub(crate) fn claim_exports(&self, exports: &[ExportedSymbol]) -> Result<Claim, Error> {
        self.claim(ModuleElf::size_of_exports(exports))
    }

    fn claim(&self, size: usize) -> Result<Claim, Error> {
        self.budget().take(size).map_err(|over| Error::new(&self.path, ErrorKind::Io(over.into())))
    }

    /// Counts what stays in memory of the module, as long as this image is there: see [`Image::claim_kept`]. A module of which not all
    /// exports are read counts as unread: others may need them.
    ///
    /// # Errors
    /// If it does not fit into what is left.
    pub(crate) fn counted(mut self, verdicts: usize) -> Result<Self, Error> {
        if self.as_announced().is_some_and(|elf| elf.exports_too_many()) {
            return Ok(Self::unread(&self.path, TOO_MANY_EXPORTS));
        }
        self.kept = self.claim_kept(verdicts)?;
        Ok(self)
    }

    /// The ranges of the contents that a loader looks at; none if they do not tell, or if the file cannot be read again.
    fn loaded_parts(&self) -> Vec<Range<u64>> {
        let read = |into: &mut [u8], at: usize| {
            let bytes =
                self.contents.part(at..at.saturating_add(into.len())).ok_or(std::io::ErrorKind::UnexpectedEof)?;
            into.copy_from_slice(bytes);
            Ok(())
        };
        let wanted = parts::wanted(read, self.contents.len()).ok().flatten().unwrap_or_default();
        wanted.into_iter().map(|range| range.start as u64..range.end as u64).collect()
    }

    /// The ranges of the contents that a loader looks at, if there is `room` for so many bytes; they are then taken from it.
    pub(crate) fn loaded_parts_within(&self, room: &AtomicU64) -> Option<Vec<Range<u64>>> {
        let parts = self.loaded_parts();
        let size: u64 = parts.iter().map(|range| range.end - range.start).sum();
        let taken = room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| room.checked_sub(size));
        taken.is_ok().then_some(parts)
    }

    /// Frees the bytes of an image whose file can be read again, except for the parts that every load reads.
    #[must_use]
    pub(crate) fn reduced(self) -> Self {
        self.reduced_to(Vec::new())
    }

    /// Frees the bytes of an image whose file can be read again, except for these ranges and the parts that every load reads.
    #[must_use]
    pub(crate) fn reduced_to(mut self, mut kept: Vec<Range<u64>>) -> Self {
        if self.file.is_none() {
            return self;
        }
        let readings = self.readings.get_mut().unwrap_or_else(PoisonError::into_inner);
        readings.retain_mut(|reading| Arc::get_mut(reading).is_some());
        kept.extend(readings.iter().flat_map(|reading| reading.often_read()));
        let len = self.contents.len() as u64;
        kept.extend([0..len.min(HEAD as u64), len.saturating_sub(MARK)..len]);
        let contents = self.contents.reduced(&kept);
        for reading in readings.iter_mut().filter_map(Arc::get_mut) {
            reading.reduce(contents.prefix(reading.bytes().len()));
        }
        self.stored = match self.compression {
            None => contents.clone(),
            Some(_) => self.stored.reduced(&[]),
        };
        self.contents = contents;
        self
    }

    /// Frees the bytes and the readings of an image that is not judged any more, if its file can be read again.
    #[must_use]
    pub(crate) fn emptied(mut self) -> Self {
        self.readings.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        self.reduced()
    }

    /// Returns whether all bytes of the module are in memory.
    pub fn is_whole(&self) -> bool {
        self.contents.is_whole()
    }

    /// Returns whether a range was asked for that is not in memory. Whatever was computed from this image is then
    /// invalid.
    pub fn lacked(&self) -> bool {
        self.contents.lacked() || self.stored.lacked()
    }

    /// Reads the file again and returns the image with all its bytes in memory; `None` if they are in memory already,
    /// or if the file cannot be read twice.
    ///
    /// # Errors
    /// If the file cannot be read, or has changed since it was opened.
    pub(crate) fn completed(&self) -> Result<Option<Self>, Error> {
        let Some(file) = &self.file else { return Ok(None) };
        if self.is_whole() && !self.lacked() {
            return Ok(None);
        }
        let image = Self::from_shared(&self.path, file.reopen(&self.path, &self.budget())?)?;
        Ok(Some(Self { file: Some(file.clone()), ..image }))
    }

    /// Computes something from this image. If `compute` asked for bytes that are not in memory, its result is discarded
    /// and computed again from the whole file.
    ///
    /// # Errors
    /// If the file cannot be read again, or has changed since it was opened.
    pub(crate) fn ask<T>(&self, compute: impl Fn(&Self) -> T) -> Result<T, Error> {
        let found = compute(self);
        if !self.lacked() {
            return Ok(found);
        }
        Ok(match self.completed()? {
            Some(whole) => compute(&whole),
            None => found,
        })
    }

    /// The signature at the end of the contents, if there is one.
    pub fn signature(&self) -> &AppendedSignature {
        self.signature.get_or_init(|| AppendedSignature::of(&self.contents))
    }

    /// A number that no other image has.
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// The path it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How it is compressed.
    pub const fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// What the kernel needs to decompress the file itself to the contents that user space sees. `None` if the file is not
    /// compressed, or if the kernel may read other contents, or none.
    pub(crate) const fn kernel_needs(&self) -> Option<&KernelNeeds> {
        self.kernel_needs.as_ref()
    }

    /// What kmod 34 says of the file, each time that depmod reads it, if it cannot decompress it.
    pub(crate) fn complaints(&self) -> Option<(Compression, [&'static str; DEPMOD_READS])> {
        let is_broken = matches!(self.fault, Some(Fault::Broken(_)));
        let compression = self.compression.filter(|_| is_broken || self.not_at_once.is_some())?;
        let file = self.stored.is_whole().then(|| self.stored.whole())?;
        Some((compression, complaints(compression, file, &self.budget())?))
    }

    /// Why kmod 34 and later do not decompress the file, although earlier ones do.
    pub(crate) const fn not_at_once(&self) -> Option<NotAtOnce> {
        self.not_at_once
    }

    /// The budget that the file is counted in.
    pub(crate) fn budget(&self) -> Budget {
        self.stored.budget()
    }

    /// The bytes of the file as stored.
    pub fn stored(&self) -> &Bytes {
        &self.stored
    }

    /// The bytes after decompression; the bytes of the file if it is not compressed.
    pub fn contents(&self) -> &Bytes {
        &self.contents
    }

    /// The architecture that the ELF header states; `None` without an ELF header, or if gplok cannot name the
    /// machine.
    pub fn arch(&self) -> Option<Arch> {
        let head = self.contents.tail(0, HEAD);
        let (class, endian) = Elf::ident(head)?;
        let header = Elf::new(head, class, endian).header()?;
        Some(Arch { machine: ElfMachine::from_e_machine(header.e_machine)?, class, endian })
    }

    /// The architecture of the kernels that may take the module, as far as its ELF header tells; `None` if no kernel takes it,
    /// because it does not begin with the ELF magic or is shorter than an ELF header. Class and byte order are the usual ones
    /// where the header states none, because few kernels look at them.
    pub(crate) fn announced_arch(&self) -> Option<Arch> {
        let head = self.contents.tail(0, HEAD);
        let (class, endian) = Elf::ident(head).unwrap_or((Class::Elf64, Endian::Little));
        let header = Elf::new(head, class, endian).header().filter(|header| header.magic == *b"\x7fELF")?;
        let machine = ElfMachine::from_e_machine(header.e_machine).unwrap_or(ElfMachine::Other);
        Some(Arch { machine, class, endian })
    }

    /// The module without its signature, as a loader sees it, read in the class and byte order that its ELF header
    /// states; `None` if the contents do not begin with an ELF identification.
    pub fn as_announced(&self) -> Option<Arc<ModuleElf>> {
        let (class, endian) = Elf::ident(self.contents.tail(0, HEAD))?;
        let len = match self.signature() {
            AppendedSignature::Absent => self.contents.len(),
            AppendedSignature::Marked(marked) => {
                marked.message.as_ref().map_or(marked.unmarked_len, |message| message.start)
            }
        };
        Some(self.reading(&self.contents.prefix(len), class, endian))
    }

    /// Reads `bytes`, which must be a part of this image, in a class and byte order. Each reading is made only once.
    pub(crate) fn reading(&self, bytes: &Bytes, class: Class, endian: Endian) -> Arc<ModuleElf> {
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reading) = readings.iter().find(|reading| reading.is_reading_of(bytes, class, endian)) {
            return Arc::clone(reading);
        }
        let reading = Arc::new(ModuleElf::new(bytes.clone(), class, endian));
        readings.push(Arc::clone(&reading));
        reading
    }
}

/// Why a path cannot be read, as [`why_unread`] says it; `None` if there is nothing. A link that leads nowhere is something.
pub(crate) fn why_unread_unless_absent(path: &Path, error: &std::io::Error) -> Option<String> {
    let is_absent = error.kind() == std::io::ErrorKind::NotFound && std::fs::read_link(path).is_err();
    (!is_absent).then(|| why_unread(path, &error.to_string()))
}

/// Why a path cannot be read: the error, and where the path leads if it is a link.
pub(crate) fn why_unread(path: &Path, error: &str) -> String {
    match std::fs::read_link(path) {
        Ok(target) => format!("a link to {}: {error}", Shown::path(&target)),
        Err(_) => error.to_owned(),
    }
}
