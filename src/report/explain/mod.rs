//! A page for every code: what it means, what the kernel prints, why it does so, and what to do.

mod audit;
mod impact;
mod page;

pub use audit::explain_finding;
pub use impact::{explain_answer, explain_change};
pub use page::{Page, explain};
