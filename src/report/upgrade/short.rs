//! For scripts.

use std::fmt::Write as _;

use crate::impact::Upgrade;
use crate::report::diff::sides;
use crate::report::wording::printable;

/// A line for each module (answer, file, what the later kernel does with the file as it is), and for each change of a symbol it
/// uses (class, file, symbol, what was, what is); columns divided by tabs.
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
