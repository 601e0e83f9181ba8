//! Predicts the outcome of `apply_relocations()` (kernel/module/main.c) on every architecture.
//!
//! The addresses of the kernel and its modules are not known before boot. Each value is therefore a span of possible
//! values: if every possible address leads to the same result, that is the result; otherwise the outcome is
//! undetermined. The bytes of the module are never changed; the writes of earlier relocations are recorded separately.

mod apply;
mod arm;
mod arm64;
mod frob;
mod i386;
mod loongarch;
mod memory;
mod mips;
mod module;
mod pointer;
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
pub(in crate::load) use pointer::{stores_pointer, x86_64_width};
pub(in crate::load) use x86_64::R_X86_64_PLT32;
