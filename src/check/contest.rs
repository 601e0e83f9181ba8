//! Modules of which it is not known which of several files counts: each file is judged, and where the verdicts differ, the module
//! is undetermined.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::image::Image;
use crate::kernel::{Contest, Kernel, ModuleTree, UnreadFile, module_name_of};
use crate::load::merge_alternatives;
use crate::terms::{ExportedSymbol, Taint};
use crate::verdict::{Missing, Outcome, Verdict};

/// The contests that may matter to the modules given.
///
/// The modules given that one of several files stands for are judged, but export nothing: whether a module that needs them finds
/// their exports is asked, as for a file that could not be read. It is asked no more once it makes no difference which file counts:
/// see [`Contests::settle`].
pub(super) struct Contests {
    all: Vec<Entry>,
    probes: Vec<Probe>,
}

/// A file that may count instead of a module given, or of a module of the kernel's tree.
pub(super) struct Probe {
    pub image: Arc<Image>,
    /// Whether it is loaded as the modules given are.
    pub is_given: bool,
}

struct Entry {
    contest: Arc<Contest>,
    /// The place of the first file among the modules given; `None` for a module of the kernel's tree.
    given: Option<usize>,
    /// The places among the probes.
    probes: Vec<usize>,
    is_settled: bool,
}

impl Contests {
    /// `given` are the contests among the modules given.
    pub fn new(kernel: &Kernel, given: &[Arc<Contest>], images: &[Image]) -> Self {
        let mut contests = Self { all: Vec::new(), probes: Vec::new() };
        let mut places = HashMap::new();
        for (place, image) in images.iter().enumerate().filter(|_| !given.is_empty()) {
            places.entry(image.path()).or_insert(place);
        }
        for contest in given {
            let place = contest.files.first().and_then(|file| places.get(file.as_path()).copied());
            contests.add(contest, place);
            contests.probe(kernel, contests.all.len() - 1);
        }
        let of_tree = kernel.tree().map(ModuleTree::contests).unwrap_or_default();
        if of_tree.is_empty() {
            return contests;
        }
        let names: HashSet<_> = images.iter().filter_map(|image| module_name_of(image.path())).collect();
        for contest in of_tree {
            let name = contest.files.first().and_then(|file| module_name_of(file));
            if !name.is_some_and(|name| names.contains(&name)) {
                contests.add(contest, None);
            }
        }
        contests
    }

    fn add(&mut self, contest: &Arc<Contest>, given: Option<usize>) {
        self.all.push(Entry { contest: Arc::clone(contest), given, probes: Vec::new(), is_settled: false });
    }

    /// Opens the files of a contest that are not among the modules given.
    fn probe(&mut self, kernel: &Kernel, place: usize) {
        let Some(entry) = self.all.get_mut(place) else { return };
        let is_given = entry.given.is_some();
        for file in entry.contest.files.iter().skip(usize::from(is_given)) {
            entry.probes.push(self.probes.len());
            self.probes.push(Probe { image: kernel.image(file), is_given });
        }
    }

    pub const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The files to judge besides the modules given.
    pub fn probes(&self) -> &[Probe] {
        &self.probes
    }

    fn open(&self) -> impl Iterator<Item = &Entry> {
        self.all.iter().filter(|entry| !entry.is_settled)
    }

    /// The modules given whose exports are not known to count, by number.
    pub fn apart(&self) -> HashSet<usize> {
        self.open().filter_map(|entry| entry.given).collect()
    }

    /// The first files of the modules whose exports are not known to count.
    pub fn paths(&self) -> HashSet<PathBuf> {
        self.open().filter_map(|entry| entry.contest.files.first().cloned()).collect()
    }

    /// These modules, as files that may export what any of their files exports.
    pub fn unread(&self) -> impl Iterator<Item = UnreadFile> {
        self.open().map(|entry| UnreadFile::contested(&entry.contest))
    }

    /// Looks at the verdicts on the modules given, and on the probes. A module is settled where all its files have one outcome and
    /// the same exports: it makes no difference then to other modules which file counts. Returns whether any more could be settled
    /// or have to be judged.
    pub fn settle(&mut self, kernel: &Kernel, images: &[Image], verdicts: &[Verdict], probed: &[Verdict]) -> bool {
        let mut is_new = false;
        let asked: HashSet<_> = verdicts.iter().chain(probed).flat_map(asked).collect();
        for place in 0..self.all.len() {
            let Some(entry) = self.all.get(place).filter(|entry| !entry.is_settled) else { continue };
            if entry.probes.is_empty() {
                if entry.contest.files.first().is_some_and(|first| asked.contains(first.as_path())) {
                    self.probe(kernel, place);
                    is_new = true;
                }
                continue;
            }
            let own = entry.given.and_then(|given| Some((images.get(given)?, verdicts.get(given)?)));
            let probes = entry
                .probes
                .iter()
                .filter_map(|probe| Some((self.probes.get(*probe)?.image.as_ref(), probed.get(*probe)?)));
            let files: Vec<_> = own.into_iter().chain(probes).collect();
            if make_no_difference(&files)
                && let Some(entry) = self.all.get_mut(place)
            {
                entry.is_settled = true;
                is_new = true;
            }
        }
        is_new
    }

    /// Puts the verdict on all files in the place of that on the first one.
    pub fn merge_into(&self, verdicts: &mut [Verdict], probed: &[Verdict]) {
        for entry in &self.all {
            let Some(own) = entry.given.and_then(|given| verdicts.get_mut(given)) else { continue };
            let others = entry.probes.iter().filter_map(|probe| probed.get(*probe).cloned());
            let all: Vec<_> = std::iter::once(own.clone()).chain(others).collect();
            let question = Missing::unread(&UnreadFile::contested(&entry.contest), 0, false);
            if let Some(merged) = merge_alternatives(&all, question) {
                *own = merged;
            }
        }
    }
}

/// The first files of the contests that a verdict depends on.
fn asked(verdict: &Verdict) -> impl Iterator<Item = &Path> {
    verdict.missing.iter().filter_map(|missing| match missing {
        Missing::WhichFile { files, .. } => files.first().map(Path::new),
        _ => None,
    })
}

/// Returns whether it makes no difference to other modules which of these files counts.
fn make_no_difference(files: &[(&Image, &Verdict)]) -> bool {
    let Some(((first, verdict), others)) = files.split_first() else { return false };
    let Some(exports) = exports(first).filter(|_| verdict.outcome != Outcome::Undetermined) else { return false };
    others.iter().all(|(image, other)| {
        let is_proprietary = |verdict: &Verdict| verdict.module_taints.has(Taint::ProprietaryModule);
        other.outcome == verdict.outcome
            && is_proprietary(other) == is_proprietary(verdict)
            && self::exports(image).is_some_and(|other| other == exports)
    })
}

/// What a module exports, in order of name; `None` if it cannot be read again.
fn exports(image: &Image) -> Option<Vec<ExportedSymbol>> {
    let read = |image: &Image| image.as_announced().map(|elf| elf.exports().to_vec()).unwrap_or_default();
    let mut exports = image.ask(read).ok()?;
    exports.sort_by(|one, other| one.name.cmp(&other.name));
    Some(exports)
}
