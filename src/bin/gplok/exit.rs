//! How a command ends: its exit code, or the error that kept it from running.

/// The error of a command that could not run.
pub type CommandError = Box<dyn std::error::Error>;

/// The exit code of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every module loads.
    Good = 0,
    /// Some module is refused or crashes the kernel, or nothing was found.
    Refused = 1,
    /// The command could not run.
    Failed = 2,
    /// No module is refused, but for some the outcome is undetermined.
    Undetermined = 3,
}

impl Exit {
    /// The exit with this code.
    pub fn of_code(code: u8) -> Option<Self> {
        [Self::Good, Self::Refused, Self::Failed, Self::Undetermined].into_iter().find(|exit| *exit as u8 == code)
    }
}
