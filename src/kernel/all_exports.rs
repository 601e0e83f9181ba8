//! The exports of a kernel together with those of its modules, read from the module files if no list covers them.

use std::borrow::Cow;
use std::path::Path;

use super::description::Kernel;
use super::exports::Exports;
use super::tree::ModuleTree;
use super::tree_module::UnreadFile;

impl Kernel {
    /// The exports of the kernel and of the modules of its tree.
    ///
    /// Reads every module of the tree on first use if the kernel's list does not cover modules. If one cannot be read, the result
    /// does not cover modules either: see [`Kernel::unread`].
    pub fn all_exports(&self) -> Option<Cow<'_, Exports>> {
        let exports = self.exports()?;
        match self.tree() {
            Some(tree) if !exports.covers_modules() => Some(Cow::Owned(exports.with_modules(tree))),
            _ => Some(Cow::Borrowed(exports)),
        }
    }

    /// The files of the module tree whose exports are not known, because they could not be read or listed. Only what was asked for
    /// has been read: nothing of a tree whose exports a list gives.
    pub fn unread(&self) -> Vec<UnreadFile> {
        self.tree().map(ModuleTree::unread).unwrap_or_default()
    }

    /// The files among those given or found that tell nothing, each with the reason: a list without entries, a list that has a part
    /// of the rows of another, a `modules.dep` that cannot be read or does not fit its tree, and
    /// other lists of depmod's or of the kernel's build that cannot be read.
    pub fn set_aside(&self) -> Vec<UnreadFile> {
        let index = self.tree().map(ModuleTree::index_faults).unwrap_or_default();
        self.set_aside.iter().cloned().chain(index).collect()
    }
}

impl Exports {
    /// These exports with those of a tree's modules added.
    fn with_modules(&self, tree: &ModuleTree) -> Self {
        let mut all = self.clone();
        for (module, exports) in tree.exports() {
            let exporter = exporter(tree.inside(module));
            for export in exports {
                let namespace = export.namespace.as_ref().map_or("", |namespace| namespace.as_str());
                let crc = Some(export.crc.map_or(0, |crc| crc.0));
                all.push(crc, &export.name, &exporter, Some(export.kind), namespace);
            }
        }
        all.covers_modules = tree.unread().is_empty();
        all
    }
}

/// The path that `Module.symvers` gives for a module: its path in the kernel's source tree, without `.ko`.
fn exporter(inside: &Path) -> String {
    let inside = inside.strip_prefix("kernel").unwrap_or(inside);
    let folder = inside.parent().unwrap_or(Path::new(""));
    let file = inside.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    folder.join(file.split(".ko").next().unwrap_or(file)).to_string_lossy().into_owned()
}
