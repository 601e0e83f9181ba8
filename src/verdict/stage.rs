//! The stages of `load_module()`, in the order of the kernel since 6.4.

use serde::{Serialize, Serializer};

/// A stage, named after the kernel function that performs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Checks permission and flags, reads and decompresses the file.
    FinitModule,
    /// Checks the signature.
    ModuleSigCheck,
    /// Checks that the file is an ELF file the loader can parse.
    ElfValidity,
    /// Checks `module_blacklist=`.
    Blacklisted,
    /// Checks the version of `module_layout`.
    CheckModstructVersion,
    /// Checks vermagic, and whether a live patch is allowed.
    CheckModinfo,
    /// Checks whether a module of that name is loaded already.
    ModulePatientCheckExists,
    /// Prepares the architecture's own sections.
    ModuleFrobArchSections,
    /// Refuses sections that are both writable and executable.
    ModuleEnforceRwxSections,
    /// Links the module into the list of modules.
    AddUnformedModule,
    /// Sets taints.
    ModuleAugmentKernelTaints,
    /// Allocates per-CPU memory.
    PercpuModalloc,
    /// Finds the tables that the loader looks for, and checks the form of the export tables.
    FindModuleSections,
    /// Reads attributes from modinfo.
    SetupModinfo,
    /// Resolves every symbol of the symbol table.
    SimplifySymbols,
    /// Applies relocations.
    ApplyRelocations,
    /// Runs the architecture's final step.
    ModuleFinalize,
    /// Refuses exports that exist already.
    CompleteFormation,
    /// Notifies those who registered for coming modules.
    PrepareComing,
    /// Parses parameters.
    ParseArgs,
    /// Creates the module's directory in sysfs.
    ModSysfsSetup,
    /// Runs the module's init function.
    DoInitModule,
    /// Unloads the module.
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
