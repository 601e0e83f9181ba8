//! `gplok audit`: what exports hand on, and other ways around the license check.

mod engine;
mod lints;
mod shapes;

use std::path::{Path, PathBuf};

use gplok::audit::{Audit, AuditOptions, audit, open_objects};
use gplok::kernel::Kernel;

/// Where the fixtures are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/audit")
}

/// The audit of one fixture for the kernel that its exports are listed for.
pub fn audited(object: &str, symvers: &str, options: &AuditOptions) -> Audit {
    let objects = open_objects(&[folder().join(object)]).unwrap_or_else(|error| panic!("{error}"));
    let kernel = Kernel::open(&[folder().join(symvers)]).unwrap_or_else(|error| panic!("{error}"));
    audit(&objects, Some(&kernel), options, || ()).unwrap_or_else(|error| panic!("{error}"))
}
