//! What a caller says to the system call.

/// The system call that loads.
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

    /// Is any bit of `other` set?
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets of bits.
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
    /// Hand the stored bytes to the kernel even if they are compressed; otherwise they are decompressed first, as kmod
    /// does for a kernel that cannot.
    pub raw: bool,
    /// Module parameters, as one string.
    pub args: String,
    /// What the module's init function is taken to return; gplok does not run it.
    pub init_returns: i32,
    /// Judge what the same source would come to, built against the headers of the kernel in question: the same symbols needed
    /// and exported, the same signer, but versions, version magic, structures, tables and code as that kernel wants them.
    pub as_rebuilt: bool,
    /// Look on also behind a refusal that comes before the file is read as ELF, for example for its signature: what else is
    /// wrong is found then, too.
    pub look_on: bool,
}
