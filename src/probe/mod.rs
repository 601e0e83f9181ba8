//! Lets a kernel's own build system compile its public headers with every inline function out of line.
//!
//! All headers that go together make one translation unit, those left over a second one. The compiler is the kernel's,
//! with the flags it compiles modules with; it gets the preprocessed text, edited so that inline functions are kept and
//! nothing stops the build. What the functions refer to is read from the objects by others; nothing is judged here.
//!
//! In the objects the name of each function is that of its definition, its place is in the debugging information with
//! files named as in the kernel's tree, and an undefined symbol of internal visibility is one that exists only to stop
//! a build: who reaches it cannot stand alone.

mod assembly;
mod constraints;
mod definitions;
mod diagnostics;
mod emission;
mod error;
mod headers;
mod kbuild;
mod scratch;
mod source;
mod tokens;
mod unit;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

pub use error::ProbeError;
use serde::{Deserialize, Serialize};

use definitions::{InlineDefinition, find};
use emission::{ProbeText, emit};
use headers::{IncludeGraph, missing, public, stand_in, within_tree};
use kbuild::Compiler;
use scratch::Scratch;
use source::{including, placed};
use unit::{Gathering, Reasons, Unit};

/// So many units are made of headers that do not go together.
const UNITS: usize = 3;

/// What a stand-in for a header says, before the header's name.
const NO_HEADER: &str = "#error there is no header ";

/// What kbuild made of the public headers of one configured kernel.
#[derive(Debug, Default)]
pub struct Probe {
    /// The objects that the functions stand in.
    pub objects: Vec<Vec<u8>>,
    /// Every `static inline` function that the preprocessor left, those of the architecture's headers too.
    pub functions: Vec<HeaderInline>,
    /// Functions that the compiler or the assembler refuses out of line. Some stand in an object in part.
    pub dropped: Vec<RefusedInline>,
    /// Headers that compile nowhere.
    pub skipped: Vec<SkippedHeader>,
}

/// An inline function of a header.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HeaderInline {
    /// Its name.
    pub name: String,
    /// The header, as the kernel's tree names it: `include/linux/mm.h`.
    pub file: String,
    /// The line of its name.
    pub line: u32,
}

/// An inline function that cannot stand alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedInline {
    /// Its name.
    pub name: String,
    /// The header.
    pub file: String,
    /// The line of its name.
    pub line: u32,
    /// What the compiler or the assembler says.
    pub why: String,
}

/// A header that does not compile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SkippedHeader {
    /// The name it is included by: `linux/mm.h`.
    pub header: String,
    /// The first error.
    pub why: String,
}

/// How to compile.
#[derive(Clone, Debug)]
pub struct ProbeOptions {
    /// Further arguments of make, such as `ARCH=arm64`.
    pub make: Vec<String>,
    /// How many compilers run at a time.
    pub jobs: usize,
    /// Leave all texts and objects in this directory.
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
    let sources = sources(&units, &compiler);
    let emitted = emit(&sources, &compiler, &scratch, options.jobs, progress)?;
    let compiled: HashSet<&String> = units.iter().flat_map(|unit| &unit.headers).collect();
    let skipped = headers.iter().filter(|header| !compiled.contains(header)).map(|header| {
        let why = reasons.get(header).map(String::as_str).unwrap_or_default();
        SkippedHeader { header: header.clone(), why: tree_names(why, &compiler) }
    });
    let declared = |source: &ProbeText| {
        source.wanted.iter().filter_map(|index| source.definitions.get(*index)).map(declared).collect::<Vec<_>>()
    };
    Ok(Probe {
        objects: emitted.objects,
        functions: sources.iter().flat_map(declared).collect(),
        dropped: emitted.dropped,
        skipped: skipped.collect(),
    })
}

fn declared(definition: &InlineDefinition) -> HeaderInline {
    HeaderInline { name: definition.name.clone(), file: definition.file.clone(), line: definition.line }
}

/// The file in front of an error, as the tree names it; a stand-in is no file of anybody's.
fn tree_names(error: &str, compiler: &Compiler) -> String {
    if let Some((_, name)) = error.split_once(NO_HEADER) {
        return format!("it includes {name}, which this kernel does not have");
    }
    error.split_once(':').map_or_else(String::new, |(file, rest)| format!("{}:{rest}", within_tree(file, compiler)))
}

/// Headers name others that this architecture does not have, and a compiler stops at the first. Stand-ins let it go on
/// and say where each was wanted.
fn write_stand_ins(compiler: &Compiler, scratch: &Scratch, headers: &[String]) -> Result<(), ProbeError> {
    let unit = scratch.write("all.c", &including(headers))?;
    let output = compiler.run(&["-w", "-M", "-MG", &unit.to_string_lossy()])?;
    for name in missing(&output.stdout, |name| compiler.resolve(name).exists()) {
        scratch.write(&stand_in(&name), &format!("{NO_HEADER}{name}\n"))?;
    }
    Ok(())
}

/// Gathers the headers into units until none is left that goes with others.
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

/// The text of each unit, its functions, and which of them no unit before has.
fn sources(units: &[Unit], compiler: &Compiler) -> Vec<ProbeText> {
    let mut seen = HashSet::new();
    let mut sources = Vec::new();
    for (number, unit) in units.iter().enumerate() {
        let text = placed(&unit.preprocessed, |file| within_tree(file, compiler));
        let definitions = find(&text);
        let is_new = |definition: &InlineDefinition| seen.insert(declared(definition));
        let wanted =
            definitions.iter().map(is_new).enumerate().filter(|(_, new)| *new).map(|(index, _)| index).collect();
        sources.push(ProbeText { name: format!("probe{number}"), text, definitions, wanted });
    }
    sources
}
