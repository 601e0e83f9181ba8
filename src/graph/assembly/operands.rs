//! Finds the symbols that operands name.

use super::dialect::Dialect;

/// A symbol in an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named<'t> {
    pub name: &'t str,
    /// The number that is added to it.
    pub addend: i64,
    /// Whether it is subtracted, as the start of a distance is.
    pub negative: bool,
}

/// Prefixes of x86 instructions.
const PREFIXES: [&str; 24] = [
    "lock", "rep", "repe", "repz", "repne", "repnz", "cs", "ds", "es", "fs", "gs", "ss", "notrack", "bnd", "data16",
    "data32", "addr16", "addr32", "rex64", "rex", "rex.w", "xacquire", "xrelease", "wait",
];

/// The length of the word that a text begins with, in bytes.
pub(super) fn word(text: &str) -> usize {
    text.bytes().position(|byte| !is_part(byte)).unwrap_or(text.len())
}

const fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$' | b'\\') || byte >= 0x80
}

/// Passes each symbol that an instruction refers to on to `found`.
pub(super) fn of_instruction<'t>(statement: &'t str, dialect: Dialect, found: &mut dyn FnMut(Named<'t>)) {
    match dialect {
        Dialect::X86 => of_x86(statement, found),
        Dialect::Arm64 => of_arm64(statement, found),
    }
}

fn of_x86<'t>(mut statement: &'t str, found: &mut dyn FnMut(Named<'t>)) {
    loop {
        statement = statement.trim_ascii_start();
        if let Some((_, rest)) = statement.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            // `{evex} add …`
            statement = rest;
            continue;
        }
        let (mnemonic, rest) = statement.split_at_checked(word(statement)).unwrap_or_default();
        if !PREFIXES.contains(&mnemonic) {
            return of_expression(rest, found);
        }
        statement = rest;
    }
}

/// Registers have no mark in this dialect, so symbols are looked for only where one can be: as the last operand of
/// instructions that branch, make addresses or load literals, and after `:lo12:` and similar words.
fn of_arm64<'t>(statement: &'t str, found: &mut dyn FnMut(Named<'t>)) {
    let (mnemonic, rest) = statement.split_at_checked(word(statement)).unwrap_or_default();
    let last = rest.rsplit_once(',').map_or(rest, |(_, last)| last);
    match mnemonic {
        "b" | "bl" => of_expression(rest, found),
        "adr" | "adrp" | "cbz" | "cbnz" | "tbz" | "tbnz" => of_expression(relocated(last).unwrap_or(last), found),
        _ if mnemonic.starts_with("b.") || mnemonic.starts_with("bc.") || is_old_branch(mnemonic) => {
            of_expression(rest, found);
        }
        "ldr" | "ldrsw" | "prfm" if !rest.contains([':', '[']) => of_expression(last, found),
        _ => {
            if let Some(symbol) = relocated(rest) {
                of_expression(symbol, found);
            }
        }
    }
}

/// Returns whether a mnemonic is a conditional branch in the syntax of 32-bit Arm: `beq` for `b.eq`.
fn is_old_branch(mnemonic: &str) -> bool {
    const CONDITIONS: [&str; 17] =
        ["eq", "ne", "cs", "hs", "cc", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le", "al"];
    mnemonic.strip_prefix('b').is_some_and(|condition| CONDITIONS.contains(&condition))
}

/// The operand after `:lo12:` or another such word.
fn relocated(operands: &str) -> Option<&str> {
    let (_, rest) = operands.split_once(':')?;
    let (_, symbol) = rest.split_once(':')?;
    symbol.split([',', ']']).next()
}

/// Passes each symbol of one or several expressions on to `found`.
pub(super) fn of_expression<'t>(text: &'t str, found: &mut (impl FnMut(Named<'t>) + ?Sized)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut before = b' ';
    while let Some(&byte) = bytes.get(at) {
        let rest = text.get(at..).unwrap_or_default();
        let length = match byte {
            // Registers, and modifiers of symbols (`@PLT`).
            b'%' | b'@' => 1 + word(rest.get(1..).unwrap_or_default()),
            b'{' => rest.find('}').map_or(rest.len(), |end| end + 1),
            b'\'' => 2,
            b'"' => super::statements::string(rest.as_bytes()),
            b'$' => 1,
            _ if is_part(byte) => word(rest),
            _ => 1,
        };
        let token = rest.get(..length).unwrap_or_default();
        let name = match byte {
            b'"' => token.trim_matches('"'),
            b'%' | b'@' | b'{' | b'\'' | b'$' | b'0'..=b'9' => "",
            _ if is_part(byte) && token != "." && !token.contains('\\') => token,
            _ => "",
        };
        at += length.max(1);
        if !name.is_empty() {
            let addend = addend(text.get(at..).unwrap_or_default());
            found(Named { name, addend, negative: before == b'-' });
        }
        if !byte.is_ascii_whitespace() {
            before = byte;
        }
        // The text can only be cut between characters.
        while at < text.len() && !text.is_char_boundary(at) {
            at += 1;
        }
    }
}

/// The number that a text after a symbol adds to it: `+4`.
fn addend(text: &str) -> i64 {
    let text = text.trim_ascii_start();
    let Some(sign) = text.bytes().next().filter(|sign| matches!(sign, b'+' | b'-')) else { return 0 };
    let digits = text.get(1..).unwrap_or_default().trim_ascii_start();
    let number = number(digits.get(..word(digits)).unwrap_or_default()).unwrap_or(0);
    if sign == b'-' { number.wrapping_neg() } else { number }
}

/// A number, decimal or hexadecimal.
pub(super) fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(statement: &str, dialect: Dialect) -> Vec<&str> {
        let mut names = Vec::new();
        of_instruction(statement, dialect, &mut |named| names.push(named.name));
        names
    }

    #[test]
    fn x86_registers_and_numbers_are_not_symbols() {
        let names = |statement| names(statement, Dialect::X86);
        assert_eq!(names("movq %gs:sym(%rip), %rax"), ["sym"]);
        assert_eq!(names("movl $sym+4, -8(%rbp,%rcx,4)"), ["sym"]);
        assert_eq!(names("movq\tsym@GOTPCREL(%rip), %rax"), ["sym"]);
        assert_eq!(names("call\tf@PLT"), ["f"]);
        assert_eq!(names("jmp\t*table(,%rax,8)"), ["table"]);
        assert_eq!(names("movl\t$0x1f, %eax"), Vec::<&str>::new());
        assert_eq!(names("jne 1b"), Vec::<&str>::new());
        assert_eq!(names("rep movsb"), Vec::<&str>::new());
        assert_eq!(names("lock incl count(%rip)"), ["count"]);
        assert_eq!(names("vaddpd %zmm0, %zmm1, %zmm2{%k1}{z}"), Vec::<&str>::new());
        assert_eq!(names("leaq -1(%rax), %rax"), Vec::<&str>::new());
        assert_eq!(names("movq $.LC0, %rdi"), [".LC0"]);
        assert_eq!(names("call \"odd name\""), ["odd name"]);
        assert_eq!(names("{evex} vaddps sym, %xmm0, %xmm1"), ["sym"]);
        assert_eq!(names("cs"), Vec::<&str>::new());
    }

    #[test]
    fn arm64_registers_are_not_symbols() {
        let names = |statement| names(statement, Dialect::Arm64);
        assert_eq!(names("bl\tf"), ["f"]);
        assert_eq!(names("b.ne\t.L3"), [".L3"]);
        assert_eq!(names("beq\t.L3"), [".L3"]);
        assert_eq!(names("cbz\tx0, g"), ["g"]);
        assert_eq!(names("tbnz\tw0, #3, h"), ["h"]);
        assert_eq!(names("adrp\tx0, sym"), ["sym"]);
        assert_eq!(names("adrp\tx0, :got:sym"), ["sym"]);
        assert_eq!(names("ldr\tx0, [x0, #:got_lo12:sym]"), ["sym"]);
        assert_eq!(names("add\tx0, x0, :lo12:sym+16"), ["sym"]);
        assert_eq!(names("ldr\tx0, =sym"), ["sym"]);
        assert_eq!(names("ldr\tx0, .LC0"), [".LC0"]);
        assert_eq!(names("ldr\tx0, [x1], #8"), Vec::<&str>::new());
        assert_eq!(names("mov\tx0, x1"), Vec::<&str>::new());
        assert_eq!(names("blr\tx3"), Vec::<&str>::new());
        assert_eq!(names("bic\tx0, x1, x2"), Vec::<&str>::new());
        assert_eq!(names("adr x0, 1f"), Vec::<&str>::new());
    }

    #[test]
    fn addends_and_subtracted_symbols_are_recognized() {
        let mut all = Vec::new();
        of_expression("a + 0x10 - b, (c) - ., \\arg, .Lx\\@, é+1", &mut |named: Named<'_>| {
            all.push((named.name.to_owned(), named.addend, named.negative));
        });
        let expected = [("a", 16, false), ("b", 0, true), ("c", 0, false), ("é", 1, false)];
        assert_eq!(all, expected.map(|(name, addend, negative)| (name.to_owned(), addend, negative)));
    }
}
