//! The check for sections that are both writable and executable.

use std::sync::Arc;

use crate::elf::SectionFlags;
use crate::history::Behaviour;
use crate::load::run::Run;
use crate::load::state::{StageResult, Stop};
use crate::terms::Errno;
use crate::verdict::{Cause, LineText};

/// Mirrors `module_enforce_rwx_sections()` (kernel/module/strict_rwx.c).
pub(in crate::load) fn module_enforce_rwx_sections(run: &mut Run<'_>) -> StageResult {
    let both = SectionFlags::WRITE | SectionFlags::EXECINSTR;
    let elf = Arc::clone(&run.info()?.elf);
    let Some(section) = elf.sections().iter().find(|section| section.flags & both == both) else { return Ok(()) };
    if !run.has(Behaviour::LoadWxCheck)? || !run.config("STRICT_MODULE_RWX")? {
        return Ok(());
    }
    let name = elf.section_text(section);
    let index = section.index;
    let line = format!("{}: section {name} (index {index}) has invalid WRITE|EXEC flags", run.mod_name());
    let line = run.has(Behaviour::LoadWxMessage)?.then_some(LineText::from(line));
    run.find(Cause::WritableExecutable { section: name, index }, line.clone());
    if let Some(line) = line {
        run.err(line);
    }
    Err(Stop::Refused(Errno::ENOEXEC))
}
