//! Gathers as many headers as possible into one translation unit; headers that do not compile are found and left out.
//!
//! A header can break for its own reasons (it includes a header of another architecture), because it needs another
//! header before it, or because it does not compile together with another. A header of the first kind is left out for
//! good, one of the second kind is tried again after all others, and one of the third kind is left for another unit.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use super::diagnostics::errors;
use super::error::ProbeError;
use super::headers::{IncludeGraph, STAND_INS};
use super::kbuild::Compiler;
use super::scratch::Scratch;
use super::source::{header_of_line, including, numbered};

/// The number of rounds after which broken headers are only left out.
const ROUNDS: usize = 16;

/// A broken header is left out together with the headers that include it, if there are no more than this.
const FEW: usize = 80;

/// Flags that only check the text. Warnings stay on, because silencing them would also silence those that kbuild makes
/// errors, such as the call of an undeclared function. A configuration that makes all warnings errors is overruled.
const CHECKING: [&str; 4] =
    ["-fsyntax-only", "-fno-diagnostics-show-caret", "-Wno-error", "-Werror=implicit-function-declaration"];

/// A translation unit that compiles.
pub(super) struct Unit {
    /// The preprocessed text.
    pub(super) preprocessed: String,
    pub(super) headers: Vec<String>,
    /// Headers that are left for another unit.
    pub(super) left: Vec<String>,
}

/// An error in a header.
struct Fault {
    header: usize,
    file: String,
    message: String,
    is_final: bool,
}

/// The first error of each header that ever broke, by header.
pub(super) type Reasons = HashMap<String, String>;

/// The tools that gathering headers needs.
pub(super) struct Gathering<'a> {
    pub(super) compiler: &'a Compiler,
    pub(super) scratch: &'a Scratch,
    pub(super) graph: &'a IncludeGraph,
    pub(super) progress: &'a (dyn Fn(&str) + Sync),
}

impl Gathering<'_> {
    /// Gathers the headers that compile together.
    pub(super) fn gather(&self, name: &str, headers: &[String], reasons: &mut Reasons) -> Result<Unit, ProbeError> {
        let mut headers = headers.to_vec();
        let mut unit = Unit { preprocessed: String::new(), headers: Vec::new(), left: Vec::new() };
        let mut moved = HashSet::new();
        for round in 0..ROUNDS {
            let begun = Instant::now();
            let (preprocessed, faults) = self.try_all(name, &headers)?;
            (self.progress)(&format!(
                "{} of {} headers do not compile yet ({:.1} s)",
                faults.len(),
                headers.len(),
                begun.elapsed().as_secs_f32()
            ));
            if faults.is_empty() {
                unit.preprocessed = preprocessed;
                break;
            }
            let mut out = HashSet::new();
            let mut last = Vec::new();
            for fault in faults {
                let Some(header) = headers.get(fault.header) else { continue };
                out.insert(header.clone());
                reasons.entry(header.clone()).or_insert(fault.message);
                if fault.is_final {
                    continue;
                }
                if round == 0 {
                    moved.insert(header.clone());
                    last.push(header.clone());
                    continue;
                }
                unit.left.push(header.clone());
                let with_it = self.graph.includers(included_name(&fault.file));
                if !moved.contains(header) && !with_it.contains("linux/module.h") && with_it.len() <= FEW {
                    let also = headers.iter().filter(|other| with_it.contains(*other) && !moved.contains(*other));
                    let also: Vec<String> = also.filter(|other| !out.contains(*other)).cloned().collect();
                    unit.left.extend(also.iter().cloned());
                    out.extend(also);
                }
            }
            headers.retain(|header| !out.contains(header));
            headers.extend(last);
        }
        let mut seen = HashSet::new();
        unit.left.retain(|header| seen.insert(header.clone()));
        unit.headers = headers;
        Ok(unit)
    }

    /// Preprocesses and checks all headers. Returns the preprocessed text, and at most one fault per header.
    fn try_all(&self, name: &str, headers: &[String]) -> Result<(String, Vec<Fault>), ProbeError> {
        let source = self.scratch.write(&format!("{name}.c"), &including(headers))?;
        let source = source.to_string_lossy();
        let stand_ins = self.scratch.file(STAND_INS);
        let stand_ins = stand_ins.to_string_lossy();
        let output = self.compiler.run(&["-E", "-w", "-idirafter", &stand_ins, &source])?;
        let mut seen = HashSet::new();
        let mut faults = Vec::new();
        for error in errors(&output.stderr, &source) {
            let header = header_of_line(error.included_at.unwrap_or(error.line));
            if seen.insert(header) {
                faults.push(Fault { header, message: error.text(), file: error.file, is_final: true });
            }
        }
        let checked = self.scratch.write(&format!("{name}.check.i"), &numbered(&output.stdout))?;
        let mut arguments = CHECKING.to_vec();
        arguments.extend(self.compiler.unlimited());
        let checked = checked.to_string_lossy();
        arguments.push(&checked);
        for mut error in errors(&self.compiler.run(&arguments)?.stderr, &checked) {
            let Some((header, file)) = numbered_place(&error.file) else { continue };
            if seen.insert(header) {
                error.file = file.to_owned();
                faults.push(Fault { header, message: error.text(), file: error.file, is_final: false });
            }
        }
        Ok((output.stdout, faults))
    }
}

/// Reads the number of the header from a name such as `17//usr/src/linux/include/linux/mm.h`.
fn numbered_place(file: &str) -> Option<(usize, &str)> {
    let (header, file) = file.split_once('/')?;
    Some((header.parse().ok()?, file))
}

/// The name under which a header is included.
fn included_name(file: &str) -> &str {
    file.rsplit_once("/include/").map_or(file, |(_, name)| name)
}
