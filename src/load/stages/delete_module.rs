//! Unloading a module.

use std::sync::Arc;

use crate::load::run::Call;
use crate::load::state::World;
use crate::terms::Errno;
use crate::verdict::Cause;

/// Mirrors `delete_module()` (kernel/module/main.c) with `O_NONBLOCK`, as `rmmod` calls it. Returns why the module cannot be
/// removed as `Err`.
pub(in crate::load) fn delete_module(call: Call<'_>, world: &mut World, name: &str) -> Result<(), (Errno, Box<Cause>)> {
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
    if modules.get(index).is_some_and(|module| module.has_init && !module.has_exit) {
        return refuse(Errno::EBUSY, Cause::NoExit { name });
    }
    Arc::make_mut(&mut world.state.modules).remove(index);
    Ok(())
}

fn refuse(errno: Errno, cause: Cause) -> Result<(), (Errno, Box<Cause>)> {
    Err((errno, Box::new(cause)))
}
