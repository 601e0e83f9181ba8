//! Two kernels that are compared.

use std::sync::Arc;

use crate::kernel::{Exports, Kernel};

/// Two kernels, and what is known of their exports.
#[derive(Clone, Copy, Debug)]
pub struct Kernels<'a> {
    /// The earlier one.
    pub from: &'a Kernel,
    /// The later one, which judges.
    pub to: &'a Arc<Kernel>,
    /// What the earlier one exports, its modules included.
    pub before: Option<&'a Exports>,
    /// What the later one does.
    pub after: Option<&'a Exports>,
}
