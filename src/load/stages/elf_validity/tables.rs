//! The checks of the extended symbol versions, since 6.13, and of the symbol string table, since 6.14.

use super::checks::Checks;
use crate::elf::Section;
use crate::load::run::Run;
use crate::load::state::StageResult;

impl Checks<'_> {
    /// Checks that both sections of the extended versions exist or none, and that there is a name for each CRC.
    pub(super) fn extended_versions(&self, run: &mut Run<'_>) -> StageResult {
        let has_crcs = self.elf.find_sec("__version_ext_crcs").is_some();
        let has_names = self.elf.find_sec("__version_ext_names").is_some();
        if has_crcs != has_names {
            let rule = "only one of __version_ext_crcs and __version_ext_names is there";
            return self.refuse_held(run, rule, "extended version crc+name presence does not match");
        }
        if !has_crcs {
            return Ok(());
        }
        let (names, crcs) = self.elf.extended_version_counts();
        if names >= crcs {
            return Ok(());
        }
        let rule = "there are fewer names than extended versions";
        self.refuse_held(run, rule, "more extended version crcs than names")
    }

    /// Checks that the symbol string table begins and ends with NUL, and that every symbol's name lies inside it.
    pub(super) fn strtab_contents(&self, run: &mut Run<'_>, strtab: &Section) -> StageResult {
        let Some((first, last)) = self.first_and_last_byte(strtab) else {
            return self.refuse(run, "the symbol string table is empty", "empty symbol string table".to_owned());
        };
        if first != 0 {
            let line = "symbol string table missing leading NUL".to_owned();
            return self.refuse(run, "the symbol string table does not begin with NUL", line);
        }
        if last != 0 {
            let line = "symbol string table isn't NUL terminated".to_owned();
            return self.refuse(run, "the symbol string table does not end with NUL", line);
        }
        if self.elf.are_names_in_strtab() {
            return Ok(());
        }
        let rule = "a symbol's name lies outside the string table";
        self.refuse_held(run, rule, "symbol name out of bounds in string table")
    }

    /// The first and the last byte of a section, or `None` if it is empty or has no contents.
    fn first_and_last_byte(&self, section: &Section) -> Option<(u8, u8)> {
        if section.size == 0 || !section.has_contents() {
            return None;
        }
        let end = section.offset.checked_add(section.size)?;
        Some((self.byte(section.offset)?, self.byte(end - 1)?))
    }
}
