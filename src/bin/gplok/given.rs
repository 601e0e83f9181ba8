//! The modules that a user names: files, and directories and packages with their modules.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gplok::check::{ModuleFile, open_modules};
use gplok::image::{Image, is_dir, metadata};
use gplok::kernel::{Contest, Kernel, ModuleTree, UnreadFile, WalkFault, is_package, module_name_of, package_around};
use gplok::terms::{Budget, Shown};
use gplok::verdict::{Cause, Finding, Stage, Verdict};

use crate::exit::CommandError;

/// The modules that a command is about, and the files that are shadowed by one of them.
#[derive(Default)]
pub struct Given {
    pub files: Vec<ModuleFile>,
    /// What could not be listed of the trees.
    pub unlisted: Vec<UnreadFile>,
    /// The modules of which it is not known whether they or other files of their name are used.
    pub contests: Vec<Arc<Contest>>,
    /// What depmod prints about while it lists the trees.
    pub faults: Vec<WalkFault>,
    /// The trees other than the kernel's own.
    pub trees: Vec<ModuleTree>,
    /// Each module that is used, with a file of the same name that is not, and whether that is certain.
    pub shadowed: Vec<(PathBuf, PathBuf, bool)>,
    /// The packages that single files are named in.
    packages: Vec<ModuleTree>,
    budget: Budget,
}

impl Given {
    /// The modules given one by one, or by the directory or package that holds them, and those below `tree`. The path of a file
    /// in a package begins with the path of the package.
    pub fn at(modules: &[PathBuf], tree: Option<&Path>, budget: &Budget) -> Result<Self, CommandError> {
        let mut given = Self { budget: budget.clone(), ..Self::default() };
        for path in modules {
            given.add_path(path)?;
        }
        if let Some(tree) = tree {
            given.add_below(tree)?;
        }
        Ok(given)
    }

    /// The module that is given to a command which takes one. A directory or a package stands for its only module.
    pub fn one(path: &Path, budget: &Budget) -> Result<(Self, PathBuf), CommandError> {
        let given = Self::at(&[path.to_owned()], None, budget)?;
        match given.files.as_slice() {
            [file] => {
                let file = file.path.clone();
                Ok((given, file))
            }
            [] => Err(format!("no module of {} could be listed", Shown::path(path)).into()),
            [first, others @ ..] => {
                let (number, first) = (others.len() + 1, Shown::path(&first.path));
                Err(format!("{} holds {number} modules: name one of them, for example {first}", Shown::path(path))
                    .into())
            }
        }
    }

    fn add_path(&mut self, path: &Path) -> Result<(), CommandError> {
        if is_dir(path) || (module_name_of(path).is_none() && is_package(path)) {
            return self.add_below(path);
        }
        if let Err(error) = metadata(path) {
            let package = package_around(path).ok_or_else(|| format!("cannot read {}: {error}", Shown::path(path)))?;
            self.open_package(package, path)?;
        }
        self.files.push(ModuleFile { path: path.to_owned(), size: 0 });
        Ok(())
    }

    /// Opens the package that a file is named in.
    fn open_package(&mut self, package: &Path, file: &Path) -> Result<(), CommandError> {
        if !self.packages.iter().any(|opened| opened.root() == package) {
            self.packages.push(ModuleTree::open_within(package, &self.budget)?);
        }
        let opened = self.packages.iter().filter(|opened| opened.root() == package);
        if opened.flat_map(ModuleTree::files).any(|module| module.path == file) {
            Ok(())
        } else {
            Err(format!("{} holds no module {}", Shown::path(package), Shown::path(file)).into())
        }
    }

    /// Adds the modules in a directory or a package.
    fn add_below(&mut self, path: &Path) -> Result<(), CommandError> {
        let tree = ModuleTree::open_within(path, &self.budget)?;
        self.add(&tree);
        if tree.modules().len() == 0 && tree.unlisted().is_empty() {
            return Err(format!("no module lies below {}", Shown::path(path)).into());
        }
        self.trees.push(tree);
        Ok(())
    }

    /// Adds the modules of a tree.
    pub fn add(&mut self, tree: &ModuleTree) {
        self.files.extend(tree.modules().map(|module| ModuleFile { path: module.path.clone(), size: module.size }));
        self.unlisted.extend_from_slice(tree.unlisted());
        self.faults.extend_from_slice(tree.walk_faults());
        self.contests.extend_from_slice(tree.contests());
        let shadowed = tree
            .shadowed()
            .map(|(shadowed, used)| (used.path.clone(), shadowed.file.path.clone(), shadowed.is_certain));
        self.shadowed.extend(shadowed);
    }

    /// Adds files that were found.
    pub fn add_found(&mut self, paths: Vec<PathBuf>) {
        self.files.extend(paths.into_iter().map(|path| ModuleFile { path, size: 0 }));
    }

    /// Lets the kernel read the files that lie in packages. They do not become modules of the kernel.
    pub fn tell(&self, kernel: &mut Kernel) {
        self.trees.iter().chain(&self.packages).for_each(|tree| kernel.read_also_from(tree));
    }

    /// Opens the modules and what could not be listed. One that cannot be read has an image without contents, unless it is the
    /// only one, and named itself.
    pub fn open(&self, kernel: &Kernel) -> Result<Vec<Image>, CommandError> {
        if let ([file], [], []) = (self.files.as_slice(), self.trees.as_slice(), self.unlisted.as_slice()) {
            return Ok(vec![kernel.open_module_to_judge(&file.path)?]);
        }
        let mut images = open_modules(kernel, &self.files);
        images.extend(self.unlisted.iter().map(|file| Image::unread(&file.path, file.why.as_str())));
        Ok(images)
    }

    /// Adds a finding to each module that shadows other files.
    pub fn add_shadowed(&self, verdicts: &mut [Verdict]) {
        let mut shadowed: HashMap<_, Vec<_>> = HashMap::new();
        for (used, file, is_certain) in &self.shadowed {
            shadowed.entry(used).or_default().push((file, is_certain));
        }
        for (verdict, ModuleFile { path, .. }) in verdicts.iter_mut().zip(&self.files) {
            for (file, is_certain) in shadowed.get(path).into_iter().flatten() {
                let cause = Cause::ShadowedFile { file: file.to_string_lossy().into_owned(), is_certain: **is_certain };
                verdict.findings.push(Finding::new(Stage::FinitModule, cause));
            }
        }
    }
}
