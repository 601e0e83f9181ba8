//! Gathers as many headers as possible into one translation unit; headers that do not compile are found and left out.
//!
//! A header can break for its own reasons (it includes a header of another architecture), because it needs another
//! header before it, or because it does not compile together with another. A header of the first kind is left out for
//! good, one of the second kind is tried again after all others, and one of the third kind is left for another unit.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use super::diagnostics::{CompilerError, errors};
use super::error::ProbeError;
use super::headers::{IncludeGraph, NO_HEADER, STAND_INS};
use super::kbuild::{Compiler, Output};
use super::macros::{NameUses, changes};
use super::scratch::Scratch;
use super::source::{END, edited, header_of_line, including, numbered, unstopped};
use crate::image::read_regular;

/// The number of rounds in which only broken headers are left out. After them, headers behind a broken one are left for
/// another unit with it, twice as many in each round, so that the rounds come to an end with the rest intact.
const ROUNDS: usize = 16;

/// A broken header is left out together with the headers that include it, if there are no more than this.
const FEW: usize = 80;

/// The header that every module includes before all others.
const EVERY_MODULE: &str = "linux/module.h";

/// Flags that only check the text. Warnings stay on, because silencing them would also silence those that kbuild makes
/// errors, such as the call of an undeclared function. A configuration that makes all warnings errors is overruled.
const CHECKING: [&str; 4] =
    ["-fsyntax-only", "-fno-diagnostics-show-caret", "-Wno-error", "-Werror=implicit-function-declaration"];

/// Flags that compile what is used without any of the inline functions. This finds what is checked only at the end of a
/// unit, such as an alias of nothing.
const ENDING: [&str; 3] = ["-w", "-fno-diagnostics-show-caret", "-S"];

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
    /// The header includes one that does not exist, so that it breaks in every unit.
    is_final: bool,
}

/// The first error of each header that ever broke, by header.
pub(super) type Reasons = HashMap<String, String>;

/// The tools that gathering headers needs.
#[derive(Clone, Copy)]
pub(super) struct Gathering<'a> {
    pub(super) compiler: &'a Compiler,
    pub(super) scratch: &'a Scratch,
    pub(super) graph: &'a IncludeGraph,
    pub(super) progress: &'a (dyn Fn(&str) + Sync),
}

impl Gathering<'_> {
    /// The headers that change macros that headers behind them use. Some of the changes are seen only when the header
    /// follows what it changes, so the headers are read in both orders.
    pub(super) fn changing(&self, headers: &[String]) -> Result<HashSet<String>, ProbeError> {
        let forward = self.with_definitions(headers)?;
        let mut changed = changes(&forward, headers);
        let others = headers.iter().enumerate().filter(|(index, _)| !changed.contains_key(index));
        let (indices, others): (Vec<usize>, Vec<String>) =
            others.rev().map(|(index, name)| (index, name.clone())).unzip();
        for (index, names) in changes(&self.with_definitions(&others)?, &others) {
            changed.extend(indices.get(index).map(|index| (*index, names)));
        }
        let names = changed.values().flatten().map(String::as_str);
        let uses = NameUses::read(&forward, names, |file| {
            let text = read_regular(&self.compiler.resolve(file)).unwrap_or_default();
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut found = HashSet::new();
        for (index, names) in &changed {
            let Some(header) = headers.get(*index) else { continue };
            if names.iter().any(|name| uses.is_used_behind(name, *index, header)) {
                found.insert(header.clone());
            }
        }
        Ok(found)
    }

    /// The preprocessed text of all headers, with the definitions of macros.
    fn with_definitions(&self, headers: &[String]) -> Result<String, ProbeError> {
        let source = self.scratch.write("macros.c", &including(headers))?;
        Ok(self.preprocess(&["-dD"], &source.to_string_lossy())?.stdout)
    }

    /// Gathers the headers that compile together.
    pub(super) fn gather(&self, name: &str, headers: &[String], reasons: &mut Reasons) -> Result<Unit, ProbeError> {
        let mut unit = Unit { preprocessed: String::new(), headers: headers.to_vec(), left: Vec::new() };
        let mut moved = HashSet::new();
        for round in 0.. {
            let begun = Instant::now();
            let (preprocessed, faults) = self.try_all(name, &unit.headers)?;
            (self.progress)(&format!(
                "{} of {} headers do not compile yet ({:.1} s)",
                faults.len(),
                unit.headers.len(),
                begun.elapsed().as_secs_f32()
            ));
            if faults.is_empty() {
                unit.preprocessed = preprocessed;
                break;
            }
            let before = unit.headers.len();
            let last = self.leave_out(&mut unit, faults, round, &mut moved, reasons);
            if last.is_empty() && unit.headers.len() == before {
                // The errors belong to no header: none can be kept.
                unit.left.append(&mut unit.headers);
                break;
            }
            unit.headers.extend(last);
        }
        let mut seen = HashSet::new();
        unit.left.retain(|header| seen.insert(header.clone()));
        Ok(unit)
    }

    /// Takes the headers with faults out of the unit. Returns those that are tried again after all others: a header
    /// before those that it includes, because some of them are parts that compile in no other place.
    fn leave_out(
        &self,
        unit: &mut Unit,
        faults: Vec<Fault>,
        round: usize,
        moved: &mut HashSet<String>,
        reasons: &mut Reasons,
    ) -> Vec<String> {
        let mut out = HashSet::new();
        let mut last = Vec::new();
        for fault in faults {
            let Some(header) = unit.headers.get(fault.header) else { continue };
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
            // Headers before this one include the file without an error.
            let behind = unit.headers.get(fault.header + 1..).unwrap_or_default();
            let with_it = self.graph.includers(included_name(&fault.file));
            if !moved.contains(header) && !with_it.contains(EVERY_MODULE) && with_it.len() <= FEW {
                let also = behind.iter().filter(|other| with_it.contains(*other) && !moved.contains(*other));
                let also: Vec<String> = also.filter(|other| !out.contains(*other)).cloned().collect();
                unit.left.extend(also.iter().cloned());
                out.extend(also);
            }
            if let Some(late) = round.checked_sub(ROUNDS) {
                let also = behind.iter().take(1usize.checked_shl(late as u32).unwrap_or(usize::MAX));
                let also: Vec<String> = also.filter(|other| !out.contains(*other)).cloned().collect();
                unit.left.extend(also.iter().cloned());
                out.extend(also);
            }
        }
        unit.headers.retain(|header| !out.contains(header));
        last.sort_by_key(|header| self.graph.includers(header).len());
        last
    }

    /// Checks one header behind that which every module includes. Returns the preprocessed text, or the first error.
    pub(super) fn check_alone(&self, name: &str, header: &str) -> Result<Result<String, String>, ProbeError> {
        let headers = [EVERY_MODULE.to_owned(), header.to_owned()];
        let (preprocessed, faults) = self.try_all(name, &headers)?;
        Ok(faults.into_iter().next().map_or(Ok(preprocessed), |fault| Err(fault.message)))
    }

    fn preprocess(&self, arguments: &[&str], source: &str) -> Result<Output, ProbeError> {
        let stand_ins = self.scratch.file(STAND_INS);
        let stand_ins = stand_ins.to_string_lossy();
        let mut all = vec!["-E", "-w", "-idirafter", &stand_ins];
        all.extend(arguments);
        all.push(source);
        self.compiler.run(&all)
    }

    /// Preprocesses and checks all headers. Returns the preprocessed text, and at most one fault per header.
    fn try_all(&self, name: &str, headers: &[String]) -> Result<(String, Vec<Fault>), ProbeError> {
        let source = self.scratch.write(&format!("{name}.c"), &including(headers))?;
        let source = source.to_string_lossy();
        let output = self.preprocess(&[], &source)?;
        let mut seen = HashSet::new();
        let mut faults = Vec::new();
        for error in errors(&output.stderr, &source) {
            let header = header_of_line(error.included_at.unwrap_or(error.line));
            if seen.insert(header) {
                let is_final = error.message.contains(NO_HEADER);
                faults.push(Fault { header, message: error.text(), file: error.file, is_final });
            }
        }
        let text = numbered(&output.stdout);
        let checked = self.scratch.write(&format!("{name}.check.i"), &text)?;
        let checked = checked.to_string_lossy();
        let mut arguments = CHECKING.to_vec();
        arguments.extend(self.compiler.unlimited());
        arguments.push(&checked);
        let mut found = errors(&self.compiler.run(&arguments)?.stderr, &checked);
        // The end of each header is an error of none.
        found.retain(|error| numbered_place(&error.file).is_some());
        if found.is_empty() && faults.is_empty() {
            found = self.errors_at_the_end(name, &text.replace(END, ""))?;
        }
        for mut error in found {
            let Some((header, file)) = numbered_place(&error.file) else { continue };
            if seen.insert(header) {
                error.file = file.to_owned();
                faults.push(Fault { header, message: error.text(), file: error.file, is_final: false });
            }
        }
        Ok((output.stdout, faults))
    }

    /// The errors outside of functions in a text whose syntax is right. A function with an error is dropped later, and
    /// costs no header.
    fn errors_at_the_end(&self, name: &str, text: &str) -> Result<Vec<CompilerError>, ProbeError> {
        let source = self.scratch.write(&format!("{name}.end.i"), &edited(text, &mut unstopped(text)))?;
        let source = source.to_string_lossy();
        let assembly = self.scratch.file(&format!("{name}.end.s"));
        let assembly = assembly.to_string_lossy();
        let mut arguments = ENDING.to_vec();
        arguments.extend(self.compiler.unlimited());
        arguments.extend(["-o", &assembly, &source]);
        let mut found = errors(&self.compiler.run(&arguments)?.stderr, &source);
        found.retain(|error| error.functions.is_empty());
        Ok(found)
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

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// In place of a compiler: preprocessing makes line markers of the include lines, and checking reports the first of
    /// the headers `bad/…` only, as a compiler that one header confuses. `part.h` compiles only inside of `whole.h`, with
    /// which it clashes.
    const COMPILER: &str = r#"
for last; do :; done
report() { sed -n "s|^# 1 \"\([0-9]*//k/include/$1\)\".*|\1:1: error: $2|p" "$last"; }
case "$*" in
*-S*) if grep -q '^{}' "$last"; then exit 1; fi
    report 'alias/[^"]*' 'aliased to undefined symbol' >&2 ;;
*-E*) sed 's|^#include <\(.*\)>$|# 1 "/k/include/\1" 1|' "$last" ;;
*) echo "end:1: error: expected identifier or '(' before '{' token" >&2
    report 'bad/[^"]*' 'it is bad' | head -n 1 >&2
    report part.h 'incomplete type' >&2
    if sed -n '/include.part.h/,$p' "$last" | grep -q whole.h; then report whole.h 'conflicting types' >&2; fi ;;
esac
"#;

    fn gathered(headers: &[String], includes: &[(&str, &str)]) -> (Unit, Reasons) {
        let scratch = Scratch::new(None).expect("a folder can be made");
        let script = scratch.write("compiler.sh", COMPILER).expect("it can be written");
        let compiler = Compiler::of_command(format!("sh {}", script.to_string_lossy()));
        let graph = IncludeGraph::of(includes);
        let gathering = Gathering { compiler: &compiler, scratch: &scratch, graph: &graph, progress: &|_| {} };
        let mut reasons = Reasons::new();
        let unit = gathering.gather("unit", headers, &mut reasons).expect("the command runs");
        (unit, reasons)
    }

    fn named(kind: &str, count: usize) -> Vec<String> {
        (0..count).map(|number| format!("{kind}/{number:03}.h")).collect()
    }

    /// Each round finds one of many broken headers: the rounds come to an end, and the rest is kept.
    #[test]
    fn headers_that_break_after_the_last_round_cost_only_themselves() {
        let headers = [named("good", 50), named("bad", 60), named("fine", 400)].concat();
        let (unit, reasons) = gathered(&headers, &[]);
        assert!(!unit.preprocessed.is_empty());
        assert!(named("good", 50).iter().all(|header| unit.headers.contains(header)));
        assert!(!unit.headers.iter().any(|header| header.starts_with("bad")));
        assert_eq!(unit.headers.len() + unit.left.len(), headers.len());
        assert_eq!(reasons.get("bad/000.h").map(String::as_str), Some("/k/include/bad/000.h:1: it is bad"));
    }

    /// What is wrong only at the end of a unit costs its header, and not each function of the unit.
    #[test]
    fn a_header_is_left_out_that_breaks_at_the_end_of_a_unit() {
        let headers = [named("good", 3), named("alias", 2), named("fine", 3)].concat();
        let (unit, reasons) = gathered(&headers, &[]);
        assert_eq!(unit.headers, [named("good", 3), named("fine", 3)].concat());
        assert_eq!(unit.left, named("alias", 2));
        let why = "/k/include/alias/001.h:1: aliased to undefined symbol";
        assert_eq!(reasons.get("alias/001.h").map(String::as_str), Some(why));
    }

    /// A part that clashes with the header that contains it does not take that header with it.
    #[test]
    fn a_part_is_left_out_and_its_whole_is_kept() {
        let headers = ["part.h", "whole.h", "other.h"].map(str::to_owned);
        let (unit, _) = gathered(&headers, &[("part.h", "whole.h")]);
        assert_eq!(unit.headers.len() + unit.left.len(), 3);
        assert!(unit.headers.contains(&"whole.h".to_owned()));
    }
}
