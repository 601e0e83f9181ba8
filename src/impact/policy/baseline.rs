//! The baseline: entries that are known already, so that a pipeline fails only on new ones.

use std::collections::BTreeSet;

use super::PolicyEntry;

/// The first line of the file.
const HEADING: &str = "# gplok baseline: what is known. Columns: what, module, symbol, what it has become";

/// A set of known entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline(BTreeSet<[String; 4]>);

impl Baseline {
    /// A baseline of all the given entries.
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a PolicyEntry<'a>>) -> Self {
        Self(entries.into_iter().map(PolicyEntry::key).collect())
    }

    /// Reads the text that [`Baseline::text`] writes: columns separated by tabs, without the empty ones at the end.
    /// Skips empty lines and lines that begin with `#`.
    ///
    /// # Errors
    /// The number of the first line that has too many columns or a blank first column.
    pub fn parse(text: &str) -> Result<Self, usize> {
        let mut known = BTreeSet::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let mut key = [const { String::new() }; 4];
            let mut columns = line.split('\t');
            key.iter_mut().zip(&mut columns).for_each(|(place, column)| column.clone_into(place));
            if columns.next().is_some() || key.first().is_none_or(|concern| concern.trim().is_empty()) {
                return Err(index + 1);
            }
            known.insert(key);
        }
        Ok(Self(known))
    }

    /// The baseline as the text of a file, in sorted order.
    pub fn text(&self) -> String {
        let mut text = format!("{HEADING}\n");
        for key in &self.0 {
            text += key.join("\t").trim_end_matches('\t');
            text.push('\n');
        }
        text
    }

    /// Returns whether the baseline contains the entry.
    pub fn has(&self, entry: &PolicyEntry<'_>) -> bool {
        !self.0.is_empty() && self.0.contains(&entry.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_baseline_is_read_back() {
        let text = format!("{HEADING}\nadded\t\tf\nnamespace_changed\tmod\tg\tNS\n");
        let baseline = Baseline::parse(&text).expect("a good one");
        assert_eq!(baseline.text(), text);
        assert_eq!(Baseline::parse("removed\ta\tb\tc\td\n"), Err(1));
        assert_eq!(Baseline::parse("# x\n\n \t\tf\n"), Err(3));
    }
}
