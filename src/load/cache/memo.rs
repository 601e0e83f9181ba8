//! Results that hold for every call on one kernel.
//!
//! Each is kept under a key, which names the values that it was computed from, together with the premises that were recorded
//! while it was computed. It is used again only where the key is equal and every premise holds.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::history::{RegistryNumbers, struct_module_functions};
use crate::image::{Bytes, EntryLayout, ExportTable, Image};
use crate::kernel::{ConfigOption, Kernel};
use crate::load::btf::Parsed;
use crate::load::cache::premise::Premises;
use crate::load::cache::simple_imports::SimpleImports;
use crate::load::signature::crypto::Crypto;
use crate::load::signature::verify_pkcs7::Checked;
use crate::load::state::Info;
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
    pub reading: Reading,
    pub arch: Arch,
    pub layout: EntryLayout,
    pub kinds: Vec<ExportKind>,
    pub flags: bool,
}

/// The values that [`SimpleImports`] depend on: also which of the two tables of versions count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::load) struct Importing {
    pub reading: Reading,
    pub arch: Arch,
    pub versions: [bool; 2],
}

/// The results for one key, each with its premises; `None` for none.
type Results<V> = Vec<(Option<Box<Premises>>, V)>;

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

    /// A result kept for a key. `adopt` decides whether its premises hold.
    pub fn get(&self, key: &K, mut adopt: impl FnMut(&Premises) -> bool) -> Option<V> {
        let kept = self.locked();
        let (_, value) = kept.get(key)?.iter().find(|(premises, _)| premises.as_deref().is_none_or(&mut adopt))?;
        Some(value.clone())
    }

    /// Keeps a result. Another thread may have computed it at the same time.
    pub fn keep(&self, key: K, premises: Premises, value: V) {
        let premises = if premises == Premises::default() { None } else { Some(Box::new(premises)) };
        let mut kept = self.locked();
        // Nearly all keys have one result.
        let results = kept.entry(key).or_insert_with(|| Vec::with_capacity(1));
        if results.iter().all(|(known, _)| *known != premises) {
            results.push((premises, value));
        }
    }
}

/// What the configuration says of options, by where the program has their names: nearly all questions about options are about few.
#[derive(Debug)]
struct Options([OnceLock<(ConfigOption, Option<bool>)>; 256]);

impl Default for Options {
    fn default() -> Self {
        Self(std::array::from_fn(|_| OnceLock::new()))
    }
}

impl Options {
    fn get(&self, option: ConfigOption, state: impl Fn() -> Option<bool>) -> Option<bool> {
        let place = (option.0.as_ptr().addr() ^ option.0.len()) % self.0.len();
        match self.0.get(place).map(|place| place.get_or_init(|| (option, state()))) {
            Some((known, state)) if std::ptr::eq(known.0, option.0) => *state,
            _ => state(),
        }
    }
}

/// The results of one kernel.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    /// Set where every answer is computed anew.
    disabled: bool,
    arch: OnceLock<Option<Arch>>,
    modversions: OnceLock<Option<bool>>,
    no_modules: OnceLock<bool>,
    options: Options,
    measured_functions: OnceLock<Option<[u64; 2]>>,
    oid_numbers: OnceLock<RegistryNumbers>,
    /// What the kernel can compute.
    pub(in crate::load) crypto: Kept<(), Arc<Crypto>>,
    /// The kernel's own vermagic, where its files tell it.
    pub(in crate::load) vermagic: Kept<(), Option<Arc<str>>>,
    /// The verdict on a signature, and who signed.
    pub(in crate::load) signatures: Kept<Reading, (Checked, Arc<str>)>,
    /// The export tables of modules.
    pub(in crate::load) exports: Kept<Exporting, Arc<Vec<ExportTable>>>,
    /// Which imports of a module are simple.
    pub(in crate::load) imports: Kept<Importing, Arc<SimpleImports>>,
    /// Imports of the kernel's modules, by the number of the image.
    foreign: Mutex<HashMap<u64, Arc<SimpleImports>, ByNumber>>,
    /// What the kernel says to the type information of modules.
    pub(in crate::load) btf: Kept<(Reading, Arch, bool), Arc<Parsed>>,
    /// Relocations that were applied without a word.
    pub(in crate::load) relocated: Kept<Relocating, ()>,
}

impl Reading {
    /// What the loader has of the image; `None` for bytes that are not the image's own.
    pub fn of(bytes: &Bytes, image: &Image) -> Option<Self> {
        bytes.is_prefix_of(image.contents()).then(|| Self { image: image.number(), len: bytes.len() })
    }
}

impl Relocating {
    pub fn of(reading: Reading, info: &Info) -> Self {
        let mut unresolved: Vec<_> = info.unresolved.iter().copied().collect();
        unresolved.sort_unstable();
        Self { reading, arch: info.arch, unresolved, dropped: info.dropped.clone(), percpu: info.percpu }
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

    /// The offsets of `init` and `exit` in `struct module`, if this build was measured.
    pub fn measured_functions(&self, kernel: &Kernel) -> Option<[u64; 2]> {
        let measured = || struct_module_functions(kernel.release()?, self.arch(kernel)?, kernel.module_layout());
        *self.measured_functions.get_or_init(measured)
    }

    /// What the kernel prints for object identifiers that it does not take.
    pub fn oid_numbers(&self, kernel: &Kernel) -> RegistryNumbers {
        *self.oid_numbers.get_or_init(|| RegistryNumbers::of(kernel))
    }

    /// Whether the kernel is built without the system calls for modules (kernel/sys_ni.c). A kernel whose configuration does not
    /// say so has them.
    pub fn has_no_modules(&self, kernel: &Kernel) -> bool {
        let is_unset = || kernel.config().is_some_and(|config| config.is_named_unset(ConfigOption("MODULES")));
        *self.no_modules.get_or_init(is_unset)
    }

    /// Whether an option is set, as far as the configuration says.
    pub fn option(&self, kernel: &Kernel, option: ConfigOption) -> Option<bool> {
        let state = || kernel.config().and_then(|config| config.state(option));
        if self.disabled { state() } else { self.options.get(option, state) }
    }

    /// Whether the kernel compares the versions of symbols, as far as its files tell.
    pub fn modversions(&self, kernel: &Kernel) -> Option<bool> {
        *self.modversions.get_or_init(|| kernel.modversions())
    }

    /// Keeps the imports of an image for [`Memo::looked_at`].
    pub fn look_at(&self, image: &Image, imports: &Arc<SimpleImports>) {
        let mut foreign = self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
        foreign.entry(image.number()).or_insert_with(|| Arc::clone(imports));
    }

    /// The imports of an image that was looked at before. Which of them the kernel itself does not export depends on the file
    /// and the kernel alone.
    pub fn looked_at(&self, image: &Image) -> Option<Arc<SimpleImports>> {
        let foreign = self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
        foreign.get(&image.number()).cloned()
    }
}
