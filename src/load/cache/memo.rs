//! Results that hold for every call on one kernel.
//!
//! Each is kept under a key, which names the values that it was computed from, together with the premises that were recorded
//! while it was computed. It is used again only where the key is equal and every premise holds.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::image::{EntryLayout, ExportTable, Image};
use crate::kernel::Kernel;
use crate::load::cache::premise::Premise;
use crate::load::cache::simple_imports::SimpleImports;
use crate::load::run::Run;
use crate::load::signature::crypto::Crypto;
use crate::load::signature::verify_pkcs7::Pkcs7Verdict;
use crate::load::state::{Info, StageResult};
use crate::terms::{Arch, ByNumber, ExportKind};

/// Which bytes of which image the loader has: with or without the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::load) struct Reading {
    image: u64,
    len: usize,
}

/// The values that relocations depend on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::load) struct Relocating {
    reading: Reading,
    arch: Arch,
    unresolved: Vec<usize>,
    dropped: Vec<usize>,
    percpu: Option<usize>,
}

/// The values that export tables depend on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::load) struct Exporting {
    reading: Reading,
    arch: Arch,
    pub layout: EntryLayout,
    pub kinds: Vec<ExportKind>,
    pub flags: bool,
}

/// The values that [`SimpleImports`] depend on: also which of the two tables of versions count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::load) struct Importing {
    reading: Reading,
    arch: Arch,
    versions: [bool; 2],
}

/// The results for one key, each with its premises.
type Results<V> = Vec<(Vec<Premise>, V)>;

/// Results by key and premises.
#[derive(Debug)]
pub(in crate::load) struct Kept<K, V>(Mutex<HashMap<K, Results<V>, ByNumber>>);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Kept<K, V> {
    fn locked(&self) -> MutexGuard<'_, HashMap<K, Results<V>, ByNumber>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The result kept for a key, if its premises hold for this attempt.
    pub fn get(&self, run: &Run<'_>, key: &K) -> Option<V> {
        if !run.call.memo.is_enabled() {
            return None;
        }
        let kept = self.locked();
        let (premises, value) = kept.get(key)?.iter().find(|(premises, _)| run.holds(premises))?;
        run.record_all(premises);
        Some(value.clone())
    }

    /// Keeps a result.
    pub fn keep(&self, run: &Run<'_>, key: K, premises: Vec<Premise>, value: V) {
        if run.call.memo.is_enabled() {
            self.locked().entry(key).or_default().push((premises, value));
        }
    }

    /// The result for a key: the one that is kept, or a new one, which is kept. Nothing is kept under no key.
    fn get_or_compute(&self, run: &Run<'_>, key: Option<K>, compute: impl FnOnce() -> V) -> V {
        let Some(key) = key else { return compute() };
        if let Some(known) = self.get(run, &key) {
            return known;
        }
        let (value, premises) = run.recording(compute);
        self.keep(run, key, premises, value.clone());
        value
    }
}

/// The results of one kernel.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    /// Set where every answer is computed anew.
    disabled: bool,
    arch: OnceLock<Option<Arch>>,
    modversions: OnceLock<Option<bool>>,
    crypto: Kept<(), Arc<Crypto>>,
    vermagic: Kept<(), Option<Arc<str>>>,
    /// The verdict on a signature, and who signed.
    signatures: Kept<Reading, (Pkcs7Verdict, Arc<str>)>,
    exports: Kept<Exporting, Arc<Vec<ExportTable>>>,
    imports: Kept<Importing, Arc<SimpleImports>>,
    /// Imports of the kernel's modules, by the number of the image.
    foreign: Mutex<HashMap<u64, Arc<SimpleImports>, ByNumber>>,
    /// Relocations that were applied without a word.
    pub(in crate::load) relocated: Kept<Relocating, ()>,
}

impl Reading {
    /// What the loader has of the image; `None` for bytes that are not the image's own.
    fn of(run: &Run<'_>) -> Option<Self> {
        let bytes = run.bytes();
        bytes.is_prefix_of(run.image.contents()).then(|| Self { image: run.image.number(), len: bytes.len() })
    }
}

impl Memo {
    /// Keeps nothing: every answer is computed anew. For tests, which compare the answers.
    pub fn disabled() -> Self {
        Self { disabled: true, ..Self::default() }
    }

    /// Returns whether results are kept.
    pub const fn is_enabled(&self) -> bool {
        !self.disabled
    }

    /// The kernel's architecture, as far as its files tell.
    pub fn arch(&self, kernel: &Kernel) -> Option<Arch> {
        *self.arch.get_or_init(|| kernel.arch())
    }

    /// Whether the kernel compares the versions of symbols, as far as its files tell.
    pub fn modversions(&self, kernel: &Kernel) -> Option<bool> {
        *self.modversions.get_or_init(|| kernel.modversions())
    }

    /// What the kernel can compute.
    pub fn crypto(&self, run: &Run<'_>, find: impl FnOnce() -> Crypto) -> Arc<Crypto> {
        self.crypto.get_or_compute(run, Some(()), || Arc::new(find()))
    }

    /// The kernel's own vermagic, where its files tell it.
    pub fn vermagic(
        &self,
        run: &Run<'_>,
        find: impl FnOnce() -> StageResult<Option<Arc<str>>>,
    ) -> StageResult<Option<Arc<str>>> {
        if let Some(known) = self.vermagic.get(run, &()) {
            return Ok(known);
        }
        let (found, premises) = run.recording(find);
        let found = found?;
        self.vermagic.keep(run, (), premises, found.clone());
        Ok(found)
    }

    /// The verdict on the signature, and who signed.
    pub fn signature(
        &self,
        run: &Run<'_>,
        verify: impl FnOnce() -> (Pkcs7Verdict, Arc<str>),
    ) -> (Pkcs7Verdict, Arc<str>) {
        self.signatures.get_or_compute(run, Reading::of(run), verify)
    }

    /// The export tables of a module.
    pub(in crate::load) fn exports(
        &self,
        run: &Run<'_>,
        arch: Arch,
        (layout, kinds, flags): (EntryLayout, Vec<ExportKind>, bool),
        read: impl FnOnce(&Exporting) -> Vec<ExportTable>,
    ) -> Arc<Vec<ExportTable>> {
        let own = Reading::of(run);
        let reading = own.unwrap_or(Reading { image: run.image.number(), len: run.bytes().len() });
        let wanted = Exporting { reading, arch, layout, kinds, flags };
        self.exports.get_or_compute(run, own.map(|_| wanted.clone()), || Arc::new(read(&wanted)))
    }

    /// Which of a module's imports are simple; `None` where nothing is kept, and for bytes that are not the image's own.
    pub fn imports(
        &self,
        run: &Run<'_>,
        info: &Info,
        find: impl FnOnce() -> SimpleImports,
    ) -> Option<Arc<SimpleImports>> {
        if self.disabled {
            return None;
        }
        let versions = [info.vers.is_some(), info.vers_ext.is_some()];
        let key = Importing { reading: Reading::of(run)?, arch: info.arch, versions };
        let found = self.imports.get_or_compute(run, Some(key), || Arc::new(find()));
        let mut foreign = self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
        foreign.entry(run.image.number()).or_insert_with(|| Arc::clone(&found));
        Some(found)
    }

    /// The imports of an image that was looked at before. Which of them the kernel itself does not export depends on the file
    /// and the kernel alone.
    pub fn looked_at(&self, image: &Image) -> Option<Arc<SimpleImports>> {
        let foreign = self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
        foreign.get(&image.number()).cloned()
    }

    /// The values that a module's relocations depend on.
    pub(in crate::load) fn relocating(run: &Run<'_>, info: &Info) -> Option<Relocating> {
        let mut unresolved: Vec<_> = info.unresolved.iter().copied().collect();
        unresolved.sort_unstable();
        Some(Relocating {
            reading: Reading::of(run)?,
            arch: info.arch,
            unresolved,
            dropped: info.dropped.clone(),
            percpu: info.percpu,
        })
    }
}
