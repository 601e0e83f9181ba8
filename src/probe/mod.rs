//! Compiles the public headers of the kernel whose headers package or build tree is `kdir`. Nothing is written there.
//!
//! This runs the tree's own Makefiles and programs, and the compiler, as the user. It is only for trees that one would build in.
//!
//! # Errors
//! When `kdir` is not a configured kernel tree, somebody else may write to it, a program is missing, or no header compiles.
//!
//! All headers that compile together form one translation unit; those left over form a second one, and so on. A header
//! that changes macros for all behind it, or that compiles with no others, is compiled alone. The compiler is the
//! kernel's, with the flags it compiles modules with. It gets the preprocessed text, edited so that inline functions
//! are kept and nothing stops the build. Others read from the objects what the functions refer to; nothing is judged
//! here.
//!
//! What does not compile costs itself only: a header is skipped, a function is dropped, and each has its reason.
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
mod macros;
mod parallel;
mod result;
mod scratch;
mod source;
mod texts;
mod tokens;
mod trust;
mod unit;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

pub use error::ProbeError;
pub use result::{HeaderInline, Probe, RefusedInline, SkippedHeader};

use emission::emit;
use headers::{IncludeGraph, NO_HEADER, file_of, missing, public, stand_in, within_tree};
use kbuild::Compiler;
use parallel::in_parallel;
use scratch::Scratch;
use source::including;
use texts::ProbeTexts;
use trust::require_unwritable;
use unit::{Gathering, Reasons, Unit};

/// The largest number of units of several headers.
const UNITS: usize = 3;

/// How to compile the headers.
#[derive(Clone, Debug)]
pub struct ProbeOptions {
    /// Further arguments for make, such as `ARCH=arm64`.
    pub make: Vec<String>,
    /// How many compilers run at a time.
    pub jobs: usize,
    /// A directory in which all texts and objects are kept.
    pub keep: Option<PathBuf>,
    /// Whether to build also in a tree that somebody else may write to. What is in the tree is run as the user.
    pub trust_writable: bool,
}

/// Compiles the public headers of the kernel whose headers package or build tree is `kdir`, where nothing is written.
pub fn compile(kdir: &Path, options: &ProbeOptions, progress: &(dyn Fn(&str) + Sync)) -> Result<Probe, ProbeError> {
    if !options.trust_writable {
        require_unwritable(kdir)?;
    }
    let scratch = Scratch::new(options.keep.as_deref())?;
    progress("asking kbuild how it compiles a module");
    let compiler = Compiler::ask(kdir, &options.make, &scratch)?;
    let headers = public(&compiler);
    write_stand_ins(&compiler, &scratch, &headers)?;
    let graph = IncludeGraph::read(&compiler, &headers);
    let gathering = Gathering { compiler: &compiler, scratch: &scratch, graph: &graph, progress };
    let changing = gathering.changing(&headers)?;
    let together = headers.iter().filter(|header| !changing.contains(*header)).cloned().collect();
    let mut reasons = Reasons::new();
    let mut texts = ProbeTexts::new(&compiler);
    let mut compiled = HashSet::new();
    for (number, unit) in units(&gathering, together, &mut reasons)?.into_iter().enumerate() {
        texts.add(&format!("probe{number}"), &unit.preprocessed);
        compiled.extend(unit.headers);
    }
    let mut alone: Vec<&String> = headers.iter().filter(|header| !compiled.contains(*header)).collect();
    alone.retain(|header| !reasons.get(*header).is_some_and(|why| why.contains(NO_HEADER)));
    compiled.extend(each_alone(&gathering, &alone, options.jobs, &mut reasons, &mut texts)?);
    if compiled.is_empty() {
        let first = headers.iter().find_map(|header| reasons.get(header)).cloned().unwrap_or_default();
        return Err(ProbeError::NoHeaders { tried: headers.len(), first });
    }
    let emitted = emit(texts.texts(), &compiler, &scratch, options.jobs, progress)?;
    let mut skipped = Vec::new();
    for header in headers.iter().filter(|header| !compiled.contains(*header)) {
        // A part of another header: it compiles there, and nowhere else.
        if file_of(header, &compiler).is_some_and(|file| texts.has_file(&file)) {
            continue;
        }
        let why = reasons.get(header).map(String::as_str).unwrap_or_default();
        skipped.push(SkippedHeader { header: header.clone(), why: tree_names(why, &compiler) });
    }
    let functions = texts.wanted().map(|definition| definition.inline()).collect();
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
fn units(gathering: &Gathering<'_>, headers: Vec<String>, reasons: &mut Reasons) -> Result<Vec<Unit>, ProbeError> {
    let mut units: Vec<Unit> = Vec::new();
    let mut left = headers;
    while units.len() < UNITS && !left.is_empty() {
        let mut unit = gathering.gather(&format!("unit{}", units.len()), &left, reasons)?;
        left = std::mem::take(&mut unit.left);
        if unit.headers.is_empty() {
            break;
        }
        units.push(unit);
    }
    Ok(units)
}

/// Checks each of these headers alone, and adds the text of those that have functions of their own. Returns the headers
/// that compile.
fn each_alone(
    gathering: &Gathering<'_>,
    headers: &[&String],
    jobs: usize,
    reasons: &mut Reasons,
    texts: &mut ProbeTexts<'_>,
) -> Result<Vec<String>, ProbeError> {
    (gathering.progress)(&format!("checking {} headers alone", headers.len()));
    let known = &*texts;
    let checked = in_parallel(headers.to_vec(), jobs, |number, header| {
        let name = format!("alone{number}");
        let checked = gathering.check_alone(&name, header)?;
        Ok(checked.map(|preprocessed| known.read(&name, &preprocessed)))
    });
    let mut compiled = Vec::new();
    for (header, result) in headers.iter().zip(checked) {
        match result? {
            Ok(text) => {
                texts.push(text);
                compiled.push((*header).clone());
            }
            Err(why) => drop(reasons.insert((*header).clone(), why)),
        }
    }
    Ok(compiled)
}
