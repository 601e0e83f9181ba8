//! The whole test suite: one binary.

mod architectures;
mod cases;
mod cli;
mod founding;
mod kernel_files;
mod ko;
mod made;
mod matrix;
mod oracle;
mod reports;
#[path = "../../src/report/validator.rs"]
mod validator;
