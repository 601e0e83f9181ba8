//! The invariants of the house, proven from the parsed source.
//!
//! [`source`] parses every file below `src` once; a rule is a function over the parsed files that returns what breaks it, one
//! line for each place. Each rule has two tests: the source of this package keeps it, and a small source that is made to
//! break it is found out.

mod circles;
mod declarations;
mod evidence;
mod face;
mod facts;
mod judge;
mod reader;
mod resolution;
mod rooms;
mod rules;
mod source;
mod tokens;
mod words;

use source::House;

/// Fails with every place that breaks a rule.
fn assert_none(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n{}", broken.join("\n"));
}

/// Fails unless a rule finds exactly one place in these files, with this text in it.
fn assert_found(rule: impl Fn(&House) -> Vec<String>, files: &[(&str, &str)], text: &str) {
    let broken = rule(&House::of(files));
    assert!(broken.len() == 1 && broken[0].contains(text), "expected one place with {text:?}, found {broken:#?}");
}
