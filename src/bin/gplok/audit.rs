//! `gplok audit`: what exports hand on, and other ways around the licence check.

use std::path::{Path, PathBuf};

use gplok::audit::{Audit, AuditBaseline, AuditCode, AuditDiff, AuditOptions, audit, open_objects};
use gplok::kernel::Kernel;
use gplok::report::{AuditReport, KernelSummary, audit_document, human_audit};

use crate::arguments::{AuditArguments, FactsFormat};
use crate::check::threads;
use crate::output::{Progress, palette, write};
use crate::{CommandError, Exit};

/// How deep `reaches-gpl-only` is followed where it is asked for by its name.
const DEPTH: usize = 3;

pub fn run(arguments: &AuditArguments) -> Result<Exit, CommandError> {
    let baseline = arguments.baseline.as_deref().map(baseline).transpose()?.unwrap_or_default();
    threads(arguments.jobs)?;
    let kernel = match arguments.kernel.as_slice() {
        [] => None,
        paths => Some(Kernel::open(paths)?),
    };
    let later = of(&arguments.objects, kernel.as_ref(), arguments)?;
    let earlier = match arguments.from.as_slice() {
        [] => None,
        paths => Some(of(paths, kernel.as_ref(), arguments)?),
    };
    let mut diff = earlier.as_ref().map(|earlier| AuditDiff::between(earlier, &later));
    if let Some(diff) = diff.as_mut().filter(|_| !arguments.code.is_empty()) {
        // Exports of another kind are no findings of a code.
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
        FactsFormat::Json => serde_json::to_string_pretty(&audit_document(&report))? + "\n",
    })?;
    Ok(match (report.news().is_empty(), later.is_undetermined()) {
        (false, _) => Exit::Refused,
        (true, true) => Exit::Undetermined,
        (true, false) => Exit::Good,
    })
}

/// The audit of these objects, with what is asked for.
fn of(paths: &[PathBuf], kernel: Option<&Kernel>, arguments: &AuditArguments) -> Result<Audit, CommandError> {
    let by_name = arguments.code.contains(&AuditCode::ReachesGplOnly).then_some(DEPTH);
    let options = AuditOptions { reaches: arguments.reaches.or(by_name) };
    let objects = open_objects(paths)?;
    let progress = Progress::new("readings of modules", objects.readings());
    let mut audit = audit(&objects, kernel, &options, || progress.step())?;
    audit.keep(&arguments.code);
    Ok(audit)
}

fn baseline(path: &Path) -> Result<AuditBaseline, CommandError> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(AuditBaseline::parse(&text).map_err(|error| format!("cannot read {}: {error}", path.display()))?)
}
