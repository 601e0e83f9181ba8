//! The check of a module's type information against the kernel's. Mirrors `btf_parse_module()` (kernel/bpf/btf.c).
//!
//! The kernel checks the form of each type and its name. The names of a module's types may be strings of the kernel, by their
//! offsets there, so types that were made for another kernel nearly always have names that are no names in this one. A module
//! with `.BTF.base` has the names of the kernel's types that it uses instead, and the kernel looks for each. It does not check
//! what the numbers of types refer to: in a program's types it does, and in a module's it does not.

mod chains;
mod checks;
mod env;
mod header;
mod parse;
mod relocate;
mod types;

pub(in crate::load) use env::{Facts, Invalid, Line, LineKind, Parsed};
pub(in crate::load) use parse::{btf_parse_hdr, btf_parse_module};
