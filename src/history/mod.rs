//! When the loader changed: the one place that compares versions.
//!
//! A difference between kernels is a row of [`TABLE`]: what changed, from which release, which stable backports, which
//! commit. Everyone else asks [`Calendar::has`], and may be told that it is not known.

mod behaviour;
mod calendar;
mod distribution;
mod reach;
mod struct_module;
mod sysfs;
mod table;

pub use behaviour::Behaviour;
pub use calendar::{Calendar, eras};
pub use reach::has_reached;
pub use struct_module::struct_module_size;
pub use sysfs::is_taken_in_sysfs;
pub use table::{Row, TABLE};
