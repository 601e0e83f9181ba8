//! Unloading a module.

use std::sync::Arc;

use crate::image::ModuleFunction;
use crate::load::loaded::FunctionPointer;
use crate::load::run::Call;
use crate::load::stages::function_pointers::unknown_function;
use crate::load::state::World;
use crate::terms::Errno;
use crate::verdict::{Cause, Missing};

/// Why a module is not removed.
pub(in crate::load) enum Kept {
    /// The kernel returns an error.
    Refused(Errno, Box<Cause>),
    /// The kernel calls what is no function.
    Crash(String),
    /// A fact is needed that no file tells.
    Ask(Missing),
}

/// Mirrors `delete_module()` (kernel/module/main.c) with `O_NONBLOCK`, as `rmmod` calls it. Returns why the module cannot be
/// removed as `Err`.
pub(in crate::load) fn delete_module(call: Call<'_>, world: &mut World, name: &str) -> Result<(), Kept> {
    if call.memo.has_no_modules(call.kernel) {
        return refuse(Errno::ENOSYS, Cause::NoModules);
    }
    if let Some(switch) = call.cmdline.modules_disabled.clone() {
        return refuse(Errno::EPERM, Cause::NotPermitted { switch });
    }
    let name = name.to_owned();
    let modules = &world.state.modules;
    let Some(index) = modules.iter().position(|module| *module.name == *name) else {
        return refuse(Errno::ENOENT, Cause::NotLoaded { name });
    };
    let users: Vec<_> = modules
        .iter()
        .filter(|module| module.uses.iter().any(|used| **used == *name))
        .map(|module| module.name.to_string())
        .collect();
    if !users.is_empty() {
        return refuse(Errno::EAGAIN, Cause::InUse { name, users });
    }
    let Some(module) = modules.get(index) else { return Ok(()) };
    if module.is_overwritten {
        let missing = Missing::Memory(format!("the fields of struct module that {name} has written over"));
        ask(world, missing, format!("{name} has written over fields of its struct module"))?;
    }
    match (module.init, module.exit) {
        (FunctionPointer::Function | FunctionPointer::Other, FunctionPointer::Null) => {
            return refuse(Errno::EBUSY, Cause::NoExit { name });
        }
        // klp_enable_patch() holds the module until somebody disables the patch.
        (FunctionPointer::Function | FunctionPointer::Other, _) if module.patches.is_some() => {
            let missing = Missing::LivePatch { patch: name.to_string(), module: None };
            match world.answers.get(&missing) {
                None => return Err(Kept::Ask(missing)),
                Some(false) => return refuse(Errno::EAGAIN, Cause::InUse { name, users: Vec::new() }),
                Some(true) => {}
            }
        }
        _ => {}
    }
    if module.exit == FunctionPointer::Other {
        let (missing, crash) = unknown_function(ModuleFunction::Exit);
        ask(world, missing, crash)?;
    }
    Arc::make_mut(&mut world.state.modules).remove(index);
    Ok(())
}

/// Asks whether it goes well; `crash` says what happens otherwise.
fn ask(world: &World, missing: Missing, crash: String) -> Result<(), Kept> {
    match world.answers.get(&missing) {
        None => Err(Kept::Ask(missing)),
        Some(false) => Err(Kept::Crash(crash)),
        Some(true) => Ok(()),
    }
}

fn refuse(errno: Errno, cause: Cause) -> Result<(), Kept> {
    Err(Kept::Refused(errno, Box::new(cause)))
}
