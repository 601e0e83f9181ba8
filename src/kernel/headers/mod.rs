//! The header files of a kernel: where they are, which of them drivers may include, and where they mention a set of names.

mod add;
mod files;
mod mentions;
mod root;

pub(super) use root::{HeaderRoot, package_root};
