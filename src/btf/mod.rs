//! BTF type information as records (Documentation/bpf/btf.rst, include/uapi/linux/btf.h).
//!
//! The crates that read BTF (`btf-rs`, `btf`, `btfparse`, `aya-obj`) refuse what they do not know and look at nothing but what
//! they need. The judge has to see records that no good tool writes, in the byte order of the kernel, as the loader sees
//! them, and has to find one of 100,000 types without copying any. So this room has its own reader. It does not say whether the
//! types are good: `load/btf` does.

mod header;
mod names;
mod record;
mod structure;
mod table;

pub use header::Header;
pub use names::NameIndex;
pub use record::{Kind, Member, Record, Width};
pub use structure::Field;
pub use table::{Index, Table};
