//! The command line. The doc comments of arguments, and of the values they take, are the help text of the program.

mod audit;
mod compare;
mod format;

pub use audit::AuditArguments;
pub use compare::{DiffArguments, DiffFormat, PolicyArguments, UpgradeArguments};
pub use format::{AnswerFormat, CheckFormat, ExportsFormat, FactsFormat};

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use gplok::image::Compression;
use gplok::kernel::Kernel;
use gplok::terms::{ByteSize, ExportKind, Glob, Loader};

/// Will this kernel module load on that kernel, and if not, why exactly?
#[derive(Debug, Parser)]
#[command(name = "gplok", version, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 all load, 1 some refused or would crash, 2 could not run, 3 undetermined.")]
pub struct CommandLine {
    /// When to use colors.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// The root of the system that kernels are installed in, for example of a mounted disk or of a container. Releases (-k RELEASE,
    /// or without -k the only one installed), kmod, depmod.d, DKMS and /usr/lib/debug are looked up there, and links below it never
    /// lead out of it, as after chroot. Paths on the command line are those of this machine.
    #[arg(long, global = true, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// How much memory the contents of files may take at a time, decompressed or not, for example 512M or 4G; default: 1G. A file
    /// that does not fit is not read.
    #[arg(long, global = true, value_name = "SIZE")]
    pub max_memory: Option<ByteSize>,
    #[command(subcommand)]
    pub command: Command,
}

/// When to use colors.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Makes it the choice of every stream.
    pub fn write_global(self) {
        let choice = match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Would these modules load? Each on a fresh boot, with what it needs loaded first.
    Check(CheckArguments),
    /// A whole boot, step by step.
    Simulate(SimulateArguments),
    /// What a module file says, without judging it.
    Inspect(InspectArguments),
    /// Which lines of a module, through which inlines of the kernel's headers, need a symbol?
    Why(WhyArguments),
    /// Which inlines of a kernel's headers need symbols that not every module gets. Runs the build of KDIR: its Makefiles,
    /// scripts and compiler run as you. Only for trees that you would build in.
    Inlines(InlinesArguments),
    /// What a kernel exports, as a Module.symvers.
    Exports(ExportsArguments),
    /// What differs between the exports of two kernels.
    Diff(DiffArguments),
    /// Before an upgrade: what another kernel does to modules, as they are and after a rebuild.
    Upgrade(UpgradeArguments),
    /// Which plain exports give access to symbols that are GPL-only or not exported?
    Audit(AuditArguments),
    /// What a finding means.
    Explain(ExplainArguments),
}

impl Command {
    /// How many threads it is to use; by default one for each processor.
    pub const fn threads(&self) -> Option<usize> {
        match self {
            Self::Check(arguments) => arguments.jobs,
            Self::Audit(arguments) => arguments.jobs,
            _ => None,
        }
    }
}

/// Which kernel, and how it was booted.
#[derive(Debug, Args)]
pub struct KernelArguments {
    /// What describes the kernel; may be repeated. An image (vmlinuz, vmlinux, zboot, UKI), a package file (.deb, .rpm,
    /// .pkg.tar.*), Module.symvers, System.map, /proc/kallsyms, a config, a file with the release, a directory with these
    /// (also compressed), a headers or build directory, a module tree, or an installed release. Default: the running one.
    #[arg(short, long = "kernel", value_name = "KERNEL")]
    pub kernel: Vec<PathBuf>,
    /// The release string, where no file tells it.
    #[arg(long, value_name = "RELEASE")]
    pub release: Option<String>,
    /// Certificates that the kernel trusts (PEM or DER); may be repeated.
    #[arg(long, value_name = "FILE", action = clap::ArgAction::Append)]
    pub certs: Vec<PathBuf>,
    /// The boot command line, for example "module.sig_enforce=1 module_blacklist=foo".
    #[arg(long, value_name = "SWITCHES", default_value = "")]
    pub cmdline: String,
}

/// Where the source's side of a module is found.
#[derive(Debug, Args)]
pub struct SourceArguments {
    /// A detached debug file, or a folder laid out as /usr/lib/debug; may be repeated. A module's own debug information and
    /// what is installed under its build ID are found without.
    #[arg(long, value_name = "FILE", action = clap::ArgAction::Append)]
    pub debug: Vec<PathBuf>,
    /// The inline map of the kernel, written by gplok inlines --format json, or an object of inlines: for modules without
    /// debug information.
    #[arg(long, value_name = "MAP")]
    pub inlines: Option<PathBuf>,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// The modules, compressed or not. Default: those of the kernel's own tree.
    #[arg(value_name = "MODULE")]
    pub modules: Vec<PathBuf>,
    /// All modules below this directory.
    #[arg(long, value_name = "DIR")]
    pub tree: Option<PathBuf>,
    #[command(flatten)]
    pub kernel: KernelArguments,
    #[command(flatten)]
    pub source: SourceArguments,
    /// How to print the answer.
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    pub format: CheckFormat,
    /// Of a whole tree, every module with all that is found, instead of a page.
    #[arg(long)]
    pub list: bool,
    /// How many modules are judged at a time; default: as many as there are processors.
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Neither look up what was answered before nor keep this answer. Pages and depmod's warnings of whole trees are kept in
    /// $XDG_CACHE_HOME/gplok, as long as nothing they depend on has changed.
    #[arg(long)]
    pub no_cache: bool,
    /// Compute every answer anew: none is used again for another module or boot.
    #[arg(long, hide = true)]
    pub uncached: bool,
    /// Load them on one boot in the order given, instead of finding the order.
    #[arg(long)]
    pub in_order: bool,
    /// As modprobe --force-vermagic.
    #[arg(long)]
    pub force_vermagic: bool,
    /// As modprobe --force-modversion.
    #[arg(long)]
    pub force_modversion: bool,
    #[command(flatten)]
    pub loader: LoaderArguments,
}

/// Which program loads modules.
#[derive(Debug, Args)]
pub struct LoaderArguments {
    /// The program that loads modules, which matters for compressed ones: kmod and its version, and whether it is built with zlib,
    /// xz and zstd, as `kmod --version` prints it: kmod30, kmod34-zlib, kmod33+zlib-xz. Up to 30 it decompresses every module
    /// itself; later it lets the kernel decompress those of the kind that the kernel reads. Default: the kmod beside the module
    /// tree; without one, all are tried where they differ, and zstd is read, which kmod does since 28. Or BusyBox and its version, from
    /// 1.26 on: busybox1.36, busybox1.37-xz; it is taken to read gzip and xz unless that is taken off. systemd-modules-load and
    /// systemd-udevd load modules with libkmod: give the version of kmod. A module that the kernel requests by itself is loaded by
    /// /sbin/modprobe: give what that is.
    #[arg(long, value_name = "LOADER")]
    pub loader: Option<LoaderArgument>,
}

/// The program that loads modules, and which kinds of compression it reads.
#[derive(Clone, Debug)]
pub struct LoaderArgument {
    loader: Loader,
    reads: Vec<(Compression, bool)>,
}

impl FromStr for LoaderArgument {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "expected kmod and its version, such as kmod30, kmod34-zlib or kmod33+zlib-xz, or busybox and its version from \
                            1.26 on, such as busybox1.36 or busybox1.37-xz";
        let busybox = text.strip_prefix("busybox1.");
        let rest = busybox.or_else(|| text.strip_prefix("kmod")).ok_or(FORM)?;
        let (version, mut features) = rest.split_at(rest.find(['+', '-']).unwrap_or(rest.len()));
        let loader = match busybox {
            // The third number of a version fixes errors alone.
            Some(_) => {
                version.split('.').next().and_then(|minor| Loader::of_busybox(minor.parse().ok()?)).ok_or(FORM)?
            }
            None => Loader::of_kmod(version.parse().map_err(|_| FORM)?),
        };
        let mut reads = Vec::new();
        while let Some(sign) = features.chars().next() {
            let rest = features.get(1..).unwrap_or_default();
            let (feature, others) = rest.split_at(rest.find(['+', '-']).unwrap_or(rest.len()));
            let compression = match feature {
                "zlib" => Compression::Gzip,
                "xz" => Compression::Xz,
                "zstd" if busybox.is_none() => Compression::Zstd,
                _ => return Err(FORM),
            };
            reads.push((compression, sign == '+'));
            features = others;
        }
        Ok(Self { loader, reads })
    }
}

impl LoaderArguments {
    /// Tells the kernel which program loads modules.
    pub fn tell(&self, kernel: Kernel) -> Kernel {
        let Some(LoaderArgument { loader, reads }) = &self.loader else { return kernel };
        let kernel = kernel.with_loader(*loader);
        reads.iter().fold(kernel, |kernel, (compression, reads)| kernel.with_loader_that_reads(*compression, *reads))
    }
}

/// Arguments of `simulate`.
#[derive(Debug, Args)]
pub struct SimulateArguments {
    /// The plan: a line for each step, `insmod [--flags N] [--force-vermagic] [--force-modversion] [--init] PATH
    /// [param=value …]`, `rmmod NAME` or `modprobe NAME`. `-` reads standard input.
    pub plan: PathBuf,
    #[command(flatten)]
    pub kernel: KernelArguments,
    #[command(flatten)]
    pub source: SourceArguments,
    /// How to print the answer.
    #[arg(long, value_enum, default_value_t = AnswerFormat::Human)]
    pub format: AnswerFormat,
    /// Compute every answer anew: none is used again for another step.
    #[arg(long, hide = true)]
    pub uncached: bool,
    #[command(flatten)]
    pub loader: LoaderArguments,
}

/// Arguments of `inlines`.
#[derive(Debug, Args)]
pub struct InlinesArguments {
    /// A kernel's headers or build directory, or a map that was written before with --format json.
    #[arg(value_name = "KDIR", required_unless_present = "from", conflicts_with = "from")]
    pub tree: Option<PathBuf>,
    /// Compare: the earlier kernel, likewise. Exit code 1 when inlines of both became restricted.
    #[arg(long, value_name = "KDIR", requires = "to")]
    pub from: Option<PathBuf>,
    /// Compare: the later kernel.
    #[arg(long, value_name = "KDIR", requires = "from", conflicts_with = "object")]
    pub to: Option<PathBuf>,
    /// More about the kernel, for example another Module.symvers; it counts before what KDIR says.
    #[arg(short, long = "kernel", value_name = "KERNEL", conflicts_with = "from")]
    pub kernel: Vec<PathBuf>,
    /// A ready object (or assembly) in which the inlines stand out of line, instead of compiling one; may be repeated.
    #[arg(long, value_name = "FILE", action = clap::ArgAction::Append)]
    pub object: Vec<PathBuf>,
    /// An argument for the kernel's make, for example CC=gcc-12 or ARCH=arm64; may be repeated.
    #[arg(long, value_name = "ARGUMENT", action = clap::ArgAction::Append)]
    pub make: Vec<String>,
    /// Build also in a tree that others than you and root may write to: what they wrote there runs as you.
    #[arg(long)]
    pub trust_writable: bool,
    /// Leave what is compiled in this directory.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// How many compilers run at a time; default: as many as there are processors.
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Show every symbol and inline.
    #[arg(long)]
    pub all: bool,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = FactsFormat::Human)]
    pub format: FactsFormat,
}

/// Arguments of `why`.
#[derive(Debug, Args)]
pub struct WhyArguments {
    /// The module, compressed or not, or a directory or package with no other.
    pub module: PathBuf,
    /// One symbol; without, every one that the kernel has something against.
    pub symbol: Option<String>,
    #[command(flatten)]
    pub kernel: KernelArguments,
    #[command(flatten)]
    pub source: SourceArguments,
    #[command(flatten)]
    pub loader: LoaderArguments,
    /// Another kernel, newer or of another flavour, to look the symbols up in; may be repeated.
    #[arg(long, value_name = "KERNEL", action = clap::ArgAction::Append)]
    pub compare: Vec<PathBuf>,
    /// How to print the answer.
    #[arg(long, value_enum, default_value_t = FactsFormat::Human)]
    pub format: FactsFormat,
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct InspectArguments {
    /// The module, compressed or not, or a directory or package with no other.
    pub module: PathBuf,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = FactsFormat::Human)]
    pub format: FactsFormat,
}

/// Arguments of `exports`.
#[derive(Debug, Args)]
#[command(mut_arg("cmdline", |argument| argument.hide(true)))]
#[command(
    after_help = "Filters of several sorts all have to fit, of those of one sort any. In patterns * stands for any \
    characters, ? for one.\n\nExit codes: 0 printed, 1 nothing matches, 2 could not run: what is exported is not known."
)]
pub struct ExportsArguments {
    /// Only these symbols: names or patterns. Default: all.
    #[arg(value_name = "SYMBOL")]
    pub symbols: Vec<Glob>,
    #[command(flatten)]
    pub kernel: KernelArguments,
    /// Only what is exported so; may be repeated.
    #[arg(long, value_enum, action = clap::ArgAction::Append)]
    pub kind: Vec<ExportKindArgument>,
    /// Only what this module exports: its name, its path (drivers/usb/*), or vmlinux for the kernel itself; may be
    /// repeated.
    #[arg(long, value_name = "MODULE", action = clap::ArgAction::Append)]
    pub module: Vec<Glob>,
    /// Only what is in this namespace ("module:*": for named modules only), or with '' in none; may be repeated.
    #[arg(long, value_name = "NAMESPACE", action = clap::ArgAction::Append)]
    pub namespace: Vec<Glob>,
    /// Only numbers: of each kind and module.
    #[arg(long)]
    pub count: bool,
    /// Instead, all that is known of the kernel, and which file told it; or the argument that would.
    #[arg(long, conflicts_with_all = ["symbols", "kind", "module", "namespace", "count"])]
    pub evidence: bool,
    /// Instead, all of the kernel's own symbols, exported or not, as a System.map; out of its image, no debug package is
    /// needed. JSON has their sizes, too.
    #[arg(long, conflicts_with_all = ["symbols", "kind", "module", "namespace", "count", "evidence"])]
    pub system_map: bool,
    /// How to print it. Default: symvers; for numbers and evidence human.
    #[arg(long, value_enum)]
    pub format: Option<ExportsFormat>,
}

/// How a symbol is exported.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ExportKindArgument {
    /// EXPORT_SYMBOL.
    Plain,
    /// EXPORT_SYMBOL_GPL.
    Gpl,
    /// EXPORT_SYMBOL_GPL_FUTURE.
    GplFuture,
    /// EXPORT_UNUSED_SYMBOL.
    Unused,
    /// EXPORT_UNUSED_SYMBOL_GPL.
    UnusedGpl,
    /// The files do not say.
    Unknown,
}

impl ExportKindArgument {
    /// The library's word for it.
    pub const fn kind(self) -> Option<ExportKind> {
        match self {
            Self::Plain => Some(ExportKind::Plain),
            Self::Gpl => Some(ExportKind::Gpl),
            Self::GplFuture => Some(ExportKind::GplFuture),
            Self::Unused => Some(ExportKind::Unused),
            Self::UnusedGpl => Some(ExportKind::UnusedGpl),
            Self::Unknown => None,
        }
    }
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// The code of a finding, for example gpl-only-symbol; without one, all codes are listed. "incidents" lists what is
    /// known of the past.
    pub code: Option<String>,
}
