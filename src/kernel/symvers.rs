//! One line of `Module.symvers`, in each of the formats that kernels have written.

use super::error::ErrorKind;
use crate::terms::ExportKind;

/// The exporter of what is built into the kernel, as `Module.symvers` writes it.
pub const VMLINUX: &str = "vmlinux";

/// How a word begins that says how a symbol is exported, and the word that modpost writes where it cannot tell.
const EXPORT: &str = "EXPORT_";
const UNKNOWN: &str = "(unknown)";

/// The columns of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns<'a> {
    pub crc: u32,
    pub name: &'a str,
    pub module: &'a str,
    pub kind: Option<ExportKind>,
    pub namespace: &'a str,
}

/// Reads one line.
///
/// ```text
/// up to 2.6.16    crc symbol module
/// up to 5.3       crc symbol module export
/// 5.4 and 5.5     crc symbol namespace module export
/// since 5.6       crc symbol module export namespace
/// ```
/// Columns are separated by tabs, and may then be empty; in copies made by hand also by spaces. The position of the word that begins
/// with `EXPORT_` tells the format.
pub(super) fn parse_line(line: &str, number: usize) -> Result<Columns<'_>, ErrorKind> {
    let broken = |what| ErrorKind::SymversLine { line: number, what, text: line.chars().take(80).collect() };
    let (columns, count) = split(line.trim_end_matches(['\r', '\n']));
    let [crc, name, third, fourth, fifth, _] = columns;
    if !(2..=6).contains(&count) {
        return Err(broken("expected 2 to 5 columns: crc, symbol, module, export, namespace"));
    }
    let digits = crc.strip_prefix("0x").ok_or_else(|| broken("the CRC does not begin with 0x"))?;
    let crc = u32::from_str_radix(digits, 16).map_err(|_| broken("the CRC is not a 32-bit hexadecimal number"))?;
    if name.is_empty() {
        return Err(broken("the symbol is empty"));
    }
    // Nearly all lines have a known word in the fourth column.
    let (module, kind, namespace) = match ExportKind::from_macro_name(fourth) {
        Some(kind) => (third, Some(kind), fifth),
        None if fourth == UNKNOWN => (third, None, fifth),
        None if fourth.starts_with(EXPORT) => return Err(broken("unknown kind of export")),
        None if fifth == UNKNOWN => (fourth, None, third),
        None if fifth.starts_with(EXPORT) => match ExportKind::from_macro_name(fifth) {
            Some(kind) => (fourth, Some(kind), third),
            None => return Err(broken("unknown kind of export")),
        },
        None if count <= 3 => (third, None, ""),
        None => return Err(broken("no column says how the symbol is exported")),
    };
    let module = if module.is_empty() { VMLINUX } else { module };
    Ok(Columns { crc, name, module, kind, namespace })
}

/// The first six columns of a line, separated by tabs or, in a line without tabs, by spaces; and the number of columns.
fn split(line: &str) -> ([&str; 6], usize) {
    let mut columns = [""; 6];
    let mut count = 0;
    let mut put = |column| {
        if let Some(slot) = columns.get_mut(count) {
            *slot = column;
        }
        count += 1;
    };
    let mut start = 0;
    for index in memchr::memchr_iter(b'\t', line.as_bytes()) {
        put(line.get(start..index).unwrap_or_default());
        start = index + 1;
    }
    if start > 0 {
        put(line.get(start..).unwrap_or_default());
    } else {
        line.split_whitespace().for_each(&mut put);
    }
    (columns, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Columns<'_> {
        parse_line(line, 1).expect("a good line")
    }

    #[test]
    fn every_format_is_read() {
        let (plain, gpl) = (Some(ExportKind::Plain), Some(ExportKind::Gpl));
        let row = |kind, namespace: Option<&'static str>, module: &'static str| Columns {
            crc: 1,
            name: "foo",
            module,
            kind,
            namespace: namespace.unwrap_or_default(),
        };
        assert_eq!(parsed("0x00000001\tfoo"), row(None, None, "vmlinux"));
        assert_eq!(parsed("0x00000001\tfoo\tvmlinux"), row(None, None, "vmlinux"));
        assert_eq!(parsed("0x00000001\tfoo\tvmlinux\tEXPORT_SYMBOL"), row(plain, None, "vmlinux"));
        assert_eq!(parsed("0x00000001\tfoo\tNS\tdrivers/x\tEXPORT_SYMBOL_GPL"), row(gpl, Some("NS"), "drivers/x"));
        assert_eq!(parsed("0x00000001\tfoo\t\tdrivers/x\tEXPORT_SYMBOL_GPL"), row(gpl, None, "drivers/x"));
        assert_eq!(parsed("0x00000001\tfoo\tdrivers/x\tEXPORT_SYMBOL_GPL\tNS"), row(gpl, Some("NS"), "drivers/x"));
        assert_eq!(parsed("0x00000001\tfoo\tvmlinux\tEXPORT_SYMBOL_GPL\t"), row(gpl, None, "vmlinux"));
        assert_eq!(parsed("0x1 foo vmlinux EXPORT_SYMBOL_GPL"), row(gpl, None, "vmlinux"));
        assert_eq!(parsed("0x1\tfoo\tvmlinux\t(unknown)"), row(None, None, "vmlinux"));
        let future = "0x1\tfoo\tvmlinux\tEXPORT_SYMBOL_GPL_FUTURE";
        assert_eq!(parsed(future), row(Some(ExportKind::GplFuture), None, "vmlinux"));
    }

    #[test]
    fn malformed_lines_are_errors() {
        let message = |line: &str| parse_line(line, 7).expect_err("a broken line").to_string();
        assert!(message("foo bar").starts_with("line 7: the CRC does not begin with 0x"));
        assert!(message("0x123456789\tfoo\tvmlinux\tEXPORT_SYMBOL").contains("32-bit"));
        assert!(message("0x1\tfoo\tvmlinux\tEXPORTED").contains("no column says"));
        assert!(message("0x1\tfoo\tvmlinux\tEXPORT_SYMBOL_MAYBE").contains("unknown kind"));
        assert!(message("0x1").contains("2 to 5 columns"));
    }
}
