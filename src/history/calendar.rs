//! Asking the table about one kernel.

use super::{Behaviour, Row, TABLE};
use crate::kernel::Kernel;
use crate::terms::{Distribution, KernelVersion};

/// What the calendar knows of a kernel: its version and whose build it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Calendar {
    /// The version; its patch number counts only if `patch_known`.
    pub version: KernelVersion,
    /// Whether the release string tells the stable patch level (Debian's up to 6.11 do not).
    pub patch_known: bool,
    /// Whose build.
    pub distribution: Option<Distribution>,
    /// One behaviour that is asked about as if it were otherwise: what hangs on it shows in what is different then.
    pub otherwise: Option<Behaviour>,
}

impl Calendar {
    /// What is known of a kernel by its version, which is the user's word (`given`) or read off the release string.
    /// Debian's releases up to 6.11 name the ABI in the place of the patch level.
    pub fn new(version: KernelVersion, given: bool, distribution: Option<Distribution>) -> Self {
        Self {
            version,
            patch_known: given || distribution.is_none() || version.patch != 0,
            distribution,
            otherwise: None,
        }
    }

    /// What is known of a kernel's version and build; `None` where its version is not.
    pub fn of(kernel: &Kernel) -> Option<Self> {
        Some(Self::new(kernel.version()?, kernel.is_version_given(), kernel.distribution()))
    }

    /// The behaviours that one of two kernels has and the other has not, with whether the later one has it. What is not known of
    /// either is left out.
    pub fn changes(self, later: Self) -> impl Iterator<Item = (Behaviour, bool)> {
        let change = move |row: &'static Row| {
            let (before, after) = (self.has(row.behaviour)?, later.has(row.behaviour)?);
            (before != after).then_some((row.behaviour, after))
        };
        TABLE.iter().filter_map(change)
    }

    /// Has this kernel the behaviour? `None` where the table does not know.
    ///
    /// Precedence: a distribution's own row, then the date, then backports seen in the series. Between the last release
    /// known to lack a change and its date, and in a series between `.0` and the first release a backport was seen in,
    /// the answer is unknown.
    pub fn has(self, behaviour: Behaviour) -> Option<bool> {
        self.has_by_table(behaviour).map(|has| has != (self.otherwise == Some(behaviour)))
    }

    fn has_by_table(self, behaviour: Behaviour) -> Option<bool> {
        let row = TABLE.iter().find(|row| row.behaviour == behaviour)?;
        if row.distribution.is_some() && row.from.is_none() && row.until.is_none() {
            return Some(self.distribution == row.distribution);
        }
        if let Some(until) = row.until {
            return Some(self.version < until);
        }
        let from = row.from?;
        if self.version >= from {
            return Some(true);
        }
        if let Some(backport) = row.backports.iter().find(|backport| backport.series() == self.version.series()) {
            return self.has_backport(*backport);
        }
        let oldest = row.backports.iter().min().map(|backport| backport.series());
        if oldest.is_some_and(|oldest| self.version > oldest) && self.has_late_backports() {
            return None;
        }
        match row.after {
            // A series counts as a whole: what a stable release lacks, earlier ones of its series lack too.
            Some(after) if self.version.series() > after.series() => None,
            _ => Some(false),
        }
    }

    /// Is it a later release of a long-term series, which may carry backports nobody looked for here?
    fn has_late_backports(self) -> bool {
        const LONG_TERM: [(u16, u16); 8] = [(4, 19), (5, 4), (5, 10), (5, 15), (6, 1), (6, 6), (6, 12), (6, 18)];
        LONG_TERM.contains(&(self.version.major, self.version.minor)) && (self.version.patch > 0 || !self.patch_known)
    }

    fn has_backport(self, seen: KernelVersion) -> Option<bool> {
        // Debian's stable kernels of a series carry its last patch level when they are supported at all; a release
        // string without a patch level is taken for the one whose source was read.
        if !self.patch_known && self.distribution == Some(Distribution::Debian) {
            return Some(true);
        }
        (self.version.patch >= seen.patch && self.patch_known).then_some(true)
    }
}

/// One version out of every span in which no row changes, oldest first: the candidates for a kernel of unknown release.
pub fn eras() -> Vec<KernelVersion> {
    let oldest = KernelVersion::new(4, 18, 0);
    let mut eras: Vec<_> = TABLE.iter().flat_map(|row| row.from.into_iter().chain(row.until)).collect();
    eras.retain(|version| *version > oldest);
    eras.push(oldest);
    eras.sort_unstable();
    eras.dedup();
    eras
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(major: u16, minor: u16, patch: u16) -> Calendar {
        Calendar {
            version: KernelVersion::new(major, minor, patch),
            patch_known: true,
            distribution: None,
            otherwise: None,
        }
    }

    #[test]
    fn a_change_has_two_sides() {
        assert_eq!(calendar(5, 8, 0).has(Behaviour::SymInheritTaint), Some(false));
        assert_eq!(calendar(5, 9, 0).has(Behaviour::SymInheritTaint), Some(true));
        assert_eq!(calendar(5, 11, 9).has(Behaviour::SymGplFutureUnused), Some(true));
        assert_eq!(calendar(5, 12, 0).has(Behaviour::SymGplFutureUnused), Some(false));
    }

    #[test]
    fn between_two_read_sources_it_is_unknown() {
        assert_eq!(calendar(6, 2, 5).has(Behaviour::LoadTaintLate), Some(false));
        assert_eq!(calendar(6, 3, 0).has(Behaviour::LoadTaintLate), None);
        assert_eq!(calendar(6, 4, 0).has(Behaviour::LoadTaintLate), Some(true));
    }

    #[test]
    fn a_backport_counts_from_where_it_was_seen() {
        assert_eq!(calendar(5, 10, 262).has(Behaviour::ElfHardened), Some(true));
        assert_eq!(calendar(5, 10, 3).has(Behaviour::ElfHardened), None);
        assert_eq!(calendar(5, 11, 0).has(Behaviour::ElfHardened), Some(false));
        assert_eq!(calendar(6, 6, 100).has(Behaviour::SymShndxCheck), None);
        assert_eq!(calendar(6, 6, 0).has(Behaviour::SymShndxCheck), Some(false));
    }

    #[test]
    fn every_row_has_a_commit_or_a_bracket_and_every_behaviour_one_row() {
        for row in TABLE {
            let dated = row.commit.is_some() || row.after.is_some() || row.distribution.is_some();
            assert!(dated, "{}", row.behaviour);
        }
        for behaviour in Behaviour::ALL {
            assert_eq!(TABLE.iter().filter(|row| row.behaviour == *behaviour).count(), 1, "{behaviour}");
        }
    }

    #[test]
    fn eras_cover_every_date() {
        let eras = eras();
        assert!(eras.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(TABLE.iter().filter_map(|row| row.from).filter(|v| v.major > 4).all(|from| eras.contains(&from)));
    }
}
