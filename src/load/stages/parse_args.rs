//! Parsing the module's parameters and setting them.

use std::sync::Arc;

use crate::history::Behaviour;
use crate::image::{Parameter, escaped};
use crate::load::run::Run;
use crate::load::state::{StageResult, Stop};
use crate::terms::{Errno, Taint};
use crate::verdict::{Cause, LogLevel, Missing};

const KERNEL_PARAM_FL_UNSAFE: u8 = 1;
const KERNEL_PARAM_FL_HWPARAM: u8 = 2;

/// Mirrors `parse_args()` (kernel/params.c). It processes all parameters, and returns the errno of the last one that fails.
pub(in crate::load) fn parse_args(run: &mut Run<'_>) -> StageResult {
    let args = run.insmod.args.clone();
    if args.is_empty() {
        return Ok(());
    }
    let parameters = Arc::clone(&run.info()?.elf).parameters();
    let mut rest = skip_spaces(args.as_bytes());
    let mut result = Ok(());
    while !rest.is_empty() {
        let (name, value, after) = next_arg(rest);
        rest = after;
        if value.is_none() && name == b"--" {
            if result.is_ok() {
                let module = run.mod_name();
                run.warn(format!("{module}: parameters '{}' after `--' ignored", escaped(rest)));
            }
            break;
        }
        if let Err(errno) = parse_one(run, &parameters, &escaped(name), value)? {
            result = Err(Stop::Refused(errno));
        }
    }
    result
}

/// Mirrors `isspace()` (include/linux/ctype.h). The kernel's table is that of Latin-1, so the second byte of `à` is a space.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ' | 0xa0)
}

/// Mirrors `skip_spaces()` (lib/string_helpers.c).
fn skip_spaces(args: &[u8]) -> &[u8] {
    let start = args.iter().position(|byte| !is_space(*byte)).unwrap_or(args.len());
    args.get(start..).unwrap_or_default()
}

/// Mirrors `next_arg()` (lib/cmdline.c): an argument ends at a blank outside quotes, and the first `=` divides name and value.
///
/// Returns the name, the value and the rest of the arguments.
fn next_arg(args: &[u8]) -> (&[u8], Option<&[u8]>, &[u8]) {
    let started_quoted = args.starts_with(b"\"");
    let args = args.strip_prefix(b"\"").unwrap_or(args);
    let mut quoted = started_quoted;
    let mut equals = None;
    let mut end = args.len();
    for (index, byte) in args.iter().enumerate() {
        match byte {
            _ if is_space(*byte) && !quoted => {
                end = index;
                break;
            }
            b'=' if equals.is_none() && index > 0 => equals = Some(index),
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    let (word, rest) = args.split_at(end);
    let rest = skip_spaces(rest);
    let word = if started_quoted { word.strip_suffix(b"\"").unwrap_or(word) } else { word };
    match equals.and_then(|at| word.split_at_checked(at)) {
        Some((name, [b'=', value @ ..])) => {
            let value = value.strip_prefix(b"\"").map_or(value, |open| open.strip_suffix(b"\"").unwrap_or(open));
            (name, Some(value), rest)
        }
        _ => (word, None, rest),
    }
}

/// Mirrors `parse_one()` (kernel/params.c) and, for an unknown parameter, `unknown_module_param_cb()` (kernel/module/main.c).
/// Returns the errno as the inner `Err`. The name is escaped, as those of the module's parameters are.
fn parse_one(run: &mut Run<'_>, all: &[Parameter], name: &str, value: Option<&[u8]>) -> StageResult<Result<(), Errno>> {
    let module = run.mod_name();
    let folded = name.replace('-', "_");
    let Some(parameter) = all.iter().find(|parameter| parameter.name.replace('-', "_") == folded) else {
        let after_dot = name.split_once('.').map_or(name, |(_, after)| after);
        if after_dot == "dyndbg" {
            dyndbg(run, value)?;
        } else if name != "async_probe" {
            // The search for dyndbg cuts the name at its first dot.
            let shown = match name.split_once('.') {
                Some((before, _)) if run.config("DYNAMIC_DEBUG_CORE")? => before,
                _ => name,
            };
            let line = format!("{module}: unknown parameter '{shown}' ignored");
            run.say(Cause::UnknownParameter { parameter: name.to_owned() }, LogLevel::Warn, line);
        }
        return Ok(Ok(()));
    };
    let setter = Setter::of(parameter);
    let errno = if value.is_none() && !setter.takes_no_value() {
        Some(Errno::EINVAL)
    } else if parameter.flags & KERNEL_PARAM_FL_HWPARAM != 0 && run.call.cmdline.lockdown {
        let comm = run.call.comm;
        let name = &parameter.name;
        run.notice(format!(
            "Lockdown: {comm}: unsafe module parameters ({name}) is restricted; see man kernel_lockdown.7"
        ));
        Some(Errno::EPERM)
    } else {
        if parameter.flags & KERNEL_PARAM_FL_UNSAFE != 0 {
            run.notice(format!("Setting dangerous option {} - tainting kernel", parameter.name));
            run.add_taint(Taint::User, false)?;
        }
        set(run, parameter, setter, value)?
    };
    let Some(errno) = errno else { return Ok(Ok(())) };
    // The setter of an array replaces the first comma by NUL.
    let whole = value.unwrap_or_default();
    let shown = match &parameter.array {
        Some(_) => whole.split(|byte| *byte == b',').next().unwrap_or(whole),
        None => whole,
    };
    let shown = escaped(shown);
    let line = match errno {
        Errno::ENOSPC => format!("{module}: `{shown}' too large for parameter `{name}'"),
        _ => format!("{module}: `{shown}' invalid for parameter `{name}'"),
    };
    run.say(Cause::InvalidParameter { parameter: name.to_owned(), value: shown }, LogLevel::Err, line);
    Ok(Err(errno))
}

/// Mirrors the messages of `ddebug_exec_query()` (lib/dynamic_debug.c) about invalid flags. The load continues.
fn dyndbg(run: &mut Run<'_>, value: Option<&[u8]>) -> StageResult {
    let mut words = value.unwrap_or(b"+p").split(|byte| is_space(*byte));
    let flags = words.rfind(|word| !word.is_empty()).unwrap_or_default();
    let Some(first) = flags.first().filter(|first| !matches!(first, b'+' | b'-' | b'=')) else { return Ok(()) };
    if run.config("DYNAMIC_DEBUG_CORE")? {
        run.err(format!("dyndbg: bad flag-op {}, at start of {}", escaped(&[*first]), escaped(flags)));
        run.err("dyndbg: flags parse failed");
    }
    Ok(())
}

/// The setters that the kernel provides (kernel/params.c). A parameter refers to its setter by the symbol of its operations.
#[derive(Clone, Copy)]
enum Setter {
    /// A signed integer of this many bits.
    Signed(u32),
    /// An unsigned integer of this many bits.
    Unsigned(u32),
    Charp,
    Bool,
    InvertedBool,
    BoolInt,
    /// A function of the module.
    Other,
}

impl Setter {
    fn of(parameter: &Parameter) -> Self {
        Self::of_ops(&parameter.ops, parameter.is_64_bit)
    }

    /// The setter with this symbol, on a 32- or 64-bit architecture.
    fn of_ops(ops: &str, is_64_bit: bool) -> Self {
        let long = if is_64_bit { 64 } else { 32 };
        match ops {
            "param_ops_byte" => Self::Unsigned(8),
            "param_ops_short" => Self::Signed(16),
            "param_ops_ushort" => Self::Unsigned(16),
            "param_ops_int" => Self::Signed(32),
            "param_ops_uint" | "param_ops_hexint" => Self::Unsigned(32),
            "param_ops_long" => Self::Signed(long),
            "param_ops_ulong" => Self::Unsigned(long),
            "param_ops_ullong" => Self::Unsigned(64),
            "param_ops_charp" => Self::Charp,
            "param_ops_bool" => Self::Bool,
            "param_ops_invbool" => Self::InvertedBool,
            "param_ops_bint" => Self::BoolInt,
            _ => Self::Other,
        }
    }

    /// Returns whether the parameter may be given without a value (`KERNEL_PARAM_OPS_FL_NOARG`).
    const fn takes_no_value(self) -> bool {
        matches!(self, Self::Bool | Self::BoolInt)
    }
}

/// Sets a parameter. Returns the errno if this fails.
fn set(run: &mut Run<'_>, parameter: &Parameter, setter: Setter, value: Option<&[u8]>) -> StageResult<Option<Errno>> {
    let text = value.unwrap_or(b"1");
    match (&parameter.array, parameter.maxlen) {
        (Some((max, ops)), _) => param_array(run, parameter, *max, Setter::of_ops(ops, parameter.is_64_bit), text),
        (_, Some(maxlen)) if text.len() >= usize::try_from(maxlen).unwrap_or(usize::MAX) => {
            let room = maxlen.wrapping_sub(1);
            run.err(format!("{}: string doesn't fit in {room} chars.", parameter.name));
            Ok(Some(Errno::ENOSPC))
        }
        (_, Some(_)) => Ok(None),
        _ => set_one(run, parameter, setter, text),
    }
}

/// Mirrors `param_array()` (kernel/params.c): sets the elements between commas, until one fails.
fn param_array(
    run: &mut Run<'_>,
    parameter: &Parameter,
    max: u32,
    setter: Setter,
    text: &[u8],
) -> StageResult<Option<Errno>> {
    for (index, element) in text.split(|byte| *byte == b',').enumerate() {
        if u32::try_from(index).is_ok_and(|index| index >= max) {
            run.err(format!("{}: can only take {max} arguments", parameter.name));
            return Ok(Some(Errno::EINVAL));
        }
        if let Some(errno) = set_one(run, parameter, setter, element)? {
            return Ok(Some(errno));
        }
    }
    Ok(None)
}

/// Sets a single value. Returns the errno if this fails.
fn set_one(run: &mut Run<'_>, parameter: &Parameter, setter: Setter, text: &[u8]) -> StageResult<Option<Errno>> {
    Ok(match setter {
        Setter::Signed(bits) => kstrtol(text, bits),
        Setter::Unsigned(bits) => kstrtoul(text, bits),
        Setter::Bool | Setter::InvertedBool | Setter::BoolInt => (!kstrtobool(run, text)?).then_some(Errno::EINVAL),
        Setter::Charp if text.len() > 1024 => {
            run.err(format!("{}: string parameter too long", parameter.name));
            Some(Errno::ENOSPC)
        }
        Setter::Charp => None,
        // The result of the module's function is unknown.
        Setter::Other if run.ask(Missing::Parameter(parameter.name.clone()))? => None,
        Setter::Other => Some(Errno::EINVAL),
    })
}

/// Mirrors `kstrtobool()` (lib/kstrtox.c): the first letters decide. Newer kernels accept more letters.
fn kstrtobool(run: &Run<'_>, text: &[u8]) -> StageResult<bool> {
    match text {
        [b'y' | b'Y' | b'1' | b'n' | b'N' | b'0', ..] | [b'o' | b'O', b'n' | b'N' | b'f' | b'F', ..] => Ok(true),
        [b't' | b'T' | b'f' | b'F', ..] => run.has(Behaviour::ParamBoolTrue),
        [b'e' | b'E' | b'd' | b'D', ..] => run.has(Behaviour::ParamBoolEnable),
        _ => Ok(false),
    }
}

/// Mirrors `_kstrtoull()` (lib/kstrtox.c) with base 0: reads all leading digits, reports an overflow of these first, and then
/// anything that follows them except one newline.
fn magnitude(text: &[u8]) -> Result<u64, Errno> {
    let hex = text.strip_prefix(b"0x").or_else(|| text.strip_prefix(b"0X"));
    let (digits, base) = match hex {
        Some(hex) if hex.first().is_some_and(u8::is_ascii_hexdigit) => (hex, 16),
        _ if text.starts_with(b"0") => (text, 8),
        _ => (text, 10),
    };
    let end = digits.iter().position(|digit| !char::from(*digit).is_digit(base)).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.is_empty()).ok_or(Errno::EINVAL)?;
    let number = u64::from_str_radix(digits, base).map_err(|_| Errno::ERANGE)?;
    if matches!(rest, b"" | b"\n") { Ok(number) } else { Err(Errno::EINVAL) }
}

/// Mirrors `kstrtoull()` (lib/kstrtox.c) and the check of the range. Returns the errno.
fn kstrtoul(text: &[u8], bits: u32) -> Option<Errno> {
    match magnitude(text.strip_prefix(b"+").unwrap_or(text)) {
        Err(errno) => Some(errno),
        Ok(number) => (bits < 64 && number >> bits != 0).then_some(Errno::ERANGE),
    }
}

/// Mirrors `kstrtoll()` (lib/kstrtox.c) and the check of the range. Returns the errno.
fn kstrtol(text: &[u8], bits: u32) -> Option<Errno> {
    let (negative, rest) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix(b"+").unwrap_or(text)),
    };
    match magnitude(rest) {
        Err(errno) => Some(errno),
        Ok(number) => {
            let limit = 1_u64 << (bits - 1);
            (if negative { number > limit } else { number >= limit }).then_some(Errno::ERANGE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_split_as_the_kernel_does() {
        let split = |args: &'static str| next_arg(args.as_bytes());
        assert_eq!(split("n=1 m=2"), (b"n".as_slice(), Some(b"1".as_slice()), b"m=2".as_slice()));
        assert_eq!(split("flag  x"), (b"flag".as_slice(), None, b"x".as_slice()));
        assert_eq!(split(r#"s="a b" t"#), (b"s".as_slice(), Some(b"a b".as_slice()), b"t".as_slice()));
        assert_eq!(split(r#""s=a b" t"#), (b"s".as_slice(), Some(b"a b".as_slice()), b"t".as_slice()));
        // à is C3 A0.
        assert_eq!(split("à=1"), (b"\xc3".as_slice(), None, b"=1".as_slice()));
    }

    #[test]
    fn numbers_have_the_kernels_bounds() {
        assert_eq!(kstrtol(b"-2147483648", 32), None);
        assert_eq!(kstrtol(b"2147483648", 32), Some(Errno::ERANGE));
        assert_eq!(kstrtol(b"abc", 32), Some(Errno::EINVAL));
        assert_eq!(kstrtoul(b"0x1ff", 8), Some(Errno::ERANGE));
        assert_eq!(kstrtoul(b"077", 8), None);
        assert_eq!(kstrtoul(b"08", 8), Some(Errno::EINVAL));
        assert_eq!(kstrtoul(b"-1", 32), Some(Errno::EINVAL));
        assert_eq!(kstrtoul(b"99999999999999999999x", 32), Some(Errno::ERANGE));
        assert_eq!(kstrtoul(b"1\n", 32), None);
    }
}
