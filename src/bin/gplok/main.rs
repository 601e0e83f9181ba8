//! The command line program: arguments, exit codes and terminals. The library does everything else.

mod answers;
mod arguments;
mod audit;
mod check;
mod diff;
mod exit;
mod explain;
mod exports;
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
mod upgrade;
mod why;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Command, CommandLine};
use exit::Exit;

fn main() -> ExitCode {
    output::show_panics();
    let arguments = match CommandLine::try_parse() {
        Ok(arguments) => arguments,
        Err(said) => return output::usage(&said),
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
            output::note(error);
            Exit::Failed as u8
        }
    })
}
