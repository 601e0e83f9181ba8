//! Will this kernel module load on that kernel, and if not, why exactly?
pub mod terms;
