//! The taints of the kernel and of a module.

use std::fmt;

use serde::{Serialize, Serializer};

/// One taint, in bit order (include/linux/panic.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Taint {
    /// P: a module whose license is not GPL-compatible.
    ProprietaryModule = 0,
    /// F: a check was forced.
    ForcedModule = 1,
    /// S: a CPU outside of its specification.
    CpuOutOfSpec = 2,
    /// R: a module was removed by force.
    ForcedRmmod = 3,
    /// M: a machine check exception.
    MachineCheck = 4,
    /// B: a bad page was found.
    BadPage = 5,
    /// U: user space asked for it, for example with an unsafe parameter.
    User = 6,
    /// D: the kernel died once.
    Die = 7,
    /// A: an ACPI table was overridden.
    OverriddenAcpiTable = 8,
    /// W: the kernel printed a warning (`WARN`).
    Warn = 9,
    /// C: a module from drivers/staging.
    Crap = 10,
    /// I: a workaround for a firmware bug.
    FirmwareWorkaround = 11,
    /// O: an out-of-tree module.
    OotModule = 12,
    /// E: a module without a valid signature.
    UnsignedModule = 13,
    /// L: a soft lockup.
    Softlockup = 14,
    /// K: a live patch.
    Livepatch = 15,
    /// X: auxiliary, for the distribution.
    Aux = 16,
    /// T: the kernel was built with randomized structure layout.
    Randstruct = 17,
    /// N: a test module.
    Test = 18,
    /// J: fwctl.
    Fwctl = 19,
}

impl Taint {
    /// Every taint, in bit order.
    pub const ALL: [Self; 20] = [
        Self::ProprietaryModule,
        Self::ForcedModule,
        Self::CpuOutOfSpec,
        Self::ForcedRmmod,
        Self::MachineCheck,
        Self::BadPage,
        Self::User,
        Self::Die,
        Self::OverriddenAcpiTable,
        Self::Warn,
        Self::Crap,
        Self::FirmwareWorkaround,
        Self::OotModule,
        Self::UnsignedModule,
        Self::Softlockup,
        Self::Livepatch,
        Self::Aux,
        Self::Randstruct,
        Self::Test,
        Self::Fwctl,
    ];

    /// The letter that the kernel prints.
    pub const fn letter(self) -> char {
        match self {
            Self::ProprietaryModule => 'P',
            Self::ForcedModule => 'F',
            Self::CpuOutOfSpec => 'S',
            Self::ForcedRmmod => 'R',
            Self::MachineCheck => 'M',
            Self::BadPage => 'B',
            Self::User => 'U',
            Self::Die => 'D',
            Self::OverriddenAcpiTable => 'A',
            Self::Warn => 'W',
            Self::Crap => 'C',
            Self::FirmwareWorkaround => 'I',
            Self::OotModule => 'O',
            Self::UnsignedModule => 'E',
            Self::Softlockup => 'L',
            Self::Livepatch => 'K',
            Self::Aux => 'X',
            Self::Randstruct => 'T',
            Self::Test => 'N',
            Self::Fwctl => 'J',
        }
    }
}

/// A set of taints. Its number is what `/proc/sys/kernel/tainted` holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Taints(u32);

impl Taints {
    /// No taint.
    pub const NONE: Self = Self(0);

    /// Every taint.
    pub(crate) const ALL: Self = Self(u32::MAX);

    /// The set with the given number, as in `/proc/sys/kernel/tainted`.
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// The number, as in `/proc/sys/kernel/tainted`.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Returns whether `taint` is set.
    pub const fn has(self, taint: Taint) -> bool {
        self.0 & (1 << taint as u8) != 0
    }

    /// Sets `taint`.
    pub const fn add(&mut self, taint: Taint) {
        self.0 |= 1 << taint as u8;
    }

    /// The taints in bit order.
    pub fn iter(self) -> impl Iterator<Item = Taint> {
        Taint::ALL.into_iter().filter(move |taint| self.has(*taint))
    }

    /// Returns whether no taint is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Taints {
    /// The letters in bit order, as in `/sys/module/NAME/taint`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|taint| write!(f, "{}", taint.letter()))
    }
}

impl Serialize for Taints {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
