//! What a check of type information asks and prints.

use crate::history::Behaviour;
use crate::kernel::KernelTypes;
use crate::load::state::{StageResult, Stop};
use crate::terms::Errno;
use crate::verdict::LogLevel;

/// A line of the kernel's log about type information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::load) struct Line {
    pub level: LogLevel,
    /// Without the prefix `BPF:`.
    pub text: String,
    /// The prefix, and when the line is left out.
    pub kind: LineKind,
}

/// Who prints a line about type information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::load) enum LineKind {
    /// `btf_verifier_log()`: always.
    Verifier,
    /// `btf_verifier_log_type()` or `btf_verifier_log_member()`, about a type that is based on others: since 6.3 only where
    /// `CONFIG_MODULE_ALLOW_BTF_MISMATCH` is not set.
    Split,
    /// `btf_relocate()`, without prefix.
    Relocate,
    /// `btf_relocate()`, without prefix, and up to 7.2 without newline.
    RelocateString,
}

/// Why the kernel does not take the type information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::load) struct Invalid {
    pub errno: Errno,
    pub lines: Vec<Line>,
    /// Whether a header is what it rejects, before it looks at a type.
    pub in_header: bool,
}

/// Why a check ends before the end.
pub(super) enum End {
    Invalid(Errno),
    Stop(Stop),
}

impl From<Stop> for End {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// The kernel's types, and what else it is asked.
pub(in crate::load) struct Facts<'k> {
    /// The kernel's own types; `None` if they are not known.
    pub kernel: Option<KernelTypes<'k>>,
    /// Returns whether the kernel has a dated behaviour.
    pub has: &'k dyn Fn(Behaviour) -> StageResult<bool>,
    /// Reads memory behind the types.
    pub read_around: &'k dyn Fn() -> StageResult,
}

/// What the kernel says to the type information of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::load) enum Parsed {
    Valid,
    Invalid(Invalid),
    /// What could be checked without the kernel's types is valid.
    WithoutKernel,
}

/// What is being checked, and what was printed.
pub(super) struct Env<'k> {
    pub facts: &'k Facts<'k>,
    pub lines: Vec<Line>,
    /// `log_type_id`.
    pub id: u32,
    /// Whether a header is being checked.
    pub in_header: bool,
}

impl<'k> Env<'k> {
    pub fn new(facts: &'k Facts<'k>) -> Self {
        Self { facts, lines: Vec::new(), id: 0, in_header: false }
    }

    /// What the kernel says; `result` says whether its types were known.
    pub fn end(self, result: Result<bool, End>) -> StageResult<Parsed> {
        match result {
            Ok(true) => Ok(Parsed::Valid),
            Ok(false) => Ok(Parsed::WithoutKernel),
            Err(End::Invalid(errno)) => {
                Ok(Parsed::Invalid(Invalid { errno, lines: self.lines, in_header: self.in_header }))
            }
            Err(End::Stop(stop)) => Err(stop),
        }
    }

    pub fn has(&self, behaviour: Behaviour) -> Result<bool, End> {
        Ok((self.facts.has)(behaviour)?)
    }

    /// Mirrors `btf_verifier_log()`.
    pub fn log(&mut self, text: impl Into<String>) {
        self.lines.push(Line { level: LogLevel::Err, text: text.into(), kind: LineKind::Verifier });
    }

    /// Prints what `btf_verifier_log()` prints, and ends with EINVAL.
    pub fn refuse<T>(&mut self, text: impl Into<String>) -> Result<T, End> {
        self.log(text);
        Err(End::Invalid(Errno::EINVAL))
    }

    /// A line of `btf_relocate()`.
    pub fn warn(&mut self, text: String) {
        self.lines.push(Line { level: LogLevel::Warn, text, kind: LineKind::Relocate });
    }
}
