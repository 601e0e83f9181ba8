//! Will this kernel module load on that kernel, and if not, why exactly?
//!
//! gplok emulates the linker inside the Linux kernel, `load_module()`: from a module file and the files that describe a
//! kernel it tells the errno, the lines of the kernel log in order, and the taints, before anyone runs `insmod`; and why.
//!
//! Facts first, judgement once, words last: [`elf`], [`image`] and [`kernel`] read what is there and do not judge; only
//! [`load`] judges, stage by stage in the kernel's own order, without I/O and without failing; [`why`], [`impact`] and
//! [`audit`] ask where a symbol comes from, what another kernel does to it, and who hands it on; only [`report`] makes sentences. What is not known is never guessed: the verdict is [`Outcome::Undetermined`](verdict::Outcome), and names what
//! is missing.
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

pub mod audit;
pub mod check;
pub mod compression;
pub mod elf;
pub mod graph;
pub mod headers;
pub mod history;
pub mod image;
pub mod impact;
pub mod kernel;
pub mod load;
pub mod probe;
pub mod report;
pub mod terms;
pub mod verdict;
pub mod why;
pub mod x509;
