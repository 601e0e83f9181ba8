//! The text in which a recording is kept.
//!
//! ```text
//! boot versions
//! cmdline module.sig_enforce=1             (only where there is one)
//! crc-wrong 1f2e3d4c: ENOEXEC tainted=12288
//!   4 crc_wrong: disagrees about version of symbol module_layout
//! base 5a6b7c8d: ok OE
//! = 17 0f1e2d3c
//! rmmod base: EBUSY
//! init-traps 12345678: crash invalid opcode: 0000
//! ```
//!
//! A line that is not indented is a step (see [`Step`](super::Step)'s `Display`) and how it ended; `ok` is followed by
//! the taint letters of the module, `-` for none. `tainted=` is given when the kernel's number has changed. Indented
//! lines are the kernel's log with its level. After a crash the machine starts afresh.
//!
//! `= N` means that the next N steps had the same results as on [`BASE`]; the checksum is that of their own
//! checksums. `{vermagic}` and `{release}` are replaced by the kernel's own.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use gplok::terms::Errno;

use crate::ko::{Profile, fnv};

/// The kernel whose transcript is written in full; others only say where they differ.
pub const BASE: &str = "6.12";

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It succeeded; for a load with the module's taint letters.
    Done { letters: String },
    /// The system call failed.
    Refused(Errno),
    /// The kernel did not survive it; with the kernel's own word for that.
    Crashed(String),
}

/// Everything one step showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub ended: Ended,
    /// Lines of the kernel log: level and text. Unknown after a crash.
    pub log: Vec<(u8, String)>,
    /// `/proc/sys/kernel/tainted` afterwards.
    pub tainted: u32,
}

impl Outcome {
    /// Nothing worth a line: the ordinary end of an unload.
    pub fn is_silent_success(&self, tainted_before: u32) -> bool {
        self.log.is_empty() && matches!(self.ended, Ended::Done { .. }) && self.tainted == tainted_before
    }
}

/// A recorded boot: the steps as text, and what they showed. A `drop` without a line of its own is not here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedBoot {
    pub name: String,
    pub cmdline: String,
    pub steps: Vec<(String, Outcome)>,
}

/// All that was recorded of one kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    pub release: String,
    pub boots: Vec<RecordedBoot>,
}

/// Texts of one kernel and the words that stand for them.
pub struct Masks([(String, &'static str); 2]);

impl Masks {
    pub fn of(profile: &Profile) -> Self {
        Self([(profile.vermagic.clone(), "{vermagic}"), (profile.release.clone(), "{release}")])
    }

    fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (own, word)| text.replace(own, word))
    }

    fn show(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (own, word)| text.replace(word, own))
    }

    fn hide_all(&self, outcome: &Outcome) -> Outcome {
        let log = outcome.log.iter().map(|(level, text)| (*level, self.hide(text))).collect();
        Outcome { log, ..outcome.clone() }
    }
}

/// A step without the checksum of its module: the same on every kernel.
fn key(step: &str) -> &str {
    match step.rsplit_once(' ') {
        Some((key, sum)) if sum.len() == 8 && sum.bytes().all(|byte| byte.is_ascii_hexdigit()) => key,
        _ => step,
    }
}

/// A step with the `drop` that may follow it.
type Unit = Vec<(String, Outcome)>;

fn units(steps: &[(String, Outcome)]) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for step in steps {
        match units.last_mut() {
            Some(unit) if step.0.starts_with("drop ") => unit.push(step.clone()),
            _ => units.push(vec![step.clone()]),
        }
    }
    units
}

/// The units of the base kernel, by boot and step; a step that is repeated in a boot has several, in order.
struct Known(BTreeMap<(String, String), VecDeque<Unit>>);

impl Known {
    fn new(base: Option<(&Transcript, &Masks)>) -> Self {
        let mut known: BTreeMap<(String, String), VecDeque<Unit>> = BTreeMap::new();
        if let Some((base, masks)) = base {
            for boot in &base.boots {
                for unit in units(&boot.steps) {
                    let unit: Unit =
                        unit.iter().map(|(step, outcome)| (step.clone(), masks.hide_all(outcome))).collect();
                    known.entry((boot.name.clone(), key(&unit[0].0).to_owned())).or_default().push_back(unit);
                }
            }
        }
        Self(known)
    }

    fn next(&mut self, boot: &str, step: &str) -> Option<Unit> {
        self.0.get_mut(&(boot.to_owned(), key(step).to_owned()))?.pop_front()
    }
}

const HEADER: &str = "\
# What a real kernel did with the cases of tests/suite/cases; recorded by tests/oracle/record.sh.
# The format is described in tests/suite/oracle/transcript.rs. Not to be edited by hand.
";

impl Transcript {
    /// The text; with a base, only where the two differ.
    pub fn render(&self, masks: &Masks, base: Option<&Self>) -> String {
        let base_masks = Masks::of(&Profile::load(BASE));
        let mut known = Known::new(base.map(|base| (base, &base_masks)));
        let mut text = format!("{HEADER}kernel {}\n", self.release);
        for boot in &self.boots {
            writeln!(text, "\nboot {}", boot.name).expect("a string can grow");
            if !boot.cmdline.is_empty() {
                writeln!(text, "cmdline {}", boot.cmdline).expect("a string can grow");
            }
            let (mut tainted, mut same, mut sums) = (0, 0, String::new());
            let flush = |text: &mut String, same: &mut usize, sums: &mut String| {
                if *same > 0 {
                    writeln!(text, "= {same} {:08x}", fnv(sums.as_bytes())).expect("a string can grow");
                }
                *same = 0;
                sums.clear();
            };
            for unit in units(&boot.steps) {
                let hidden: Unit = unit.iter().map(|(step, outcome)| (step.clone(), masks.hide_all(outcome))).collect();
                let known = known.next(&boot.name, &unit[0].0).unwrap_or_default();
                let equal = hidden.len() == known.len()
                    && hidden.iter().zip(&known).all(|(a, b)| key(&a.0) == key(&b.0) && a.1 == b.1);
                if equal {
                    same += 1;
                    unit.iter().for_each(|(step, _)| sums.push_str(step));
                    tainted = unit.last().map_or(tainted, |(_, outcome)| after(outcome));
                    continue;
                }
                flush(&mut text, &mut same, &mut sums);
                for (step, outcome) in &hidden {
                    text.push_str(&line(step, outcome, tainted));
                    tainted = after(outcome);
                }
            }
            flush(&mut text, &mut same, &mut sums);
        }
        text
    }

    /// Reads what [`Transcript::render`] wrote. `built` is what the builder makes today: the names of each boot's steps.
    pub fn parse(
        text: &str,
        masks: &Masks,
        base: Option<&Self>,
        built: &[(String, Vec<String>)],
    ) -> Result<Self, String> {
        let base_masks = Masks::of(&Profile::load(BASE));
        let mut known = Known::new(base.map(|base| (base, &base_masks)));
        let mut transcript = Self::default();
        let mut tainted = 0;
        // Steps of the present boot that have no line yet.
        let mut steps: VecDeque<String> = VecDeque::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let wrong = |what: &str| format!("line {}: {what}: {line}", number + 1);
            if let (Some(release), []) = (line.strip_prefix("kernel "), &transcript.boots[..]) {
                transcript.release = release.to_owned();
                continue;
            }
            if let Some(name) = line.strip_prefix("boot ") {
                transcript.boots.push(RecordedBoot { name: name.to_owned(), ..RecordedBoot::default() });
                let boot = built.iter().find(|(built, _)| built == name).ok_or_else(|| wrong("no such boot"))?;
                steps = boot.1.iter().filter(|step| !step.starts_with("drop ")).cloned().collect();
                tainted = 0;
                continue;
            }
            let boot = transcript.boots.last_mut().ok_or_else(|| wrong("no boot yet"))?;
            if let Some(cmdline) = line.strip_prefix("cmdline ") {
                cmdline.clone_into(&mut boot.cmdline);
            } else if let Some(log) = line.strip_prefix("  ") {
                let (level, text) = log.split_once(' ').ok_or_else(|| wrong("no level"))?;
                let level = level.parse().map_err(|_| wrong("no level"))?;
                boot.steps.last_mut().ok_or_else(|| wrong("no step yet"))?.1.log.push((level, masks.show(text)));
            } else if let Some(same) = line.strip_prefix("= ") {
                let (count, sum) = same.split_once(' ').ok_or_else(|| wrong("no checksum"))?;
                let mut sums = String::new();
                for _ in 0..count.parse::<usize>().map_err(|_| wrong("no number"))? {
                    let step = steps.pop_front().ok_or_else(|| wrong("fewer steps are built"))?;
                    let unit = known.next(&boot.name, &step).ok_or_else(|| wrong(&format!("{step} has no base")))?;
                    for (at, (name, outcome)) in unit.into_iter().enumerate() {
                        let name = if at == 0 { step.clone() } else { name };
                        sums.push_str(&name);
                        tainted = after(&outcome);
                        let log = outcome.log.iter().map(|(level, text)| (*level, masks.show(text))).collect();
                        boot.steps.push((name, Outcome { log, ..outcome }));
                    }
                }
                if format!("{:08x}", fnv(sums.as_bytes())) != sum {
                    return Err(wrong("these steps are built otherwise today"));
                }
            } else {
                let (step, ended, taint) = ending(line).ok_or_else(|| wrong("no outcome"))?;
                if !step.starts_with("drop ") {
                    known.next(&boot.name, step);
                    steps.pop_front();
                }
                let outcome = Outcome { ended, log: Vec::new(), tainted: taint.unwrap_or(tainted) };
                tainted = after(&outcome);
                boot.steps.push((step.to_owned(), outcome));
            }
        }
        Ok(transcript)
    }
}

/// The kernel's taints at the next step: none after a crash.
fn after(outcome: &Outcome) -> u32 {
    if matches!(outcome.ended, Ended::Crashed(_)) { 0 } else { outcome.tainted }
}

/// A step's lines.
fn line(step: &str, outcome: &Outcome, tainted: u32) -> String {
    let ended = match &outcome.ended {
        Ended::Done { letters } if letters.is_empty() => "ok".to_owned(),
        Ended::Done { letters } => format!("ok {letters}"),
        Ended::Refused(errno) => errno.to_string(),
        Ended::Crashed(why) => format!("crash {why}").trim_end().to_owned(),
    };
    let mut text = format!("{step}: {ended}");
    if !matches!(outcome.ended, Ended::Crashed(_)) && outcome.tainted != tainted {
        write!(text, " tainted={}", outcome.tainted).expect("a string can grow");
    }
    text.push('\n');
    for (level, line) in &outcome.log {
        writeln!(text, "  {level} {line}").expect("a string can grow");
    }
    text
}

/// A step, its end and the kernel's taints if they changed. The kernel's word for a crash may itself hold a colon.
fn ending(line: &str) -> Option<(&str, Ended, Option<u32>)> {
    if let Some((step, why)) = line.split_once(": crash") {
        return Some((step, Ended::Crashed(why.trim_start().to_owned()), Some(0)));
    }
    let (step, end) = line.rsplit_once(": ")?;
    let (end, taint) = match end.split_once(" tainted=") {
        Some((end, number)) => (end, Some(number.parse().ok()?)),
        None => (end, None),
    };
    let ended = match end.split_once(' ').unwrap_or((end, "")) {
        ("ok", letters) => Ended::Done { letters: letters.to_owned() },
        (name, _) => Ended::Refused(Errno::ALL.into_iter().find(|errno| errno.name() == name)?),
    };
    Some((step, ended, taint))
}
