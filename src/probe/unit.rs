//! One translation unit of as many headers as go together: what does not compile is found, and left out.
//!
//! Headers break for reasons of their own (a header of another architecture is missing), because another should stand
//! before them, or because they do not go together with another. The first are left out for good, the second tried
//! again behind all others, the third left for a unit of their own.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use super::diagnostics::{CompilerError, errors};
use super::error::ProbeError;
use super::headers::{IncludeGraph, STAND_INS};
use super::kbuild::Compiler;
use super::scratch::Scratch;
use super::source::{header_of_line, including, numbered};

/// When headers still break after so many rounds, those that break are only left out.
const ROUNDS: usize = 16;

/// A header that breaks takes along those that include it, if they are no more than this.
const FEW: usize = 80;

/// Only checks. Warnings stay on, because silencing them would also silence the few that kbuild makes errors of, such as
/// the call of a function that no header declares; a configuration that makes errors of all others is overruled.
const CHECKING: [&str; 4] =
    ["-fsyntax-only", "-fno-diagnostics-show-caret", "-Wno-error", "-Werror=implicit-function-declaration"];

/// A text that compiles.
pub(super) struct Unit {
    /// What the preprocessor makes of it.
    pub(super) preprocessed: String,
    pub(super) headers: Vec<String>,
    /// Headers to try again in a unit of their own.
    pub(super) left: Vec<String>,
}

/// A header at fault.
struct Fault {
    header: usize,
    file: String,
    message: String,
    is_final: bool,
}

/// The first error of each header that ever broke.
pub(super) type Reasons = HashMap<String, String>;

pub(super) struct Gathering<'a> {
    pub(super) compiler: &'a Compiler,
    pub(super) scratch: &'a Scratch,
    pub(super) graph: &'a IncludeGraph,
    pub(super) progress: &'a (dyn Fn(&str) + Sync),
}

impl Gathering<'_> {
    /// Gathers of these headers those that go together.
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
            let (mut out, mut behind) = (HashSet::new(), Vec::new());
            for fault in faults {
                let Some(header) = headers.get(fault.header) else { continue };
                out.insert(header.clone());
                reasons.entry(header.clone()).or_insert(fault.message);
                if fault.is_final {
                    continue;
                }
                if round == 0 {
                    moved.insert(header.clone());
                    behind.push(header.clone());
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
            headers.extend(behind);
        }
        let mut seen = HashSet::new();
        unit.left.retain(|header| seen.insert(header.clone()));
        unit.headers = headers;
        Ok(unit)
    }

    /// Preprocesses and checks them all; at most one fault of each header is given.
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
                faults.push(Fault { header, message: said(&error), file: error.file, is_final: true });
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
                faults.push(Fault { header, message: said(&error), file: error.file, is_final: false });
            }
        }
        Ok((output.stdout, faults))
    }
}

fn said(error: &CompilerError) -> String {
    format!("{}:{}: {}", error.file, error.line, error.message)
}

/// `17//usr/src/linux/include/linux/mm.h`
fn numbered_place(file: &str) -> Option<(usize, &str)> {
    let (header, file) = file.split_once('/')?;
    Some((header.parse().ok()?, file))
}

/// The name by which a header would be included.
fn included_name(file: &str) -> &str {
    file.rsplit_once("/include/").map_or(file, |(_, name)| name)
}
