//! The answers for whole module trees, kept from run to run. An answer is used again if none of the files it depends
//! on, nor the kernel, nor the program has changed.
//!
//! ```text
//! MAGIC; for each answer, the newest first: key (32 bytes), SHA-256 of the rest (32), exit code (1), length (8, little-endian), text
//! ```
//! The file is never changed, only replaced as a whole, so every reader sees a file that was written completely. Data
//! that does not have this form is ignored.

use std::fs::Metadata;
use std::hash::{Hash, Hasher};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use gplok::image::read_regular;
use sha2::{Digest as _, Sha256};

const MAGIC: &[u8] = b"gplok answers 1\n";
/// The largest number of answers, and their largest total size.
const MAX_ANSWERS: usize = 32;
const MAX_BYTES: usize = 32 << 20;
/// A file that changes twice within this time may have equal metadata both times. No answer is kept that depends on
/// such a new file.
const TOO_NEW: Duration = Duration::from_secs(2);

/// The key of an answer: a digest of everything it depends on.
pub type Key = [u8; 32];

/// Computes the digest of everything that an answer depends on.
pub struct AnswerDigest {
    digest: Sha256,
    newest: SystemTime,
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
        let mut question = Self { digest: Sha256::new(), newest: SystemTime::UNIX_EPOCH };
        env!("CARGO_PKG_VERSION").hash(&mut question);
        if let Ok(program) = std::env::current_exe() {
            question.file(&program, std::fs::metadata(&program).ok().as_ref());
        }
        // A running program is not being written.
        question.newest = SystemTime::UNIX_EPOCH;
        question
    }

    /// Adds a file by its path, size, modification time and inode.
    pub fn file(&mut self, path: &Path, metadata: Option<&Metadata>) {
        path.as_os_str().hash(self);
        let modified = metadata.and_then(|metadata| metadata.modified().ok());
        let inode = metadata.map(|metadata| (metadata.dev(), metadata.ino()));
        (metadata.map(Metadata::len), modified, inode).hash(self);
        self.newest = self.newest.max(modified.unwrap_or(SystemTime::UNIX_EPOCH));
    }

    /// The key; `None` if one of the files may still be changing.
    pub fn key(self) -> Option<Key> {
        let settled = SystemTime::now().duration_since(self.newest).is_ok_and(|age| age > TOO_NEW);
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
        let file = read_regular(&self.0).ok()?;
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
        let known = read_regular(&self.0).unwrap_or_default();
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

    fn replace(&self, contents: &[u8]) -> std::io::Result<()> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(contents)?;
        file.persist(&self.0)?;
        Ok(())
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
    fn no_answer_is_kept_that_depends_on_a_new_file() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut question = AnswerDigest::new();
        question.file(file.path(), std::fs::metadata(file.path()).ok().as_ref());
        assert_eq!(question.key(), None);
    }
}
