//! License strings in words.

use crate::audit::LicenseOddity;
use crate::report::findings::gpl_strings;

/// The oddity of a license string; and the lines below it: how loader and modpost take the string, and what to do.
pub(super) fn license(module: &str, text: &str, oddity: LicenseOddity) -> (String, Vec<String>) {
    let quoted = quoted(text);
    let (headline, meaning) = match oddity {
        LicenseOddity::Misspelt { nearest } => (
            format!("{quoted} is not {}", self::quoted(nearest)),
            format!("the loader takes {module} for proprietary, and so does modpost"),
        ),
        LicenseOddity::Several { count, first_taken, all_taken, .. } => {
            (format!("{count} license strings, the first is {quoted}"), taken(module, first_taken, all_taken))
        }
        LicenseOddity::Absent => (
            "no license".to_owned(),
            format!("the loader takes {module} for proprietary (\"unspecified\"), and modpost complains"),
        ),
    };
    (headline, vec![meaning, format!("fix: {}", license_fix(oddity))])
}

/// What to do about an odd license string.
pub(super) fn license_fix(oddity: LicenseOddity) -> String {
    match oddity {
        LicenseOddity::Misspelt { nearest } => {
            format!("if it is under the GPL, write exactly MODULE_LICENSE(\"{nearest}\")")
        }
        LicenseOddity::Several { nearest, .. } => {
            let choice = "for a choice there are \"Dual BSD/GPL\", \"Dual MIT/GPL\" and \"Dual MPL/GPL\"";
            match nearest {
                Some(nearest) => format!(
                    "write one MODULE_LICENSE; if the string that is not taken means the GPL, MODULE_LICENSE(\"{nearest}\"), letter \
                     by letter; {choice}"
                ),
                None => format!("write one MODULE_LICENSE; {choice}"),
            }
        }
        LicenseOddity::Absent => format!("write a MODULE_LICENSE; GPL-compatible are {}", gpl_strings()),
    }
}

/// How loader and modpost take several license strings. `first` and `all` say whether the first and all are compatible.
fn taken(module: &str, first: bool, all: bool) -> String {
    match (first, all) {
        (true, true) => {
            format!("the loader takes {module} for GPL-compatible by the first, and modpost by all of them")
        }
        (true, false) => format!(
            "the loader takes {module} for GPL-compatible, by the first alone; modpost for proprietary, for not all of them are"
        ),
        (false, _) => {
            format!(
                "the loader takes {module} for proprietary, by the first alone; modpost, too, for not all are compatible"
            )
        }
    }
}

/// The text in quotes, with invisible blanks (at the ends, or doubled) as `␣`.
fn quoted(text: &str) -> String {
    let inner = text.trim_matches(' ');
    let lead = text.len() - text.trim_start_matches(' ').len();
    let trail = text.len() - lead.min(text.len()) - inner.len();
    let mut out = String::from('"');
    out.extend(std::iter::repeat_n('␣', lead));
    let mut after_blank = false;
    for (character, next) in inner.chars().zip(inner.chars().skip(1).map(Some).chain([None])) {
        let doubled = character == ' ' && (after_blank || next == Some(' '));
        out.push(if doubled { '␣' } else { character });
        after_blank = character == ' ';
    }
    out.extend(std::iter::repeat_n('␣', trail));
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn blanks_that_nobody_sees_are_shown() {
        assert_eq!(quoted("GPL v2"), "\"GPL v2\"");
        assert_eq!(quoted(" GPL  v2 "), "\"␣GPL␣␣v2␣\"");
        assert_eq!(quoted("  "), "\"␣␣\"");
        assert_eq!(quoted(""), "\"\"");
    }
}
