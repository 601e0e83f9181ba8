//! The arguments of `diff` and `upgrade`. Their doc comments are the help text of the program.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gplok::impact::policy::Concern;
use gplok::impact::{Answer, ChangeClass};
use gplok::terms::Glob;

use super::LoaderArguments;

/// Arguments of `diff`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 compared, 1 the policy fails, 2 could not run, 3 it is not known whether the policy fails."
)]
pub struct DiffArguments {
    /// Both kernels, the earlier first: each whatever -k of check takes.
    #[arg(value_name = "KERNEL", num_args = 2, required_unless_present_all = ["from", "to"], conflicts_with_all = ["from", "to"])]
    pub kernels: Vec<PathBuf>,
    /// What describes the earlier kernel, instead; may be repeated.
    #[arg(long, value_name = "KERNEL", action = clap::ArgAction::Append, requires = "to")]
    pub from: Vec<PathBuf>,
    /// What describes the later kernel; may be repeated.
    #[arg(long, value_name = "KERNEL", action = clap::ArgAction::Append, requires = "from")]
    pub to: Vec<PathBuf>,
    /// Only these classes of changes; may be repeated, or a comma list: removed, added, became_gpl_only, became_plain,
    /// namespace_changed, owner_moved, crc_changed.
    #[arg(long, value_name = "CLASS", value_parser = class, value_delimiter = ',')]
    pub class: Vec<ChangeClass>,
    /// Only symbols of this name or pattern; may be repeated.
    #[arg(long, value_name = "GLOB")]
    pub symbol: Vec<Glob>,
    /// Only what this module exports, before or after: its name, its path (drivers/usb/*), or vmlinux; may be repeated.
    #[arg(long, value_name = "MODULE")]
    pub module: Vec<Glob>,
    /// Leave nothing out.
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub policy: PolicyArguments,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = DiffFormat::Human)]
    pub format: DiffFormat,
}

/// How to print what differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// For people.
    Human,
    /// For scripts: a line for each change, its columns divided by tabs.
    Short,
    /// For machines: schema gplok/1.
    Json,
}

/// What a pipeline is to fail on.
#[derive(Debug, Args)]
pub struct PolicyArguments {
    /// Exit with 1 when there is something of this class of changes, or for upgrade with this answer; may be repeated, or a
    /// comma list. "gplok explain" has all names.
    #[arg(long, value_name = "CLASS", value_parser = concern, value_delimiter = ',')]
    pub fail_on: Vec<Concern>,
    /// Rules that let changes pass or not, a line each: PATTERN PASS|FAIL [CLASS,…], as the severities of
    /// suse-kabi-tools. Rules that match nothing are named.
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// What is known, and does not fail again; as --write-baseline wrote it.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Write what would fail, and what of --baseline is there still, to a new baseline, and do not fail.
    #[arg(long, value_name = "FILE")]
    pub write_baseline: Option<PathBuf>,
}

/// Arguments of `upgrade`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 all load as they are, 1 some do not, 2 could not run, 3 of some it cannot be known. With \
    --fail-on, --rules or --baseline: 0 the policy is met, 1 it is not, 3 that is not known."
)]
pub struct UpgradeArguments {
    /// The modules, compressed or not, or directories or packages with them. Default: the modules from outside the kernel that are installed for the earlier one.
    #[arg(value_name = "MODULE")]
    pub modules: Vec<PathBuf>,
    /// All modules below this directory.
    #[arg(long, value_name = "DIR")]
    pub tree: Option<PathBuf>,
    /// What describes the earlier kernel; may be repeated. Default: the running one.
    #[arg(long, value_name = "KERNEL", action = clap::ArgAction::Append)]
    pub from: Vec<PathBuf>,
    /// What describes the later kernel (its packages, image, tree, headers, Module.symvers…); may be repeated.
    #[arg(long, value_name = "KERNEL", action = clap::ArgAction::Append, required = true)]
    pub to: Vec<PathBuf>,
    /// The later kernel's release string, where no file tells it.
    #[arg(long, value_name = "RELEASE")]
    pub release: Option<String>,
    /// Certificates that the later kernel trusts (PEM or DER); may be repeated.
    #[arg(long, value_name = "FILE", action = clap::ArgAction::Append)]
    pub certs: Vec<PathBuf>,
    /// The later kernel's boot command line.
    #[arg(long, value_name = "SWITCHES", default_value = "")]
    pub cmdline: String,
    #[command(flatten)]
    pub loader: LoaderArguments,
    /// Of changed symbols only those that the modules use; that is the default.
    #[arg(long, conflicts_with = "all_exports")]
    pub only_used: bool,
    /// Behind the modules, everything that differs between the exports of the two kernels.
    #[arg(long)]
    pub all_exports: bool,
    /// Leave nothing out.
    #[arg(long)]
    pub all: bool,
    /// A detached debug file, or a folder laid out as /usr/lib/debug; may be repeated.
    #[arg(long, value_name = "FILE", action = clap::ArgAction::Append)]
    pub debug: Vec<PathBuf>,
    /// The inline map of the earlier kernel, or its headers to compile one of; with --to-inlines. As gplok inlines does, that runs
    /// the build of these headers as you: only for trees that you would build in.
    #[arg(long, value_name = "MAP", requires = "to_inlines")]
    pub from_inlines: Option<PathBuf>,
    /// The inline map of the later kernel, likewise.
    #[arg(long, value_name = "MAP", requires = "from_inlines")]
    pub to_inlines: Option<PathBuf>,
    /// Compile headers also in a tree that others than you and root may write to: what they wrote there runs as you.
    #[arg(long, requires = "from_inlines")]
    pub trust_writable: bool,
    #[command(flatten)]
    pub policy: PolicyArguments,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = DiffFormat::Human)]
    pub format: DiffFormat,
}

/// A class of changes by its name, with `_` or `-`.
fn class(name: &str) -> Result<ChangeClass, String> {
    ChangeClass::from_name(name)
        .ok_or_else(|| format!("there are {}", ChangeClass::ALL.map(ChangeClass::name).join(", ")))
}

/// A class of changes, or an answer.
fn concern(name: &str) -> Result<Concern, String> {
    let answer = Answer::from_name(name).filter(|answer| *answer != Answer::LoadsAsItIs).map(Concern::Answer);
    let concern = class(name).map(Concern::Change);
    answer.map_or(concern, Ok).map_err(|classes| {
        let answers = Answer::ALL.map(Answer::name).into_iter().skip(1);
        format!("{classes}, and for modules {}", answers.collect::<Vec<_>>().join(", "))
    })
}
