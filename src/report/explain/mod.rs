//! A page for every code: what it means, what the kernel prints, why it does so, and what to do.

mod impact;
mod page;

pub use impact::{explain_answer, explain_change};
pub use page::{Page, explain};
