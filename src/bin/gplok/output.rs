//! Prints what the commands found.

use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use gplok::report::{Document, Entry, KernelSummary, Palette};
use gplok::verdict::Outcome;

use crate::arguments::AnswerFormat;
use crate::exit::{CommandError, Exit};

/// Prints verdicts, and returns how the command ends.
pub fn print<'a>(
    entries: &[Entry<'a>],
    kernel: &'a KernelSummary,
    format: AnswerFormat,
    human: fn(&[Entry<'_>], &KernelSummary, &Palette) -> String,
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
    human: fn(&[Entry<'_>], &KernelSummary, &Palette) -> String,
    document: fn(&[Entry<'a>], &'a KernelSummary) -> Document<'a>,
) -> Result<String, CommandError> {
    Ok(match format {
        AnswerFormat::Human => human(entries, kernel, &palette()),
        AnswerFormat::Json => serde_json::to_string_pretty(&document(entries, kernel))? + "\n",
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
pub fn write(text: &str) -> Result<(), std::io::Error> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
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
