//! The public headers of a kernel: which files below the added folders are headers that drivers may include.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::root::{HeaderRoot, is_header};
use crate::image::{is_dir, read_dir, real_path};
use crate::kernel::description::Kernel;
use crate::terms::{Class, ElfMachine};

/// The depth to which folders are walked.
const DEPTH: usize = 32;

impl Kernel {
    /// The number of public headers: those of the kernel's architecture, or of all architectures if it is unknown.
    ///
    /// Lists the header folders on each call; a folder that cannot be listed counts as empty.
    pub fn header_files(&self) -> usize {
        self.public_headers().len()
    }

    /// The public headers by name, each with the first folder that has it. Headers for user space (`uapi`) are not included.
    pub(super) fn public_headers(&self) -> BTreeMap<String, &HeaderRoot> {
        let class = self.arch().map(|arch| arch.class);
        let arch = self.arch().map(|arch| arch_folder(arch.machine));
        let mut files = BTreeMap::new();
        for root in self.headers.iter().rev() {
            let names = match root {
                HeaderRoot::Folder(folder) => names_in_folder(folder, arch),
                HeaderRoot::Package(store, folder) => {
                    let prefix = format!("{folder}/");
                    let names = store.under(&prefix).filter_map(|path| path.strip_prefix(&prefix));
                    names.filter(|name| is_header(name)).map(str::to_owned).collect()
                }
            };
            let public = names.into_iter().filter(|name| is_public(name, arch) && !is_of_other_class(name, class));
            files.extend(public.map(|name| (name, root)));
        }
        files
    }
}

/// Returns whether a header is for the kernel alone and for this architecture.
fn is_public(name: &str, arch: Option<&str>) -> bool {
    let own = name.strip_prefix("arch/").and_then(|rest| rest.split('/').next());
    let is_for_arch = own.is_none_or(|own| arch.is_none_or(|arch| arch == own));
    is_for_arch && !name.split('/').any(|part| part == "uapi")
}

/// Returns whether a header is for the other word size of the architecture, such as `checksum_32.h` for a 64-bit kernel.
fn is_of_other_class(name: &str, class: Option<Class>) -> bool {
    let other = match class {
        Some(Class::Elf64) => "_32.h",
        Some(Class::Elf32) => "_64.h",
        None => return false,
    };
    name.starts_with("arch/") && name.ends_with(other)
}

/// The folder of an architecture in `arch`.
const fn arch_folder(machine: ElfMachine) -> &'static str {
    match machine {
        ElfMachine::X86_64 | ElfMachine::I386 => "x86",
        ElfMachine::Ppc64 | ElfMachine::Ppc => "powerpc",
        ElfMachine::Sparc64 => "sparc",
        // The folder of every other architecture has the architecture's name.
        machine => machine.name(),
    }
}

fn names_in_folder(root: &Path, arch: Option<&str>) -> Vec<String> {
    let arches = match arch {
        Some(arch) => vec![arch.to_owned()],
        None => entries(&root.join("arch")).into_iter().map(|(name, _)| name).collect(),
    };
    let tops = std::iter::once("include".to_owned()).chain(arches.iter().map(|arch| format!("arch/{arch}/include")));
    let mut walk = Walk { root, names: Vec::new(), linked: BTreeSet::new() };
    for top in tops {
        walk.linked.extend(real_path(&root.join(&top)).ok());
        walk.folder(&top, DEPTH);
    }
    walk.names
}

/// A walk through the folders below a root. A folder that a link points to is walked once, so that a loop of links ends.
struct Walk<'r> {
    root: &'r Path,
    names: Vec<String>,
    linked: BTreeSet<PathBuf>,
}

impl Walk<'_> {
    fn folder(&mut self, name: &str, depth: usize) {
        if depth == 0 {
            return;
        }
        for (entry, kind) in entries(&self.root.join(name)) {
            let inside = format!("{name}/{entry}");
            if kind.is_dir() {
                if is_walked(&inside) {
                    self.folder(&inside, depth - 1);
                }
            } else if is_header(&inside) {
                self.names.push(inside);
            } else if kind.is_symlink() && is_walked(&inside) {
                let target = real_path(&self.root.join(&inside)).ok().filter(|target| is_dir(target));
                if target.is_some_and(|target| self.linked.insert(target)) {
                    self.folder(&inside, depth - 1);
                }
            }
        }
    }
}

/// Returns whether a folder may hold public headers.
fn is_walked(folder: &str) -> bool {
    folder != "include/config" && !folder.ends_with("/uapi")
}

fn entries(folder: &Path) -> Vec<(String, std::fs::FileType)> {
    let entries = read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.file_type().ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::Arch;

    #[test]
    fn public_headers_are_for_the_kernel_and_its_architecture() {
        let folder = tempfile::tempdir().expect("there is room");
        for name in [
            "include/linux/init.h",
            "include/linux/deep/er/a.h",
            "include/uapi/linux/b.h",
            "include/config/c.h",
            "include/linux/Kbuild",
            "arch/x86/include/asm/d.h",
            "arch/x86/include/asm/d_32.h",
            "arch/x86/include/uapi/asm/e.h",
            "arch/x86/kvm/f.h",
            "arch/arm/include/asm/g.h",
            "tools/include/h.h",
        ] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
            std::fs::write(path, "int f(void);\n").expect("it can be written");
        }
        std::os::unix::fs::symlink("..", folder.path().join("include/linux/loop")).expect("it can be made");
        let mut kernel = Kernel::default();
        kernel.add_headers(folder.path());
        kernel.arch = Some(Arch::X86_64);
        let names: Vec<_> = kernel.public_headers().into_keys().collect();
        assert_eq!(names, ["arch/x86/include/asm/d.h", "include/linux/deep/er/a.h", "include/linux/init.h"]);
        kernel.arch = None;
        assert_eq!(kernel.header_files(), 5);
        assert!(kernel.has_headers());
    }
}
