//! Compiles the units into objects that contain each of their inline functions.
//!
//! A unit is compiled in several parts side by side, each with other functions marked as used. If a function stops the
//! compiler, it is loosened or dropped, and its part is compiled again.

use std::collections::HashSet;
use std::sync::Mutex;

use super::assembly::{unmarked, without};
use super::constraints::loosen;
use super::definitions::InlineDefinition;
use super::diagnostics::{assembler_errors, errors};
use super::error::{ProbeError, tail};
use super::kbuild::{Compiler, Output};
use super::result::RefusedInline;
use super::scratch::Scratch;
use super::source::{Edit, edited, unstopped};

/// Flags added after the kernel's own: a section for each function, so that every reference has a relocation; no
/// folding of equal functions, so that each has its own code; and debugging information only for lines and inlining.
const FLAGS: [&str; 6] =
    ["-w", "-g1", "-ffunction-sections", "-fdata-sections", "-fno-ipa-icf", "-fno-diagnostics-show-caret"];

/// The number of attempts to compile a part before the probe fails.
const ATTEMPTS: usize = 12;

/// A preprocessed text, and the functions that an object must contain.
pub(super) struct ProbeText {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) definitions: Vec<InlineDefinition>,
    /// The indices of the definitions that no earlier text has.
    pub(super) wanted: Vec<usize>,
}

impl ProbeText {
    /// The definitions that no earlier text has.
    pub(super) fn wanted_definitions(&self) -> impl Iterator<Item = &InlineDefinition> {
        self.wanted.iter().filter_map(|index| self.definitions.get(*index))
    }
}

/// The result of compiling one part.
#[derive(Default)]
pub(super) struct Emitted {
    pub(super) objects: Vec<Vec<u8>>,
    pub(super) dropped: Vec<RefusedInline>,
}

/// One part of a text: the functions that one object contains.
struct Part<'s> {
    source: &'s ProbeText,
    name: String,
    wanted: &'s [usize],
}

/// Compiles all parts of all texts on `jobs` threads.
pub(super) fn emit(
    texts: &[ProbeText],
    compiler: &Compiler,
    scratch: &Scratch,
    jobs: usize,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Emitted, ProbeError> {
    let jobs = jobs.max(1);
    let parts: Vec<Part<'_>> = texts.iter().flat_map(|text| parts(text, jobs)).collect();
    let all = parts.len();
    let next = Mutex::new(parts.into_iter().enumerate());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let taken = next.lock().ok().and_then(|mut next| next.next());
                    let Some((number, part)) = taken else { break };
                    progress(&format!("compiling part {} of {all} ({} functions)", number + 1, part.wanted.len()));
                    let result = part.compile(compiler, scratch);
                    if let Ok(mut done) = done.lock() {
                        done.push((number, result));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(number, _)| *number);
    let mut emitted = Emitted::default();
    for (_, result) in done {
        let part = result?;
        emitted.objects.extend(part.objects);
        emitted.dropped.extend(part.dropped);
    }
    Ok(emitted)
}

/// Splits a text into as many parts as there are threads, but none smaller than a few hundred functions, because every
/// part has to read the whole text.
fn parts(source: &ProbeText, jobs: usize) -> Vec<Part<'_>> {
    let size = source.wanted.len().div_ceil(jobs).max(400);
    let chunks = source.wanted.chunks(size).enumerate();
    chunks.map(|(number, wanted)| Part { source, name: format!("{}-{number}", source.name), wanted }).collect()
}

impl Part<'_> {
    fn compile(&self, compiler: &Compiler, scratch: &Scratch) -> Result<Emitted, ProbeError> {
        let mut emitted = Emitted::default();
        let mut loosened = HashSet::new();
        let mut refusing = HashSet::new();
        for _ in 0..ATTEMPTS {
            let text = self.text(&loosened, &refusing);
            let input = scratch.write(&format!("{}.i", self.name), &text)?;
            let assembly = scratch.file(&format!("{}.s", self.name));
            let mut arguments = FLAGS.to_vec();
            arguments.extend(compiler.unlimited());
            let input = input.to_string_lossy();
            let assembly = assembly.to_string_lossy();
            arguments.extend(["-S", "-o", &assembly, &input]);
            let output = compiler.run(&arguments)?;
            if output.is_ok {
                let dropped = self.assemble(compiler, scratch)?;
                emitted.dropped.extend(dropped);
                emitted.objects.push(scratch.read(&format!("{}.o", self.name))?);
                return Ok(emitted);
            }
            if !self.learn(&output, &mut loosened, &mut refusing, &mut emitted.dropped) {
                return Err(ProbeError::Failed {
                    command: format!("compiling {}", self.name),
                    tail: tail(&output.stderr),
                });
            }
        }
        let tail = "it still fails after leaving out all that stopped the compiler before".to_owned();
        Err(ProbeError::Failed { command: format!("compiling {}", self.name), tail })
    }

    /// The text with the wanted functions marked as used.
    fn text(&self, loosened: &HashSet<String>, refusing: &HashSet<String>) -> String {
        let text = &self.source.text;
        let mut edits = unstopped(text);
        for definition in &self.source.definitions {
            edits.extend(loosen(text, definition, loosened.contains(&definition.name)));
        }
        let wanted = self.wanted.iter().filter_map(|index| self.source.definitions.get(*index));
        for definition in wanted.filter(|definition| !refusing.contains(&definition.name)) {
            let start = definition.head.start;
            edits.push(Edit { range: start..start, with: "__attribute__((__used__)) " });
        }
        edited(text, &mut edits)
    }

    /// Notes the functions that stopped the compiler. Returns whether any of them is new.
    fn learn(
        &self,
        output: &Output,
        loosened: &mut HashSet<String>,
        refusing: &mut HashSet<String>,
        dropped: &mut Vec<RefusedInline>,
    ) -> bool {
        let mut is_new = false;
        for error in errors(&output.stderr, "") {
            let (Some(inner), Some(outer)) = (error.functions.first(), error.functions.last()) else { continue };
            if error.message.contains("asm") && loosened.insert(inner.clone()) {
                is_new = true;
            } else if refusing.insert(outer.clone()) {
                is_new = true;
                dropped.extend(self.dropped(outer, &error.message));
            }
        }
        is_new
    }

    fn dropped(&self, name: &str, why: &str) -> Option<RefusedInline> {
        let found = self.source.definitions.iter().find(|definition| definition.name == name)?;
        let (file, line) = (found.file.clone(), found.line);
        Some(RefusedInline { name: name.to_owned(), file, line, why: why.to_owned() })
    }

    /// Assembles the text without the lines that the assembler refuses.
    fn assemble(&self, compiler: &Compiler, scratch: &Scratch) -> Result<Vec<RefusedInline>, ProbeError> {
        let name = format!("{}.s", self.name);
        let mut text = unmarked(&String::from_utf8_lossy(&scratch.read(&name)?));
        let object = scratch.file(&format!("{}.o", self.name));
        let mut dropped: Vec<RefusedInline> = Vec::new();
        for _ in 0..ATTEMPTS {
            let assembly = scratch.write(&name, &text)?;
            let output =
                compiler.run(&["-w", "-g0", "-c", "-o", &object.to_string_lossy(), &assembly.to_string_lossy()])?;
            if output.is_ok {
                return Ok(dropped);
            }
            let lines = assembler_errors(&output.stderr);
            if lines.is_empty() {
                return Err(ProbeError::Failed { command: format!("assembling {name}"), tail: tail(&output.stderr) });
            }
            let (left, found) = without(&text, &lines);
            text = left;
            for (function, why) in found {
                if !dropped.iter().any(|known| known.name == function) {
                    dropped.extend(self.dropped(&function, &why));
                }
            }
        }
        let tail = "it still fails after leaving out all lines that it refused".to_owned();
        Err(ProbeError::Failed { command: format!("assembling {name}"), tail })
    }
}
