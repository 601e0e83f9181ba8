//! Will this kernel module load on that kernel, and if not, why exactly?
//!
//! gplok emulates the linker inside the Linux kernel, `load_module()`: from a module file and the files that describe a
//! kernel it predicts the errno, the lines of the kernel log in order, and the taints, before anyone runs `insmod`. Then it
//! explains why.
//!
//! Facts first, judgement once, words last: [`image`] and [`kernel`] read what is there and do not judge; only [`load`]
//! judges, stage by stage in the kernel's own order, without I/O and without failing; [`why`], [`impact`] and [`audit`]
//! ask where a symbol comes from, what another kernel does to it, and who passes it on; only [`report`] makes sentences.
//! What is not known is never guessed: the verdict is [`Outcome::Undetermined`](verdict::Outcome), and names what is
//! missing.
//!
//! # What is stable
//!
//! A library depends on gplok without its default features, which build the program:
//!
//! ```toml
//! gplok = { version = "0.1", default-features = false }
//! ```
//!
//! It then sees what three uses need: to judge modules ([`image`], [`kernel`], [`load`], [`check`], [`verdict`],
//! [`terms`]), to compare kernels ([`impact`], [`why`], [`history::Behaviour`]) and to audit objects ([`audit`]); and the
//! pages and documents of all three ([`report`]). Enums and structs that will grow are `#[non_exhaustive]`.
//!
//! The feature `unstable` adds the machinery below: ELF records, decompressors, X.509, header text, the graph of an object,
//! the probe of headers. The program and the tests use it, and so the feature `cli`, which is on by default, implies it. It
//! carries no promise: any release may change it.
//!
//! # One module, one kernel
//!
//! ```
//! use std::sync::Arc;
//!
//! use gplok::image::Image;
//! use gplok::kernel::Kernel;
//! use gplok::check::check;
//! use gplok::load::{Cmdline, Insmod};
//! use gplok::terms::Errno;
//! use gplok::verdict::Outcome;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/founding");
//! let kernel = Arc::new(Kernel::open(&[format!("{folder}/linux-4.18-rc")])?);
//! let module = Image::open(format!("{folder}/openafs.ko"))?;
//!
//! let verdicts = check(&kernel, &Cmdline::default(), &[module], &Insmod::default())?;
//! let [verdict] = verdicts.as_slice() else { unreachable!("one verdict for one module") };
//!
//! assert!(matches!(verdict.outcome, Outcome::Refused { errno: Errno::ENOENT, .. }));
//! let hidden: Vec<_> = verdict.findings.iter().filter_map(|finding| finding.symbol()).collect();
//! assert_eq!(hidden, ["devmap_managed_key", "__put_devmap_managed_page"]);
//! # Ok(())
//! # }
//! ```
//!
//! # A boot
//!
//! Loading changes a kernel: exports appear, taints spread, some lines are printed once. A [`Machine`](load::Machine) is
//! one boot.
//!
//! ```
//! use std::sync::Arc;
//!
//! use gplok::image::Image;
//! use gplok::kernel::Kernel;
//! use gplok::load::{Cmdline, Insmod, Machine};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/founding");
//! let kernel = Arc::new(Kernel::open(&[format!("{folder}/linux-4.18")])?);
//! let mut machine = Machine::boot(kernel, Cmdline::parse("quiet"));
//! let verdict = machine.insmod(&Image::open(format!("{folder}/openafs.ko"))?, &Insmod::default());
//! assert!(verdict.log.iter().any(|line| line.text.to_str().contains("taints kernel")));
//! assert_eq!(machine.loaded(), ["openafs"]);
//! assert_eq!(machine.rmmod("openafs").outcome.errno(), None);
//! # Ok(())
//! # }
//! ```

#![cfg_attr(
    not(feature = "unstable"),
    allow(dead_code, unused_imports, reason = "what is used only through the feature is unused without it")
)]

/// Re-exports names to users with the feature `unstable`, and to the rest of the crate otherwise.
macro_rules! unstable {
    ($($path:tt)*) => {
        #[cfg(feature = "unstable")]
        pub use $($path)*;
        #[cfg(not(feature = "unstable"))]
        pub(crate) use $($path)*;
    };
}

pub mod audit;
pub mod check;
pub mod history;
pub mod image;
pub mod impact;
pub mod kernel;
pub mod load;
pub mod report;
pub mod terms;
pub mod verdict;
pub mod why;

#[cfg(not(feature = "unstable"))]
mod btf;
#[cfg(feature = "unstable")]
pub mod btf;
#[cfg(not(feature = "unstable"))]
mod compression;
#[cfg(feature = "unstable")]
pub mod compression;
#[cfg(not(feature = "unstable"))]
mod elf;
#[cfg(feature = "unstable")]
pub mod elf;
#[cfg(not(feature = "unstable"))]
mod graph;
#[cfg(feature = "unstable")]
pub mod graph;
#[cfg(not(feature = "unstable"))]
mod headers;
#[cfg(feature = "unstable")]
pub mod headers;
#[cfg(not(feature = "unstable"))]
mod probe;
#[cfg(feature = "unstable")]
pub mod probe;
#[cfg(not(feature = "unstable"))]
mod x509;
#[cfg(feature = "unstable")]
pub mod x509;
