//! The program that loads modules.

/// The program that loads modules, by what it does with a compressed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Loader {
    /// kmod up to 27 decompresses every file itself, and does not know Zstandard: it hands such a file over as it is.
    Kmod27,
    /// kmod 28 to 30 decompress every file themselves.
    Kmod30,
    /// kmod 31 and 32 hand a file to the kernel (`MODULE_INIT_COMPRESSED_FILE`) if the kernel's own decompressor reads its kind,
    /// which `/sys/module/compression` tells. They decompress files of other kinds themselves.
    Kmod31,
    /// kmod 33 knows a gzip file also if it was built without zlib: it lets the kernel decompress it, or gives up. Before, it took
    /// such a file for one that is not compressed, and handed it over as it is.
    Kmod33,
    /// kmod 34 and later decompress a Zstandard frame only if it states the size of its contents
    /// (libkmod, commit 72c0aa3).
    Kmod34,
    /// BusyBox 1.26 to 1.36 first hands every file over as it is. If the kernel refuses it, it decompresses the file, but no
    /// Zstandard, and loads the contents with `init_module()`.
    BusyBox126,
    /// BusyBox 1.37 and later first let the kernel decompress a file whose name does not end in `.ko`.
    BusyBox137,
}

impl Loader {
    /// The one of a version of kmod.
    pub fn of_kmod(version: u32) -> Self {
        match version {
            ..=27 => Self::Kmod27,
            28..=30 => Self::Kmod30,
            31 | 32 => Self::Kmod31,
            33 => Self::Kmod33,
            34.. => Self::Kmod34,
        }
    }

    /// The one of a version of BusyBox: 1.MINOR. `None` if what it does is not known, before 1.26.
    pub fn of_busybox(minor: u32) -> Option<Self> {
        match minor {
            ..=25 => None,
            26..=36 => Some(Self::BusyBox126),
            37.. => Some(Self::BusyBox137),
        }
    }

    /// Returns whether it is a version of BusyBox.
    pub const fn is_busybox(self) -> bool {
        matches!(self, Self::BusyBox126 | Self::BusyBox137)
    }

    /// Returns whether it lets the kernel decompress the files of the kind that the kernel reads.
    pub const fn hands_over(self) -> bool {
        !matches!(self, Self::Kmod27 | Self::Kmod30 | Self::BusyBox126)
    }
}
