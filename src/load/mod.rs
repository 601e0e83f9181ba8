//! `load_module()`, stage by stage, one file a stage, in the kernel's order. It does no I/O and cannot fail.
//!
//! Facts may be missing. A run that needs one stops and is made again, once with each answer: every consistent set of
//! answers is a `World` of its own. Where all worlds agree the verdict is certain; where they do not, it
//! is undetermined, and says for want of what.

mod arguments;
mod blacklisted;
mod boots;
mod check;
mod check_modinfo;
mod check_version;
mod cmdline;
mod complete_formation;
mod crypto;
mod delete_module;
mod do_init_module;
mod elf_validity;
mod find_module_sections;
mod finit_module;
mod layout;
mod loaded;
mod machine;
mod memo;
mod merge;
mod mod_sysfs_setup;
mod module_sig_check;
mod needs;
mod parse_args;
mod passed;
mod percpu_modalloc;
mod pipeline;
mod plain_relocations;
mod prepare_coming_module;
mod public_key;
mod refused_exporter;
pub mod relocate;
mod relocations;
mod resolve_symbol;
mod run;
mod rwx;
mod same_name;
mod simplify_symbols;
mod symbol_name;
mod taints;
mod verify_pkcs7;
mod vermagic;

pub use arguments::{Insmod, ModuleInitFlags, SystemCall};
pub use check::{Left, ModuleFile, check, check_files, check_in_order, check_otherwise};
pub use cmdline::Cmdline;
pub use crypto::{Crypto, CryptoAlgorithm, Support};
pub use machine::{Machine, ModprobeError};
pub use verify_pkcs7::{Pkcs7Verdict, mod_check_sig, verify_pkcs7_signature};
