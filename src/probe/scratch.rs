//! A temporary directory for the probe. Nothing is written anywhere else.

use std::fs::{self, DirBuilder};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::ProbeError;
use crate::image::read_regular;

/// The directory. It is removed when this value is dropped or the program ends, however it ends, unless the user asked to keep it.
pub(super) struct Scratch {
    path: PathBuf,
    /// The process that removes it; none if it is kept.
    remover: Option<Child>,
    builds: Builds,
}

/// Reports the process groups of running builds to the process that removes the directory, which ends those that are left when the
/// program has ended. Reports nothing if the directory is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Builds(Arc<Mutex<Option<ChildStdin>>>);

impl Builds {
    /// A build whose process is the leader of a group.
    pub(super) fn begun(&self, group: u32) {
        self.report("begun", group);
    }

    /// A build whose process has ended.
    pub(super) fn ended(&self, group: u32) {
        self.report("ended", group);
    }

    fn report(&self, what: &str, group: u32) {
        if let Some(pipe) = self.pipe().as_mut() {
            _ = writeln!(pipe, "{what} {group}");
        }
    }

    fn pipe(&self) -> MutexGuard<'_, Option<ChildStdin>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until its standard input is closed, as it is when the program ends, ends the builds that still run, and removes a directory.
/// Compilers that are about to end may write to it meanwhile.
const REMOVER: &str = r#"
trap '' HUP INT QUIT TERM
groups=' '
while read -r what group; do
    case "$what$groups" in
    begun*) groups="$groups$group " ;;
    *" $group "*) groups="${groups%% $group *} ${groups#* $group }" ;;
    esac
done
for group in $groups; do kill -TERM "-$group" 2>/dev/null; done
tries=0
while rm -rf -- "$1" 2>/dev/null; [ -e "$1" ] && [ "$tries" -lt 100 ]; do tries=$((tries + 1)); sleep 0.1; done
"#;

impl Scratch {
    pub(super) fn new(keep: Option<&Path>) -> Result<Self, ProbeError> {
        if let Some(path) = keep {
            fs::create_dir_all(path).map_err(ProbeError::io(path))?;
            let path = fs::canonicalize(path).map_err(ProbeError::io(path))?;
            return Ok(Self { path, remover: None, builds: Builds::default() });
        }
        let folder = std::env::temp_dir();
        let folder = fs::canonicalize(&folder).map_err(ProbeError::io(folder))?;
        let mut number = 0u32;
        loop {
            let path = folder.join(format!("gplok-inlines-{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Self::removed_at_the_end(path),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(source) => return Err(ProbeError::Io { path, source }),
            }
        }
    }

    /// A directory that was just made, with the process that removes it. That process has a group of its own, which Ctrl-C on a
    /// terminal does not reach.
    fn removed_at_the_end(path: PathBuf) -> Result<Self, ProbeError> {
        let mut command = Command::new("sh");
        command.args(["-c", REMOVER, "sh"]).arg(&path).process_group(0).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            Ok(mut remover) => {
                let builds = Builds(Arc::new(Mutex::new(remover.stdin.take())));
                Ok(Self { path, remover: Some(remover), builds })
            }
            Err(source) => {
                _ = fs::remove_dir(&path);
                Err(ProbeError::Io { path: "sh".into(), source })
            }
        }
    }

    /// Where the builds in this directory are reported.
    pub(super) fn builds(&self) -> Builds {
        self.builds.clone()
    }

    /// The directory itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, ProbeError> {
        let path = self.file(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(ProbeError::io(folder))?;
        }
        fs::write(&path, text).map_err(ProbeError::io(&path))?;
        Ok(path)
    }

    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, ProbeError> {
        let path = self.file(name);
        read_regular(&path).map_err(ProbeError::io(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(remover) = &mut self.remover {
            // It waits for the end of its standard input. A failure to remove the directory does not affect the answer.
            drop(self.builds.pipe().take());
            _ = remover.wait();
        }
    }
}
