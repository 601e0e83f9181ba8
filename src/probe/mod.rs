//! Compiles the public headers of the kernel whose headers package or build tree is `kdir`. Nothing is written there.
//!
//! # Errors
//! When `kdir` is not a configured kernel tree, a program is missing, or no header compiles.
//!
//! All headers that compile together form one translation unit; those left over form a second one. The compiler is the
//! kernel's, with the flags it compiles modules with. It gets the preprocessed text, edited so that inline functions
//! are kept and nothing stops the build. Others read from the objects what the functions refer to; nothing is judged
//! here.
//!
//! In the objects, each function has the name of its definition. Its place is in the debugging information, with files
//! named as in the kernel's tree. An undefined symbol of internal visibility exists only to stop a build: a function
//! that reaches it cannot be compiled alone.

mod assembly;
mod constraints;
mod definitions;
mod diagnostics;
mod emission;
mod error;
mod headers;
mod kbuild;
mod result;
mod scratch;
mod source;
mod tokens;
mod unit;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

pub use error::ProbeError;
pub use result::{HeaderInline, Probe, RefusedInline, SkippedHeader};

use definitions::{InlineDefinition, find};
use emission::{ProbeText, emit};
use headers::{IncludeGraph, missing, public, stand_in, within_tree};
use kbuild::Compiler;
use scratch::Scratch;
use source::{including, placed};
use unit::{Gathering, Reasons, Unit};

/// The largest number of units. Headers that do not compile together go into separate units.
const UNITS: usize = 3;

/// The text of a stand-in for a missing header, before the header's name.
const NO_HEADER: &str = "#error there is no header ";

/// How to compile the headers.
#[derive(Clone, Debug)]
pub struct ProbeOptions {
    /// Further arguments for make, such as `ARCH=arm64`.
    pub make: Vec<String>,
    /// How many compilers run at a time.
    pub jobs: usize,
    /// A directory in which all texts and objects are kept.
    pub keep: Option<PathBuf>,
}

/// Compiles the public headers of the kernel whose headers package or build tree is `kdir`, where nothing is written.
pub fn compile(kdir: &Path, options: &ProbeOptions, progress: &(dyn Fn(&str) + Sync)) -> Result<Probe, ProbeError> {
    let scratch = Scratch::new(options.keep.as_deref())?;
    progress("asking kbuild how it compiles a module");
    let compiler = Compiler::ask(kdir, &options.make, &scratch)?;
    let headers = public(&compiler);
    write_stand_ins(&compiler, &scratch, &headers)?;
    let graph = IncludeGraph::read(&compiler, &headers);
    let gathering = Gathering { compiler: &compiler, scratch: &scratch, graph: &graph, progress };
    let mut reasons = Reasons::new();
    let units = units(&gathering, &headers, &mut reasons)?;
    let texts = texts(&units, &compiler);
    let emitted = emit(&texts, &compiler, &scratch, options.jobs, progress)?;
    let compiled: HashSet<&String> = units.iter().flat_map(|unit| &unit.headers).collect();
    let mut skipped = Vec::new();
    for header in headers.iter().filter(|header| !compiled.contains(header)) {
        let why = reasons.get(header).map(String::as_str).unwrap_or_default();
        skipped.push(SkippedHeader { header: header.clone(), why: tree_names(why, &compiler) });
    }
    let functions = texts.iter().flat_map(ProbeText::wanted_definitions).map(InlineDefinition::inline).collect();
    Ok(Probe { objects: emitted.objects, functions, dropped: emitted.dropped, skipped })
}

/// The error with its file named as in the kernel's tree. A stand-in belongs to no tree, so it is named as the missing
/// header.
fn tree_names(error: &str, compiler: &Compiler) -> String {
    if let Some((_, name)) = error.split_once(NO_HEADER) {
        return format!("it includes {name}, which this kernel does not have");
    }
    error.split_once(':').map_or_else(String::new, |(file, rest)| format!("{}:{rest}", within_tree(file, compiler)))
}

/// Writes stand-ins for missing headers. Headers include others that this architecture does not have, and a compiler
/// stops at the first. Stand-ins let it go on, and report where each was included.
fn write_stand_ins(compiler: &Compiler, scratch: &Scratch, headers: &[String]) -> Result<(), ProbeError> {
    let unit = scratch.write("all.c", &including(headers))?;
    let output = compiler.run(&["-w", "-M", "-MG", &unit.to_string_lossy()])?;
    for name in missing(&output.stdout, |name| compiler.resolve(name).exists()) {
        scratch.write(&stand_in(&name), &format!("{NO_HEADER}{name}\n"))?;
    }
    Ok(())
}

/// Gathers the headers into units until no remaining header compiles with others.
fn units(gathering: &Gathering<'_>, headers: &[String], reasons: &mut Reasons) -> Result<Vec<Unit>, ProbeError> {
    let mut units: Vec<Unit> = Vec::new();
    let mut left = headers.to_vec();
    while units.len() < UNITS && !left.is_empty() {
        let mut unit = gathering.gather(&format!("unit{}", units.len()), &left, reasons)?;
        left = std::mem::take(&mut unit.left);
        if unit.preprocessed.is_empty() || unit.headers.is_empty() {
            break;
        }
        units.push(unit);
    }
    if units.is_empty() {
        let first = reasons.values().next().cloned().unwrap_or_default();
        return Err(ProbeError::NoHeaders { tried: headers.len(), first });
    }
    Ok(units)
}

/// The text of each unit with its functions, and which of them no earlier unit has.
fn texts(units: &[Unit], compiler: &Compiler) -> Vec<ProbeText> {
    let mut seen = HashSet::new();
    let mut texts = Vec::new();
    for (number, unit) in units.iter().enumerate() {
        let text = placed(&unit.preprocessed, |file| within_tree(file, compiler));
        let definitions = find(&text);
        let mut wanted = Vec::new();
        for (index, definition) in definitions.iter().enumerate() {
            if seen.insert(definition.inline()) {
                wanted.push(index);
            }
        }
        texts.push(ProbeText { name: format!("probe{number}"), text, definitions, wanted });
    }
    texts
}
