//! The effects of another kernel as lines for scripts.

use std::fmt::Write as _;

use crate::impact::Upgrade;
use crate::report::diff::sides;
use crate::report::wording::printable;

/// One line for each module (answer, file, outcome of the file as it is on the later kernel), and one for each change of a
/// symbol that it uses (class, file, symbol, value before, value after). Tabs separate the columns.
pub fn short_upgrade(upgrade: &Upgrade<'_>) -> String {
    let mut text = String::new();
    for module in &upgrade.modules {
        let path = printable(&module.path.display().to_string());
        let outcome = &module.binary.outcome;
        let errno = outcome.errno().map(|errno| format!(" {errno}")).unwrap_or_default();
        let _ = writeln!(text, "{}\t{path}\t{}{errno}", module.answer, outcome.word());
        for impact in &module.symbols {
            for class in impact.change.classes.iter() {
                let (before, after) = sides(&impact.change, class);
                let [symbol, before, after] = [impact.change.symbol.as_ref(), &before, &after].map(printable);
                let _ = writeln!(text, "{class}\t{path}\t{symbol}\t{before}\t{after}");
            }
        }
    }
    text
}
