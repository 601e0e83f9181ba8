//! What `apply_relocations()` would say, for every architecture.
//!
//! Nobody knows addresses before boot, so values are reasoned with as spans of possible ones: where every possible
//! address gives the same result it is decided, and otherwise it is undetermined. The bytes of the module are never
//! changed; what earlier relocations wrote is remembered beside them.

mod apply;
mod arm;
mod arm64;
mod frob;
mod i386;
mod loongarch;
mod memory;
mod mips;
mod module;
mod powerpc;
mod riscv;
mod s390;
mod section;
mod span;
mod writes;
mod x86_64;

#[cfg(test)]
mod tests;

pub use apply::apply;
pub use frob::module_frob_arch_sections;
pub use module::{Facts, Judgement, Module, RelocationSection, Section, Symbol, SymbolValue};
