//! The list of rejected modules on the kernel command line, `module_blacklist=`.

use std::sync::Arc;

use crate::history::Behaviour;
use crate::load::run::Run;
use crate::load::state::{StageResult, Stop};
use crate::terms::Errno;
use crate::verdict::{Cause, LineText};

/// Mirrors `blacklisted()` (kernel/module/main.c).
pub(in crate::load) fn blacklisted(run: &mut Run<'_>) -> StageResult {
    let name = Arc::clone(&run.info()?.name);
    if !run.call.cmdline.blacklist.iter().any(|listed| **listed == *name) {
        return Ok(());
    }
    let line = if run.has(Behaviour::LoadBlacklistMessage)? {
        Some(LineText::from(format!("Module {name} is blacklisted")))
    } else {
        None
    };
    run.find(Cause::Blacklisted { name: name.to_string() }, line.clone());
    if let Some(line) = line {
        run.err(line);
    }
    Err(Stop::Refused(Errno::EPERM))
}
