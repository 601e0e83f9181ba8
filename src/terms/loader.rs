//! The program that loads modules.

/// The program that loads modules, by what it does with a compressed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Loader {
    /// kmod up to 30 decompresses every file itself.
    Kmod30,
    /// kmod 31 and later hands a file to the kernel (`MODULE_INIT_COMPRESSED_FILE`) if the kernel's own decompressor reads its
    /// kind, which `/sys/module/compression` tells. It decompresses files of other kinds itself.
    Kmod31,
}
