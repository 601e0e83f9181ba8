//! What real kernels did with the cases of this suite, recorded once and replayed by every test run.
//!
//! `testdata/oracle/<version>.txt` holds one transcript a kernel. The modules are not stored: the builder makes the
//! same bytes again, and a checksum in the transcript notices when it does not. `tests/oracle/record.sh` records anew.

mod agreement;
mod record;
mod replay;
mod step;
mod transcript;

#[allow(unused_imports, reason = "the seam for the library's own test")]
pub use replay::{Difference, Replayed, replay};
pub use step::{Boot, Op, Step};
pub use transcript::{Ended, Outcome};
