//! The value that the init function returns. gplok does not run the function.

use std::sync::Arc;

use crate::history::Behaviour;
use crate::image::ModuleFunction;
use crate::load::loaded::FunctionPointer;
use crate::load::run::Run;
use crate::load::stages::function_pointers::{function_pointers, unknown_function};
use crate::load::state::{StageResult, Stop};
use crate::terms::Errno;

/// Mirrors `do_init_module()` (kernel/module/main.c) after the call of the init function.
pub(in crate::load) fn do_init_module(run: &mut Run<'_>) -> StageResult {
    let info = run.info()?;
    match function_pointers(run.call, info)[0] {
        FunctionPointer::Null => return Ok(()),
        FunctionPointer::Function => {}
        FunctionPointer::Other => {
            let (missing, crash) = unknown_function(ModuleFunction::Init);
            return if run.ask(missing)? { Ok(()) } else { Err(Stop::Crash(crash)) };
        }
    }
    let returned = run.insmod.init_returns;
    if returned == 0 {
        return Ok(());
    }
    let name = Arc::clone(&info.mod_name);
    match returned {
        1.. if run.has(Behaviour::LoadInitEexistToEbusy)? => {
            run.warn(format!("{name}: init suspiciously returned {returned}, it should follow 0/-E convention"));
            Ok(())
        }
        1.. => {
            // The kernel prints one record of two lines, and then a stack dump.
            run.warn(format!(
                "do_init_module: '{name}'->init suspiciously returned {returned}, it should follow 0/-E convention\\x0a\
                 do_init_module: loading module anyway..."
            ));
            Ok(())
        }
        _ => {
            let errno = Errno::from_number(returned.wrapping_neg()).unwrap_or(Errno::EINVAL);
            let becomes_busy = errno == Errno::EEXIST && run.has(Behaviour::LoadInitEexistToEbusy)?;
            Err(Stop::Refused(if becomes_busy { Errno::EBUSY } else { errno }))
        }
    }
}
