//! What the fuzz targets run: the readers, and the builders of the test suite that make the files around their input.

#![allow(dead_code, unused_imports, reason = "the readers use a part of the builders")]

#[path = "../suite/kernels"]
mod kernels {
    pub mod forms;
    pub mod kallsyms;
    pub mod parts;
    pub mod room;
    pub mod types;
    pub mod vmlinux;
}
#[path = "../suite/ko/mod.rs"]
mod ko;
#[path = "../suite/made.rs"]
mod made;
mod readers;

/// Runs one reader.
///
/// # Panics
/// If there is no reader of that name.
pub fn read(name: &str, bytes: &[u8]) {
    let (_, reader) = readers::READERS.iter().find(|(reader, _)| *reader == name).expect("a reader of that name");
    reader(bytes);
}
