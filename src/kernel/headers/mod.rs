//! The header files of a kernel: where they are, which of them drivers may include, and what they say of a set of names.

mod files;
mod mentions;
mod roots;

pub(super) use roots::{HeaderRoot, package_root};
