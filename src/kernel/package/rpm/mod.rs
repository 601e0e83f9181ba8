//! RPM packages: a lead, the signature header, the header, and a compressed `cpio` archive.

mod cpio;
mod header;
mod package;
#[cfg(test)]
pub(super) mod tests;

pub(super) use package::{MAGIC, read};
