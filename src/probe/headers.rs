//! Lists the public headers of a kernel, and which headers include which.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::kbuild::Compiler;
use crate::image::read_regular;

/// Folders of `include/` whose headers are meant for modules. These headers include those of the architecture, the
/// generic ones, and those shared with user space.
const FOLDERS: [&str; 23] = [
    "linux",
    "net",
    "crypto",
    "drm",
    "media",
    "sound",
    "scsi",
    "rdma",
    "acpi",
    "keys",
    "kunit",
    "kvm",
    "memory",
    "misc",
    "pcmcia",
    "ras",
    "rv",
    "target",
    "ufs",
    "video",
    "xen",
    "clocksource",
    "soc",
];

/// The public headers, named as in an include line, those of `linux/` first.
pub(super) fn public(compiler: &Compiler) -> Vec<String> {
    let mut found = Vec::new();
    for root in roots(compiler) {
        for folder in FOLDERS {
            list(&root.join(folder), folder, DEPTH, &mut found);
        }
    }
    found.sort_by(|one, other| (!one.starts_with("linux/"), one).cmp(&(!other.starts_with("linux/"), other)));
    found.dedup();
    found
}

/// The `include/` directories of the kernel itself: of its sources, and of its build tree if that is separate.
fn roots(compiler: &Compiler) -> Vec<PathBuf> {
    let mut folders = compiler.includes();
    folders.retain(|name| name.ends_with("/include") && !name.contains("/arch/"));
    folders.into_iter().map(|name| compiler.resolve(name)).collect()
}

/// The depth to which folders are walked: links may lead back.
const DEPTH: usize = 32;

/// Adds the headers below a folder, which is included as `name`.
fn list(folder: &Path, name: &str, depth: usize, found: &mut Vec<String>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Some(own) = entry.file_name().to_str().map(|own| format!("{name}/{own}")) else { continue };
        // Follow links: distributions share some folders between packages.
        if entry.path().is_dir() {
            list(&entry.path(), &own, depth, found);
        } else if own.ends_with(".h") {
            found.push(own);
        }
    }
}

/// The file named as in the kernel's own tree: `include/linux/mm.h`.
pub(super) fn within_tree(file: &str, compiler: &Compiler) -> String {
    below_tree(file, &compiler.includes())
}

/// The file that an include line finds, named as in the kernel's own tree.
pub(super) fn file_of(header: &str, compiler: &Compiler) -> Option<String> {
    let mut files = compiler.includes().into_iter().map(|folder| format!("{folder}/{header}"));
    files.find(|file| compiler.resolve(file).is_file()).map(|file| within_tree(&file, compiler))
}

fn below_tree(file: &str, folders: &[&str]) -> String {
    let named = folders.iter().find_map(|folder| {
        let below = file.strip_prefix(*folder)?.strip_prefix('/')?;
        // The part of the folder's name before `include` or `arch` leads to the tree.
        let at = folder.find("/arch/").map(|at| at + 1).or_else(|| folder.rfind("include"))?;
        Some(format!("{}/{below}", folder.get(at..)?))
    });
    named.unwrap_or_else(|| file.trim_start_matches("./").to_owned())
}

/// The headers in `dependencies`, the compiler's output in the syntax of make, that do not exist.
pub(super) fn missing(dependencies: &str, is_there: impl Fn(&str) -> bool) -> Vec<String> {
    let words = dependencies.split_whitespace().filter(|word| *word != "\\" && !word.ends_with(':'));
    let mut missing: Vec<String> = words.filter(|word| !is_there(word)).map(str::to_owned).collect();
    missing.sort();
    missing.dedup();
    missing
}

/// The path of a stand-in for a missing header, at which the compiler finds it under the same name. Some names contain
/// `..`.
pub(super) fn stand_in(name: &str) -> String {
    let mut path = PathBuf::from("missing/1/2/3/4/5/6");
    for component in Path::new(name).components() {
        match component {
            Component::ParentDir => drop(path.pop()),
            Component::Normal(part) => path.push(part),
            _ => {}
        }
    }
    path.to_string_lossy().into_owned()
}

/// The text of a stand-in for a missing header, before the header's name.
pub(super) const NO_HEADER: &str = "#error there is no header ";

/// The folder that [`stand_in`] starts from.
pub(super) const STAND_INS: &str = "missing/1/2/3/4/5/6";

/// Which headers include which, by their text alone.
pub(super) struct IncludeGraph {
    included_by: HashMap<String, Vec<String>>,
}

impl IncludeGraph {
    /// A graph of pairs: a header, and one that includes it.
    #[cfg(test)]
    pub(super) fn of(pairs: &[(&str, &str)]) -> Self {
        let mut graph = Self { included_by: HashMap::new() };
        for (header, by) in pairs {
            graph.included_by.entry((*header).to_owned()).or_default().push((*by).to_owned());
        }
        graph
    }

    /// Reads the given headers and all headers that they reach.
    pub(super) fn read(compiler: &Compiler, headers: &[String]) -> Self {
        let folders: Vec<PathBuf> = compiler.includes().into_iter().map(|name| compiler.resolve(name)).collect();
        let mut graph = Self { included_by: HashMap::new() };
        let mut seen: HashSet<String> = headers.iter().cloned().collect();
        let mut open: Vec<String> = headers.to_vec();
        while let Some(name) = open.pop() {
            let text = folders.iter().find_map(|folder| read_regular(&folder.join(&name)).ok()).unwrap_or_default();
            for included in included(&String::from_utf8_lossy(&text), &name) {
                graph.included_by.entry(included.clone()).or_default().push(name.clone());
                if seen.insert(included.clone()) {
                    open.push(included);
                }
            }
        }
        graph
    }

    /// All headers that include this one, directly or through others.
    pub(super) fn includers(&self, header: &str) -> HashSet<String> {
        let mut found = HashSet::from([header.to_owned()]);
        let mut open = vec![header.to_owned()];
        while let Some(name) = open.pop() {
            for by in self.included_by.get(&name).into_iter().flatten() {
                if found.insert(by.clone()) {
                    open.push(by.clone());
                }
            }
        }
        found
    }
}

/// The names in the include lines of a header. A name in quotes is taken for a neighbour unless it contains a folder.
fn included(text: &str, own: &str) -> Vec<String> {
    let folder = own.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut names = Vec::new();
    for line in text.lines() {
        let Some(rest) = line.trim_start().strip_prefix('#').map(str::trim_start) else { continue };
        let Some(rest) = rest.strip_prefix("include").map(str::trim_start) else { continue };
        if let Some((name, _)) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
            names.push(name.to_owned());
        } else if let Some((name, _)) = rest.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
            names.push(if name.contains('/') { name.to_owned() } else { format!("{folder}/{name}") });
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_headers_are_the_dependencies_that_do_not_exist() {
        let rule = "probe.o: /t/probe.c ./include/a.h \\\n asm/none.h ../x/none.h asm/none.h\n";
        let found = missing(rule, |name| name.starts_with('/') || name.starts_with("./"));
        assert_eq!(found, ["../x/none.h", "asm/none.h"]);
        assert_eq!(stand_in("../x/none.h"), "missing/1/2/3/4/5/x/none.h");
    }

    #[test]
    fn files_are_named_as_in_the_tree() {
        let folders =
            ["/src/linux/arch/x86/include", "./arch/x86/include/generated", "/src/linux/include", "./include"];
        assert_eq!(below_tree("/src/linux/include/linux/mm.h", &folders), "include/linux/mm.h");
        assert_eq!(below_tree("/src/linux/arch/x86/include/asm/io.h", &folders), "arch/x86/include/asm/io.h");
        assert_eq!(below_tree("./include/generated/bounds.h", &folders), "include/generated/bounds.h");
        assert_eq!(below_tree("./other.h", &folders), "other.h");
    }

    #[test]
    fn includes_are_read_from_the_text() {
        let text = "#include <linux/a.h>\n# include \"b.h\"\n  #include \"../c/d.h\"\n#define include\n";
        assert_eq!(included(text, "net/own.h"), ["linux/a.h", "net/b.h", "../c/d.h"]);
    }

    #[test]
    fn includers_are_followed_to_the_end() {
        let by = |one: &str, other: &str| (one.to_owned(), vec![other.to_owned()]);
        let graph = IncludeGraph { included_by: HashMap::from([by("a", "b"), by("b", "c"), by("c", "a")]) };
        assert_eq!(graph.includers("b").len(), 3);
        assert_eq!(graph.includers("x").len(), 1);
    }
}
