//! The two kernels of a comparison.

use std::sync::Arc;

use crate::kernel::{Exports, Kernel};

/// Two kernels with the lists of their exports.
#[derive(Clone, Copy, Debug)]
pub struct Kernels<'a> {
    /// The earlier kernel.
    pub from: &'a Kernel,
    /// The later kernel, which judges the modules.
    pub to: &'a Arc<Kernel>,
    /// The exports of the earlier kernel and its modules, if known.
    pub before: Option<&'a Exports>,
    /// The exports of the later kernel and its modules, if known.
    pub after: Option<&'a Exports>,
}
