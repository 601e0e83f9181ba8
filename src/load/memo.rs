//! What was found out of a module file once and holds on every boot of the same kernel.
//!
//! Only what follows from the file, the kernel's files and the calendar is remembered: never an answer to a question.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use super::run::Run;
use super::verify_pkcs7::Pkcs7Verdict;
use crate::history::Calendar;
use crate::image::{EntryLayout, ExportTable};
use crate::terms::{Arch, ExportKind};

/// The bytes of an image, as far as the loader has them: with or without signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Reading {
    image: u64,
    len: usize,
}

/// What a module's relocations depend on.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Relocating {
    reading: Reading,
    arch: Arch,
    calendar: Option<Calendar>,
    unresolved: Vec<usize>,
}

/// What its export tables depend on.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Exporting {
    reading: Reading,
    arch: Arch,
    pub layout: EntryLayout,
    pub kinds: Vec<ExportKind>,
    pub flags: bool,
}

/// What its signature depends on.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Signing {
    reading: Reading,
    calendar: Option<Calendar>,
}

type Remembered<K, V> = Mutex<HashMap<K, V>>;

/// What is remembered of one kernel.
#[derive(Debug, Default)]
pub(super) struct Memo {
    signatures: Remembered<Signing, Pkcs7Verdict>,
    exports: Remembered<Exporting, Arc<Vec<ExportTable>>>,
    relocated: Mutex<HashSet<Relocating>>,
}

impl Reading {
    /// `None` for bytes that are not the image's own.
    fn of(run: &Run<'_>) -> Option<Self> {
        let own = run.bytes.is_prefix_of(run.image.contents());
        own.then(|| Self { image: run.image.number(), len: run.bytes.len() })
    }
}

impl Memo {
    /// The verdict on the signature, found once.
    pub fn signature(&self, run: &Run<'_>, verify: impl FnOnce() -> Pkcs7Verdict) -> Pkcs7Verdict {
        let key = Reading::of(run).map(|reading| Signing { reading, calendar: run.world.calendar });
        if let Some(known) = key.as_ref().and_then(|key| get(&self.signatures, key)) {
            return known;
        }
        let verdict = verify();
        keep(&self.signatures, key, &verdict);
        verdict
    }

    /// The export tables, read once.
    pub fn exports(
        &self,
        run: &Run<'_>,
        arch: Arch,
        (layout, kinds, flags): (EntryLayout, Vec<ExportKind>, bool),
        read: impl FnOnce(&Exporting) -> Vec<ExportTable>,
    ) -> Arc<Vec<ExportTable>> {
        let own = Reading::of(run);
        let reading = own.unwrap_or(Reading { image: run.image.number(), len: run.bytes.len() });
        let key = Exporting { reading, arch, layout, kinds, flags };
        if let Some(known) = own.and_then(|_| get(&self.exports, &key)) {
            return known;
        }
        let tables = Arc::new(read(&key));
        keep(&self.exports, own.map(|_| key), &tables);
        tables
    }

    /// What its relocations depend on, if on nothing that was answered rather than known.
    pub fn relocating(run: &Run<'_>) -> Option<Relocating> {
        let info = run.info.as_ref().filter(|_| run.world.answers.is_empty() && !run.surveying)?;
        let mut unresolved: Vec<_> = info.unresolved.iter().copied().collect();
        unresolved.sort_unstable();
        Some(Relocating { reading: Reading::of(run)?, arch: info.arch, calendar: run.world.calendar, unresolved })
    }

    /// Have these relocations gone through before?
    pub fn were_applied(&self, key: &Relocating) -> bool {
        self.relocated.lock().unwrap_or_else(PoisonError::into_inner).contains(key)
    }

    pub fn keep_applied(&self, key: Option<Relocating>) {
        self.relocated.lock().unwrap_or_else(PoisonError::into_inner).extend(key);
    }
}

fn get<K: Eq + Hash, V: Clone>(remembered: &Remembered<K, V>, key: &K) -> Option<V> {
    remembered.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
}

fn keep<K: Eq + Hash, V: Clone>(remembered: &Remembered<K, V>, key: Option<K>, value: &V) {
    if let Some(key) = key {
        remembered.lock().unwrap_or_else(PoisonError::into_inner).insert(key, value.clone());
    }
}
