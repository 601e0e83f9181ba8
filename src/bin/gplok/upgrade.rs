//! `gplok upgrade`: what another kernel does with modules.

use std::sync::Arc;

use gplok::impact::policy::{Concern, PolicyEntry};
use gplok::impact::{Answer, Circumstances, ExportDiff, Kernels, ModuleImpact, Upgrade};
use gplok::kernel::{Kernel, KernelRequest, out_of_tree_modules};
use gplok::report::{KernelSummary, human_upgrade, printable_json, short_upgrade, upgrade_document};
use gplok::terms::{Budget, KernelRelease, License};
use gplok::why::Lookup;
use gplok::why::inlines::InlineChanges;

use crate::arguments::{DiffFormat, UpgradeArguments};
use crate::exit::{CommandError, Exit};
use crate::given::Given;
use crate::inlines::map_of;
use crate::inputs::{booted_with, debug_files};
use crate::output::{palette, write};

pub fn run(arguments: &UpgradeArguments, budget: &Budget) -> Result<Exit, CommandError> {
    let release = arguments.release.as_deref();
    let later = KernelRequest { release, certificates: &arguments.certs, ..KernelRequest::of_paths(&arguments.to) };
    let (from, to) = KernelRequest::of_paths(&arguments.from).within(budget).open_with(&later.within(budget))?;
    let mut to = arguments.loader.tell(to);
    let given = given(arguments, &from, budget)?;
    given.tell(&mut to);
    let images = given.open(&to)?;
    let to = Arc::new(to);
    let circumstances = Circumstances { contests: given.contests, ..circumstances(arguments, &to, images.len())? };
    let (before, after) = rayon::join(|| from.all_exports(), || to.all_exports());
    let kernels = Kernels { from: &from, to: &to, before: before.as_deref(), after: after.as_deref() };
    let upgrade = Upgrade::of(kernels, &images, &circumstances)?;
    let diff = match (kernels.before, kernels.after) {
        (Some(before), Some(after)) if arguments.all_exports => Some(ExportDiff::between(before, after)),
        _ => None,
    };
    // If the answer for a module is not known, every other answer may be the right one.
    let unknown = upgrade.modules.iter().any(|module| module.answer == Answer::Unknown);
    let is_known = |concern| match concern {
        Concern::Change(class) => !upgrade.uncompared.contains(&class.depends_on()),
        Concern::Answer(answer) => answer == Answer::Unknown || !unknown,
    };
    let policy = arguments.policy.judge(|| upgrade.modules.iter().flat_map(entries).collect(), is_known)?;
    let earlier = KernelSummary::from(&from);
    let later = KernelSummary::from(&*to);
    write(&match arguments.format {
        DiffFormat::Human => {
            let palette = palette();
            let mut page = human_upgrade(&upgrade, diff.as_ref(), (&earlier, &later), &palette, arguments.all);
            if let Some(policy) = &policy {
                page.append(&policy.human(&palette));
            }
            page
        }
        DiffFormat::Short => short_upgrade(&upgrade),
        DiffFormat::Json => {
            let document = upgrade_document(&upgrade, diff.as_ref(), &earlier, &later, policy.as_ref());
            printable_json(&document)?
        }
    })?;
    Ok(policy.as_ref().map_or_else(|| exit(&upgrade), crate::policy::exit))
}

/// How the command ends without a policy: as `check` does, by what the later kernel does with the files as they are.
fn exit(upgrade: &Upgrade<'_>) -> Exit {
    if upgrade.modules.iter().any(ModuleImpact::is_refused_as_it_is) {
        Exit::Refused
    } else if upgrade.modules.iter().any(|module| module.answer != Answer::LoadsAsItIs) {
        Exit::Undetermined
    } else {
        Exit::Good
    }
}

/// The modules to judge: those given, those of the given tree, or those from outside the kernel that are installed for
/// the earlier one.
fn given(arguments: &UpgradeArguments, from: &Kernel, budget: &Budget) -> Result<Given, CommandError> {
    let mut given = Given::at(&arguments.modules, arguments.tree.as_deref(), budget)?;
    if !arguments.modules.is_empty() || arguments.tree.is_some() {
        return Ok(given);
    }
    if from.release().is_none() && from.tree().is_none() {
        return Err(
            "no module was given, and the release of the earlier kernel is not known, so its installed modules \
                    cannot be found"
                .into(),
        );
    }
    given.add_found(out_of_tree_modules(from));
    if given.files.is_empty() {
        let release = from.release().map_or("the earlier kernel", KernelRelease::as_str);
        return Err(format!(
            "no module was given, and none from outside the kernel is installed for {release} (in updates, extra and \
             weak-updates of its tree, or built by DKMS): name the modules"
        )
        .into());
    }
    Ok(given)
}

fn circumstances(arguments: &UpgradeArguments, kernel: &Kernel, modules: usize) -> Result<Circumstances, CommandError> {
    let inlines = match (&arguments.from_inlines, &arguments.to_inlines) {
        (Some(from), Some(to)) => Some({
            let (trust, budget) = (arguments.trust_writable, kernel.budget());
            InlineChanges::between(&map_of(from, trust, budget)?, &map_of(to, trust, budget)?)
        }),
        _ => None,
    };
    let cmdline = booted_with(kernel, &arguments.cmdline);
    let lookup = Lookup { debug: debug_files(&arguments.debug)?.among(modules), inlines: None };
    Ok(Circumstances { cmdline, lookup, inlines, contests: Vec::new() })
}

/// The entries that a policy judges: the answer for a module, and the changes of the symbols it uses.
fn entries<'a>(module: &'a ModuleImpact<'a>) -> Vec<PolicyEntry<'a>> {
    let name = module.binary.name.as_str();
    let license = module.license().map(License::as_str);
    let answer = PolicyEntry { concern: Concern::Answer(module.answer), module: name, license, change: None };
    let changes = module.symbols.iter().flat_map(|symbol| PolicyEntry::of_change(&symbol.change, name, license));
    std::iter::once(answer).chain(changes).collect()
}
