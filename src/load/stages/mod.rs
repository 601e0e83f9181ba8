//! The stages of `load_module()`, and `delete_module()`. Most files are named after the kernel function that they mirror.
//! `pipeline.rs` runs the stages in order.

pub(in crate::load) mod blacklisted;
pub(in crate::load) mod check_modinfo;
pub(in crate::load) mod check_version;
pub(in crate::load) mod complete_formation;
pub(in crate::load) mod delete_module;
pub(in crate::load) mod do_init_module;
pub(in crate::load) mod elf_validity;
pub(in crate::load) mod export_data;
pub(in crate::load) mod find_module_sections;
pub(in crate::load) mod finit_module;
pub(in crate::load) mod function_pointers;
pub(in crate::load) mod layout;
pub(in crate::load) mod livepatch;
pub(in crate::load) mod mod_sysfs_setup;
pub(in crate::load) mod module_sig_check;
pub(in crate::load) mod parse_args;
pub(in crate::load) mod percpu_modalloc;
pub(in crate::load) mod prepare_coming_module;
pub(in crate::load) mod relocations;
pub(in crate::load) mod resolve_symbol;
pub(in crate::load) mod rwx;
pub(in crate::load) mod same_name;
pub(in crate::load) mod simplify_symbols;
pub(in crate::load) mod struct_module;
mod struct_module_fields;
pub(in crate::load) mod symbol_name;
pub(in crate::load) mod taints;
pub(in crate::load) mod vermagic;
