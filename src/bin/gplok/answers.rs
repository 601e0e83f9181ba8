//! The answers for whole module trees, kept from run to run. An answer is used again if none of the files it depends
//! on, nor the kernel, nor the program has changed.
//!
//! ```text
//! MAGIC; for each answer, the newest first: key (32 bytes), SHA-256 of the rest (32), exit code (1), length (8, little-endian), text
//! ```
//! The file is never changed, only replaced as a whole, so every reader sees a file that was written completely. Data
//! that does not have this form is ignored, and so is a file that another user may have written: what it holds would be printed.

use std::fs::{DirBuilder, Metadata, Permissions};
use std::hash::{Hash, Hasher};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use gplok::image::{open_own_folder, read_own};
use sha2::{Digest as _, Sha256};

/// How the names of temporary files begin.
const TEMPORARY: &str = ".new-";

const MAGIC: &[u8] = b"gplok answers 1\n";
/// The largest number of answers, and their largest total size.
const MAX_ANSWERS: usize = 32;
const MAX_BYTES: usize = 32 << 20;
/// A temporary file as old as this, in seconds, belongs to a program that was killed while it wrote.
const LEFT_BEHIND: u64 = 600;
/// A file that changes twice within this time, in seconds, may have equal metadata both times. No answer is kept that depends on
/// such a new file.
const TOO_NEW: i64 = 2;

/// The key of an answer: a digest of everything it depends on.
pub type Key = [u8; 32];

/// Computes the digest of everything that an answer depends on.
pub struct AnswerDigest {
    digest: Sha256,
    /// When the last of the files changed, in seconds since 1970.
    newest: i64,
}

impl Hasher for AnswerDigest {
    fn write(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
    }

    /// Unused: the key is the full digest.
    fn finish(&self) -> u64 {
        0
    }
}

impl AnswerDigest {
    /// A digest that depends on this very program.
    pub fn new() -> Self {
        let mut question = Self { digest: Sha256::new(), newest: i64::MIN };
        env!("CARGO_PKG_VERSION").hash(&mut question);
        if let Ok(program) = std::env::current_exe() {
            question.file(&program, std::fs::metadata(&program).ok().as_ref());
        }
        // A running program is not being written.
        question.newest = i64::MIN;
        question
    }

    /// Adds a file by its path, size, inode and the times of its last modification and change. Programs can set the former back
    /// after they have written to the file, but not the latter.
    pub fn file(&mut self, path: &Path, metadata: Option<&Metadata>) {
        path.as_os_str().hash(self);
        let modified = metadata.and_then(|metadata| metadata.modified().ok());
        let changed = metadata.map(|metadata| (metadata.ctime(), metadata.ctime_nsec()));
        let inode = metadata.map(|metadata| (metadata.dev(), metadata.ino()));
        (metadata.map(Metadata::len), modified, changed, inode).hash(self);
        self.newest = metadata.map_or(self.newest, |metadata| self.newest.max(metadata.ctime()));
    }

    /// The key; `None` if one of the files may still be changing.
    pub fn key(self) -> Option<Key> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
        let settled = i64::try_from(now).is_ok_and(|now| self.newest < now.saturating_sub(TOO_NEW));
        settled.then(|| self.digest.finalize().into())
    }
}

/// The text that was printed, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    pub text: String,
    pub exit: u8,
}

/// The path of the file of answers.
pub struct Answers(PathBuf);

impl Answers {
    /// The user's file of answers, below `$XDG_CACHE_HOME` or `~/.cache`. `None` if neither is known.
    pub fn of_user() -> Option<Self> {
        let folder = absolute_path("XDG_CACHE_HOME").or_else(|| Some(absolute_path("HOME")?.join(".cache")))?;
        Some(Self(folder.join("gplok/answers")))
    }

    /// The kept answer of this key, if its record is intact.
    pub fn find(&self, key: &Key) -> Option<KeptAnswer> {
        let file = self.read().ok()?;
        let (_, record) = records(&file).find(|(known, _)| *known == key)?;
        let (sum, rest) = record.split_first_chunk::<32>()?;
        let (exit, text) = (*rest.first()?, rest.get(9..)?);
        let text = String::from_utf8(text.to_vec()).ok()?;
        (digest(rest) == *sum).then_some(KeptAnswer { text, exit })
    }

    /// Keeps an answer, before the older ones. An answer that cannot be written is only missing in the next run, so
    /// errors are ignored.
    pub fn keep(&self, key: &Key, answer: &KeptAnswer) {
        let length = (answer.text.len() as u64).to_le_bytes();
        let rest = [&[answer.exit], length.as_slice(), answer.text.as_bytes()].concat();
        let mut file = [MAGIC, key, &digest(&rest), &rest].concat();
        let known = self.read().unwrap_or_default();
        for (other, record) in records(&known).filter(|(other, _)| *other != key).take(MAX_ANSWERS - 1) {
            if file.len() + other.len() + record.len() <= MAX_BYTES {
                file.extend_from_slice(other);
                file.extend_from_slice(record);
            }
        }
        if file.len() <= MAX_BYTES {
            _ = self.replace(&file);
        }
    }

    fn read(&self) -> std::io::Result<Vec<u8>> {
        read_own(&self.0, MAX_BYTES as u64)
    }

    fn replace(&self, contents: &[u8]) -> std::io::Result<()> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        // Others might exchange the file while it is written.
        open_own_folder(folder)?.set_permissions(Permissions::from_mode(0o700))?;
        remove_left_behind(folder);
        let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
        file.write_all(contents)?;
        file.persist(&self.0)?;
        Ok(())
    }
}

/// Removes the temporary files of programs that were killed while they wrote.
fn remove_left_behind(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|metadata| metadata.modified()).map(|modified| modified.elapsed());
        let is_old = age.is_ok_and(|age| age.is_ok_and(|age| age.as_secs() > LEFT_BEHIND));
        if is_old && entry.file_name().as_encoded_bytes().starts_with(TEMPORARY.as_bytes()) {
            _ = std::fs::remove_file(entry.path());
        }
    }
}

/// The absolute path in an environment variable.
fn absolute_path(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The records of a file: each key with the rest of its record, which is checksum, exit code, length and text.
fn records(file: &[u8]) -> impl Iterator<Item = (&Key, &[u8])> {
    let mut rest = file.strip_prefix(MAGIC).unwrap_or_default();
    std::iter::from_fn(move || {
        let (key, record) = rest.split_first_chunk::<32>()?;
        let length = usize::try_from(u64::from_le_bytes(*record.get(33..)?.first_chunk()?)).ok()?;
        let (record, after) = record.split_at_checked(length.checked_add(41)?)?;
        rest = after;
        Some((key, record))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> KeptAnswer {
        KeptAnswer { text: text.to_owned(), exit: 3 }
    }

    #[test]
    fn a_kept_answer_is_found_unless_it_is_damaged() {
        let folder = tempfile::tempdir().expect("a folder");
        let answers = Answers(folder.path().join("deep/answers"));
        assert_eq!(answers.find(&[1; 32]), None);
        for number in 1..=40 {
            answers.keep(&[number; 32], &answer(&format!("page {number}")));
        }
        answers.keep(&[40; 32], &answer("again"));
        assert_eq!(answers.find(&[40; 32]), Some(answer("again")));
        assert_eq!(answers.find(&[39; 32]), Some(answer("page 39")));
        assert_eq!(answers.find(&[1; 32]), None, "the oldest go");
        let whole = std::fs::read(&answers.0).expect("the file");
        for cut in 0..whole.len() {
            std::fs::write(&answers.0, &whole[..cut]).expect("written");
            let found = answers.find(&[39; 32]);
            assert!(found.is_none() || found == Some(answer("page 39")));
        }
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x41;
            std::fs::write(&answers.0, &damaged).expect("written");
            let found = answers.find(&[40; 32]);
            assert!(found.is_none() || found == Some(answer("again")), "byte {place}");
        }
        std::fs::write(&answers.0, b"something else").expect("written");
        answers.keep(&[7; 32], &answer("new"));
        assert_eq!(answers.find(&[7; 32]), Some(answer("new")));
    }

    #[test]
    fn only_what_this_user_wrote_is_believed() {
        let folder = tempfile::tempdir().expect("a folder");
        let answers = Answers(folder.path().join("own/answers"));
        let kept = folder.path().join("own");
        let mode =
            |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
        let keep = || {
            answers.keep(&[1; 32], &answer("page"));
            assert_eq!(answers.find(&[1; 32]), Some(answer("page")));
        };
        keep();
        for writable in [0o620, 0o602] {
            mode(&answers.0, writable);
            assert_eq!(answers.find(&[1; 32]), None, "{writable:o}");
            keep();
            mode(&kept, writable | 0o100);
            assert_eq!(answers.find(&[1; 32]), None, "{writable:o}");
            keep();
        }
        let elsewhere = folder.path().join("elsewhere");
        std::fs::rename(&answers.0, &elsewhere).expect("moved");
        std::os::unix::fs::symlink(&elsewhere, &answers.0).expect("linked");
        assert_eq!(answers.find(&[1; 32]), None);
        keep();
        assert!(answers.0.symlink_metadata().expect("it is there").is_file());
        // A file of any length, without its bytes.
        std::fs::File::create(&answers.0).and_then(|file| file.set_len(1 << 40)).expect("written");
        assert_eq!(answers.find(&[1; 32]), None);
        keep();
        std::fs::rename(&kept, folder.path().join("moved")).expect("moved");
        std::os::unix::fs::symlink("moved", &kept).expect("linked");
        assert_eq!(answers.find(&[1; 32]), None);
        answers.keep(&[2; 32], &answer("page"));
        assert_eq!(answers.find(&[2; 32]), None);
    }

    #[test]
    fn a_key_tells_of_a_change_after_which_the_time_was_set_back() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let long_ago = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        let key = || {
            file.as_file().set_modified(long_ago).expect("set");
            let mut digest = AnswerDigest::new();
            digest.file(file.path(), std::fs::metadata(file.path()).ok().as_ref());
            assert_eq!(digest.newest, file.as_file().metadata().expect("it is there").ctime());
            <Key>::from(digest.digest.finalize())
        };
        let first = key();
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert_ne!(key(), first);
    }

    #[test]
    fn no_answer_is_kept_that_depends_on_a_new_file() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut question = AnswerDigest::new();
        question.file(file.path(), std::fs::metadata(file.path()).ok().as_ref());
        assert_eq!(question.key(), None);
    }
}
