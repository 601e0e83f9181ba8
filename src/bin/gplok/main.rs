//! The command line program: arguments, exit codes, terminals. Everything else is the library's.

mod answers;
mod arguments;
mod audit;
mod check;
mod diff;
mod explain;
mod exports;
mod inlines;
mod inspect;
mod map;
mod output;
mod plan;
mod policy;
mod simulate;
mod upgrade;
mod why;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Command, CommandLine};

/// What can go wrong before there is a verdict.
pub type CommandError = Box<dyn std::error::Error>;

/// How a command ended, as exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every module loads.
    Good = 0,
    /// Some module is refused, or crashes the kernel; nothing is found.
    Refused = 1,
    /// It could not be run.
    Failed = 2,
    /// None is refused, but of some it cannot be said.
    Undetermined = 3,
}

impl Exit {
    /// The one that has this code.
    pub fn of_code(code: u8) -> Option<Self> {
        [Self::Good, Self::Refused, Self::Failed, Self::Undetermined].into_iter().find(|exit| *exit as u8 == code)
    }
}

fn main() -> ExitCode {
    let arguments = match CommandLine::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) => usage.exit(),
    };
    arguments.color.write_global();
    let result = match &arguments.command {
        Command::Check(arguments) => check::run(arguments),
        Command::Simulate(arguments) => simulate::run(arguments),
        Command::Inspect(arguments) => inspect::run(arguments),
        Command::Why(arguments) => why::run(arguments),
        Command::Inlines(arguments) => inlines::run(arguments),
        Command::Exports(arguments) => exports::run(arguments),
        Command::Diff(arguments) => diff::run(arguments),
        Command::Upgrade(arguments) => upgrade::run(arguments),
        Command::Audit(arguments) => audit::run(arguments),
        Command::Explain(arguments) => explain::run(arguments),
    };
    ExitCode::from(match result {
        Ok(exit) => exit as u8,
        Err(error) => {
            let _ = writeln!(anstream::stderr(), "gplok: {error}");
            Exit::Failed as u8
        }
    })
}
