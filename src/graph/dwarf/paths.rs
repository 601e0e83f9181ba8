//! Source files, named as a reader of the source knows them.

use std::collections::BTreeSet;

use super::sections::{DebugSections, Slice};

/// Headers that every kernel source file includes: where one of them is, is a kernel tree.
const LANDMARKS: [&str; 5] = [
    "/include/linux/types.h",
    "/include/linux/compiler_types.h",
    "/include/linux/printk.h",
    "/include/uapi/asm-generic/int-ll64.h",
    "/include/asm-generic/int-ll64.h",
];

/// How many units are asked where the kernel's headers are: the first says, as a rule.
const UNITS_ASKED: usize = 16;

/// Where the kernel's tree and the module's own source lay when the module was built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourcePaths {
    kernel: BTreeSet<String>,
    module: Option<String>,
}

impl SourcePaths {
    /// Finds them out of the debug information; where it is broken, with what could be read.
    pub fn read(sections: &DebugSections<'_>) -> Self {
        let dwarf = sections.dwarf();
        let mut paths = Self::default();
        let mut sources = Vec::new();
        let mut folders = BTreeSet::new();
        let mut headers = dwarf.units();
        while let Ok(Some(header)) = headers.next() {
            let Ok(unit) = dwarf.unit(header) else { continue };
            let text = |slice: &Slice<'_>| slice.to_string_lossy().into_owned();
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
        // With few debug details, only files that have code are named; the compiler of a kernel's headers runs in its tree.
        if paths.kernel.is_empty() {
            folders.remove("");
            paths.kernel = folders;
        }
        let own = sources.iter().filter(|source| paths.in_kernel(source).is_none());
        paths.module = own.filter_map(|source| source.rsplit_once('/').map(|(folder, _)| folder)).fold(None, common);
        paths
    }

    /// Finds the kernel's tree by the names of the files that one unit is made of. `folder` is where the compiler ran: the
    /// tree itself where nothing else tells and headers are named from there.
    pub fn of_files<'f>(folder: &str, files: impl Iterator<Item = &'f str> + Clone) -> Self {
        let root = |file: &str| tree_of(&join(folder, file));
        let mut kernel: BTreeSet<String> = files.clone().filter_map(root).collect();
        if kernel.is_empty() && !folder.is_empty() && files.clone().any(is_header) {
            kernel.insert(clean(folder));
        }
        Self { kernel, module: None }
    }

    /// The name of a file: headers of the kernel relative to its tree, the module's own files relative to the folder that
    /// holds them all. And whether it is one of the kernel's headers.
    pub fn name(&self, file: &str) -> (String, bool) {
        let file = clean(file);
        if let Some(relative) = self.in_kernel(&file) {
            let header = is_header(relative);
            return (relative.to_owned(), header);
        }
        let own =
            self.module.as_deref().and_then(|root| file.strip_prefix(root)).and_then(|rest| rest.strip_prefix('/'));
        (own.unwrap_or(&file).to_owned(), false)
    }

    fn in_kernel<'f>(&self, file: &'f str) -> Option<&'f str> {
        let below = |root: &String| file.strip_prefix(root.as_str()).and_then(|rest| rest.strip_prefix('/'));
        let found = self.kernel.iter().filter_map(below).min_by_key(|rest| rest.len());
        // What the build generates lies beside, where the configured tree and the source are two.
        found.or_else(|| generated(file)).or_else(|| (!file.starts_with('/') && is_header(file)).then_some(file))
    }
}

/// The tree that a landmark stands in.
fn tree_of(path: &str) -> Option<String> {
    LANDMARKS.iter().find_map(|landmark| path.strip_suffix(landmark)).map(ToOwned::to_owned)
}

/// Does a path relative to the kernel's tree name a header for everybody?
fn is_header(relative: &str) -> bool {
    let in_arch = relative
        .strip_prefix("arch/")
        .and_then(|rest| rest.split_once('/'))
        .is_some_and(|(_, rest)| rest.starts_with("include/"));
    relative.starts_with("include/") || in_arch
}

fn generated(file: &str) -> Option<&str> {
    let arch =
        file.find("/include/generated/").map(|end| (end, file.get(..end).and_then(|before| before.rfind("/arch/"))));
    let (end, arch) = arch?;
    file.get(arch.unwrap_or(end) + 1..)
}

/// The name of a unit that keeps it in a file of its own.
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

fn kernel_roots<'a>(
    dwarf: &gimli::Dwarf<Slice<'a>>,
    unit: &gimli::Unit<Slice<'a>>,
    header: &gimli::LineProgramHeader<Slice<'a>>,
    folder: &str,
) -> Vec<String> {
    let text = |value: gimli::AttributeValue<Slice<'a>>| {
        dwarf.attr_string(unit, value).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let root = |file: &gimli::FileEntry<Slice<'a>>| {
        let name = text(file.path_name());
        // Most names are none of a landmark: look before the path is put together.
        let last = name.rsplit('/').next().unwrap_or_default();
        LANDMARKS.iter().find(|landmark| landmark.rsplit('/').next() == Some(last))?;
        let within = file.directory(header).map(text).unwrap_or_default();
        tree_of(&join(&join(folder, &within), &name))
    };
    header.file_names().iter().filter_map(root).collect()
}

/// Are headers for everybody named from where the compiler ran?
fn names_headers<'a>(
    dwarf: &gimli::Dwarf<Slice<'a>>,
    unit: &gimli::Unit<Slice<'a>>,
    header: &gimli::LineProgramHeader<Slice<'a>>,
) -> bool {
    let text = |value: gimli::AttributeValue<Slice<'a>>| {
        dwarf.attr_string(unit, value).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
    };
    header.file_names().iter().any(|file| {
        let within = file.directory(header).map(text).unwrap_or_default();
        is_header(&join(&within, &text(file.path_name())))
    })
}

fn common(known: Option<String>, folder: &str) -> Option<String> {
    let Some(known) = known else { return Some(folder.to_owned()) };
    let same = known.split('/').zip(folder.split('/')).take_while(|(a, b)| a == b).map(|(a, _)| a);
    Some(same.collect::<Vec<_>>().join("/"))
}

pub(in crate::graph) fn join(folder: &str, path: &str) -> String {
    clean(&if path.starts_with('/') || folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") })
}

/// Without `.` and `..`.
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
