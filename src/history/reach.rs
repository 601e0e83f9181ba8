//! Comparing the version of a kernel with versions that other data names.

use crate::terms::KernelVersion;

/// Returns whether a version is at least `since`, or at least one of the releases in `also_in` in the series of that release,
/// as with stable backports.
///
/// Both are written as text: `4.18-rc`, `6.6.15`, `6.1.0-18`. No version reaches a text that does not begin with a version.
pub fn has_reached(version: KernelVersion, since: &str, also_in: &[String]) -> bool {
    let reached = |text: &str| text.parse().ok().filter(|named: &KernelVersion| version >= *named);
    reached(since).is_some()
        || also_in.iter().filter_map(|text| reached(text)).any(|named| named.series() == version.series())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_reached_with_its_first_release() {
        let reached = |major, minor, patch, since| has_reached(KernelVersion::new(major, minor, patch), since, &[]);
        assert!(!reached(4, 17, 19, "4.18-rc"));
        assert!(reached(4, 18, 0, "4.18-rc"));
        assert!(reached(5, 0, 0, "4.18-rc"));
        assert!(reached(6, 1, 0, "2.6.36"));
        assert!(!reached(6, 1, 0, "soon"));
    }

    #[test]
    fn a_backport_counts_only_in_its_series() {
        let backports = ["6.6.15".to_owned(), "6.1.0-18".to_owned()];
        let reached = |major, minor, patch| has_reached(KernelVersion::new(major, minor, patch), "6.7.3", &backports);
        assert!(!reached(6, 6, 14));
        assert!(reached(6, 6, 15));
        assert!(reached(6, 1, 76));
        assert!(!reached(6, 5, 20));
        assert!(!reached(6, 7, 2));
        assert!(reached(6, 7, 3));
        assert!(reached(6, 8, 0));
    }
}
