//! Whether somebody else could have written what a build in a kernel's tree runs.
//!
//! A build runs what is in the tree as the user who started it: Makefiles, scripts, programs. The tree, what it links to and includes, and
//! the folders above must therefore belong to the user or to root, and nobody else may write to them. A group counts as somebody else,
//! also one with a single member: who is in it is not only said by `/etc/group`.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use super::error::ProbeError;
use crate::image::read_regular_text;

/// Mode bits: the group or others may write, and only owners may remove what lies in a folder.
const WRITABLE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// Refuses a tree that somebody else may write to.
pub(super) fn require_unwritable(kdir: &Path) -> Result<(), ProbeError> {
    let mut walk = Walk { user: geteuid().as_raw(), seen: HashSet::new(), left: Vec::new() };
    walk.find(kdir)?;
    // A build directory apart from its source has a Makefile with "include /usr/src/linux-headers-X-common/Makefile".
    let makefile = read_regular_text(&kdir.join("Makefile")).unwrap_or_default();
    for included in makefile.lines().filter_map(|line| line.strip_prefix("include ")) {
        let included = kdir.join(included.trim());
        if included.exists() {
            walk.find(included.parent().unwrap_or(kdir))?;
        }
    }
    while let Some(folder) = walk.left.pop() {
        for entry in fs::read_dir(&folder).map_err(ProbeError::io(&folder))? {
            let path = entry.map_err(ProbeError::io(&folder))?.path();
            let metadata = fs::symlink_metadata(&path).map_err(ProbeError::io(&path))?;
            if metadata.is_symlink() {
                // A link that leads nowhere is nothing that is run.
                if path.exists() {
                    walk.find(&path)?;
                }
                continue;
            }
            walk.require(&path, &metadata, WRITABLE)?;
            if metadata.is_dir() && walk.seen.insert(path.clone()) {
                walk.left.push(path);
            }
        }
    }
    Ok(())
}

/// A walk through everything that a build may run.
struct Walk {
    user: u32,
    /// Files and folders by their paths without links.
    seen: HashSet<PathBuf>,
    /// Folders whose entries are not looked at yet.
    left: Vec<PathBuf>,
}

impl Walk {
    /// Looks at what a path leads to, and at the folders above it: whoever may write to one of them can exchange what is below.
    fn find(&mut self, path: &Path) -> Result<(), ProbeError> {
        let real = fs::canonicalize(path).map_err(ProbeError::io(path))?;
        for above in real.ancestors().skip(1) {
            if !self.seen.contains(above) {
                let metadata = fs::symlink_metadata(above).map_err(ProbeError::io(above))?;
                let is_sticky = metadata.mode() & STICKY != 0;
                self.require(above, &metadata, if is_sticky { 0 } else { WRITABLE })?;
            }
        }
        let metadata = fs::symlink_metadata(&real).map_err(ProbeError::io(&real))?;
        self.require(&real, &metadata, WRITABLE)?;
        if metadata.is_dir() && self.seen.insert(real.clone()) {
            self.left.push(real);
        }
        Ok(())
    }

    fn require(&self, path: &Path, metadata: &Metadata, writable: u32) -> Result<(), ProbeError> {
        let owner = metadata.uid();
        let why = if owner != 0 && owner != self.user {
            format!("belongs to another user ({owner})")
        } else if metadata.mode() & writable & 0o002 != 0 {
            "may be written to by every user".to_owned()
        } else if metadata.mode() & writable != 0 {
            format!("may be written to by its group ({})", metadata.gid())
        } else {
            return Ok(());
        };
        Err(ProbeError::Writable { path: path.to_owned(), why })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn refused(kdir: &Path) -> String {
        require_unwritable(kdir).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_tree_that_others_may_write_to_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let mode =
            |name: &str, mode| fs::set_permissions(path(name), Permissions::from_mode(mode)).expect("it is ours");
        for name in ["k/scripts", "above/common/scripts", "linked"] {
            fs::create_dir_all(path(name)).expect("made");
        }
        for name in ["k/scripts/run", "above/common/Makefile", "linked/tool"] {
            fs::write(path(name), "").expect("written");
        }
        fs::write(path("k/Makefile"), format!("include {}\n", path("above/common/Makefile").display()))
            .expect("written");
        symlink("../linked", path("k/tools")).expect("linked");
        symlink("nowhere", path("k/gone")).expect("linked");
        symlink(".", path("k/loop")).expect("linked");
        let all = [
            "k",
            "k/scripts",
            "k/scripts/run",
            "k/Makefile",
            "above",
            "above/common",
            "above/common/scripts",
            "linked",
            "linked/tool",
        ];
        let plain = |name: &str| if path(name).is_dir() { 0o755 } else { 0o644 };
        all.iter().for_each(|name| mode(name, plain(name)));
        assert_eq!(refused(&path("k")), "");
        for name in all {
            for (bits, who) in [(0o020, "by its group"), (0o002, "by every user")] {
                mode(name, plain(name) | bits);
                let refused = refused(&path("k"));
                assert!(refused.contains(name) && refused.contains(who), "{name}: {refused}");
                mode(name, plain(name));
            }
        }
        // As /tmp is: others may add files, but not exchange this one.
        mode("above", 0o1777);
        assert_eq!(refused(&path("k")), "");
    }
}
