//! Why the exporter of a missing symbol cannot be loaded: another file takes precedence, or it is not installed, or damaged.

use std::collections::HashMap;
use std::path::Path;

use crate::kernel::{Exports, Kernel, ModuleTree, UnreadFile};
use crate::terms::{KernelRelease, ModuleName};
use crate::verdict::{Absent, Cause, Verdict};

/// The module files that are damaged: there may be as many as there are findings about missing symbols.
#[derive(Clone, Debug, Default)]
pub struct DamagedFiles<'a> {
    /// All of them, in order.
    all: Vec<&'a UnreadFile>,
    /// The first of each module.
    of_module: HashMap<ModuleName, &'a UnreadFile>,
}

impl<'a> DamagedFiles<'a> {
    /// Those among files that could not be read.
    pub fn among(unread: &'a [UnreadFile]) -> Self {
        let mut files = Self::default();
        for file in unread.iter().filter(|file| file.is_damaged) {
            files.all.push(file);
            if let Some(module) = ModuleName::of_file(&file.path) {
                files.of_module.entry(module).or_insert(file);
            }
        }
        files
    }
}

/// Adds to findings about missing symbols why no tree gives the module that exports them.
pub fn name_absent(verdict: &mut Verdict, kernel: &Kernel, tree: Option<&ModuleTree>, files: &DamagedFiles<'_>) {
    for finding in &mut verdict.findings {
        match &mut finding.cause {
            Cause::MissingSymbol { symbol, refused_exporter: None, namesake: None, absent: absent @ None } => {
                let shadowed = tree.and_then(|tree| shadowed(tree, symbol));
                let found = shadowed.or_else(|| perhaps(kernel, tree, files));
                *absent = found.map(Box::new);
            }
            Cause::ExporterNotLoaded { symbol, exporter, absent: absent @ None } => {
                let shadowed = tree.and_then(|tree| shadowed(tree, symbol));
                let found = shadowed.or_else(|| damaged(exporter, files));
                let found = found.or_else(|| not_installed(kernel, tree?, symbol));
                *absent = found.map(Box::new);
            }
            _ => {}
        }
    }
}

fn shadowed(tree: &ModuleTree, symbol: &str) -> Option<Absent> {
    let (file, by) = tree.shadowed_exporter(symbol)?;
    Some(Absent::Shadowed { file: file.to_string_lossy().into_owned(), by: by.to_string_lossy().into_owned() })
}

/// The file of a module, if it is damaged.
fn damaged(module: &str, files: &DamagedFiles<'_>) -> Option<Absent> {
    let file = files.of_module.get(module)?;
    Some(Absent::Damaged { file: file.path.to_string_lossy().into_owned(), damage: file.why.clone() })
}

/// Returns whether a tree is that of the kernel's release. Only then what it lacks, or lists, says something about the kernel.
fn is_of_kernel(kernel: &Kernel, tree: &ModuleTree) -> bool {
    let release = kernel.release().map(KernelRelease::as_str);
    if kernel.tree().is_some_and(|own| std::ptr::eq(own, tree)) {
        return kernel.tree_release().is_none_or(|built| release.is_none_or(|release| built == release));
    }
    let is_named = |path: &Path| path.iter().any(|part| release.is_some_and(|release| part == release));
    is_named(tree.root()) || tree.modules().next().is_some_and(|module| is_named(&module.path))
}

/// The module that the kernel's list of exports names, if the tree does not have it.
fn not_installed(kernel: &Kernel, tree: &ModuleTree, symbol: &str) -> Option<Absent> {
    if !is_of_kernel(kernel, tree) {
        return None;
    }
    let module = kernel.exports()?.named(symbol).next()?.exporter;
    let name = ModuleName::of_exporter(module);
    let is_builtin =
        kernel.unread_builtin().is_some() || kernel.builtin().is_some_and(|builtin| builtin.contains(&name));
    let is_absent = !is_builtin && tree.module(&name).is_none() && tree.unlisted().is_empty();
    is_absent
        .then(|| Absent::NotInstalled { module: module.to_owned(), tree: tree.root().to_string_lossy().into_owned() })
}

/// Modules that may export a symbol which nothing lists: damaged ones, and those that the tree lacks.
fn perhaps(kernel: &Kernel, tree: Option<&ModuleTree>, files: &DamagedFiles<'_>) -> Option<Absent> {
    if let Some(first) = files.all.first() {
        let (path, damage) = (first.path.to_string_lossy().into_owned(), first.why.clone());
        return Some(Absent::PerhapsDamaged { files: files.all.len(), first: path, damage });
    }
    if kernel.exports().is_some_and(Exports::covers_modules) {
        return None;
    }
    let tree = tree.filter(|tree| is_of_kernel(kernel, tree))?;
    let first = tree.not_installed().first()?.clone();
    let files = tree.not_installed().len();
    Some(Absent::PerhapsNotInstalled { files, first, tree: tree.root().to_string_lossy().into_owned() })
}
