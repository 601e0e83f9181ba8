//! Extended symbol versions and the contents of the symbol string table: since 6.13 and 6.14.

use super::Checks;
use crate::elf::Section;
use crate::load::run::Run;
use crate::load::state::StageResult;

impl Checks<'_> {
    pub(super) fn extended_versions(&self, run: &mut Run<'_>) -> StageResult {
        let (crcs, names) = (self.elf.find_sec("__version_ext_crcs"), self.elf.find_sec("__version_ext_names"));
        let (rule, line) = match (crcs, names) {
            (None, None) => return Ok(()),
            (Some(_), Some(_)) => {
                let (names, crcs) = self.elf.extended_version_counts();
                if names >= crcs {
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

    pub(super) fn strtab_contents(&self, run: &mut Run<'_>, strtab: &Section) -> StageResult {
        let end = strtab.offset.checked_add(strtab.size).filter(|_| strtab.size > 0 && strtab.has_contents());
        let ends = end.and_then(|end| Some((self.byte(strtab.offset)?, self.byte(end - 1)?)));
        let (rule, line) = match ends {
            None => ("the symbol string table is empty", "empty symbol string table"),
            Some((1.., _)) => {
                ("the symbol string table does not begin with NUL", "symbol string table missing leading NUL")
            }
            Some((_, 1..)) => {
                ("the symbol string table does not end with NUL", "symbol string table isn't NUL terminated")
            }
            _ => {
                if self.elf.are_names_in_strtab() {
                    return Ok(());
                }
                let rule = "a symbol's name lies outside the string table";
                return self.refuse_held(run, rule, "symbol name out of bounds in string table");
            }
        };
        self.refuse(run, rule, line.to_owned(), false)
    }
}
