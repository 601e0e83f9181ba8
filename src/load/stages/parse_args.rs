//! Parsing the module's parameters and setting them.

use std::sync::Arc;

use crate::history::Behaviour;
use crate::image::Parameter;
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
    let mut rest = args.trim_start_matches(is_space);
    let mut result = Ok(());
    while !rest.is_empty() {
        let (name, value, after) = next_arg(rest);
        rest = after;
        if value.is_none() && name == "--" {
            if result.is_ok() {
                let module = run.mod_name();
                run.warn(format!("{module}: parameters '{rest}' after `--' ignored"));
            }
            break;
        }
        if let Err(errno) = parse_one(run, &parameters, &name, value.as_deref())? {
            result = Err(Stop::Refused(errno));
        }
    }
    result
}

/// Mirrors `isspace()` (include/linux/ctype.h) for ASCII.
const fn is_space(letter: char) -> bool {
    matches!(letter, '\t'..='\r' | ' ')
}

/// Mirrors `next_arg()` (lib/cmdline.c): an argument ends at a blank outside quotes, and the first `=` divides name and value.
///
/// Returns the name, the value and the rest of the arguments.
fn next_arg(args: &str) -> (String, Option<String>, &str) {
    let started_quoted = args.starts_with('"');
    let args = args.strip_prefix('"').unwrap_or(args);
    let mut quoted = started_quoted;
    let mut equals = None;
    let mut end = args.len();
    for (index, byte) in args.bytes().enumerate() {
        match byte {
            _ if is_space(char::from(byte)) && !quoted => {
                end = index;
                break;
            }
            b'=' if equals.is_none() && index > 0 => equals = Some(index),
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    let word = args.get(..end).unwrap_or_default();
    let rest = args.get(end..).unwrap_or_default().trim_start_matches(is_space);
    let word = if started_quoted { word.strip_suffix('"').unwrap_or(word) } else { word };
    match equals.filter(|at| *at < word.len()) {
        None => (word.to_owned(), None, rest),
        Some(at) => {
            let value = word.get(at + 1..).unwrap_or_default();
            let value = value.strip_prefix('"').map_or(value, |open| open.strip_suffix('"').unwrap_or(open));
            (word.get(..at).unwrap_or_default().to_owned(), Some(value.to_owned()), rest)
        }
    }
}

/// Mirrors `parse_one()` (kernel/params.c) and, for an unknown parameter, `unknown_module_param_cb()` (kernel/module/main.c).
/// Returns the errno as the inner `Err`.
fn parse_one(run: &mut Run<'_>, all: &[Parameter], name: &str, value: Option<&str>) -> StageResult<Result<(), Errno>> {
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
    let shown = if parameter.array.is_some() { whole.split(',').next().unwrap_or(whole) } else { whole };
    let line = match errno {
        Errno::ENOSPC => format!("{module}: `{shown}' too large for parameter `{name}'"),
        _ => format!("{module}: `{shown}' invalid for parameter `{name}'"),
    };
    run.say(Cause::InvalidParameter { parameter: name.to_owned(), value: shown.to_owned() }, LogLevel::Err, line);
    Ok(Err(errno))
}

/// Mirrors the messages of `ddebug_exec_query()` (lib/dynamic_debug.c) about invalid flags. The load continues.
fn dyndbg(run: &mut Run<'_>, value: Option<&str>) -> StageResult {
    let flags = value.unwrap_or("+p").split_whitespace().last().unwrap_or_default();
    let Some(first) = flags.chars().next().filter(|first| !matches!(first, '+' | '-' | '=')) else { return Ok(()) };
    if run.config("DYNAMIC_DEBUG_CORE")? {
        run.err(format!("dyndbg: bad flag-op {first}, at start of {flags}"));
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
fn set(run: &mut Run<'_>, parameter: &Parameter, setter: Setter, value: Option<&str>) -> StageResult<Option<Errno>> {
    let text = value.unwrap_or("1");
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
    text: &str,
) -> StageResult<Option<Errno>> {
    for (index, element) in text.split(',').enumerate() {
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
fn set_one(run: &mut Run<'_>, parameter: &Parameter, setter: Setter, text: &str) -> StageResult<Option<Errno>> {
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
fn kstrtobool(run: &Run<'_>, text: &str) -> StageResult<bool> {
    match text.as_bytes() {
        [b'y' | b'Y' | b'1' | b'n' | b'N' | b'0', ..] | [b'o' | b'O', b'n' | b'N' | b'f' | b'F', ..] => Ok(true),
        [b't' | b'T' | b'f' | b'F', ..] => run.has(Behaviour::ParamBoolTrue),
        [b'e' | b'E' | b'd' | b'D', ..] => run.has(Behaviour::ParamBoolEnable),
        _ => Ok(false),
    }
}

/// Mirrors `_kstrtoull()` (lib/kstrtox.c) with base 0: reads all leading digits, reports an overflow of these first, and then
/// anything that follows them except one newline.
fn magnitude(text: &str) -> Result<u64, Errno> {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, base) = match hex {
        Some(hex) if hex.bytes().next().is_some_and(|byte| byte.is_ascii_hexdigit()) => (hex, 16),
        _ if text.starts_with('0') => (text, 8),
        _ => (text, 10),
    };
    let end = digits.find(|digit: char| !digit.is_digit(base)).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    if digits.is_empty() {
        return Err(Errno::EINVAL);
    }
    let number = u64::from_str_radix(digits, base).map_err(|_| Errno::ERANGE)?;
    if matches!(rest, "" | "\n") { Ok(number) } else { Err(Errno::EINVAL) }
}

/// Mirrors `kstrtoull()` (lib/kstrtox.c) and the check of the range. Returns the errno.
fn kstrtoul(text: &str, bits: u32) -> Option<Errno> {
    match magnitude(text.strip_prefix('+').unwrap_or(text)) {
        Err(errno) => Some(errno),
        Ok(number) => (bits < 64 && number >> bits != 0).then_some(Errno::ERANGE),
    }
}

/// Mirrors `kstrtoll()` (lib/kstrtox.c) and the check of the range. Returns the errno.
fn kstrtol(text: &str, bits: u32) -> Option<Errno> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
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
        assert_eq!(next_arg("n=1 m=2"), ("n".into(), Some("1".into()), "m=2"));
        assert_eq!(next_arg("flag  x"), ("flag".into(), None, "x"));
        assert_eq!(next_arg(r#"s="a b" t"#), ("s".into(), Some("a b".into()), "t"));
        assert_eq!(next_arg(r#""s=a b" t"#), ("s".into(), Some("a b".into()), "t"));
    }

    #[test]
    fn numbers_have_the_kernels_bounds() {
        assert_eq!(kstrtol("-2147483648", 32), None);
        assert_eq!(kstrtol("2147483648", 32), Some(Errno::ERANGE));
        assert_eq!(kstrtol("abc", 32), Some(Errno::EINVAL));
        assert_eq!(kstrtoul("0x1ff", 8), Some(Errno::ERANGE));
        assert_eq!(kstrtoul("077", 8), None);
        assert_eq!(kstrtoul("08", 8), Some(Errno::EINVAL));
        assert_eq!(kstrtoul("-1", 32), Some(Errno::EINVAL));
        assert_eq!(kstrtoul("99999999999999999999x", 32), Some(Errno::ERANGE));
        assert_eq!(kstrtoul("1\n", 32), None);
    }
}
