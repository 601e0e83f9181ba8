//! What an attempt prints, finds and taints.

use super::Run;
use crate::history::Behaviour;
use crate::image::escaped;
use crate::load::exporters::ExportersByName;
use crate::load::state::{Once, StageResult, Stop};
use crate::terms::{Errno, Taint};
use crate::verdict::{Cause, Finding, KernelLine, LineText, LogLevel};

impl Run<'_> {
    fn flush(&mut self) {
        self.log.extend(self.world.state.held.take());
    }

    /// Prints a line; one held back before comes out first. A line too long for a record is cut, and so loses its newline.
    pub fn printk(&mut self, level: LogLevel, text: impl Into<LineText>) {
        let text = text.into();
        // LOG_LINE_MAX less the two bytes of the level and the NUL.
        const ROOM: usize = 992 - 3;
        const LONG_ROOM: usize = 1024 - 3;
        let is_long = text.len() > ROOM && self.known(Behaviour::LogLongRecord) != Some(false);
        let room = if is_long { LONG_ROOM } else { ROOM };
        if text.len() > room
            && let Some(cut) = cut(&text.to_str(), room)
        {
            return self.printk_held(level, cut);
        }
        if !self.surveying {
            self.flush();
            self.log.push(KernelLine::new(level, text));
        }
    }

    /// Prints without a newline: the line is held back until the next one.
    pub fn printk_held(&mut self, level: LogLevel, text: impl Into<LineText>) {
        if !self.surveying {
            self.recording.get_mut().changed_kernel = true;
            self.flush();
            self.world.state.held = Some(KernelLine::new(level, text));
        }
    }

    pub fn err(&mut self, text: impl Into<LineText>) {
        self.printk(LogLevel::Err, text);
    }

    pub fn warn(&mut self, text: impl Into<LineText>) {
        self.printk(LogLevel::Warn, text);
    }

    pub fn notice(&mut self, text: impl Into<LineText>) {
        self.printk(LogLevel::Notice, text);
    }

    /// Returns whether a line that is printed once a boot is printed now.
    pub fn once(&mut self, line: Once) -> bool {
        let printed = self.world.state.once.has(line);
        self.record(|premises| premises.lines.add(line as u8, printed));
        let first = !self.surveying && !printed;
        if first {
            self.recording.get_mut().changed_kernel = true;
            self.world.state.once.add(line);
        }
        first
    }

    /// Counts one more complaint about a failed per-CPU allocation. Returns whether it is among the first `limit` of the boot,
    /// which are printed.
    pub fn complains_of_percpu(&mut self, limit: u8) -> bool {
        self.recording.get_mut().changed_kernel = true;
        let warnings = &mut self.world.state.percpu_warnings;
        let printed = *warnings < limit;
        *warnings += u8::from(printed);
        printed
    }

    /// A `WARN()` of the kernel's, of which gplok keeps the taint only.
    pub fn taint_warn(&mut self) {
        if !self.surveying {
            self.recording.get_mut().changed_kernel = true;
            self.world.state.tainted.add(Taint::Warn);
        }
    }

    /// Records a finding; `line` is what the kernel prints for it.
    pub fn find(&mut self, cause: Cause, line: Option<LineText>) {
        let reached = !self.surveying;
        if self.findings.is_empty() {
            // Most modules have one, and all are kept.
            self.findings.reserve_exact(1);
        }
        self.findings.push(Finding { kernel_line: line, reached, ..Finding::new(self.stage, cause) });
    }

    /// Records something that is taken for true.
    pub fn infer(&mut self, assumption: String) {
        if self.inferred.len() <= ExportersByName::FEW {
            if !self.inferred.contains(&assumption) {
                self.inferred.push(assumption);
            }
            return;
        }
        if self.assumptions.is_empty() {
            self.assumptions.extend(self.inferred.iter().cloned());
        }
        if self.assumptions.insert(assumption.clone()) {
            self.inferred.push(assumption);
        }
    }

    /// Records a finding and prints its line.
    pub fn say(&mut self, cause: Cause, level: LogLevel, line: impl Into<LineText>) {
        let line = line.into();
        let printed = (!self.surveying).then(|| line.clone());
        self.find(cause, Some(line));
        if let Some(line) = printed {
            self.printk(level, line);
        }
    }

    /// Mirrors `test_taint()` (kernel/panic.c): returns whether the kernel has a taint.
    pub fn test_taint(&self, taint: Taint) -> bool {
        let has = self.world.state.tainted.has(taint);
        self.record(|premises| premises.kernel_taints.add(taint as u8, has));
        has
    }

    /// Mirrors `add_taint()` (kernel/panic.c). `lockdep_unreliable` is its second argument.
    pub fn add_taint(&mut self, taint: Taint, lockdep_unreliable: bool) -> StageResult {
        if lockdep_unreliable && self.once(Once::LockDebugging) {
            self.warn("Disabling lock debugging due to kernel taint");
        }
        if !self.surveying {
            self.recording.get_mut().changed_kernel = true;
            self.world.state.tainted.add(taint);
            if self.call.cmdline.panic_on_taint & (1 << taint as u8) != 0 {
                return Err(Stop::Crash(format!("panic_on_taint is set for taint {}", taint.letter())));
            }
        }
        Ok(())
    }

    /// Mirrors `add_taint_module()` (kernel/module/main.c).
    pub fn add_taint_module(&mut self, taint: Taint, lockdep_unreliable: bool) -> StageResult {
        self.add_taint(taint, lockdep_unreliable)?;
        let mut taints = self.module_taints();
        taints.add(taint);
        self.set_module_taints(taints);
        Ok(())
    }

    /// Mirrors `try_to_force_load()` (kernel/module/main.c): the caller's finding, if it has one, says what was forced.
    pub fn try_to_force_load(&mut self, reason: &str, finding: impl FnOnce(bool) -> Option<Cause>) -> StageResult {
        if !self.config("MODULE_FORCE_LOAD")? {
            if let Some(cause) = finding(false) {
                self.find(cause, None);
            }
            return Err(Stop::Refused(Errno::ENOEXEC));
        }
        let line = format!("{}: {reason}: kernel tainted.", self.mod_name());
        let first = !self.test_taint(Taint::ForcedModule);
        if let Some(cause) = finding(true) {
            self.find(cause, first.then(|| line.clone().into()));
        }
        if first {
            self.warn(line);
        }
        self.add_taint_module(Taint::ForcedModule, true)
    }
}

/// The part of a line that fits into so many bytes; `None` if all of it does. The kernel counts the bytes, of which some are
/// written as `\xNN` here.
fn cut(line: &str, room: usize) -> Option<String> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\\x") {
        let hex = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.extend_from_slice(before.as_bytes());
        match hex {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(b"\\x"),
        }
        rest = if hex.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    bytes.extend_from_slice(rest.as_bytes());
    if bytes.len() <= room { None } else { bytes.get(..room).map(escaped) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_at_a_byte() {
        assert_eq!(cut("abc", 3), None);
        assert_eq!(cut(r"a\x0ab", 3), None);
        assert_eq!(cut(r"a\x0ab", 2).as_deref(), Some(r"a\x0a"));
        // Within a character.
        assert_eq!(cut("aé", 2).as_deref(), Some(r"a\xc3"));
    }
}
