//! The check for a loaded module of the same name.

use crate::load::run::Run;
use crate::load::state::{StageResult, Stop};
use crate::terms::Errno;
use crate::verdict::Cause;

/// Mirrors `module_patient_check_exists()` (kernel/module/main.c). Every module that gplok loads is live at once, so there is
/// nothing to wait for.
pub(in crate::load) fn module_patient_check_exists(run: &mut Run<'_>) -> StageResult {
    let name = run.mod_name();
    if run.modules().iter().all(|module| module.name != name) {
        return Ok(());
    }
    run.find(Cause::AlreadyLoaded { name: name.to_string() }, None);
    Err(Stop::Refused(Errno::EEXIST))
}
