//! Extended symbol versions and the contents of the symbol string table: since 6.13 and 6.14.

use super::Checks;
use crate::elf::Section;
use crate::load::run::{Run, Step};

impl Checks<'_> {
    pub(super) fn extended_versions(&self, run: &mut Run<'_>) -> Step {
        let (crcs, names) = (self.elf.find_sec("__version_ext_crcs"), self.elf.find_sec("__version_ext_names"));
        let (rule, line) = match (crcs, names) {
            (None, None) => return Ok(()),
            (Some(crcs), Some(names)) => {
                let count = self.elf.contents(names).iter().filter(|byte| **byte == 0).count();
                if count >= self.elf.contents(crcs).len() / 4 {
                    return Ok(());
                }
                ("there are fewer names than extended versions", "more extended version crcs than names")
            }
            _ => (
                "only one of __version_ext_crcs and __version_ext_names is there",
                "extended version crc+name presence does not match",
            ),
        };
        self.refuse_held(run, rule, line)
    }

    pub(super) fn strtab_contents(&self, run: &mut Run<'_>, strtab: &Section) -> Step {
        let bytes = self.elf.contents(strtab);
        let (rule, line) = match (bytes.first(), bytes.last()) {
            (None, _) | (_, None) => ("the symbol string table is empty", "empty symbol string table"),
            (Some(1..), _) => {
                ("the symbol string table does not begin with NUL", "symbol string table missing leading NUL")
            }
            (_, Some(1..)) => {
                ("the symbol string table does not end with NUL", "symbol string table isn't NUL terminated")
            }
            _ => {
                let outside = |symbol: &crate::elf::Symbol| u64::from(symbol.name) >= strtab.size;
                if !self.elf.symbols().iter().any(outside) {
                    return Ok(());
                }
                let rule = "a symbol's name lies outside the string table";
                return self.refuse_held(run, rule, "symbol name out of bounds in string table");
            }
        };
        self.refuse(run, rule, line.to_owned(), false)
    }
}
