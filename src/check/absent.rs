//! Why the exporter of a missing symbol cannot be loaded: another file takes precedence, or it is not installed, or damaged.

use crate::kernel::{Exports, Kernel, ModuleTree, UnreadFile};
use crate::terms::ModuleName;
use crate::verdict::{Absent, Cause, Verdict};

/// Adds to findings about missing symbols why no tree gives the module that exports them. `unread` are the module files that
/// could not be read.
pub fn name_absent(verdict: &mut Verdict, kernel: &Kernel, tree: Option<&ModuleTree>, unread: &[UnreadFile]) {
    for finding in &mut verdict.findings {
        match &mut finding.cause {
            Cause::MissingSymbol { symbol, refused_exporter: None, namesake: None, absent: absent @ None } => {
                let shadowed = tree.and_then(|tree| shadowed(tree, symbol));
                let found = shadowed.or_else(|| perhaps(kernel, tree, unread));
                *absent = found.map(Box::new);
            }
            Cause::ExporterNotLoaded { symbol, absent: absent @ None, .. } => {
                let found =
                    tree.and_then(|tree| shadowed(tree, symbol).or_else(|| not_installed(kernel, tree, symbol)));
                *absent = found.map(Box::new);
            }
            _ => {}
        }
    }
}

fn shadowed(tree: &ModuleTree, symbol: &str) -> Option<Absent> {
    let (file, by) = tree.shadowed_exporter(symbol)?;
    Some(Absent::Shadowed { file: file.display().to_string(), by: by.display().to_string() })
}

/// The module that the kernel's list of exports names, if the tree does not have it.
fn not_installed(kernel: &Kernel, tree: &ModuleTree, symbol: &str) -> Option<Absent> {
    let module = kernel.exports()?.named(symbol).next()?.exporter;
    let name = ModuleName::of_exporter(module);
    let is_builtin = kernel.builtin().is_some_and(|builtin| builtin.contains(&name));
    let is_absent = !is_builtin && tree.module(&name).is_none() && tree.unlisted().is_empty();
    is_absent.then(|| Absent::NotInstalled { module: module.to_owned(), tree: tree.root().display().to_string() })
}

/// Modules that may export a symbol which nothing lists: damaged ones, and those that the tree lacks.
fn perhaps(kernel: &Kernel, tree: Option<&ModuleTree>, unread: &[UnreadFile]) -> Option<Absent> {
    let damaged = || unread.iter().filter(|file| file.is_damaged);
    if let Some(first) = damaged().next() {
        let (files, path, damage) = (damaged().count(), first.path.display().to_string(), first.why.clone());
        return Some(Absent::PerhapsDamaged { files, first: path, damage });
    }
    if kernel.exports().is_some_and(Exports::covers_modules) {
        return None;
    }
    let tree = tree?;
    let first = tree.not_installed().first()?.clone();
    let files = tree.not_installed().len();
    Some(Absent::PerhapsNotInstalled { files, first, tree: tree.root().display().to_string() })
}
