//! The whole test suite: one binary.

mod architectures;
mod cases;
mod kernel_files;
mod ko;
mod oracle;
