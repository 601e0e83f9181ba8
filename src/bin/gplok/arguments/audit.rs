//! The arguments of `audit`. Their doc comments are the help text of the program.

use std::path::PathBuf;

use clap::Args;
use gplok::audit::AuditCode;

use super::FactsFormat;

/// Arguments of `audit`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 nothing found, or nothing that --baseline does not know, 1 something found (with --from: \
    something new), 2 could not run, 3 nothing found, but not everything is known: code that was not read, symbols of which \
    nothing says how they are exported."
)]
pub struct AuditArguments {
    /// A module, an object, a directory of these, a kernel (vmlinux, vmlinuz) or a package.
    #[arg(value_name = "OBJECT", required = true)]
    pub objects: Vec<PathBuf>,
    /// What says how symbols are exported that the modules import, as for check; may be repeated. Default: only what the
    /// objects export themselves.
    #[arg(short, long = "kernel", value_name = "KERNEL")]
    pub kernel: Vec<PathBuf>,
    /// Compare: an earlier object, likewise, and only what is new, gone or changed is shown; may be repeated. -k is for both.
    #[arg(long, value_name = "OBJECT", action = clap::ArgAction::Append)]
    pub from: Vec<PathBuf>,
    /// Also plain exports that call GPL-only ones and do work of their own, through so many calls; 3 where no
    /// number follows.
    #[arg(long, value_name = "DEPTH", num_args = 0..=1, default_missing_value = "3", value_parser = depth)]
    pub reaches: Option<usize>,
    /// Only findings of this code; may be repeated, or a comma list. "gplok explain" has all.
    #[arg(long, value_name = "CODE", value_parser = code, value_delimiter = ',')]
    pub code: Vec<AuditCode>,
    /// All findings, instead of the first of each code.
    #[arg(long)]
    pub list: bool,
    /// What is known, and is no news: what --format json printed before.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// How many objects are read at a time; default: as many as there are processors.
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = FactsFormat::Human)]
    pub format: FactsFormat,
}

/// A code by its name.
fn code(name: &str) -> Result<AuditCode, String> {
    let names = || AuditCode::ALL.iter().map(|code| code.name()).collect::<Vec<_>>();
    AuditCode::from_name(name).ok_or_else(|| format!("there are {}", names().join(", ")))
}

fn depth(number: &str) -> Result<usize, String> {
    let depth = number.parse().ok().filter(|depth| *depth > 0);
    depth.ok_or_else(|| "this is no number of calls; objects stand before --reaches, or it is --reaches=3".to_owned())
}
