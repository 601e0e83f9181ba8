//! The files on a page of many modules that are damaged or could not be read: each is named, under what is wrong with it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::entry::Entry;
use super::printable::Printable;
use super::wording::count;
use crate::verdict::{Cause, Missing};

/// Such files, by what is wrong with them: without the numbers in it, which may differ from file to file.
#[derive(Debug, Default)]
pub(super) struct BadFiles<'a>(BTreeMap<String, FilesOfAFault<'a>>);

/// The files that one thing is wrong with.
#[derive(Debug, Default)]
struct FilesOfAFault<'a> {
    /// What is wrong with each of them, with its numbers; without repetitions in a row.
    whats: Vec<Cow<'a, str>>,
    paths: Vec<&'a str>,
}

impl<'a> BadFiles<'a> {
    /// Adds the file of an entry if it is damaged.
    pub fn add_damaged(&mut self, entry: &Entry<'a>) {
        let found =
            entry.verdict.findings.iter().filter(|finding| finding.reached).find_map(|finding| match &finding.cause {
                Cause::UnreadableFile { what } => Some(what),
                Cause::InvalidElf { rule, .. } => Some(rule),
                _ => None,
            });
        if let Some(what) = found {
            self.add(what.into(), entry.title());
        }
    }

    /// Adds a file that could not be read.
    pub fn add_unread(&mut self, why: &'a str, path: &'a str) {
        self.add(without_target(why), path);
    }

    fn add(&mut self, what: Cow<'a, str>, path: &'a str) {
        let files = self.0.entry(without_numbers(&what)).or_default();
        files.whats.push(what);
        files.whats.dedup();
        files.paths.push(path);
    }

    /// How many there are.
    pub fn number(&self) -> usize {
        self.0.values().map(|files| files.paths.len()).sum()
    }

    /// Adds other such files.
    pub fn join(&mut self, other: Self) {
        for (what, others) in other.0 {
            let files = self.0.entry(what).or_default();
            files.whats.extend(others.whats);
            files.whats.dedup();
            files.paths.extend(others.paths);
        }
    }

    /// Adds a line for each file, below one that says what is wrong with it.
    pub fn write(&self, text: &mut Printable) {
        for (what, files) in &self.0 {
            let what = match files.whats.as_slice() {
                [only] => only,
                _ => what.as_str(),
            };
            text.line(format_args!("    {}, {what}:", count(files.paths.len(), "file", "files")));
            for path in &files.paths {
                text.line(format_args!("      {path}"));
            }
        }
    }
}

/// Why the file of an entry could not be read; `None` if it could be.
pub(super) fn why_unread<'a>(entry: &Entry<'a>) -> Option<&'a str> {
    entry.verdict.missing.iter().find_map(|missing| match missing {
        Missing::UnreadModule { path, why, .. } if Some(&**path) == entry.path => Some(&**why),
        _ => None,
    })
}

/// What is wrong with a link, without where it leads: that is another place for each.
fn without_target(why: &str) -> Cow<'_, str> {
    match why.rsplit_once(": ") {
        Some((link, error)) if link.starts_with("a link to ") => format!("a link: {error}").into(),
        _ => why.into(),
    }
}

/// What is wrong with a file, without numbers that are others in each: sizes and places.
fn without_numbers(what: &str) -> String {
    let mut text = String::with_capacity(what.len());
    for part in what.split_inclusive(' ') {
        let word = part.trim_end_matches([' ', ',', ':', ';']);
        if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
            text.push('N');
            text.push_str(&part[word.len()..]);
        } else {
            text.push_str(part);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_one_kind_are_one_line() {
        let cut = |place| without_numbers(&format!("broken xz data after {place} bytes of output: premature eof"));
        assert_eq!(cut(1), "broken xz data after N bytes of output: premature eof");
        assert_eq!(cut(1), cut(48_000));
        assert_eq!(without_numbers("e_shoff 4, lz4"), "e_shoff N, lz4");
        assert_eq!(without_target("a link to a: b: No such file"), "a link: No such file");
        assert_eq!(without_target("Permission denied"), "Permission denied");
    }
}
