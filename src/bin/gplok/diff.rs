//! `gplok diff`: the differences between the exports of two kernels.

use std::path::PathBuf;

use gplok::impact::policy::{Concern, PolicyEntry};
use gplok::impact::{Classes, ExportDiff};
use gplok::kernel::{ExportFilter, KernelRequest};
use gplok::report::{KernelSummary, diff_document, human_diff, no_exports, printable_json, short_diff};
use gplok::terms::Budget;

use crate::arguments::{DiffArguments, DiffFormat};
use crate::exit::{CommandError, Exit};
use crate::output::{palette, write};
use crate::policy::exit;

pub fn run(arguments: &DiffArguments, budget: &Budget) -> Result<Exit, CommandError> {
    if let Some(answer) = arguments.policy.fail_on.iter().find(|concern| matches!(concern, Concern::Answer(_))) {
        return Err(format!("{answer} is what becomes of a module: only upgrade can fail on it").into());
    }
    let (from, to): (&[PathBuf], &[PathBuf]) = match arguments.kernels.split_first() {
        Some((from, to)) => (std::slice::from_ref(from), to),
        None => (&arguments.from, &arguments.to),
    };
    let (from, to) =
        KernelRequest::of_paths(from).within(budget).open_with(&KernelRequest::of_paths(to).within(budget))?;
    let earlier = KernelSummary::from(&from);
    let later = KernelSummary::from(&to);
    let before = from.all_exports().ok_or_else(|| no_exports(&from, &earlier))?;
    let after = to.all_exports().ok_or_else(|| no_exports(&to, &later))?;
    let mut diff = ExportDiff::between(&before, &after);
    let filter = ExportFilter {
        symbols: arguments.symbol.clone(),
        modules: arguments.module.clone(),
        ..ExportFilter::default()
    };
    diff.retain(&filter);
    let totals = diff.totals();
    let classes: Classes = arguments.class.iter().copied().collect();
    if !classes.is_empty() {
        diff.retain_classes(classes);
    }
    let entries = || diff.changes.iter().flat_map(|change| PolicyEntry::of_change(change, "", None)).collect();
    let is_known = |concern| match concern {
        Concern::Change(class) => !diff.uncompared.contains(&class.depends_on()),
        Concern::Answer(_) => true,
    };
    let policy = arguments.policy.judge(entries, is_known)?;
    write(&match arguments.format {
        DiffFormat::Human => {
            let palette = palette();
            let mut page = human_diff(&diff, totals, &earlier, &later, &palette, arguments.all);
            if let Some(policy) = &policy {
                page.append(&policy.human(&palette));
            }
            page
        }
        DiffFormat::Short => short_diff(&diff),
        DiffFormat::Json => printable_json(&diff_document(&diff, totals, &earlier, &later, policy.as_ref()))?,
    })?;
    Ok(policy.as_ref().map_or(Exit::Good, exit))
}
