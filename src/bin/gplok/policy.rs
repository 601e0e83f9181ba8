//! What a pipeline fails on: `--fail-on`, `--rules`, `--baseline`.

use std::path::Path;

use gplok::impact::policy::{Baseline, Concern, Policy, PolicyEntry, PolicyResult, Rules};
use gplok::report::PolicyReport;

use crate::arguments::PolicyArguments;
use crate::{CommandError, Exit};

impl PolicyArguments {
    /// The policy, if one is asked for.
    pub fn open(&self) -> Result<Option<Policy>, CommandError> {
        let asked = [&self.rules, &self.baseline, &self.write_baseline].iter().any(|file| file.is_some());
        if !asked && self.fail_on.is_empty() {
            return Ok(None);
        }
        let fail_on = match self.fail_on.as_slice() {
            [] => Policy::harmful(),
            concerns => concerns.to_vec(),
        };
        let rules = match &self.rules {
            Some(path) => Rules::parse(path, &read(path)?)?,
            None => Rules::default(),
        };
        let baseline = self.baseline.as_ref().map(|path| baseline(path)).transpose()?.unwrap_or_default();
        Ok(Some(Policy { fail_on, rules, baseline }))
    }

    /// Judges entries, and writes the baseline if that is asked for: then nothing fails. `is_known` says whether all is known
    /// of what may be failed on.
    pub fn judge<'a>(
        &self,
        entries: impl FnOnce() -> Vec<PolicyEntry<'a>>,
        is_known: impl Fn(Concern) -> bool,
    ) -> Result<Option<PolicyReport>, CommandError> {
        let Some(policy) = self.open()? else { return Ok(None) };
        let entries = entries();
        let judged = policy.judge(&entries);
        let mut report = PolicyReport::new(&judged, &entries);
        let unknown = policy.fail_on.iter().filter(|concern| !is_known(**concern));
        report.not_known = unknown.map(ToString::to_string).collect();
        if let Some(path) = &self.write_baseline {
            let kept = |standing: &PolicyResult| matches!(standing, PolicyResult::Fails | PolicyResult::Known);
            let known = entries.iter().zip(&judged.standings).filter(|(_, standing)| kept(standing));
            let text = Baseline::of(known.map(|(entry, _)| entry)).text();
            std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
            report.accept();
        }
        Ok(Some(report))
    }
}

fn read(path: &Path) -> Result<String, CommandError> {
    Ok(std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?)
}

fn baseline(path: &Path) -> Result<Baseline, CommandError> {
    let broken = |line| format!("cannot read {}, line {line}: this is no line of a baseline", path.display());
    Ok(Baseline::parse(&read(path)?).map_err(broken)?)
}

/// How a command with a policy ends.
pub fn exit(report: &PolicyReport) -> Exit {
    match (report.failed, report.not_known.is_empty()) {
        (true, _) => Exit::Refused,
        (false, false) => Exit::Undetermined,
        (false, true) => Exit::Good,
    }
}
