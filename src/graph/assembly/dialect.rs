//! Recognizes the architecture of a text: architectures differ in comments, operands and marks.

use super::error::AssemblyError;

/// How assembly is written for an architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// i386 and x86-64, in AT&T syntax.
    X86,
    /// AArch64.
    Arm64,
}

/// Directives that compilers write only for other architectures.
const FOREIGN: [&str; 12] = [
    "\t.option",
    "\t.attribute",
    "\t.abiversion",
    "\t.machine",
    "\t.module",
    "\t.set\tnoreorder",
    "\t.set\tnomacro",
    "\t.syntax",
    "\t.eabi_attribute",
    "\t.fpu",
    "\t.thumb",
    "\t.machinemode",
];

/// Registers of x86.
const X86_REGISTERS: [&str; 12] =
    ["%eax", "%rax", "%esp", "%rsp", "%ebp", "%rbp", "%edi", "%rdi", "%ecx", "%rip", "%edx", "%ebx"];

/// The last instructions of functions that use no register. Other architectures write them in another way.
const X86_INSTRUCTIONS: [&str; 5] = ["\tret", "\tjmp", "\tcall", "\tud2", "\thlt"];

/// Operands and instructions that only AArch64 has.
const ARM64_WORDS: [&str; 8] = [":lo12:", "\tadrp\t", "\tx0,", "\tw0,", "\tx8,", "\tw8,", "\tx29,", "[sp, #"];

impl Dialect {
    /// Recognizes the dialect of a text.
    pub fn of(text: &str) -> Result<Self, AssemblyError> {
        let at = marks_functions(text, '@');
        let percent = marks_functions(text, '%');
        if !at && !percent {
            return Err(AssemblyError::NoFunctions);
        }
        if FOREIGN.iter().any(|directive| text.contains(directive)) {
            return Err(AssemblyError::Architecture);
        }
        if contains_any(text, &X86_REGISTERS) {
            return Ok(Self::X86);
        }
        if percent {
            return if is_arm32(text) { Err(AssemblyError::Architecture) } else { Ok(Self::Arm64) };
        }
        // Clang writes `@function` for arm64 as well.
        if contains_any(text, &ARM64_WORDS) {
            return Ok(Self::Arm64);
        }
        if contains_any(text, &X86_INSTRUCTIONS) { Ok(Self::X86) } else { Err(AssemblyError::Architecture) }
    }

    /// Returns whether a comment that runs to the end of the line begins with these bytes.
    pub fn begins_comment(self, byte: u8, next: Option<u8>, first_on_line: bool) -> bool {
        match self {
            Self::X86 => byte == b'#',
            Self::Arm64 => (byte == b'/' && next == Some(b'/')) || (byte == b'#' && first_on_line),
        }
    }
}

/// Returns whether functions are marked by `@function` or `%function`, by the character before the word.
fn marks_functions(text: &str, mark: char) -> bool {
    text.match_indices("function").any(|(at, _)| text.get(..at).is_some_and(|before| before.ends_with(mark)))
}

fn contains_any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

/// Returns whether a text with `%function` is for 32-bit Arm.
fn is_arm32(text: &str) -> bool {
    const OLD: [&str; 4] = ["\t.arch armv4", "\t.arch armv5", "\t.arch armv6", "\t.arch armv7"];
    contains_any(text, &OLD) || contains_any(text, &["{pc}", ", pc}", "bx\tlr"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_architecture_is_recognized_by_the_text() {
        let of = Dialect::of;
        assert_eq!(of("\t.type\tf, @function\nf:\n\tmovl\t%eax, %ebx\n"), Ok(Dialect::X86));
        assert_eq!(of("\t.type\tf, @function\nf:\n\tret\n"), Ok(Dialect::X86));
        assert_eq!(of("\t.arch armv8-a\n\t.type\tf, %function\nf:\n\tret\n"), Ok(Dialect::Arm64));
        assert_eq!(of("\t.type\tf,@function\nf:\n\tmov\tw0, wzr\n\tret\n"), Ok(Dialect::Arm64));
        assert_eq!(of("\t.arch armv7-a\n\t.type\tf, %function\nf:\n\tbx\tlr\n"), Err(AssemblyError::Architecture));
        assert_eq!(of("\t.option nopic\n\t.type\tf, @function\nf:\n\tret\n"), Err(AssemblyError::Architecture));
        assert_eq!(of("\t.type\tf, @function\nf:\n\tbr\t%r14\n"), Err(AssemblyError::Architecture));
        assert_eq!(of("hello\n"), Err(AssemblyError::NoFunctions));
    }
}
