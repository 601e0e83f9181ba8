//! The error numbers that `finit_module`, `init_module` and `delete_module` return.

use serde::Serialize;

/// A kernel error number by its name.
///
/// The numbers are those of `asm-generic/errno*.h`. mips and others number a few of them differently; those are shown by name
/// only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[allow(missing_docs, reason = "each variant is its own errno(3) name")]
#[non_exhaustive]
pub enum Errno {
    EPERM,
    ENOENT,
    E2BIG,
    EBADF,
    EAGAIN,
    ENOMEM,
    EACCES,
    EFAULT,
    EBUSY,
    EEXIST,
    ENODEV,
    EINVAL,
    ETXTBSY,
    EFBIG,
    ENOSPC,
    ERANGE,
    ENOSYS,
    ELOOP,
    ENOEXEC,
    ENODATA,
    ENOPKG,
    EBADMSG,
    EMSGSIZE,
    EOPNOTSUPP,
    ENOKEY,
    EKEYREJECTED,
    ENOTSUPP,
}

impl Errno {
    /// Every errno, in the order of numbers.
    pub const ALL: [Self; 27] = [
        Self::EPERM,
        Self::ENOENT,
        Self::E2BIG,
        Self::ENOEXEC,
        Self::EBADF,
        Self::EAGAIN,
        Self::ENOMEM,
        Self::EACCES,
        Self::EFAULT,
        Self::EBUSY,
        Self::EEXIST,
        Self::ENODEV,
        Self::EINVAL,
        Self::ETXTBSY,
        Self::EFBIG,
        Self::ENOSPC,
        Self::ERANGE,
        Self::ENOSYS,
        Self::ELOOP,
        Self::ENODATA,
        Self::ENOPKG,
        Self::EBADMSG,
        Self::EMSGSIZE,
        Self::EOPNOTSUPP,
        Self::ENOKEY,
        Self::EKEYREJECTED,
        Self::ENOTSUPP,
    ];

    /// The (positive) number.
    pub const fn number(self) -> i32 {
        match self {
            Self::EPERM => 1,
            Self::ENOENT => 2,
            Self::E2BIG => 7,
            Self::ENOEXEC => 8,
            Self::EBADF => 9,
            Self::EAGAIN => 11,
            Self::ENOMEM => 12,
            Self::EACCES => 13,
            Self::EFAULT => 14,
            Self::EBUSY => 16,
            Self::EEXIST => 17,
            Self::ENODEV => 19,
            Self::EINVAL => 22,
            Self::ETXTBSY => 26,
            Self::EFBIG => 27,
            Self::ENOSPC => 28,
            Self::ERANGE => 34,
            Self::ENOSYS => 38,
            Self::ELOOP => 40,
            Self::ENODATA => 61,
            Self::ENOPKG => 65,
            Self::EBADMSG => 74,
            Self::EMSGSIZE => 90,
            Self::EOPNOTSUPP => 95,
            Self::ENOKEY => 126,
            Self::EKEYREJECTED => 129,
            // The kernel's own, which the C library does not know.
            Self::ENOTSUPP => 524,
        }
    }

    /// The errno for a (positive) number.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|errno| errno.number() == number)
    }

    /// The name, for example `ENOENT`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EPERM => "EPERM",
            Self::ENOENT => "ENOENT",
            Self::E2BIG => "E2BIG",
            Self::ENOEXEC => "ENOEXEC",
            Self::EBADF => "EBADF",
            Self::EAGAIN => "EAGAIN",
            Self::ENOMEM => "ENOMEM",
            Self::EACCES => "EACCES",
            Self::EFAULT => "EFAULT",
            Self::EBUSY => "EBUSY",
            Self::EEXIST => "EEXIST",
            Self::ENODEV => "ENODEV",
            Self::EINVAL => "EINVAL",
            Self::ETXTBSY => "ETXTBSY",
            Self::EFBIG => "EFBIG",
            Self::ENOSPC => "ENOSPC",
            Self::ERANGE => "ERANGE",
            Self::ENOSYS => "ENOSYS",
            Self::ELOOP => "ELOOP",
            Self::ENODATA => "ENODATA",
            Self::ENOPKG => "ENOPKG",
            Self::EBADMSG => "EBADMSG",
            Self::EMSGSIZE => "EMSGSIZE",
            Self::EOPNOTSUPP => "EOPNOTSUPP",
            Self::ENOKEY => "ENOKEY",
            Self::EKEYREJECTED => "EKEYREJECTED",
            Self::ENOTSUPP => "ENOTSUPP",
        }
    }

    /// The text that `insmod` prints. kmod has its own text for three of them; the others are the C library's.
    pub const fn insmod_text(self) -> &'static str {
        match self {
            Self::EPERM => "Operation not permitted",
            Self::ENOENT => "Unknown symbol in module",
            Self::E2BIG => "Argument list too long",
            Self::ENOEXEC => "Invalid module format",
            Self::EBADF => "Bad file descriptor",
            Self::EAGAIN => "Resource temporarily unavailable",
            Self::ENOMEM => "Cannot allocate memory",
            Self::EACCES => "Permission denied",
            Self::EFAULT => "Bad address",
            Self::EBUSY => "Device or resource busy",
            Self::EEXIST => "File exists",
            Self::ENODEV => "No such device",
            Self::EINVAL => "Invalid parameters",
            Self::ETXTBSY => "Text file busy",
            Self::EFBIG => "File too large",
            Self::ENOSPC => "No space left on device",
            Self::ERANGE => "Numerical result out of range",
            Self::ENOSYS => "Function not implemented",
            Self::ELOOP => "Too many levels of symbolic links",
            Self::ENODATA => "No data available",
            Self::ENOPKG => "Package not installed",
            Self::EBADMSG => "Bad message",
            Self::EMSGSIZE => "Message too long",
            Self::EOPNOTSUPP => "Operation not supported",
            Self::ENOKEY => "Required key not available",
            Self::EKEYREJECTED => "Key was rejected by service",
            Self::ENOTSUPP => "Unknown error 524",
        }
    }
}

impl std::fmt::Display for Errno {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Errno;

    #[test]
    fn all_is_in_numeric_order() {
        assert!(Errno::ALL.windows(2).all(|pair| pair[0].number() < pair[1].number()));
    }
}
