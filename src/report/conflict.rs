//! Conflicts between the kernel's files, in words.

use super::wording::fact_title;
use crate::kernel::{Conflict, Difference};
use crate::terms::Shown;

/// Which files conflict, by how much, and which of them counts.
pub(super) fn conflict(conflict: &Conflict) -> String {
    let used = Shown::path(&conflict.used);
    let other = Shown::path(&conflict.passed_over);
    let how = match &conflict.difference {
        Difference::Entries { different, of, example } => {
            format!("{different} of {of} differ, for example {example}")
        }
        Difference::Value(used, other) => format!("{used:?} there, {other:?} here"),
    };
    format!("{other} is of another build than {used}: {}: {how}; what {used} says counts", fact_title(conflict.fact))
}
