//! Prints what the commands found. No other file of the program writes to a stream.
//!
//! What is printed may hold names from files, and a name may hold anything. So standard output takes only a [`Printable`], and
//! messages on standard error are one line each, as [`Shown`] writes it.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use clap::Parser as _;
use gplok::report::{Document, Entry, KernelSummary, Palette, Printable, printable_json};
use gplok::terms::Shown;
use gplok::verdict::Outcome;

use crate::arguments::{AnswerFormat, CommandLine};
use crate::exit::{CommandError, Exit};

/// Prints verdicts, and returns how the command ends.
pub fn print<'a>(
    entries: &[Entry<'a>],
    kernel: &'a KernelSummary,
    format: AnswerFormat,
    human: fn(&[Entry<'_>], &KernelSummary, &Palette) -> Printable,
    document: fn(&[Entry<'a>], &'a KernelSummary) -> Document<'a>,
) -> Result<Exit, CommandError> {
    write(&text(entries, kernel, format, human, document)?)?;
    Ok(exit(entries))
}

/// The text that is printed for verdicts.
pub fn text<'a>(
    entries: &[Entry<'a>],
    kernel: &'a KernelSummary,
    format: AnswerFormat,
    human: fn(&[Entry<'_>], &KernelSummary, &Palette) -> Printable,
    document: fn(&[Entry<'a>], &'a KernelSummary) -> Document<'a>,
) -> Result<Printable, CommandError> {
    Ok(match format {
        AnswerFormat::Human => human(entries, kernel, &palette()),
        AnswerFormat::Json => printable_json(&document(entries, kernel))?,
        AnswerFormat::Dmesg => gplok::report::dmesg(entries, false),
    })
}

/// How a command ends that judged these modules.
pub fn exit(entries: &[Entry<'_>]) -> Exit {
    if entries.iter().any(is_refused) {
        Exit::Refused
    } else if entries.iter().any(|entry| entry.verdict.outcome == Outcome::Undetermined) {
        Exit::Undetermined
    } else {
        Exit::Good
    }
}

fn is_refused(entry: &Entry<'_>) -> bool {
    matches!(entry.verdict.outcome, Outcome::Refused { .. } | Outcome::Crash { .. }) || entry.verdict.never_loads
}

/// Writes to standard output, without colors if it is not a terminal.
///
/// A closed pipe is not an error: its reader has seen enough, and the exit code is the usual one.
pub fn write(text: &Printable) -> Result<(), CommandError> {
    let bytes = text.as_str().as_bytes();
    // Documents have megabytes and no escape sequence that would have to be removed.
    if memchr::memchr(0x1b, bytes).is_none() {
        let mut out = std::io::stdout().lock();
        return written(out.write_all(bytes).and_then(|()| out.flush()));
    }
    let mut out = anstream::stdout().lock();
    written(out.write_all(bytes).and_then(|()| out.flush()))
}

/// Whether what was written to standard output counts as written.
fn written(result: std::io::Result<()>) -> Result<(), CommandError> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}").into())
        }
        _ => Ok(()),
    }
}

/// Writes a message to standard error, as one line.
pub fn note(message: impl Display) {
    _ = writeln!(anstream::stderr(), "gplok: {}", Shown(message));
}

/// Returns whether somebody sees standard error at once.
pub fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// Shows on a terminal how far a long command is, in place of what was shown before.
pub fn show_progress(done: usize, of: usize, what: &'static str) {
    _ = write!(std::io::stderr(), "\r\x1b[Kgplok: {done} of {of} {what}");
}

/// Clears what [`show_progress`] has shown.
pub fn clear_progress() {
    _ = write!(std::io::stderr(), "\r\x1b[K");
}

/// Prints what clap says about the arguments: an error, or the help that was asked for.
///
/// An error quotes arguments. If they hold what a message must not, it is made again of the arguments as messages show them.
pub fn usage(said: &clap::Error) -> Result<Exit, CommandError> {
    let is_shown = |argument: OsString| argument == *Shown::path(&argument).to_string();
    let printed = if std::env::args_os().all(is_shown) {
        said.print()
    } else {
        let arguments = std::env::args_os().map(|argument| Shown::path(&argument).to_string());
        match CommandLine::try_parse_from(arguments) {
            Err(again) => again.print(),
            Ok(_) => {
                note(said);
                Ok(())
            }
        }
    };
    if said.use_stderr() {
        // A closed stream leaves nobody to tell.
        return Ok(Exit::Failed);
    }
    written(printed)?;
    Ok(Exit::Good)
}

/// The escape sequences for colored output.
pub fn palette() -> Palette {
    // A palette holds static strings, so the escape sequences are leaked, once per run.
    let code = |style: Style| -> &'static str { style.render().to_string().leak() };
    let bold = |color: AnsiColor| code(Style::new().bold().fg_color(Some(color.into())));
    Palette {
        answer_good: bold(AnsiColor::Green),
        answer_bad: bold(AnsiColor::Red),
        answer_unknown: bold(AnsiColor::Yellow),
        heading: code(Style::new().bold()),
        label: code(Style::new().fg_color(Some(AnsiColor::Cyan.into()))),
        dim: code(Style::new().dimmed()),
        reset: "\u{1b}[0m",
    }
}
