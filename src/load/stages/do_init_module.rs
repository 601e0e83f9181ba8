//! The init function: mirrors `do_init_module()`, kernel/module/main.c, as far as its return value goes.

use crate::history::Behaviour;
use crate::load::run::Run;
use crate::load::state::{StageResult, Stop};
use crate::terms::Errno;

pub(in crate::load) fn do_init_module(run: &mut Run<'_>) -> StageResult {
    let info = run.info()?;
    let this_module = info.elf.sections().get(info.this_module);
    let has_init = || this_module.is_some_and(|section| info.elf.has_init_and_exit(section)[0]);
    let (returned, name) = (run.insmod.init_returns, info.mod_name.clone());
    match returned {
        0 => Ok(()),
        _ if !has_init() => Ok(()),
        1.. if run.has(Behaviour::LoadInitEexistToEbusy)? => {
            run.warn(format!("{name}: init suspiciously returned {returned}, it should follow 0/-E convention"));
            Ok(())
        }
        1.. => {
            // One record of two lines, then a stack dump.
            run.warn(format!(
                "do_init_module: '{name}'->init suspiciously returned {returned}, it should follow 0/-E convention\\x0a\
                 do_init_module: loading module anyway..."
            ));
            Ok(())
        }
        _ => {
            let errno = Errno::from_number(returned.wrapping_neg()).unwrap_or(Errno::EINVAL);
            let busy = errno == Errno::EEXIST && run.has(Behaviour::LoadInitEexistToEbusy)?;
            Err(Stop::Refused(if busy { Errno::EBUSY } else { errno }))
        }
    }
}
