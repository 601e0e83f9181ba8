//! How a check refuses a file, and what the kernel prints then.

use std::sync::Arc;

use crate::elf::Section;
use crate::history::Behaviour;
use crate::image::ModuleElf;
use crate::load::run::Run;
use crate::load::state::{StageResult, Stop};
use crate::terms::{Arch, Errno};
use crate::verdict::{Cause, LogLevel};

/// The last line that 5.12 to 5.16 print for any failure.
const ONE_LINE: &str = "Module has invalid ELF structures";

/// How the kernel reports a failed check.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Up to 5.11: it checks the header only, and prints nothing.
    Silent,
    /// 5.12 to 5.16: it checks every section, and prints one line for all failures.
    OneLine,
    /// Since 5.17: it prints a line for each kind of failure.
    Lines,
}

/// The checks of one file.
pub(super) struct Checks<'a> {
    /// The architecture of the kernel.
    pub(super) arch: Arch,
    /// Whether the kernel is of another architecture than the module, of which nothing else is known.
    pub(super) is_foreign: bool,
    pub(super) elf: &'a Arc<ModuleElf>,
}

impl Checks<'_> {
    /// Refuses the file because it breaks `rule`. The kernel prints `line` since 5.17.
    pub(super) fn refuse<T>(&self, run: &mut Run<'_>, rule: &str, line: String) -> StageResult<T> {
        self.refuse_for(run, Cause::InvalidElf { rule: rule.to_owned(), compressed: None }, line)
    }

    /// Refuses the file for `cause`. The kernel prints `line` since 5.17.
    pub(super) fn refuse_for<T>(&self, run: &mut Run<'_>, cause: Cause, line: String) -> StageResult<T> {
        let printed = match form(run)? {
            Form::Silent => vec![],
            Form::OneLine => vec![ONE_LINE.to_owned()],
            Form::Lines => vec![line],
        };
        self.refuse_printing(run, cause, printed)
    }

    /// Refuses the file because a section breaks `rule`. The kernel prints `line` since 5.12.
    pub(super) fn refuse_section(&self, run: &mut Run<'_>, rule: &str, line: String) -> StageResult {
        let printed = match form(run)? {
            Form::Silent => vec![],
            Form::OneLine => vec![line, ONE_LINE.to_owned()],
            Form::Lines => vec![line],
        };
        self.refuse_printing(run, Cause::InvalidElf { rule: rule.to_owned(), compressed: None }, printed)
    }

    /// Refuses the file and prints these lines as errors.
    pub(super) fn refuse_printing<T>(&self, run: &mut Run<'_>, cause: Cause, printed: Vec<String>) -> StageResult<T> {
        run.find(cause, printed.first().cloned().map(Into::into));
        for line in printed {
            run.err(line);
        }
        Err(Stop::Refused(Errno::ENOEXEC))
    }

    /// Refuses the file with a line that every kernel prints at `level`.
    pub(super) fn refuse_saying<T>(
        &self,
        run: &mut Run<'_>,
        cause: Cause,
        level: LogLevel,
        line: String,
    ) -> StageResult<T> {
        run.say(cause, level, line);
        Err(Stop::Refused(Errno::ENOEXEC))
    }

    /// The byte at an offset of the file.
    pub(super) fn byte(&self, at: u64) -> Option<u8> {
        self.elf.bytes().get(at..at.checked_add(1)?)?.first().copied()
    }

    /// Returns whether a section lies inside the file.
    pub(super) fn is_inside(&self, section: &Section) -> bool {
        section.offset.checked_add(section.size).is_some_and(|end| end <= self.elf.bytes().len() as u64)
    }

    /// Refuses the file with a line that has no newline.
    pub(super) fn refuse_held(&self, run: &mut Run<'_>, rule: &str, line: &str) -> StageResult {
        run.find(Cause::InvalidElf { rule: rule.to_owned(), compressed: None }, Some(line.into()));
        run.printk_held(LogLevel::Err, line);
        Err(Stop::Refused(Errno::ENOEXEC))
    }
}

/// How this kernel reports a failed check.
fn form(run: &Run<'_>) -> StageResult<Form> {
    Ok(if run.has(Behaviour::ElfDetailedMessages)? {
        Form::Lines
    } else if run.has(Behaviour::ElfHardened)? {
        Form::OneLine
    } else {
        Form::Silent
    })
}
