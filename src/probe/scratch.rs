//! A temporary directory for the probe. Nothing is written anywhere else.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::ProbeError;
use crate::image::read_regular;

/// The directory. It is removed when this value is dropped, unless the user asked to keep it.
pub(super) struct Scratch {
    path: PathBuf,
    is_kept: bool,
}

impl Scratch {
    pub(super) fn new(keep: Option<&Path>) -> Result<Self, ProbeError> {
        if let Some(path) = keep {
            fs::create_dir_all(path).map_err(ProbeError::io(path))?;
            let path = fs::canonicalize(path).map_err(ProbeError::io(path))?;
            return Ok(Self { path, is_kept: true });
        }
        let folder = std::env::temp_dir();
        let folder = fs::canonicalize(&folder).map_err(ProbeError::io(folder))?;
        let mut number = 0u32;
        loop {
            let path = folder.join(format!("gplok-inlines-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path, is_kept: false }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(source) => return Err(ProbeError::Io { path, source }),
            }
        }
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
        if !self.is_kept {
            // A failure to remove the directory does not affect the answer.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
