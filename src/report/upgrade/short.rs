//! The effects of another kernel as lines for scripts.

use crate::impact::Upgrade;
use crate::report::diff::sides;
use crate::report::printable::Printable;
use crate::terms::Shown;

/// One line for each module (answer, file, outcome of the file as it is on the later kernel), and one for each change of a
/// symbol that it uses (class, file, symbol, value before, value after). Tabs separate the columns.
pub fn short_upgrade(upgrade: &Upgrade<'_>) -> Printable {
    let mut text = Printable::default();
    for module in &upgrade.modules {
        let path = Shown::path(&module.path).to_string();
        let outcome = &module.binary.outcome;
        let errno = outcome.errno().map(|errno| format!(" {errno}")).unwrap_or_default();
        text.row([module.answer.name(), &path, &format!("{}{errno}", outcome.word())]);
        for impact in &module.symbols {
            for class in impact.change.classes.iter() {
                let (before, after) = sides(&impact.change, class);
                text.row([class.name(), &path, &impact.change.symbol, &before, &after]);
            }
        }
    }
    text
}
