//! What is known already: a pipeline fails only on what is new.

use std::collections::BTreeSet;

use super::Entry;

/// The first line of the file.
const HEADING: &str = "# gplok baseline: what is known. Columns: what, module, symbol, what it has become";

/// The entries that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline(BTreeSet<[String; 4]>);

impl Baseline {
    /// All of these entries.
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a Entry<'a>>) -> Self {
        Self(entries.into_iter().map(Entry::key).collect())
    }

    /// Reads what [`Baseline::text`] wrote: columns divided by tabs, those at the end left out where they are empty. Lines that
    /// begin with `#` and empty ones are passed over.
    ///
    /// # Errors
    /// The number of the first line that has too many columns, or none but blanks.
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

    /// As a file, in order.
    pub fn text(&self) -> String {
        let line = |key: &[String; 4]| key.join("\t").trim_end_matches('\t').to_owned() + "\n";
        format!("{HEADING}\n") + &self.0.iter().map(line).collect::<String>()
    }

    /// Is it known?
    pub fn has(&self, entry: &Entry<'_>) -> bool {
        !self.0.is_empty() && self.0.contains(&entry.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let text = format!("{HEADING}\nadded\t\tf\nnamespace_changed\tmod\tg\tNS\n");
        let baseline = Baseline::parse(&text).expect("a good one");
        assert_eq!(baseline.text(), text);
        assert_eq!(Baseline::parse("removed\ta\tb\tc\td\n"), Err(1));
        assert_eq!(Baseline::parse("# x\n\n \t\tf\n"), Err(3));
    }
}
