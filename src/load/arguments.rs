//! The arguments of the system calls that load a module.

/// The system call that loads a module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SystemCall {
    /// `finit_module(fd, args, flags)`.
    #[default]
    FinitModule,
    /// `init_module(image, len, args)`.
    InitModule,
}

/// The flags of `finit_module` (include/uapi/linux/module.h).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModuleInitFlags(pub u32);

impl ModuleInitFlags {
    /// MODULE_INIT_IGNORE_MODVERSIONS.
    pub const IGNORE_MODVERSIONS: Self = Self(1);
    /// MODULE_INIT_IGNORE_VERMAGIC.
    pub const IGNORE_VERMAGIC: Self = Self(2);
    /// MODULE_INIT_COMPRESSED_FILE, since 5.17.
    pub const COMPRESSED_FILE: Self = Self(4);

    /// Returns whether any bit of `other` is set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The union of both sets of flags.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// How a module is loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Insmod {
    /// The system call.
    pub call: SystemCall,
    /// Its flags.
    pub flags: ModuleInitFlags,
    /// Whether the kernel gets the bytes as they are stored, even if they are compressed. Otherwise they are decompressed first,
    /// as kmod does where the kernel cannot decompress.
    pub raw: bool,
    /// Module parameters, as one string.
    pub args: String,
    /// The value that the module's init function is assumed to return. gplok does not run it.
    pub init_returns: i32,
    /// Whether to judge another build of the same source, made with the headers of the kernel in question. It imports and exports
    /// the symbols of this file and has its signer; versions, vermagic, structures, tables and code are as the kernel expects.
    pub as_rebuilt: bool,
    /// Whether to survey the later stages also when the module is refused before it is read as ELF, for example for its
    /// signature.
    pub look_on: bool,
}
