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
use gplok::terms::Budget;

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
    let budget = arguments.max_memory.map_or_else(Budget::default, |size| Budget::new(size.0));
    match &arguments.command {
        Command::Check(arguments) => check::run(arguments, &budget),
        Command::Simulate(arguments) => simulate::run(arguments, &budget),
        Command::Inspect(arguments) => inspect::run(arguments, &budget),
        Command::Why(arguments) => why::run(arguments, &budget),
        Command::Inlines(arguments) => inlines::run(arguments, &budget),
        Command::Exports(arguments) => exports::run(arguments, &budget),
        Command::Diff(arguments) => diff::run(arguments, &budget),
        Command::Upgrade(arguments) => upgrade::run(arguments, &budget),
        Command::Audit(arguments) => audit::run(arguments, &budget),
        Command::Explain(arguments) => explain::run(arguments),
    }
}
