//! The stages of `load_module()`, in the order of the kernel since 6.4.

use serde::{Serialize, Serializer};

/// A stage, named after the kernel function that does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Permission, flags, reading and decompressing the file.
    FinitModule,
    /// The signature.
    ModuleSigCheck,
    /// Is it an ELF file the loader can walk?
    ElfValidity,
    /// `module_blacklist=`.
    Blacklisted,
    /// The version of `module_layout`.
    CheckModstructVersion,
    /// vermagic, and whether a live patch is allowed.
    CheckModinfo,
    /// Is a module of that name there already?
    ModulePatientCheckExists,
    /// The architecture's own sections.
    ModuleFrobArchSections,
    /// Sections both writable and executable.
    ModuleEnforceRwxSections,
    /// Linking it into the list of modules.
    AddUnformedModule,
    /// Taints.
    ModuleAugmentKernelTaints,
    /// Per-CPU memory.
    PercpuModalloc,
    /// Tables the loader looks for, and the shape of its export tables.
    FindModuleSections,
    /// Attributes out of modinfo.
    SetupModinfo,
    /// Every symbol of the symbol table.
    SimplifySymbols,
    /// Relocations.
    ApplyRelocations,
    /// The architecture's last touch.
    ModuleFinalize,
    /// Exports that exist already.
    CompleteFormation,
    /// Those who want to know of a coming module.
    PrepareComing,
    /// Parameters.
    ParseArgs,
    /// Its place in sysfs.
    ModSysfsSetup,
    /// Its init function.
    DoInitModule,
    /// Unloading.
    DeleteModule,
}

impl Stage {
    /// The kernel function the stage is named after.
    pub const fn function(self) -> &'static str {
        match self {
            Self::FinitModule => "finit_module",
            Self::ModuleSigCheck => "module_sig_check",
            Self::ElfValidity => "elf_validity_check",
            Self::Blacklisted => "blacklisted",
            Self::CheckModstructVersion => "check_modstruct_version",
            Self::CheckModinfo => "check_modinfo",
            Self::ModulePatientCheckExists => "module_patient_check_exists",
            Self::ModuleFrobArchSections => "module_frob_arch_sections",
            Self::ModuleEnforceRwxSections => "module_enforce_rwx_sections",
            Self::AddUnformedModule => "add_unformed_module",
            Self::ModuleAugmentKernelTaints => "module_augment_kernel_taints",
            Self::PercpuModalloc => "percpu_modalloc",
            Self::FindModuleSections => "find_module_sections",
            Self::SetupModinfo => "setup_modinfo",
            Self::SimplifySymbols => "simplify_symbols",
            Self::ApplyRelocations => "apply_relocations",
            Self::ModuleFinalize => "module_finalize",
            Self::CompleteFormation => "complete_formation",
            Self::PrepareComing => "prepare_coming_module",
            Self::ParseArgs => "parse_args",
            Self::ModSysfsSetup => "mod_sysfs_setup",
            Self::DoInitModule => "do_init_module",
            Self::DeleteModule => "delete_module",
        }
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.function())
    }
}

impl Serialize for Stage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.function())
    }
}
