//! Whose assembly a text is: the machines differ in comments, operands and marks.

use super::error::AssemblyError;

/// How a machine's assembly is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// i386 and x86-64, as AT&T writes it.
    X86,
    /// AArch64.
    Arm64,
}

/// Directives that only other machines' compilers write.
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

const X86_REGISTERS: [&str; 12] =
    ["%eax", "%rax", "%esp", "%rsp", "%ebp", "%rbp", "%edi", "%rdi", "%ecx", "%rip", "%edx", "%ebx"];

/// Instructions by which functions end that touch no register; the other machines write them otherwise.
const X86_INSTRUCTIONS: [&str; 5] = ["\tret", "\tjmp", "\tcall", "\tud2", "\thlt"];

/// Operands and instructions that AArch64 alone has.
const ARM64_WORDS: [&str; 8] = [":lo12:", "\tadrp\t", "\tx0,", "\tw0,", "\tx8,", "\tw8,", "\tx29,", "[sp, #"];

impl Dialect {
    pub fn of(text: &str) -> Result<Self, AssemblyError> {
        let (at, percent) = marks(text);
        if !at && !percent {
            return Err(AssemblyError::NoFunctions);
        }
        if FOREIGN.iter().any(|directive| text.contains(directive)) {
            return Err(AssemblyError::Architecture);
        }
        let any = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if percent && !any(&X86_REGISTERS) {
            // 32-bit Arm writes the same mark, and names its machine in a way of its own.
            let old = ["armv4", "armv5", "armv6", "armv7"].iter().any(|name| text.contains(&format!("\t.arch {name}")));
            return if old || any(&["{pc}", ", pc}", "bx\tlr"]) {
                Err(AssemblyError::Architecture)
            } else {
                Ok(Self::Arm64)
            };
        }
        // Clang marks functions alike everywhere.
        if !any(&X86_REGISTERS) && any(&ARM64_WORDS) {
            return Ok(Self::Arm64);
        }
        if any(&X86_REGISTERS) || any(&X86_INSTRUCTIONS) { Ok(Self::X86) } else { Err(AssemblyError::Architecture) }
    }

    /// Does a comment that runs to the end of the line begin with these bytes?
    pub fn comments(self, byte: u8, next: Option<u8>, first_on_line: bool) -> bool {
        match self {
            Self::X86 => byte == b'#',
            Self::Arm64 => (byte == b'/' && next == Some(b'/')) || (byte == b'#' && first_on_line),
        }
    }
}

/// Are functions marked by `@function`, are they by `%function`?
fn marks(text: &str) -> (bool, bool) {
    let before = |word: &str, mark: char| {
        text.match_indices(word).any(|(at, _)| text.get(..at).is_some_and(|before| before.ends_with(mark)))
    };
    (before("function", '@'), before("function", '%'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_told_from_the_text() {
        let of = |text: &str| Dialect::of(text);
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
