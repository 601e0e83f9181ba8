//! Looking up the behaviours of one kernel in the table.

use std::sync::LazyLock;

use super::behaviour::Behaviour;
use super::table::{FIRST_KNOWN, Row, TABLE};
use crate::kernel::Kernel;
use crate::terms::{Distribution, KernelRelease, KernelVersion};

/// How far the table tells what a kernel has from later ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Backports {
    /// The table lists what stable releases and distributions carry into it.
    #[default]
    Listed,
    /// An enterprise distribution carries changes of later kernels into it, which the table does not list.
    Unlisted,
    /// It is one of the kernels that such a kernel may behave as.
    Assumed,
}

/// The version and the distribution of a kernel, by which its behaviours are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Calendar {
    /// The version; unless `patch_known`, its patch number is the least that it can be.
    pub version: KernelVersion,
    /// Whether the stable patch level is known. Release strings that count ABIs, as Ubuntu's and Debian's up to 6.11, do not give it.
    pub patch_known: bool,
    /// The distribution that built the kernel; `None` for an upstream kernel or an unknown one.
    pub distribution: Option<Distribution>,
    /// What it has from later kernels.
    pub backports: Backports,
    /// A behaviour whose answer is inverted, to find out what depends on it.
    pub otherwise: Option<Behaviour>,
}

/// ABIs of Debian's kernels and the stable releases that they were given to, read from packages. In a series both only grow.
const DEBIAN_ABIS: [(u32, KernelVersion); 3] =
    [(46, KernelVersion::new(5, 10, 262)), (47, KernelVersion::new(6, 1, 170)), (56, KernelVersion::new(6, 1, 192))];

/// The oldest stable release that a kernel can be, by the ABI in its release string.
fn oldest_with_abi(distribution: Distribution, release: &KernelRelease) -> Option<KernelVersion> {
    let abi = release.abi()?;
    let version = release.version()?;
    match distribution {
        Distribution::Debian => {
            let of_series =
                DEBIAN_ABIS.iter().filter(|(known, stable)| *known <= abi && stable.series() == version.series());
            of_series.map(|(_, stable)| *stable).max()
        }
    }
}

/// The stable version that the configuration of a kernel names in its first lines, where the release does not tell it: `5.15.131`
/// of `5.15.0-91-generic`.
fn configured_version(kernel: &Kernel) -> Option<KernelVersion> {
    let release = kernel.release().filter(|release| !release.names_stable_release() && !kernel.is_version_given())?;
    let version = kernel.config()?.version()?;
    (version.series() == release.version()?.series()).then_some(version)
}

impl Calendar {
    /// A calendar for a version, which the user or a file gave (`given`) or which was read from the release string. Debian's
    /// releases up to 6.11 have the ABI number in the place of the patch level.
    pub fn new(version: KernelVersion, given: bool, distribution: Option<Distribution>) -> Self {
        Self {
            version,
            patch_known: given || distribution.is_none() || version.patch != 0,
            distribution,
            backports: Backports::Listed,
            otherwise: None,
        }
    }

    /// A calendar for a release string; `None` if it does not begin with a version.
    pub fn of_release(release: &KernelRelease) -> Option<Self> {
        Some(Self::new(release.version()?, false, release.distribution()).built_as(Some(release), false))
    }

    /// The calendar of a kernel with this release string, whose version a file tells apart from it or not (`given`).
    fn built_as(self, release: Option<&KernelRelease>, given: bool) -> Self {
        match release {
            Some(release) if release.is_of_enterprise() => Self { backports: Backports::Unlisted, ..self },
            Some(release) if !given && !release.names_stable_release() => {
                let least = self.distribution.and_then(|distribution| oldest_with_abi(distribution, release));
                Self { patch_known: false, version: least.unwrap_or(self.version), ..self }
            }
            _ => self,
        }
    }

    /// The calendars that a kernel may have, of which the first counts where none decides: its own; if its version is not known,
    /// that of each era, the newest first; if a distribution carries unlisted changes into it, see `assumed`.
    pub fn candidates(kernel: &Kernel) -> Vec<Self> {
        match Self::of(kernel) {
            Some(own) if own.backports == Backports::Unlisted => own.assumed(),
            Some(own) => vec![own],
            None => eras().into_iter().rev().map(|version| Self::new(version, true, kernel.distribution())).collect(),
        }
    }

    /// The calendars that a kernel with unlisted changes of later kernels may have: that of its base version, those of the later
    /// eras, and the first and the last of these with each single behaviour otherwise that the table leaves open.
    ///
    /// That is not every combination of behaviours, which would be too many to try. It has each behaviour on both sides, alone and
    /// with the others of its time.
    fn assumed(self) -> Vec<Self> {
        let base = Self { backports: Backports::Assumed, ..self };
        let later = eras().into_iter().filter(|version| *version > self.version);
        let mut all = vec![base];
        all.extend(later.map(|version| Self { version, patch_known: true, ..base }));
        let newest = all.last().copied().unwrap_or(base);
        for row in TABLE.iter().filter(|row| self.has(row.behaviour).is_none()) {
            all.extend([base, newest].map(|calendar| Self { otherwise: Some(row.behaviour), ..calendar }));
        }
        all
    }

    /// A calendar for a kernel; `None` if its version is unknown.
    pub fn of(kernel: &Kernel) -> Option<Self> {
        let configured = configured_version(kernel);
        let given = kernel.is_version_given() || configured.is_some();
        let version = configured.or_else(|| kernel.version())?;
        Some(Self::new(version, given, kernel.distribution()).built_as(kernel.release(), given))
    }

    /// The behaviours that only one of two kernels has, each with whether the later one has it. A behaviour that is unknown for
    /// either is left out.
    pub fn changes(self, later: Self) -> impl Iterator<Item = (Behaviour, bool)> {
        TABLE.iter().filter_map(move |row| {
            let before = self.has(row.behaviour)?;
            let after = later.has(row.behaviour)?;
            (before != after).then_some((row.behaviour, after))
        })
    }

    /// Returns whether this kernel has a behaviour; `None` if the table does not say.
    ///
    /// Precedence: a distribution's own row, then the date, then the backports found in the series. The answer is unknown
    /// between the last release known to lack a change and the date of the change, and in a series between `.0` and the first
    /// release in which a backport was found.
    pub fn has(self, behaviour: Behaviour) -> Option<bool> {
        self.has_by_table(behaviour).map(|has| has != (self.otherwise == Some(behaviour)))
    }

    fn has_by_table(self, behaviour: Behaviour) -> Option<bool> {
        let row = row_of(behaviour)?;
        if row.distribution.is_some() && row.from.is_none() && row.until.is_none() {
            return Some(self.distribution == row.distribution);
        }
        // A kernel that carries changes of later ones may have any that came after its base version.
        if self.backports == Backports::Unlisted
            && row.from.or(row.again).or(row.until).is_none_or(|last| self.version < last)
        {
            return None;
        }
        if let Some(until) = row.until {
            if self.version < until {
                let is_open = row.after.is_some_and(|after| self.version.series() > after.series());
                return (!is_open).then_some(true);
            }
            return match row.again {
                Some(again) if self.version >= again => Some(true),
                // A stable release may have the revert.
                Some(_) if self.version.patch > 0 || !self.patch_known => None,
                _ => Some(false),
            };
        }
        let from = row.from?;
        if self.version >= from {
            return Some(true);
        }
        let is_lacking = |known: &&KernelVersion| known.series() == self.version.series() && self.patch_known;
        if row.lacking.iter().find(is_lacking).is_some_and(|known| self.version <= *known) {
            return Some(false);
        }
        if let Some(backport) = row.backports.iter().find(|backport| backport.series() == self.version.series()) {
            return self.has_backport(*backport);
        }
        let oldest = row.backports.iter().min().map(|backport| backport.series());
        if oldest.is_some_and(|oldest| self.version > oldest) && self.has_late_backports() {
            return None;
        }
        match row.after {
            // A series counts as a whole: if a stable release lacks a change, so do the earlier releases of its series.
            Some(after) if self.version.series() > after.series() => None,
            // Releases of 2.6 are no stable releases of one series.
            Some(after) if self.version.major == 2 && self.version > after => None,
            _ => Some(false),
        }
    }

    /// Returns whether it is only one of the calendars that a kernel with unlisted changes may have.
    pub fn is_assumed(&self) -> bool {
        self.backports == Backports::Assumed
    }

    /// Returns whether the release is older than the first one of which the table is meant to know every difference.
    pub fn is_before_table(self) -> bool {
        self.version < FIRST_KNOWN
    }

    /// Returns whether this is a later release of a long-term series, which may have backports that the table does not list.
    fn has_late_backports(self) -> bool {
        const LONG_TERM: [(u16, u16); 8] = [(4, 19), (5, 4), (5, 10), (5, 15), (6, 1), (6, 6), (6, 12), (6, 18)];
        LONG_TERM.contains(&(self.version.major, self.version.minor)) && (self.version.patch > 0 || !self.patch_known)
    }

    /// Returns whether a kernel of the backport's series has a backport that was found in the release `seen`.
    fn has_backport(self, seen: KernelVersion) -> Option<bool> {
        if self.version.patch >= seen.patch {
            return Some(true);
        }
        // The first release of a series has no backport.
        (self.patch_known && self.version.patch == 0).then_some(false)
    }
}

/// The row of a behaviour.
fn row_of(behaviour: Behaviour) -> Option<&'static Row> {
    /// The rows in the order of the behaviours: one is looked up some twenty times for each module.
    static ROWS: LazyLock<Vec<Option<&Row>>> = LazyLock::new(|| {
        Behaviour::ALL.iter().map(|behaviour| TABLE.iter().find(|row| row.behaviour == *behaviour)).collect()
    });
    ROWS.get(behaviour as usize).copied().flatten()
}

/// The first version of each span in which no row changes, oldest first: the candidates for a kernel of unknown release.
pub fn eras() -> Vec<KernelVersion> {
    let oldest = FIRST_KNOWN;
    let mut eras: Vec<_> =
        TABLE.iter().flat_map(|row| row.from.into_iter().chain(row.until).chain(row.again)).collect();
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
            backports: Backports::Listed,
            otherwise: None,
        }
    }

    #[test]
    fn an_enterprise_kernel_may_have_what_came_after_its_base() {
        let release = |text: &str| Calendar::of_release(&KernelRelease::new(text)).expect("a version");
        let el8 = release("4.18.0-553.el8.x86_64");
        let el9 = release("5.14.0-503.33.1.el9_5.x86_64");
        assert_eq!([el8, el9].map(|calendar| calendar.has(Behaviour::LoadTaintLate)), [None, None]);
        assert_eq!([el8, el9].map(|calendar| calendar.has(Behaviour::SymNamespaces)), [None, Some(true)]);
        assert_eq!([el8, el9].map(|calendar| calendar.has(Behaviour::X86Plt32)), [Some(true), Some(true)]);
        assert_eq!([el8, el9].map(|calendar| calendar.has(Behaviour::SymGplFutureUnused)), [None, Some(false)]);
        assert_eq!([el8, el9].map(|calendar| calendar.has(Behaviour::SigSha1)), [None, None]);
        assert_eq!(
            [el8, el9].map(|calendar| calendar.has(Behaviour::VerMissingEntryFatal)),
            [Some(false), Some(false)]
        );
    }

    #[test]
    fn a_change_counts_from_its_date() {
        assert_eq!(calendar(5, 8, 0).has(Behaviour::SymInheritTaint), Some(false));
        assert_eq!(calendar(5, 9, 0).has(Behaviour::SymInheritTaint), Some(true));
        assert_eq!(calendar(5, 11, 9).has(Behaviour::SymGplFutureUnused), Some(true));
        assert_eq!(calendar(5, 12, 0).has(Behaviour::SymGplFutureUnused), Some(false));
    }

    #[test]
    fn a_behaviour_is_unknown_between_two_sources_that_were_read() {
        assert_eq!(calendar(6, 2, 5).has(Behaviour::LoadTaintLate), Some(false));
        assert_eq!(calendar(6, 3, 0).has(Behaviour::LoadTaintLate), None);
        assert_eq!(calendar(6, 4, 0).has(Behaviour::LoadTaintLate), Some(true));
    }

    #[test]
    fn an_abi_does_not_tell_the_stable_release() {
        let of = |text: &str| Calendar::of_release(&KernelRelease::new(text)).expect("a version");
        let dots = |text: &str| of(text).has(Behaviour::BtfDots);
        // Ubuntu's 5.15.0-91 is 5.15.131, and 6.1.0 with any ABI may be any 6.1.
        assert_eq!(of("5.15.0-91-generic").has(Behaviour::ElfDetailedMessages), Some(false));
        assert_eq!(of("5.15.0-91-generic").has(Behaviour::LoadDupEbusy), None);
        assert_eq!([dots("6.1.0"), dots("6.1.0-21-generic"), dots("6.1.0-9-amd64")], [Some(false), None, None]);
        // Debian counts upwards, and the ABIs of some stable releases are known.
        assert_eq!(
            [dots("6.1.0-47-amd64"), dots("6.1.0-56-amd64"), dots("6.1.0-60-amd64")],
            [None, Some(true), Some(true)]
        );
        assert_eq!(of("5.10.0-46-amd64").has(Behaviour::ElfHardened), Some(true));
    }

    #[test]
    fn a_behaviour_may_be_absent_for_a_while() {
        let sha1 = |minor, patch| calendar(6, minor, patch).has(Behaviour::SigSha1);
        assert_eq!(
            [sha1(6, 0), sha1(7, 0), sha1(7, 9), sha1(8, 0), sha1(8, 12), sha1(9, 0)],
            [Some(true), Some(false), None, Some(false), None, Some(true)]
        );
    }

    #[test]
    fn a_backport_counts_from_the_release_it_was_found_in() {
        assert_eq!(calendar(5, 10, 262).has(Behaviour::ElfHardened), Some(true));
        assert_eq!(calendar(5, 10, 3).has(Behaviour::ElfHardened), None);
        assert_eq!(calendar(5, 11, 0).has(Behaviour::ElfHardened), Some(false));
        assert_eq!(calendar(6, 6, 100).has(Behaviour::SymShndxCheck), None);
        assert_eq!(calendar(6, 6, 0).has(Behaviour::SymShndxCheck), Some(false));
    }

    #[test]
    fn rows_before_4_18_are_known_where_a_source_tells() {
        let plt32 = |major, minor, patch| calendar(major, minor, patch).has(Behaviour::X86Plt32);
        assert_eq!([plt32(4, 4, 59), plt32(4, 4, 302), plt32(4, 4, 200)], [Some(false), Some(true), None]);
        assert_eq!([plt32(3, 10, 0), plt32(4, 15, 9), plt32(4, 16, 0)], [None, None, Some(true)]);
        let printed = |major, minor, patch| calendar(major, minor, patch).has(Behaviour::SymErrnoPrinted);
        assert_eq!([printed(2, 6, 32), printed(2, 6, 39), printed(3, 10, 0)], [Some(false), None, Some(true)]);
        let real = |minor| calendar(4, minor, 0).has(Behaviour::SymErrnoReal);
        assert_eq!([real(14), real(18), real(19)], [Some(false), Some(false), Some(true)]);
        assert!(calendar(4, 17, 19).is_before_table() && !calendar(4, 18, 0).is_before_table());
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
