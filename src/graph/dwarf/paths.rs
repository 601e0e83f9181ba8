//! Names source files as readers of the source know them: relative to the kernel's tree or to the module's folder.

use std::collections::BTreeSet;

use super::sections::{DebugSections, Slice};

/// Headers that every kernel source file includes. A folder that holds one of them is a kernel tree.
const LANDMARKS: [&str; 5] = [
    "/include/linux/types.h",
    "/include/linux/compiler_types.h",
    "/include/linux/printk.h",
    "/include/uapi/asm-generic/int-ll64.h",
    "/include/asm-generic/int-ll64.h",
];

/// How many units are searched for the kernel's headers. As a rule, the first one names them.
const UNITS_ASKED: usize = 16;

/// The folders of the kernel's tree and of the module's own source when the module was built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourcePaths {
    /// The roots of the kernel's tree: headers may lie in two folders.
    kernel: BTreeSet<String>,
    /// The folder that holds all of the module's own source files.
    module: Option<String>,
}

impl SourcePaths {
    /// Finds the folders in the debug information. Units that are broken are skipped.
    pub fn read(sections: &DebugSections<'_>) -> Self {
        let dwarf = sections.dwarf();
        let mut paths = Self::default();
        let mut sources = Vec::new();
        let mut folders = BTreeSet::new();
        let mut headers = dwarf.units();
        while let Ok(Some(header)) = headers.next() {
            let Ok(unit) = dwarf.unit(header) else { continue };
            let folder = unit.comp_dir.as_ref().map(text).unwrap_or_default();
            let name = unit.name.as_ref().map(text).or_else(|| split_name(sections, &dwarf, &unit));
            sources.extend(name.map(|name| join(&folder, &name)));
            if sources.len() <= UNITS_ASKED
                && let Some(program) = &unit.line_program
            {
                paths.kernel.extend(kernel_roots(&dwarf, &unit, program.header(), &folder));
                if names_headers(&dwarf, &unit, program.header()) {
                    folders.insert(clean(&folder));
                }
            }
        }
        // Reduced debug information names only files with code. But kbuild runs the compiler in the kernel's tree, so
        // that a folder from which headers are named is the tree.
        if paths.kernel.is_empty() {
            folders.remove("");
            paths.kernel = folders;
        }
        let own = sources.iter().filter(|source| paths.in_kernel(source).is_none());
        paths.module = own.filter_map(|source| source.rsplit_once('/').map(|(folder, _)| folder)).fold(None, common);
        paths
    }

    /// Finds the kernel's tree by the names of the files of one unit. `folder` is where the compiler ran. It counts as
    /// the tree if no file shows where the tree is and headers are named relative to it.
    pub fn of_files<'f>(folder: &str, files: impl Iterator<Item = &'f str> + Clone) -> Self {
        let mut kernel: BTreeSet<String> = files.clone().filter_map(|file| tree_of(&join(folder, file))).collect();
        if kernel.is_empty() && !folder.is_empty() && files.clone().any(is_header) {
            kernel.insert(clean(folder));
        }
        Self { kernel, module: None }
    }

    /// The name of a file, and whether it is one of the kernel's headers. Files in the kernel's tree are named relative
    /// to it, the module's own files relative to the folder that holds them all.
    pub fn name(&self, file: &str) -> (String, bool) {
        let file = clean(file);
        if let Some(relative) = self.in_kernel(&file) {
            let header = is_header(relative);
            return (relative.to_owned(), header);
        }
        let own = self.module.as_deref().and_then(|root| below(root, &file));
        (own.unwrap_or(&file).to_owned(), false)
    }

    /// The path of a file relative to the kernel's tree, if it lies in it.
    fn in_kernel<'f>(&self, file: &'f str) -> Option<&'f str> {
        let found = self.kernel.iter().filter_map(|root| below(root, file)).min_by_key(|rest| rest.len());
        // If the build folder is separate from the source, generated headers lie in the build folder.
        if let Some(relative) = found.or_else(|| generated(file)) {
            return Some(relative);
        }
        (!file.starts_with('/') && is_header(file)).then_some(file)
    }
}

/// The path of a file relative to a folder, if it lies in it.
fn below<'f>(folder: &str, file: &'f str) -> Option<&'f str> {
    file.strip_prefix(folder)?.strip_prefix('/')
}

/// The kernel tree of a file, if the file is a landmark.
fn tree_of(path: &str) -> Option<String> {
    LANDMARKS.iter().find_map(|landmark| path.strip_suffix(landmark)).map(ToOwned::to_owned)
}

/// Returns whether a path relative to the kernel's tree is that of a shared header.
fn is_header(relative: &str) -> bool {
    if let Some((_, in_arch)) = relative.strip_prefix("arch/").and_then(|rest| rest.split_once('/')) {
        return in_arch.starts_with("include/");
    }
    relative.starts_with("include/")
}

/// The path of a generated header relative to the build folder.
fn generated(file: &str) -> Option<&str> {
    let end = file.find("/include/generated/")?;
    let arch = file.get(..end).and_then(|before| before.rfind("/arch/"));
    file.get(arch.unwrap_or(end) + 1..)
}

/// The name of a unit whose debug information lies in a file of its own.
fn split_name<'a>(
    sections: &DebugSections<'a>,
    dwarf: &gimli::Dwarf<Slice<'_>>,
    unit: &gimli::Unit<Slice<'_>>,
) -> Option<String> {
    let path = dwarf.attr_string(unit, unit.dwo_name().ok()??).ok()?;
    let mut split = sections.split_dwarf(&path.to_string_lossy())?;
    split.make_dwo(dwarf);
    let header = split.units().next().ok()??;
    Some(split.unit(header).ok()?.name?.to_string_lossy().into_owned())
}

/// The kernel trees that the files of a unit show.
fn kernel_roots<'a>(
    dwarf: &gimli::Dwarf<Slice<'a>>,
    unit: &gimli::Unit<Slice<'a>>,
    header: &gimli::LineProgramHeader<Slice<'a>>,
    folder: &str,
) -> Vec<String> {
    let mut roots = Vec::new();
    for file in header.file_names() {
        let name = attribute_text(dwarf, unit, file.path_name());
        // Most files are not landmarks, and need no full path.
        let last = name.rsplit('/').next().unwrap_or_default();
        if LANDMARKS.iter().any(|landmark| landmark.rsplit('/').next() == Some(last)) {
            let within = file.directory(header).map(|value| attribute_text(dwarf, unit, value)).unwrap_or_default();
            roots.extend(tree_of(&join(&join(folder, &within), &name)));
        }
    }
    roots
}

fn text(slice: &Slice<'_>) -> String {
    slice.to_string_lossy().into_owned()
}

/// The string that an attribute holds; empty if it cannot be read.
fn attribute_text<'a>(
    dwarf: &gimli::Dwarf<Slice<'a>>,
    unit: &gimli::Unit<Slice<'a>>,
    value: gimli::AttributeValue<Slice<'a>>,
) -> String {
    dwarf.attr_string(unit, value).map(|slice| text(&slice)).unwrap_or_default()
}

/// Returns whether a unit names shared headers relative to the folder where the compiler ran.
fn names_headers<'a>(
    dwarf: &gimli::Dwarf<Slice<'a>>,
    unit: &gimli::Unit<Slice<'a>>,
    header: &gimli::LineProgramHeader<Slice<'a>>,
) -> bool {
    header.file_names().iter().any(|file| {
        let within = file.directory(header).map(|value| attribute_text(dwarf, unit, value)).unwrap_or_default();
        is_header(&join(&within, &attribute_text(dwarf, unit, file.path_name())))
    })
}

/// The folder that holds both folders.
fn common(known: Option<String>, folder: &str) -> Option<String> {
    let Some(known) = known else { return Some(folder.to_owned()) };
    let same = known.split('/').zip(folder.split('/')).take_while(|(a, b)| a == b).map(|(a, _)| a);
    Some(same.collect::<Vec<_>>().join("/"))
}

/// The path of a file that is named relative to a folder.
pub(in crate::graph) fn join(folder: &str, path: &str) -> String {
    if path.starts_with('/') || folder.is_empty() { clean(path) } else { clean(&format!("{folder}/{path}")) }
}

/// The path without `.` and `..`.
fn clean(path: &str) -> String {
    if !path.contains("/.") && !path.starts_with('.') && !path.contains("//") {
        return path.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths() -> SourcePaths {
        let kernel = ["/usr/src/linux-headers-6.1-common", "/usr/src/linux-headers-6.1-amd64"].map(str::to_owned);
        SourcePaths { kernel: kernel.into(), module: Some("/build/libafs".to_owned()) }
    }

    #[test]
    fn headers_are_named_from_the_top_of_the_kernels_tree() {
        let name = |file: &str| paths().name(file);
        assert_eq!(name("/usr/src/linux-headers-6.1-common/include/linux/mm.h"), ("include/linux/mm.h".into(), true));
        assert_eq!(name("/usr/src/linux-headers-6.1-common/./include/linux/mm.h"), ("include/linux/mm.h".into(), true));
        let arch = "arch/x86/include/asm/jump_label.h";
        assert_eq!(name(&format!("/usr/src/linux-headers-6.1-common/{arch}")), (arch.into(), true));
        assert_eq!(
            name("/elsewhere/arch/x86/include/generated/asm/x.h"),
            ("arch/x86/include/generated/asm/x.h".into(), true)
        );
        assert_eq!(name("/elsewhere/include/generated/autoconf.h"), ("include/generated/autoconf.h".into(), true));
        assert_eq!(name("./include/linux/mm.h"), ("include/linux/mm.h".into(), true));
    }

    #[test]
    fn the_modules_own_files_are_named_from_their_folder() {
        let name = |file: &str| paths().name(file);
        assert_eq!(name("/build/libafs/afs_bypasscache.c"), ("afs_bypasscache.c".into(), false));
        assert_eq!(name("/build/libafs/os/linux/x.c"), ("os/linux/x.c".into(), false));
        assert_eq!(name("/build/libafs/../afs/afs.h"), ("/build/afs/afs.h".into(), false));
    }

    #[test]
    fn in_the_kernels_own_tree_only_headers_are_headers() {
        assert_eq!(
            paths().name("/usr/src/linux-headers-6.1-common/drivers/net/dummy.c"),
            ("drivers/net/dummy.c".into(), false)
        );
    }

    #[test]
    fn the_kernels_tree_is_found_by_its_landmarks() {
        let of = |folder: &str, files: &[&str]| SourcePaths::of_files(folder, files.iter().copied());
        let paths = of("/k/6.1", &["./include/linux/types.h", "/b/unit.c"]);
        assert_eq!(paths.name("/k/6.1/include/linux/mm.h"), ("include/linux/mm.h".into(), true));
        assert_eq!(paths.name("/b/unit.c"), ("/b/unit.c".into(), false));
        assert_eq!(of("/k", &["include/net/ip.h"]).name("/k/include/net/ip.h"), ("include/net/ip.h".into(), true));
    }

    #[test]
    fn folders_share_their_beginning() {
        let all = ["/b/x/a", "/b/x/c", "/b/xy"];
        assert_eq!(all.into_iter().fold(None, common).as_deref(), Some("/b"));
    }
}
