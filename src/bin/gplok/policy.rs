//! The policy of a pipeline: `--fail-on`, `--rules` and `--baseline`.

use std::path::Path;

use gplok::image::{read_regular_text, write_regular};
use gplok::impact::policy::{Baseline, Concern, Policy, PolicyEntry, PolicyResult, Rules};
use gplok::report::PolicyReport;
use gplok::terms::Shown;

use crate::arguments::PolicyArguments;
use crate::exit::{CommandError, Exit};

impl PolicyArguments {
    /// The policy, if one was requested.
    pub fn open(&self) -> Result<Option<Policy>, CommandError> {
        let has_file = self.rules.is_some() || self.baseline.is_some() || self.write_baseline.is_some();
        if !has_file && self.fail_on.is_empty() {
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
        let baseline = match &self.baseline {
            Some(path) => read_baseline(path)?,
            None => Baseline::default(),
        };
        Ok(Some(Policy { fail_on, rules, baseline }))
    }

    /// Judges entries. If a new baseline was requested, writes it, and then nothing fails. `is_known` returns whether
    /// everything is known that may fail with a concern.
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
            let results = entries.iter().zip(&judged.standings);
            let kept = results.filter(|(_, result)| matches!(result, PolicyResult::Fails | PolicyResult::Known));
            let text = Baseline::of(kept.map(|(entry, _)| entry)).text();
            write_regular(path, &text).map_err(|error| format!("cannot write {}: {error}", Shown::path(path)))?;
            report.accept();
        }
        Ok(Some(report))
    }
}

fn read(path: &Path) -> Result<String, CommandError> {
    Ok(read_regular_text(path).map_err(|error| format!("cannot read {}: {error}", Shown::path(path)))?)
}

fn read_baseline(path: &Path) -> Result<Baseline, CommandError> {
    Ok(Baseline::parse(&read(path)?)
        .map_err(|line| format!("cannot read {}, line {line}: this is no line of a baseline", Shown::path(path)))?)
}

/// How a command with a policy ends.
pub fn exit(report: &PolicyReport) -> Exit {
    if report.failed {
        Exit::Refused
    } else if !report.not_known.is_empty() {
        Exit::Undetermined
    } else {
        Exit::Good
    }
}
