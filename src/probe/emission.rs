//! Compiles the units into objects that contain each of their static functions.
//!
//! A unit is compiled in several parts side by side, each with other functions marked as used. If a function stops the
//! compiler, it is loosened or dropped, and its part is compiled again. If the compiler does not say which function
//! stops it, the part is divided until only that function is left.

use std::collections::HashSet;

use super::assembly::{Pieces, unmarked, without};
use super::constraints::loosen;
use super::definitions::InlineDefinition;
use super::diagnostics::{assembler_errors, errors, refusals};
use super::error::{ProbeError, tail};
use super::kbuild::{Compiler, Output};
use super::parallel::in_parallel;
use super::result::RefusedInline;
use super::scratch::Scratch;
use super::source::{Edit, edited, unstopped};
use super::texts::ProbeText;

/// Flags added after the kernel's own: a section for each function, so that every reference has a relocation; no
/// folding of equal functions, so that each has its own code; and debugging information only for lines and inlining.
///
/// Warnings stay on: the compiler stops at the first function with an impossible constraint, but warns of all.
const FLAGS: [&str; 6] =
    ["-Wno-error", "-g1", "-ffunction-sections", "-fdata-sections", "-fno-ipa-icf", "-fno-diagnostics-show-caret"];

/// The number of attempts to compile a part before it is divided, and to assemble it before functions are searched.
const ATTEMPTS: usize = 12;

/// The largest number of functions in a part. An ELF header counts up to 65,279 sections.
const LARGEST: usize = 8000;

/// The result of compiling one part.
#[derive(Default)]
pub(super) struct Emitted {
    pub(super) objects: Vec<Vec<u8>>,
    pub(super) dropped: Vec<RefusedInline>,
}

impl Emitted {
    fn extend(&mut self, other: Self) {
        self.objects.extend(other.objects);
        self.dropped.extend(other.dropped);
    }
}

/// One part of a text: the functions that one object contains.
struct Part<'s> {
    source: &'s ProbeText,
    name: String,
    wanted: &'s [usize],
}

/// What stopped the compiler in a part so far.
#[derive(Clone, Default)]
struct Learned {
    /// The functions with assembly statements that are loosened.
    loosened: HashSet<String>,
    /// The functions that are left out.
    refusing: HashSet<String>,
    /// The text compiles without any of its functions.
    is_good_without_functions: bool,
}

/// The tools that compiling needs.
#[derive(Clone, Copy)]
struct Tools<'a> {
    compiler: &'a Compiler,
    scratch: &'a Scratch,
}

/// Compiles all parts of all texts on `jobs` threads.
pub(super) fn emit(
    texts: &[ProbeText],
    compiler: &Compiler,
    scratch: &Scratch,
    jobs: usize,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Emitted, ProbeError> {
    let parts: Vec<Part<'_>> = texts.iter().flat_map(|text| parts(text, jobs.max(1))).collect();
    let all = parts.len();
    let tools = Tools { compiler, scratch };
    let results = in_parallel(parts, jobs, |number, part| {
        progress(&format!("compiling part {} of {all} ({} functions)", number + 1, part.wanted.len()));
        part.compile(Learned::default(), tools)
    });
    let mut emitted = Emitted::default();
    for part in results {
        emitted.extend(part?);
    }
    Ok(emitted)
}

/// Splits a text into as many parts as there are threads, but none smaller than a few hundred functions, because every
/// part has to read the whole text, and none so large that the header of its object cannot count the sections, about four for
/// each function.
fn parts(source: &ProbeText, jobs: usize) -> Vec<Part<'_>> {
    let size = source.wanted.len().div_ceil(jobs).clamp(400, LARGEST);
    let chunks = source.wanted.chunks(size).enumerate();
    chunks.map(|(number, wanted)| Part { source, name: format!("{}-{number}", source.name), wanted }).collect()
}

impl Part<'_> {
    /// Compiles the part with what is known of its functions already.
    fn compile(&self, mut learned: Learned, tools: Tools<'_>) -> Result<Emitted, ProbeError> {
        let mut emitted = Emitted::default();
        for attempt in 1.. {
            let output = self.compile_once(&learned, tools)?;
            if output.is_ok {
                emitted.extend(self.assemble(tools)?);
                break;
            }
            if !self.learn(&output, &mut learned, &mut emitted.dropped) || attempt == ATTEMPTS {
                emitted.extend(self.divide(&output, learned, tools)?);
                break;
            }
        }
        Ok(emitted)
    }

    /// Compiles the part to assembly.
    fn compile_once(&self, learned: &Learned, tools: Tools<'_>) -> Result<Output, ProbeError> {
        let input = tools.scratch.write(&format!("{}.i", self.name), &self.text(learned))?;
        let input = input.to_string_lossy();
        let assembly = tools.scratch.file(&format!("{}.s", self.name));
        let assembly = assembly.to_string_lossy();
        let mut arguments = FLAGS.to_vec();
        arguments.extend(tools.compiler.unlimited());
        arguments.extend(["-S", "-o", &assembly, &input]);
        tools.compiler.run(&arguments)
    }

    /// Compiles the halves of a part that fails for an unknown reason, or for many. What is known of its functions holds
    /// in the halves. If the text fails without any of its functions, or there is only one, all are dropped.
    fn divide(&self, output: &Output, mut learned: Learned, tools: Tools<'_>) -> Result<Emitted, ProbeError> {
        if self.wanted.len() < 2 || !self.is_good_without_functions(&mut learned, tools)? {
            let first = errors(&output.stderr, "").into_iter().next();
            let why = first.map_or_else(|| last_line(output), |error| error.message);
            let mut dropped = self.dropped_all(&why);
            dropped.retain(|function| !learned.refusing.contains(&function.name));
            return Ok(Emitted { objects: Vec::new(), dropped });
        }
        let (first, second) = self.wanted.split_at(self.wanted.len() / 2);
        let mut emitted = Emitted::default();
        for (half, wanted) in [("a", first), ("b", second)] {
            let part = Part { source: self.source, name: format!("{}{half}", self.name), wanted };
            emitted.extend(part.compile(learned.clone(), tools)?);
        }
        Ok(emitted)
    }

    /// Whether the text compiles without any of its functions. This is tried once for a text.
    fn is_good_without_functions(&self, learned: &mut Learned, tools: Tools<'_>) -> Result<bool, ProbeError> {
        if !learned.is_good_without_functions {
            let none = Part { source: self.source, name: format!("{}-none", self.name), wanted: &[] };
            learned.is_good_without_functions = none.compile_once(&Learned::default(), tools)?.is_ok;
        }
        Ok(learned.is_good_without_functions)
    }

    /// The text with the wanted functions marked as used.
    fn text(&self, learned: &Learned) -> String {
        let text = &self.source.text;
        let mut edits = unstopped(text);
        for definition in &self.source.definitions {
            edits.extend(loosen(text, definition, learned.loosened.contains(&definition.name)));
        }
        let wanted = self.wanted.iter().filter_map(|index| self.source.definitions.get(*index));
        for definition in wanted.filter(|definition| !learned.refusing.contains(&definition.name)) {
            let start = definition.head.start;
            edits.push(Edit { range: start..start, with: "__attribute__((__used__)) " });
        }
        edited(text, &mut edits)
    }

    /// Notes the functions that stopped the compiler: those that were loosened before, or in which there is nothing to
    /// loosen, are left out. Returns whether any of them is new.
    fn learn(&self, output: &Output, learned: &mut Learned, dropped: &mut Vec<RefusedInline>) -> bool {
        let mut is_new = false;
        let loosened_before = learned.loosened.clone();
        for error in refusals(&output.stderr, "") {
            let (Some(inner), Some(outer)) = (error.functions.first(), error.functions.last()) else { continue };
            if error.message.contains("asm") && !loosened_before.contains(inner) && self.is_loosened(inner) {
                is_new |= learned.loosened.insert(inner.clone());
            } else if learned.refusing.insert(outer.clone()) {
                is_new = true;
                dropped.extend(self.dropped(outer, &error.message));
            }
        }
        is_new
    }

    /// Whether an assembly statement of the function changes when it is loosened.
    fn is_loosened(&self, name: &str) -> bool {
        let text = &self.source.text;
        let mut named = self.source.definitions.iter().filter(|definition| definition.name == name);
        named.any(|definition| loosen(text, definition, true) != loosen(text, definition, false))
    }

    fn dropped(&self, name: &str, why: &str) -> Option<RefusedInline> {
        let found = self.source.definitions.iter().find(|definition| definition.name == name)?;
        Some(refused(found, why))
    }

    /// All functions of the part as dropped for one reason.
    fn dropped_all(&self, why: &str) -> Vec<RefusedInline> {
        let all = self.wanted.iter().filter_map(|index| self.source.definitions.get(*index));
        all.map(|definition| refused(definition, why)).collect()
    }

    /// Assembles the text without the lines that the assembler refuses.
    fn assemble(&self, tools: Tools<'_>) -> Result<Emitted, ProbeError> {
        let name = format!("{}.s", self.name);
        let object = format!("{}.o", self.name);
        let mut text = unmarked(&String::from_utf8_lossy(&tools.scratch.read(&name)?));
        let mut emitted = Emitted::default();
        let mut why = String::new();
        let mut is_searched = false;
        for _ in 0..ATTEMPTS {
            let output = assembled(&name, &text, &object, tools)?;
            if output.is_ok {
                emitted.objects.push(tools.scratch.read(&object)?);
                return Ok(emitted);
            }
            why = last_line(&output);
            let lines = assembler_errors(&output.stderr);
            if lines.is_empty() && is_searched {
                break;
            }
            is_searched |= lines.is_empty();
            let (left, found) = if lines.is_empty() { self.search(&text, tools)? } else { without(&text, &lines) };
            text = left;
            for (function, why) in found {
                if !emitted.dropped.iter().any(|known| known.name == function) {
                    emitted.dropped.extend(self.dropped(&function, &why));
                }
            }
        }
        Ok(Emitted { objects: Vec::new(), dropped: self.dropped_all(&why) })
    }

    /// Searches the functions whose assembly statements the assembler refuses without naming a line, by assembling
    /// smaller and smaller pieces. Returns the text without these statements, and why.
    fn search(&self, text: &str, tools: Tools<'_>) -> Result<(String, Vec<(String, String)>), ProbeError> {
        let pieces = Pieces::of(text);
        let name = format!("{}.search.s", self.name);
        let object = format!("{}.search.o", self.name);
        let mut open = Vec::from([(0, pieces.len())]);
        let mut refused = Vec::new();
        while let Some((start, end)) = open.pop() {
            let output = assembled(&name, &pieces.text_of(start..end), &object, tools)?;
            if output.is_ok || !assembler_errors(&output.stderr).is_empty() {
                continue;
            }
            if end - start < 2 {
                refused.push((start, last_line(&output)));
                continue;
            }
            let middle = start + (end - start) / 2;
            open.extend([(middle, end), (start, middle)]);
        }
        Ok(pieces.without_statements(&refused))
    }
}

fn refused(definition: &InlineDefinition, why: &str) -> RefusedInline {
    let (file, line) = (definition.file.clone(), definition.line);
    RefusedInline { name: definition.name.clone(), file, line, why: why.to_owned() }
}

/// The last message, without the file.
fn last_line(output: &Output) -> String {
    let text = tail(&output.stderr);
    let line = text.lines().last().unwrap_or("it fails without a message");
    line.split_once("rror: ").map_or(line, |(_, message)| message).to_owned()
}

/// Assembles a text.
fn assembled(name: &str, text: &str, object: &str, tools: Tools<'_>) -> Result<Output, ProbeError> {
    let assembly = tools.scratch.write(name, text)?;
    let object = tools.scratch.file(object);
    tools.compiler.run(&["-w", "-g0", "-c", "-o", &object.to_string_lossy(), &assembly.to_string_lossy()])
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::definitions::find;
    use super::*;

    /// The first impossible constraint is a warning and an error, the others are warnings. Only what is refused although
    /// it was loosened is left out.
    #[test]
    fn impossible_constraints_are_loosened_before_functions_are_left_out() {
        let text = "static int f1(int a) { int v = *p; asm(\"\" : : \"i\" (v)); return v; }\n\
            static int f2(int a) { int v = *p; asm(\"\" : : \"i\" (v)); return v; }\n\
            static int f3(int a) { asm(\"\" : : \"d\" (a)); return a; }\n";
        let source = ProbeText::of(text.to_owned(), find(text));
        let part = Part { source: &source, name: "part".to_owned(), wanted: &source.wanted };
        let warning = "a.c:1:62: warning: 'asm' operand 0 probably does not match constraints\n";
        let stderr = format!(
            "a.c: In function 'f1':\n{warning}a.c:1:62: error: impossible constraint in 'asm'\na.c: In function 'f2':\n{warning}"
        );
        let output = Output { is_ok: false, stdout: String::new(), stderr };
        let mut learned = Learned::default();
        let mut dropped = Vec::new();
        assert!(part.learn(&output, &mut learned, &mut dropped));
        assert_eq!((learned.loosened.len(), learned.refusing.len(), dropped.len()), (2, 0, 0));
        assert!(part.learn(&output, &mut learned, &mut dropped));
        assert_eq!((learned.refusing.len(), dropped.len()), (2, 2));
        assert!(!part.learn(&output, &mut learned, &mut dropped));
        // There is nothing to loosen, so the next compilation could say no more.
        let stderr = "a.c: In function 'f3':\na.c:3:29: error: impossible constraint in 'asm'\n".to_owned();
        let output = Output { is_ok: false, stdout: String::new(), stderr };
        assert!(part.learn(&output, &mut learned, &mut dropped));
        assert!(learned.refusing.contains("f3") && !learned.loosened.contains("f3"));
    }

    /// In place of a compiler: it stops at the first marked function with `bad` in its name, without a function's name in
    /// the message if the name ends with 0, and counts how often it runs.
    const STOPPING: &str = r#"
for last; do :; done
while [ "$1" != -o ]; do shift; done
echo >>"$COUNT"
case "$last" in
*.i) name=$(sed -n 's/.*__used__.*\(bad[0-9]*\)(.*/\1/p' "$last" | head -n 1)
    case "$name" in
    '') : >"$2" ;;
    *0) echo "a.c:1: error: no" >&2; exit 1 ;;
    *) printf "a.c: In function '%s':\na.c:1: error: no\n" "$name" >&2; exit 1 ;;
    esac ;;
*) : >"$2" ;;
esac
"#;

    /// What is learned of a part holds in its halves: each function is found by one compilation, and one that is not named
    /// by one for each halving.
    #[test]
    fn a_function_is_found_once() {
        let scratch = Scratch::new(None).expect("a folder can be made");
        let count = scratch.write("count", "").expect("it can be written");
        let script =
            scratch.write("compiler.sh", &STOPPING.replace("$COUNT", &count.to_string_lossy())).expect("it can");
        let compiler = Compiler::of_command(format!("sh {}", script.to_string_lossy()));
        let name = |number| {
            if number % 8 == 0 && number % 128 != 64 {
                format!("bad{}", number + 1)
            } else if number == 64 {
                "bad0".to_owned()
            } else {
                format!("f{number}")
            }
        };
        let text: String =
            (0..128).map(|number| format!("static int {}(int a) {{ return a; }}\n", name(number))).collect();
        let texts = [ProbeText::of(text.clone(), find(&text))];
        let emitted = emit(&texts, &compiler, &scratch, 1, &|_| {}).expect("the command runs");
        let mut dropped: Vec<_> = emitted.dropped.iter().map(|found| found.name.as_str()).collect();
        dropped.sort_unstable();
        let all = dropped.len();
        dropped.dedup();
        assert_eq!((all, dropped.len(), dropped.contains(&"bad0")), (16, 16, true));
        let runs = scratch.read("count").expect("it is there").len();
        assert!(runs <= 48, "{runs} runs");
    }

    /// One thread for all of a kernel's headers: the object of a part must not have more sections than its header can count.
    #[test]
    fn no_part_is_too_large() {
        let text: String = (0..17_000).map(|number| format!("static int f{number}(int a) {{ return a; }}\n")).collect();
        let source = ProbeText::of(text.clone(), find(&text));
        assert_eq!(source.wanted.len(), 17_000);
        let sizes = |jobs| parts(&source, jobs).iter().map(|part| part.wanted.len()).collect::<Vec<_>>();
        assert_eq!((sizes(1), sizes(4)), (vec![8000, 8000, 1000], vec![4250; 4]));
    }

    /// In place of a compiler and an assembler: the assembler refuses each text with `.ascii`, and names no line.
    const COMPILER: &str = r#"
for last; do :; done
while [ "$1" != -o ]; do shift; done
case "$last" in
*.i) cp "$KEPT" "$2" ;;
*) if grep -q ascii "$last"; then echo "$last: Error: unaligned opcodes" >&2; exit 1; fi; cp "$last" "$2" ;;
esac
"#;

    /// One of three functions is dropped, and the others are in the object.
    #[test]
    fn a_function_is_found_that_the_assembler_refuses_without_a_line() {
        let scratch = Scratch::new(None).expect("a folder can be made");
        let mut assembly = String::new();
        for (name, statement) in [("one", "nop"), ("two", ".ascii \"->\""), ("three", "nop")] {
            assembly += &format!("\t.type\t{name}, %function\n{name}:\n#APP\n\t{statement}\n#NO_APP\n\tret\n");
        }
        let kept = scratch.write("kept.s", &assembly).expect("it can be written");
        let script = scratch.write("compiler.sh", &COMPILER.replace("$KEPT", &kept.to_string_lossy())).expect("it can");
        let compiler = Compiler::of_command(format!("sh {}", script.to_string_lossy()));
        let text = "# 1 \"include/linux/a.h\"\nstatic void one(void) { }\nstatic void two(void) { }\nstatic void three(void) { }\n";
        let texts = [ProbeText::of(text.to_owned(), find(text))];
        let emitted = emit(&texts, &compiler, &scratch, 1, &|_| {}).expect("the command runs");
        let dropped: Vec<_> =
            emitted.dropped.iter().map(|found| (found.name.as_str(), found.line, found.why.as_str())).collect();
        assert_eq!(dropped, [("two", 2, "unaligned opcodes")]);
        let object = String::from_utf8(emitted.objects.concat()).expect("it is the assembly");
        assert!(object.contains("one:") && object.contains("two:") && object.matches("nop").count() == 2);
    }
}
