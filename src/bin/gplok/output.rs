//! What the commands that judge share: the kernel they are told of, and the way out.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use anstyle::{AnsiColor, Style};
use gplok::image::DebugFiles;
use gplok::kernel::Kernel;
use gplok::load::Cmdline;
use gplok::report::{Document, Entry, KernelSummary, Palette};
use gplok::terms::KernelRelease;
use gplok::verdict::Outcome;
use gplok::why::Lookup;

use crate::arguments::{AnswerFormat, KernelArguments, SourceArguments};
use crate::map::read_map;
use crate::{CommandError, Exit};

impl KernelArguments {
    /// Reads the kernel.
    pub fn open(&self) -> Result<Kernel, CommandError> {
        let paths = match self.kernel.as_slice() {
            [] => vec![running_release()?.into()],
            paths => paths.to_vec(),
        };
        described(Kernel::open(&paths)?, self.release.as_deref(), &self.certs)
    }

    pub fn cmdline(&self, kernel: &Kernel) -> Cmdline {
        booted_with(kernel, &self.cmdline)
    }
}

/// A kernel, with what its files do not tell: its release, and further certificates that it trusts.
pub fn described(mut kernel: Kernel, release: Option<&str>, certs: &[PathBuf]) -> Result<Kernel, CommandError> {
    if let Some(release) = release {
        kernel = kernel.with_release(KernelRelease::new(release));
    }
    for path in certs {
        let bytes = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        kernel.add_certificates(path, &bytes)?;
    }
    Ok(kernel)
}

/// The boot command line: what a unified image brings along, and then what is given.
pub fn booted_with(kernel: &Kernel, given: &str) -> Cmdline {
    Cmdline::parse(&format!("{} {given}", kernel.cmdline().unwrap_or_default()))
}

impl SourceArguments {
    /// Where the source's side of so many modules for a kernel is looked up.
    pub fn open(&self, kernel: &Kernel, modules: usize) -> Result<Lookup, CommandError> {
        let inlines = self.inlines.as_ref().map(|path| read_map(path, kernel)).transpose()?;
        Ok(Lookup { debug: DebugFiles::new(self.debug.clone()).among(modules), inlines })
    }
}

pub fn running_release() -> Result<String, CommandError> {
    let path = "/proc/sys/kernel/osrelease";
    let release = std::fs::read_to_string(path);
    let release = release
        .map_err(|error| format!("no -k KERNEL was given, and the running kernel is unknown: {path}: {error}"))?;
    Ok(release.trim().to_owned())
}

/// Prints verdicts, and says how the command ends.
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

/// What is printed of verdicts.
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

/// How a command that judged these ends.
pub fn exit(entries: &[Entry<'_>]) -> Exit {
    let refused = |entry: &Entry<'_>| {
        let verdict = entry.verdict;
        matches!(verdict.outcome, Outcome::Refused { .. } | Outcome::Crash { .. }) || verdict.never_loads
    };
    if entries.iter().any(refused) {
        Exit::Refused
    } else if entries.iter().any(|entry| entry.verdict.outcome == Outcome::Undetermined) {
        Exit::Undetermined
    } else {
        Exit::Good
    }
}

/// Writes to standard output; colours fall silent where it is no terminal.
///
/// Whoever closes the pipe has read enough: the command goes on, and ends as it would have.
pub fn write(text: &str) -> Result<(), std::io::Error> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

pub fn palette() -> Palette {
    // The escape sequences of these styles; leaked once, for a palette holds plain strings.
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

/// How far a long command has got, on a terminal: silent for half a second, and gone at the end.
pub struct Progress {
    what: &'static str,
    of: usize,
    done: AtomicUsize,
    begun: Instant,
    /// When the next line is due, in milliseconds from the beginning; none is without a terminal.
    due: AtomicU64,
}

impl Progress {
    pub fn new(what: &'static str, of: usize) -> Self {
        let due = if std::io::stderr().is_terminal() { 500 } else { u64::MAX };
        Self { what, of, done: AtomicUsize::new(0), begun: Instant::now(), due: due.into() }
    }

    /// One more is done.
    pub fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let due = self.due.load(Ordering::Relaxed);
        if due == u64::MAX {
            return;
        }
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        if now >= due && self.due.compare_exchange(due, now + 100, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let _ = write!(std::io::stderr(), "\r\x1b[Kgplok: {done} of {} {}", self.of, self.what);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if !matches!(self.due.load(Ordering::Relaxed), 500 | u64::MAX) {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// Tells on a terminal what a long command is about.
pub fn progress() -> impl Fn(&str) + Sync {
    let terminal = std::io::stderr().is_terminal();
    move |what: &str| {
        if terminal {
            let _ = writeln!(anstream::stderr(), "gplok: {what}");
        }
    }
}
