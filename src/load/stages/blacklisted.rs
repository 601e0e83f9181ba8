//! `module_blacklist=`: mirrors `blacklisted()`, kernel/module/main.c.

use std::sync::Arc;

use crate::history::Behaviour;
use crate::load::run::Run;
use crate::load::state::{StageResult, Stop};
use crate::terms::Errno;
use crate::verdict::{Cause, LineText};

pub(in crate::load) fn blacklisted(run: &mut Run<'_>) -> StageResult {
    let name = Arc::clone(&run.info()?.name);
    if !run.call.cmdline.blacklist.iter().any(|listed| **listed == *name) {
        return Ok(());
    }
    let line =
        run.has(Behaviour::LoadBlacklistMessage)?.then(|| LineText::from(format!("Module {name} is blacklisted")));
    run.find(Cause::Blacklisted { name: name.to_string() }, line.clone());
    if let Some(line) = line {
        run.err(line);
    }
    Err(Stop::Refused(Errno::EPERM))
}
