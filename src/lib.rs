//! Will this kernel module load on that kernel, and if not, why exactly?
pub mod elf;
pub mod history;
pub mod image;
pub mod kernel;
pub mod load;
pub mod report;
pub mod terms;
pub mod verdict;
