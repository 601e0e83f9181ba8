//! License strings that the loader does not read as their author meant: misspelt ones, several, and none.

use super::audited::Audited;
use crate::audit::{AuditCode, AuditFinding, Detail, LicenseOddity};
use crate::image::{Modinfo, THIS_MODULE};
use crate::terms::License;

/// A finding for each odd string, and one for several strings that disagree.
///
/// Several strings that are all compatible with the GPL are not odd: 39 of the 4,023 modules of Debian's 6.1 have one
/// for each source file.
pub fn lint(module: &Audited<'_>) -> Vec<AuditFinding> {
    let is_module = module.elf.sections_named(THIS_MODULE).next().is_some();
    let oddities = oddities(module.elf.modinfo(), is_module).into_iter();
    let findings = oddities.map(|(text, oddity)| AuditFinding {
        detail: Detail::License { text: text.to_owned(), oddity },
        ..module.finding(AuditCode::OddLicense)
    });
    findings.collect()
}

fn oddities(modinfo: &Modinfo, is_module: bool) -> Vec<(&str, LicenseOddity)> {
    let tags: Vec<&str> = modinfo.all("license").collect();
    let Some(first) = tags.first() else {
        return is_module.then_some(("", LicenseOddity::Absent)).into_iter().collect();
    };
    let first_taken = is_taken(first);
    let all_taken = tags.iter().all(|tag| is_taken(tag));
    if tags.iter().any(|tag| is_taken(tag)) && !all_taken {
        // Loader and modpost part here, so what is wrong with one of the strings is not the whole story.
        let nearest = tags.iter().filter(|tag| !is_taken(tag)).find_map(|tag| nearest(tag));
        return vec![(first, LicenseOddity::Several { count: tags.len(), first_taken, all_taken, nearest })];
    }
    let mut found: Vec<(&str, LicenseOddity)> = Vec::new();
    for tag in tags.iter().filter(|tag| !is_taken(tag)) {
        if let Some(nearest) = nearest(tag)
            && found.iter().all(|(text, _)| text != tag)
        {
            found.push((tag, LicenseOddity::Misspelt { nearest }));
        }
    }
    found
}

/// Returns whether the loader takes a license string for compatible with the GPL.
fn is_taken(tag: &str) -> bool {
    License::new(tag).is_gpl_compatible()
}

/// The string that the loader would take, for a string that means the GPL or the GPL and another license; `None` for
/// all other strings. Case, blanks and punctuation do not count. The GPL's third version has no string of its own, and
/// is compatible with no other version: `GPL` is what its authors most likely meant.
fn nearest(text: &str) -> Option<&'static str> {
    const DENIALS: [&str; 7] = ["commercial", "incompatible", "no", "non", "none", "not", "proprietary"];
    const SECOND: [&str; 6] = ["bsd", "mit", "x11", "expat", "mpl", "mozilla"];
    let words = words(text);
    let has = |word: &str| words.iter().any(|known| known == word);
    let spelt_out = words.windows(2).any(|pair| matches!(pair, [one, two] if one == "general" && two == "public"));
    let lesser = has("lesser") || has("library") || has("affero");
    if !(has("gpl") || has("gplv") || spelt_out && !lesser) || DENIALS.iter().any(|denial| has(denial)) {
        return None;
    }
    let number = words.iter().find_map(|word| word.parse::<u8>().ok());
    let later = text.contains('+') || has("later");
    Some(match SECOND.iter().find(|second| has(second)) {
        Some(&"bsd") => "Dual BSD/GPL",
        Some(&("mit" | "x11" | "expat")) => "Dual MIT/GPL",
        Some(_) => "Dual MPL/GPL",
        None if has("additional") => "GPL and additional rights",
        None if number == Some(2) && !later => "GPL v2",
        None => "GPL",
    })
}

/// The runs of letters, in lower case, and of digits.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = None;
    // `Modinfo` writes a byte that cannot be printed as `\x` and two digits. Of these, tabs and line ends count as
    // blanks.
    let text = text.replace("\\x09", " ").replace("\\x0a", " ").replace("\\x0d", " ");
    for letter in text.chars() {
        let kind = letter.is_ascii_alphanumeric().then_some(letter.is_ascii_digit());
        match (kind, words.last_mut()) {
            (None, _) => {}
            (Some(_), Some(word)) if kind == before => word.push(letter.to_ascii_lowercase()),
            _ => words.push(letter.to_ascii_lowercase().to_string()),
        }
        before = kind;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{nearest, words};

    #[test]
    fn words_are_runs_of_letters_or_digits() {
        assert_eq!(words("Dual\\x09GPLv2.0-only"), ["dual", "gplv", "2", "0", "only"]);
        assert!(words("").is_empty());
    }

    #[test]
    fn misspellings_of_the_gpl_have_a_nearest_string() {
        for text in
            ["gpl", "GPL ", " GPL", "GPL\\x09", "Gpl.", "GPL v3", "GPLv3", "GPL-3.0", "GPL-2.0-or-later", "GPLv2+"]
        {
            assert_eq!(nearest(text), Some("GPL"), "{text}");
        }
        for text in ["GPLv2", "GPL-2.0", "GPL 2", "GPL V2", "GPL  v2", "GPL-2.0-only", "GNU GPL version 2", "GPLV2"] {
            assert_eq!(nearest(text), Some("GPL v2"), "{text}");
        }
        assert_eq!(nearest("GNU General Public License"), Some("GPL"));
        assert_eq!(nearest("GNU General Public License, version 2"), Some("GPL v2"));
        assert_eq!(nearest("GPL with additional rights"), Some("GPL and additional rights"));
    }

    #[test]
    fn misspellings_of_dual_licenses_have_a_nearest_string() {
        for text in ["Dual GPL/BSD", "Dual BSD/GPL ", "dual bsd/gpl", "GPL-2.0 OR BSD-3-Clause", "BSD/GPL"] {
            assert_eq!(nearest(text), Some("Dual BSD/GPL"), "{text}");
        }
        for text in ["Dual MIT/GPL v2", "Dual GPL/MIT", "MIT and GPL"] {
            assert_eq!(nearest(text), Some("Dual MIT/GPL"), "{text}");
        }
        assert_eq!(nearest("Dual MPL 1.1/GPL"), Some("Dual MPL/GPL"));
    }

    #[test]
    fn other_licenses_have_no_nearest_string() {
        let others =
            ["Proprietary", "NVIDIA", "LGPL", "BSD", "Dual BSD", "CDDL", "http://www.openafs.org/dl/license10.html"];
        let denied = ["Proprietary (not GPL)", "non-GPL", "GNU Lesser General Public License", "", "AGPL"];
        for text in others.into_iter().chain(denied) {
            assert_eq!(nearest(text), None, "{text}");
        }
    }
}
