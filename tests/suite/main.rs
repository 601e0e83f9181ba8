//! The whole test suite: one binary. Tests that run the program need the feature `cli`.

#![cfg_attr(not(feature = "cli"), allow(dead_code, reason = "only tests that run the program call it"))]

#[cfg(feature = "cli")]
mod advice;
mod architectures;

mod audit;
mod audit_report;
#[cfg(feature = "cli")]
mod builds;
mod caches;
mod cases;
mod chain;
mod cli;
#[cfg(feature = "cli")]
mod exports;
#[cfg(all(feature = "cli", unix))]
mod forged;
mod founding;
mod fuzz;
#[cfg(feature = "cli")]
mod given;
mod hostile;
mod house;
mod kernel_files;
mod kernels;
mod ko;
mod livepatch;
mod made;
mod many;
mod matrix;
#[cfg(feature = "cli")]
mod memory;
mod oracle;
mod referee;
mod reports;
mod resolver;
#[cfg(feature = "cli")]
mod rooted;
#[cfg(feature = "cli")]
mod scarce;
#[cfg(feature = "cli")]
mod tree_files;
#[cfg(feature = "cli")]
mod trees;
#[cfg(feature = "cli")]
mod upgrade;
#[path = "../../src/report/validator.rs"]
mod validator;
mod why;
