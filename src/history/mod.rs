//! When the loader changed. This is the only room that compares versions.
//!
//! A difference between kernels is a row of `TABLE`: what changed, from which release, which stable backports, which commit.
//! Other rooms call `Calendar::has`, whose answer may be unknown.
//!
//! Users see a [`Behaviour`] where a verdict depends on one: among the [missing](crate::verdict::Missing) facts, in
//! [`Upgrade::rules`](crate::impact::Upgrade::rules), and in [`Check::otherwise`](crate::check::Check::otherwise).

mod behaviour;
mod calendar;
mod distribution;
mod identifiers;
mod reach;
mod struct_module;
mod sysfs;
mod table;

pub use behaviour::Behaviour;
pub(crate) use identifiers::{Registered, RegistryNumbers};
unstable!(calendar::{Backports, Calendar, eras});
unstable!(reach::has_reached);
unstable!(struct_module::{struct_module_functions, struct_module_size});
unstable!(sysfs::{is_always_in_sysfs, may_be_in_sysfs});
unstable!(table::{FIRST_KNOWN, Row, TABLE});
