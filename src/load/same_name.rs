//! A module of the same name: mirrors `module_patient_check_exists()`, kernel/module/main.c.

use super::run::{Run, Step, Stop};
use crate::terms::Errno;
use crate::verdict::Cause;

/// Every module gplok has loaded is live, so there is nothing to wait for.
pub(super) fn module_patient_check_exists(run: &mut Run<'_>) -> Step {
    let name = run.mod_name();
    if run.world.state.modules.iter().all(|module| module.name != name) {
        return Ok(());
    }
    run.find(Cause::AlreadyLoaded { name: name.to_string() }, None);
    Err(Stop::Refused(Errno::EEXIST))
}
