//! The whole test suite: one binary.

mod cases;
mod ko;
mod oracle;
