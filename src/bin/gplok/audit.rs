//! `gplok audit`: which exports hand on GPL-only symbols, and other ways around the license check.

use std::path::{Path, PathBuf};

use gplok::audit::{Audit, AuditBaseline, AuditCode, AuditDiff, AuditOptions, audit, open_objects_within};
use gplok::image::read_regular_text;
use gplok::kernel::{Kernel, KernelRequest};
use gplok::report::{AuditReport, KernelSummary, audit_document, human_audit, printable_json};
use gplok::terms::{Budget, Shown};

use crate::arguments::{AuditArguments, FactsFormat};
use crate::exit::{CommandError, Exit};
use crate::output::{palette, write};
use crate::progress::Progress;

/// The depth of `reaches-gpl-only` if that code is selected without a depth.
const DEFAULT_DEPTH: usize = 3;

pub fn run(arguments: &AuditArguments, budget: &Budget) -> Result<Exit, CommandError> {
    let baseline = arguments.baseline.as_deref().map(baseline).transpose()?.unwrap_or_default();
    let kernel = match arguments.kernel.as_slice() {
        [] => None,
        paths => Some(KernelRequest::of_paths(paths).within(budget).open()?),
    };
    let later = audit_of(&arguments.objects, kernel.as_ref(), arguments, budget)?;
    let earlier = match arguments.from.as_slice() {
        [] => None,
        paths => Some(audit_of(paths, kernel.as_ref(), arguments, budget)?),
    };
    let mut diff = earlier.as_ref().map(|earlier| AuditDiff::between(earlier, &later));
    if let Some(diff) = diff.as_mut().filter(|_| !arguments.code.is_empty()) {
        // A changed export kind is not a finding of any code.
        diff.kinds.clear();
    }
    let summary = kernel.as_ref().map(KernelSummary::from);
    let report = AuditReport {
        audit: &later,
        baseline: &baseline,
        earlier: earlier.as_ref().zip(diff.as_ref()),
        kernel: summary.as_ref(),
    };
    write(&match arguments.format {
        FactsFormat::Human => human_audit(&report, &palette(), arguments.list),
        FactsFormat::Json => printable_json(&audit_document(&report))?,
    })?;
    if !report.news().is_empty() {
        return Ok(Exit::Refused);
    }
    Ok(if later.is_undetermined() { Exit::Undetermined } else { Exit::Good })
}

/// Audits these objects with the options of the command.
fn audit_of(
    paths: &[PathBuf],
    kernel: Option<&Kernel>,
    arguments: &AuditArguments,
    budget: &Budget,
) -> Result<Audit, CommandError> {
    let by_name = arguments.code.contains(&AuditCode::ReachesGplOnly).then_some(DEFAULT_DEPTH);
    let options = AuditOptions { reaches: arguments.reaches.or(by_name) };
    let objects = open_objects_within(paths, budget)?;
    let progress = Progress::new("readings of modules", objects.readings());
    let mut audit = audit(&objects, kernel, &options, || progress.step())?;
    audit.keep(&arguments.code);
    Ok(audit)
}

fn baseline(path: &Path) -> Result<AuditBaseline, CommandError> {
    let text = read_regular_text(path).map_err(|error| format!("cannot read {}: {error}", Shown::path(path)))?;
    Ok(AuditBaseline::parse(&text).map_err(|error| format!("cannot read {}: {error}", Shown::path(path)))?)
}
