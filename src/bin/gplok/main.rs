//! The command line program: arguments, exit codes and terminals. The library does everything else.

mod answers;
mod arguments;
mod audit;
mod check;
mod diff;
mod exit;
mod explain;
mod exports;
mod failure;
mod given;
mod inlines;
mod inputs;
mod inspect;
mod map;
mod output;
mod plan;
mod policy;
mod progress;
mod simulate;
mod threads;
mod upgrade;
mod why;

use std::process::ExitCode;

use clap::Parser as _;
use gplok::image::set_root;
use gplok::terms::Shown;

use arguments::{Command, CommandLine};
use exit::{CommandError, Exit};

fn main() -> ExitCode {
    failure::end_with_an_exit_code();
    let result = match CommandLine::try_parse() {
        Ok(arguments) => run(&arguments),
        Err(usage) => output::usage(&usage),
    };
    let exit = result.unwrap_or_else(|error| {
        output::note(error);
        Exit::Failed
    });
    ExitCode::from(exit as u8)
}

/// Runs the command.
fn run(arguments: &CommandLine) -> Result<Exit, CommandError> {
    arguments.color.write_global();
    if let Some(root) = &arguments.root {
        set_root(root).map_err(|error| format!("cannot use {} as the root: {error}", Shown::path(root)))?;
    }
    threads::start(arguments.command.threads())?;
    match &arguments.command {
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
    }
}
