//! A page for every code: what it means, what the kernel prints, why it does so, and what to do.

mod page;

pub use page::{Page, explain};
