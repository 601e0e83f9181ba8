//! The whole test suite: one binary.

mod architectures;

mod audit;
mod audit_report;
mod caches;
mod cases;
mod cli;
mod exports;
mod founding;
mod hostile;
mod house;
mod kernel_files;
mod kernels;
mod ko;
mod made;
mod matrix;
mod oracle;
mod referee;
mod reports;
mod trees;
mod upgrade;
#[path = "../../src/report/validator.rs"]
mod validator;
mod why;
