//! Would each of these modules load, given the others and the kernel's own?

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::absent::{DamagedFiles, name_absent};
use super::boots::{Boots, blamed};
use super::contest::Contests;
use super::each::try_each;
use super::error::ModprobeError;
use super::modprobe::insmod;
use super::needs::Modules;
use crate::history::Behaviour;
use crate::image::{Error, Image, Known};
use crate::kernel::{Contest, Kernel, UnreadFile};
use crate::load::{Cmdline, Insmod, Judged, Machine};
use crate::terms::parallel;
use crate::verdict::Verdict;

/// A module file to be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes, as far as that is known: the largest files are read first. A path whose size is known counts as a regular
    /// file and is opened without looking at it before.
    pub size: u64,
}

/// The verdicts on module files.
pub struct Checked {
    /// The files, in the order given, then those that could not be listed. Of each, little more is in memory than what the loader looks at.
    pub images: Vec<Image>,
    /// One verdict for each.
    pub verdicts: Vec<Verdict>,
    /// Memory that is not needed any more. Freeing it takes a while, and a program that ends anyway need not wait for that.
    pub leftover: Leftover,
}

/// Memory that is not needed any more, returned so that the caller can defer freeing it.
pub type Leftover = Box<dyn Send>;

/// A module file that was read, what its verdict depends on, and what else was computed from it.
struct ReadFile<T> {
    image: Image,
    judged: Option<Judged>,
    seen: T,
}

/// What reading ahead has found of the modules, by their numbers.
#[derive(Default)]
struct Ahead {
    /// The verdicts on those that depend on no other, and on which no other can depend.
    settled: Vec<Option<Verdict>>,
    /// The results of those that depend on no other.
    unsettled: Vec<(usize, Judged)>,
}

impl Ahead {
    fn add(&mut self, module: usize, judged: Option<Judged>) {
        let mut settled = None;
        match judged {
            // No other module depends on one that exports nothing.
            Some(judged) if judged.is_alone() => settled = Some(judged.verdict),
            Some(judged) => self.unsettled.push((module, judged)),
            None => {}
        }
        self.settled.push(settled);
    }
}

/// How modules are judged: on which kernel, booted and loaded how.
#[derive(Clone, Debug)]
pub struct Check<'a> {
    kernel: &'a Arc<Kernel>,
    cmdline: Cmdline,
    insmod: Insmod,
    otherwise: Option<Behaviour>,
    uncached: bool,
    unlisted: &'a [UnreadFile],
    contests: &'a [Arc<Contest>],
}

/// The verdicts on the modules given, those on the files that may count instead, and memory that is not needed any more.
type Pass = (Vec<Verdict>, Vec<Verdict>, Leftover);

/// Judges every module on a boot of its own, in which the modules that it needs are loaded first: those of `images` that export
/// what it imports, and modules of the kernel's tree. Returns one verdict for each image, in their order.
///
/// Without a module tree, modules that `Module.symvers` names as exporters count as loaded.
///
/// # Errors
/// When a file of the tree that a module depends on cannot be read.
pub fn check(
    kernel: &Arc<Kernel>,
    cmdline: &Cmdline,
    images: &[Image],
    insmod: &Insmod,
) -> Result<Vec<Verdict>, ModprobeError> {
    Check::new(kernel).cmdline(cmdline.clone()).insmod(insmod.clone()).images(images)
}

impl<'a> Check<'a> {
    /// Judges on a kernel booted with an empty command line, where modules are loaded with no flags and no parameters.
    pub fn new(kernel: &'a Arc<Kernel>) -> Self {
        let insmod = Insmod::default();
        Self {
            kernel,
            cmdline: Cmdline::default(),
            insmod,
            otherwise: None,
            uncached: false,
            unlisted: &[],
            contests: &[],
        }
    }

    /// The kernel's command line.
    #[must_use]
    pub fn cmdline(mut self, cmdline: Cmdline) -> Self {
        self.cmdline = cmdline;
        self
    }

    /// How the modules given are loaded. Modules that they need are always loaded without flags and parameters.
    #[must_use]
    pub fn insmod(mut self, insmod: Insmod) -> Self {
        self.insmod = insmod;
        self
    }

    /// Inverts one behaviour of the kernel's loader. What that behaviour decides shows in the difference of the verdicts.
    #[must_use]
    pub const fn otherwise(mut self, behaviour: Behaviour) -> Self {
        self.otherwise = Some(behaviour);
        self
    }

    /// Computes every answer anew instead of using one again. The verdicts are equal, as tests prove; it only takes longer.
    #[must_use]
    pub const fn uncached(mut self) -> Self {
        self.uncached = true;
        self
    }

    /// Folders that could not be listed, and links that lead nowhere: [`Check::files`] judges each as a module that cannot be
    /// read.
    #[must_use]
    pub const fn unlisted(mut self, files: &'a [UnreadFile]) -> Self {
        self.unlisted = files;
        self
    }

    /// Of some modules given it is not known whether they or other files of their name count: see [`ModuleTree::contests`]. The
    /// verdict on the first file holds then for all of them.
    ///
    /// [`ModuleTree::contests`]: crate::kernel::ModuleTree::contests
    #[must_use]
    #[cfg_attr(not(feature = "unstable"), doc(hidden))]
    pub const fn contests(mut self, contests: &'a [Arc<Contest>]) -> Self {
        self.contests = contests;
        self
    }

    /// Judges every module on a boot of its own: see [`check`].
    ///
    /// # Errors
    /// When a file of the tree that a module depends on cannot be read.
    pub fn images(&self, images: &[Image]) -> Result<Vec<Verdict>, ModprobeError> {
        let (verdicts, leftover) = self.judge(self.machine(), images, Ahead::default())?;
        if verdicts.len() > 1 {
            parallel::free(leftover);
        }
        Ok(verdicts)
    }

    /// Judges every module on a boot of its own, as [`Check::images`] does. Each file is read once, and what its verdict cannot
    /// depend on is freed at once. `progress` is called after each file.
    ///
    /// # Errors
    /// When a file changes while it is read. A file that cannot be read has a verdict: it is refused if its compressed data is
    /// broken, and undetermined otherwise.
    pub fn files(&self, files: &[ModuleFile], progress: impl Fn() + Sync) -> Result<Checked, ModprobeError> {
        self.files_and(files, |_| progress()).map(|(checked, _)| checked)
    }

    /// Like [`Check::files`], and computes something else from each file while it is in memory. The results are in the order of
    /// the files.
    ///
    /// # Errors
    /// As [`Check::files`].
    #[cfg_attr(not(feature = "unstable"), doc(hidden))]
    pub fn files_and<T: Send + Sync>(
        &self,
        files: &[ModuleFile],
        look: impl Fn(&Image) -> T + Sync,
    ) -> Result<(Checked, Vec<T>), ModprobeError> {
        let first = self.machine();
        // The largest first: while they are read, memory is still empty; and no core waits for one of them at the end.
        let mut order: Vec<_> = files.iter().enumerate().collect();
        order.sort_by_key(|(_, file)| Reverse(file.size));
        let read = try_each(&order, |(_, file)| self.read_ahead(&first, file, &look));
        let mut read: Vec<_> = read.into_iter().map(Some).collect();
        let mut places = vec![0; files.len()];
        for (place, (index, _)) in order.iter().enumerate() {
            if let Some(known) = places.get_mut(*index) {
                *known = place;
            }
        }
        let mut images = Vec::with_capacity(files.len());
        let mut known = Ahead::default();
        let mut looked = Vec::with_capacity(files.len());
        for (file, place) in files.iter().zip(places) {
            let Some(read) = read.get_mut(place).and_then(Option::take) else { continue };
            let ReadFile { image, judged, seen } = match read {
                Err(error) if error.is_about_memory() => {
                    let image = self.kernel.faulty(&file.path, &error);
                    let seen = look(&image);
                    ReadFile { image, judged: None, seen }
                }
                read => read?,
            };
            known.add(images.len(), judged);
            images.push(image);
            looked.push(seen);
        }
        for UnreadFile { path, why, .. } in self.unlisted {
            images.push(Image::unread(path, why.as_str()));
        }
        let (verdicts, leftover) = parallel::inside(|| self.judge(first, &images, known))?;
        Ok((Checked { images, verdicts, leftover }, looked))
    }

    /// Judges the modules on one boot, in the order given. What the kernel's tree can provide is loaded before each.
    ///
    /// # Errors
    /// When a file of the tree that a module depends on cannot be read.
    pub fn in_order(&self, images: &[Image]) -> Result<Vec<Verdict>, ModprobeError> {
        let mut machine = self.machine();
        let mut verdicts = Vec::with_capacity(images.len());
        let firsts = self.contests.iter().filter_map(|contest| Some((contest.files.first()?.as_path(), contest)));
        // Of two about one file the first counts.
        let contests: HashMap<_, _> = firsts.rev().collect();
        for image in images {
            if let Some(contest) = contests.get(image.path()) {
                verdicts.push(machine.leave_open(UnreadFile::contested(contest)));
                continue;
            }
            let dependencies = machine.load_dependencies(image)?;
            verdicts.push(blamed(insmod(&mut machine, image, &self.insmod)?, dependencies.iter()));
        }
        self.name_absent(&mut verdicts, &self.kernel.unread());
        Ok(verdicts)
    }

    /// Adds to findings why the kernel's tree does not give the modules that export missing symbols.
    fn name_absent(&self, verdicts: &mut [Verdict], unread: &[UnreadFile]) {
        let tree = self.kernel.tree();
        let damaged = DamagedFiles::among(unread);
        verdicts.iter_mut().for_each(|verdict| name_absent(verdict, self.kernel, tree, &damaged));
    }

    fn machine(&self) -> Machine {
        let mut machine = Machine::boot(Arc::clone(self.kernel), self.cmdline.clone());
        if self.kernel.tree().is_none() {
            machine = machine.with_dependencies_loaded();
        }
        if let Some(behaviour) = self.otherwise {
            machine = machine.otherwise(behaviour);
        }
        if self.uncached {
            machine = machine.uncached();
        }
        machine
    }

    /// Reads a module file and computes what its verdict depends on, whatever else is loaded. A module that needs no other is
    /// judged by that.
    fn read_ahead<T>(
        &self,
        first: &Machine,
        ModuleFile { path, size }: &ModuleFile,
        look: &impl Fn(&Image) -> T,
    ) -> Result<ReadFile<T>, Error> {
        let known = if *size > 0 { Known::Regular } else { Known::Nothing };
        let mut image = match self.kernel.open_module_for_loading(path, known) {
            Ok(image) => image,
            Err(error) if error.is_about_memory() => return Err(error),
            Err(error) => self.kernel.faulty(path, &error),
        };
        image = image.counted(1)?;
        let seen = image.ask(look)?;
        if self.uncached {
            return Ok(ReadFile { image, judged: None, seen });
        }
        let mut judged = first.prepare(&image, &self.insmod);
        if image.lacked()
            && let Some(whole) = image.completed()?
        {
            image = whole.counted(1)?;
            judged = first.prepare(&image, &self.insmod);
        }
        let is_alone = judged.as_ref().is_some_and(Judged::is_alone);
        // Found and kept now: it cannot be found once parts of the image are freed.
        image.damage();
        let image = if is_alone { image.emptied() } else { image.reduced() };
        Ok(ReadFile { image, judged, seen })
    }

    fn judge(&self, first: Machine, images: &[Image], known: Ahead) -> Result<(Vec<Verdict>, Leftover), ModprobeError> {
        let Ahead { mut settled, unsettled } = known;
        settled.resize_with(images.len(), || None);
        let mut contests = Contests::new(first.kernel(), self.contests, images);
        // Without contests there is one pass, which takes the settled verdicts over.
        let kept = if contests.is_empty() { Vec::new() } else { settled.clone() };
        let (mut verdicts, mut probed, mut leftover) = self.pass(first, images, settled, unsettled, &contests)?;
        while contests.settle(self.kernel, images, &verdicts, &probed) {
            (verdicts, probed, leftover) = self.pass(self.machine(), images, kept.clone(), Vec::new(), &contests)?;
        }
        contests.merge_into(&mut verdicts, &probed);
        Ok((verdicts, leftover))
    }

    /// Judges all modules, those of a contest as far as it is settled. `settled` holds the verdicts that do not depend on others.
    fn pass(
        &self,
        mut first: Machine,
        images: &[Image],
        settled: Vec<Option<Verdict>>,
        unsettled: Vec<(usize, Judged)>,
        contests: &Contests,
    ) -> Result<Pass, ModprobeError> {
        let is_settled = |index: usize| settled.get(index).is_some_and(Option::is_some);
        let modules = Modules::new(first.kernel(), first.memo(), images, &is_settled, contests)?;
        let mut unread = modules.unread(first.kernel())?;
        unread.extend(contests.unread());
        first.leave_unread(unread.clone());
        let all = images.len() + contests.probes().len();
        let boots = Boots::new(first, &self.insmod, modules, unsettled);
        let mut verdicts = settled;
        verdicts.resize_with(all, || None);
        boots.judge(&mut verdicts);
        let leftover = boots.end()?;
        let mut verdicts: Vec<_> = verdicts.into_iter().flatten().collect();
        self.name_absent(&mut verdicts, &unread);
        let probed = verdicts.split_off(images.len());
        Ok((verdicts, probed, Box::new(leftover)))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::kernel::KernelRequest;
    use crate::verdict::Outcome;

    /// Reading a file twice takes as long as all the rest of its judgement.
    #[test]
    fn what_later_attempts_need_of_a_file_stays_in_memory() {
        let founding = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/founding");
        let exports = tempfile::NamedTempFile::with_suffix("Module.symvers").expect("a temporary file");
        let image = Image::open(founding.join("hmm.ko")).expect("the module is read");
        let elf = image.as_announced().expect("it is ELF");
        let versions = elf.symbol_versions().expect("it has versions");
        let rows: String =
            versions.iter().map(|(name, crc)| format!("{crc:#010x}\t{name}\tvmlinux\tEXPORT_SYMBOL\n")).collect();
        std::fs::write(exports.path(), rows).expect("the file can be written");
        let kernel = founding.join("linux-4.18");
        let paths = [kernel.join("config"), kernel.join("release"), exports.path().to_owned()];
        let kernel = Arc::new(KernelRequest::of_paths(&paths).open().expect("the fixture opens"));
        let check = Check::new(&kernel);
        let mut machine = check.machine();
        let file = ModuleFile { path: founding.join("hmm.ko"), size: 0 };
        let read = check.read_ahead(&machine, &file, &|_: &Image| ()).expect("the module is read");
        assert!(!read.image.is_whole());
        let verdict = machine.insmod_whole(&read.image, &Insmod::default()).expect("nothing else is read");
        assert!(verdict.outcome == Outcome::Loads, "{verdict:?}");
    }
}
