//! What was found out of a module file once and holds on every boot of the same kernel.
//!
//! Only what follows from the file, the kernel's files and the calendar is remembered: never an answer to a question.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::history::{Behaviour, Calendar};
use crate::image::{EntryLayout, ExportTable, Image};
use crate::kernel::{ConfigOption, Kernel};
use crate::load::run::Run;
use crate::load::signature::crypto::Crypto;
use crate::load::signature::verify_pkcs7::Pkcs7Verdict;
use crate::load::stages::simplify_symbols::SimpleImports;
use crate::load::state::StageResult;
use crate::terms::{Arch, ByNumber, ExportKind};
use crate::verdict::Missing;

/// The bytes of an image, as far as the loader has them: with or without signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Reading {
    image: u64,
    len: usize,
}

/// What a module's relocations depend on, beside facts about the kernel that they ask for.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Relocating {
    reading: Reading,
    arch: Arch,
    unresolved: Vec<usize>,
    dropped: Vec<usize>,
    percpu: Option<usize>,
}

/// A fact about the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Behaviour(Behaviour),
    Config(ConfigOption),
}

/// What was asked, and what the answers were.
pub(crate) type Asked = Vec<(Question, bool)>;

/// What its export tables depend on.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Exporting {
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

/// What its imports depend on: also on which versions count.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Importing {
    reading: Reading,
    arch: Arch,
    versions: [bool; 2],
}

/// The simple imports of an image, for each way of reading its versions.
type Imports = Vec<(Importing, Arc<SimpleImports>)>;

type Remembered<K, V> = Mutex<HashMap<K, V, ByNumber>>;

/// What holds under a calendar.
type OfCalendar<T> = (Option<Calendar>, T);

/// The kernel's own, where its files tell it.
type Vermagic = Option<Arc<str>>;

/// What is remembered of one kernel.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    /// The verdict, and who signed.
    signatures: Remembered<Signing, (Pkcs7Verdict, Arc<str>)>,
    crypto: Mutex<Vec<OfCalendar<Arc<Crypto>>>>,
    arch: OnceLock<Option<Arch>>,
    modversions: OnceLock<Option<bool>>,
    /// For those that look on behind a refusal, and for those that do not.
    vermagic: [Mutex<Vec<OfCalendar<Vermagic>>>; 2],
    exports: Remembered<Exporting, Arc<Vec<ExportTable>>>,
    imports: Remembered<u64, Imports>,
    relocated: Remembered<Relocating, Vec<Asked>>,
}

impl Reading {
    /// `None` for bytes that are not the image's own.
    fn of(run: &Run<'_>) -> Option<Self> {
        let own = run.bytes.is_prefix_of(run.image.contents());
        own.then(|| Self { image: run.image.number(), len: run.bytes.len() })
    }
}

impl Memo {
    /// The verdict on the signature and who signed, found once.
    pub fn signature(
        &self,
        run: &Run<'_>,
        verify: impl FnOnce() -> (Pkcs7Verdict, Arc<str>),
    ) -> (Pkcs7Verdict, Arc<str>) {
        let key = Reading::of(run).map(|reading| Signing { reading, calendar: run.world.calendar });
        if let Some(known) = key.as_ref().and_then(|key| get(&self.signatures, key)) {
            return known;
        }
        let verdict = verify();
        keep(&self.signatures, key, &verdict);
        verdict
    }

    /// The kernel's architecture, as far as its files tell.
    pub fn arch(&self, kernel: &Kernel) -> Option<Arch> {
        *self.arch.get_or_init(|| kernel.arch())
    }

    /// Does the kernel compare the versions of symbols, as far as its files tell?
    pub fn modversions(&self, kernel: &Kernel) -> Option<bool> {
        *self.modversions.get_or_init(|| kernel.modversions())
    }

    /// The kernel's own vermagic, put together once for each calendar; each time where it may hang on an answer.
    pub fn vermagic<'a>(
        &self,
        run: &Run<'a>,
        find: impl FnOnce() -> StageResult<Option<Cow<'a, str>>>,
    ) -> StageResult<Vermagic> {
        let of_signature = |missing: &Missing| matches!(missing, Missing::Signer(_) | Missing::SignatureMatch);
        let found = || Ok(find()?.map(Arc::from));
        if !run.world.answers.keys().all(of_signature) {
            return found();
        }
        let [silent, speaking] = &self.vermagic;
        let known = if run.surveying { silent } else { speaking };
        let known = || known.lock().unwrap_or_else(PoisonError::into_inner);
        let of_calendar = |known: &Vec<OfCalendar<Vermagic>>| {
            known.iter().find(|(calendar, _)| *calendar == run.world.calendar).map(|(_, vermagic)| vermagic.clone())
        };
        if let Some(vermagic) = of_calendar(&known()) {
            return Ok(vermagic);
        }
        let vermagic: Vermagic = found()?;
        known().push((run.world.calendar, vermagic.clone()));
        Ok(vermagic)
    }

    /// What the kernel can compute, found once for each calendar.
    pub fn crypto(&self, run: &Run<'_>, find: impl FnOnce() -> Crypto) -> Arc<Crypto> {
        let mut known = self.crypto.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, crypto)) = known.iter().find(|(calendar, _)| *calendar == run.world.calendar) {
            return Arc::clone(crypto);
        }
        let crypto = Arc::new(find());
        known.push((run.world.calendar, Arc::clone(&crypto)));
        crypto
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

    /// Which of its imports are simple, found once; `None` for bytes that are not the image's own.
    pub fn imports(&self, run: &Run<'_>, find: impl FnOnce() -> SimpleImports) -> Option<Arc<SimpleImports>> {
        let info = run.info.as_ref()?;
        let versions = [info.vers.is_some(), info.vers_ext.is_some()];
        let key = Importing { reading: Reading::of(run)?, arch: info.arch, versions };
        let known = || self.imports.lock().unwrap_or_else(PoisonError::into_inner);
        let of_key = |all: &Imports| all.iter().find(|(other, _)| *other == key).cloned();
        if let Some((_, known)) = known().get(&key.reading.image).and_then(of_key) {
            return Some(known);
        }
        let found = Arc::new(find());
        known().entry(key.reading.image).or_default().push((key, Arc::clone(&found)));
        Some(found)
    }

    /// Its imports, as far as they have been looked at: which of them the kernel itself does not export hangs on no more.
    pub fn looked_at(&self, image: &Image) -> Option<Arc<SimpleImports>> {
        let known = self.imports.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&image.number())?.first().map(|(_, simple)| Arc::clone(simple))
    }

    /// What its relocations depend on.
    pub fn relocating(run: &Run<'_>) -> Option<Relocating> {
        let info = run.info.as_ref()?;
        let mut unresolved: Vec<_> = info.unresolved.iter().copied().collect();
        unresolved.sort_unstable();
        let (arch, dropped, percpu) = (info.arch, info.dropped.clone(), info.percpu);
        Some(Relocating { reading: Reading::of(run)?, arch, unresolved, dropped, percpu })
    }

    /// Have these relocations gone through before, where all that they asked was answered as it is in this run?
    pub fn were_applied(&self, run: &Run<'_>, key: &Relocating) -> bool {
        let same = |(question, answer): &(Question, bool)| match question {
            Question::Behaviour(behaviour) => run.has(*behaviour) == Ok(*answer),
            Question::Config(option) => run.config(option.0) == Ok(*answer),
        };
        let relocated = self.relocated.lock().unwrap_or_else(PoisonError::into_inner);
        relocated.get(key).is_some_and(|known| known.iter().any(|asked| asked.iter().all(same)))
    }

    pub fn keep_applied(&self, key: Option<Relocating>, asked: Asked) {
        if let Some(key) = key {
            self.relocated.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().push(asked);
        }
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
