//! What `depmod -n -e -E Module.symvers` says of a module tree (`tools/depmod.c` of kmod 34).
//!
//! depmod links modules by names and versions alone: it knows neither licenses nor namespaces, and takes a symbol without a version
//! for one of version 0. Whether the kernel loads a module is another question, which `load` answers.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use crate::image::{KmodComplaint, KmodLinks, KmodSymbol, exists};
use crate::kernel::{Kernel, ModuleTree, VMLINUX, WalkFault, module_name_of};
use crate::terms::Errno;

/// One line of depmod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DepmodLine {
    /// What depmod cannot list.
    Unlisted(WalkFault),
    /// What kmod says of compressed data that it cannot read, each time that it reads the file.
    Complaint(KmodComplaint),
    /// The file is no module that kmod can read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of kmod.
        errno: Errno,
    },
    /// The module needs a symbol that nothing exports.
    Unknown {
        /// The module.
        path: PathBuf,
        /// The symbol.
        symbol: String,
    },
    /// The module needs a symbol in another version than the one that is exported.
    Disagrees {
        /// The module.
        path: PathBuf,
        /// The symbol.
        symbol: String,
    },
    /// Modules that need each other; the first stands at the end again.
    Cycle(Vec<String>),
    /// The number of modules in all cycles.
    InCycles(usize),
    /// There are so many ways through the modules that gplok has not looked for all cycles, and does not know their number.
    MoreCycles,
}

/// A file with its links.
pub type LinkedFile = (PathBuf, KmodLinks);

/// An exported symbol: its version, if known, and the number of the module that exports it.
struct Exported {
    crc: Option<u64>,
    module: Option<usize>,
}

/// The lines of depmod for these files. Other modules of the kernel's tree count as present; without a tree, so do those that
/// `Module.symvers` names, unless the files are a `whole_tree` themselves.
pub fn depmod(kernel: &Kernel, faults: &[WalkFault], files: &[LinkedFile], whole_tree: bool) -> Vec<DepmodLine> {
    let exports = exported(kernel, files, whole_tree);
    // What is printed about a loop depends on how many files may be open.
    let listed = faults.iter().filter(|fault| !matches!(fault, WalkFault::Loop(_))).cloned();
    let mut lines: Vec<_> = listed.map(DepmodLine::Unlisted).collect();
    for (path, links) in files {
        lines.extend(complaint(links, 0));
        lines.extend(links.fault.map(|errno| DepmodLine::Unreadable { path: path.clone(), errno }));
    }
    let mut needs = vec![Vec::new(); files.len()];
    // The last module that is known to need each one.
    let mut needed_by = vec![None; files.len()];
    for ((number, (path, links)), needs) in files.iter().enumerate().zip(&mut needs) {
        lines.extend(complaint(links, 1));
        for import in &links.imports {
            // depmod_symbol_find() drops one leading dot: on 64-bit powerpc, .foo is the code of foo.
            let name = import.name.strip_prefix('.').unwrap_or(&import.name);
            let symbol = import.name.clone();
            match exports.get(name) {
                None if import.is_weak => {}
                None => lines.push(DepmodLine::Unknown { path: path.clone(), symbol }),
                Some(exported) => {
                    if exported.disagrees(import) {
                        lines.push(DepmodLine::Disagrees { path: path.clone(), symbol });
                    }
                    if let Some(module) = exported.module
                        && needed_by[module].replace(number) != Some(number)
                    {
                        needs.push(module);
                    }
                }
            }
        }
    }
    let names: Vec<_> = files.iter().map(|(path, _)| module_name_of(path).unwrap_or_default()).collect();
    let cycles = cycles(&names, &needs);
    // With cycles depmod writes nothing, and reads no file once more.
    if cycles.is_empty() {
        lines.extend(files.iter().filter_map(|(_, links)| complaint(links, 2)));
    }
    lines.extend(cycles);
    lines
}

/// What kmod says when it reads a file once more.
fn complaint(links: &KmodLinks, read: usize) -> Option<DepmodLine> {
    links.complaints.as_ref()?.get(read).copied().map(DepmodLine::Complaint)
}

impl Exported {
    fn disagrees(&self, import: &KmodSymbol) -> bool {
        !import.is_weak && self.crc.is_some_and(|crc| crc != import.crc)
    }
}

/// Every export. As in depmod's hash, a later one replaces an earlier one of its name: the kernel's come first, then those of modules.
fn exported(kernel: &Kernel, files: &[LinkedFile], whole_tree: bool) -> HashMap<String, Exported> {
    let mut all = HashMap::new();
    let tree = kernel.tree().filter(|_| !whole_tree);
    let knows_modules = !whole_tree && tree.is_none();
    let rows = kernel.exports().into_iter().flat_map(|exports| exports.rows());
    for row in rows.filter(|row| knows_modules || row.exporter == VMLINUX) {
        let crc = row.crc.map(|crc| crc.0.into());
        all.insert(row.name.to_owned(), Exported { crc, module: None });
    }
    // depmod_add_fake_syms(): symbols that the loader itself provides.
    for name in ["__this_module", "_GLOBAL_OFFSET_TABLE_"] {
        all.insert(name.to_owned(), Exported { crc: Some(0), module: None });
    }
    all.entry("TOC.".to_owned()).or_insert(Exported { crc: Some(0), module: None });
    for (name, crc) in tree.into_iter().flat_map(ModuleTree::exported) {
        all.insert(name.to_owned(), Exported { crc: crc.map(|crc| crc.0.into()), module: None });
    }
    for (index, (_, links)) in files.iter().enumerate() {
        for export in &links.exports {
            all.insert(export.name.clone(), Exported { crc: Some(export.crc), module: Some(index) });
        }
    }
    all
}

/// The most modules that are visited to find cycles. depmod visits each way through them.
const MAX_VISITS: usize = 1 << 14;

/// Mirrors `depmod_calculate_dependencies()`: modules that no order can load. Where a cycle begins depends on the order of the files,
/// which depmod takes from modules.order.
fn cycles(names: &[String], needs: &[Vec<usize>]) -> Vec<DepmodLine> {
    let mut users = vec![0_usize; names.len()];
    for needed in needs.iter().flatten() {
        users[*needed] += 1;
    }
    let mut free: Vec<usize> = (0..users.len()).filter(|module| users[*module] == 0).collect();
    while let Some(module) = free.pop() {
        for needed in &needs[module] {
            users[*needed] -= 1;
            if users[*needed] == 0 {
                free.push(*needed);
            }
        }
    }
    let mut is_root: Vec<bool> = users.iter().map(|users| *users > 0).collect();
    if !is_root.contains(&true) {
        return Vec::new();
    }
    let mut lines = Vec::new();
    let mut in_cycles = BTreeSet::new();
    let mut visits = 0;
    for root in 0..is_root.len() {
        if !is_root[root] {
            continue;
        }
        // Each way is a list of modules, from the root on.
        let mut ways = vec![vec![root]];
        while let Some(way) = ways.pop() {
            if visits >= MAX_VISITS {
                lines.push(DepmodLine::MoreCycles);
                return lines;
            }
            visits += way.len();
            let Some(last) = way.last() else { continue };
            if way.len() > 1 && *last == root {
                way.iter().for_each(|module| is_root[*module] = false);
                in_cycles.extend(way.iter().copied());
                lines.push(DepmodLine::Cycle(way.iter().map(|module| names[*module].clone()).collect()));
                continue;
            }
            if needs[*last].is_empty() {
                is_root[*last] = false;
                continue;
            }
            for needed in needs[*last].iter().filter(|needed| **needed == root || !way.contains(needed)) {
                let mut longer = way.clone();
                longer.push(*needed);
                ways.push(longer);
            }
        }
    }
    lines.push(DepmodLine::InCycles(in_cycles.len()));
    lines
}

/// Returns whether a directory is a module tree of its own, as depmod takes one, and not a part of one.
pub fn is_module_tree(folder: &Path) -> bool {
    ["kernel", "updates", "extra", "modules.order", "modules.builtin"].iter().any(|name| exists(&folder.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two cycles that share a module, a module that needs a cycle, and one that a cycle needs.
    #[test]
    fn each_cycle_is_found_once() {
        let names: Vec<String> = ["a", "b", "c", "user", "used"].map(str::to_owned).to_vec();
        let needs = [vec![1], vec![0, 2], vec![1, 4], vec![0], vec![]];
        let lines = cycles(&names, &needs);
        let cycle = |names: &[&str]| DepmodLine::Cycle(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(lines, [cycle(&["a", "b", "a"]), cycle(&["c", "b", "c"]), DepmodLine::InCycles(3)]);
        assert_eq!(cycles(&names, &[vec![1], vec![2], vec![], vec![0], vec![]]), []);
    }
}
