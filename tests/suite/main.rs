//! The whole test suite: one binary.

mod architectures;
mod cases;
mod ko;
mod oracle;
