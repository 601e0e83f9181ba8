//! Holds an emulated kernel against the recorded one.

use super::transcript::{BASE, Masks, Transcript};
use super::{Boot, Ended, Op, Outcome, Step};
use crate::cases;
use crate::ko::{KERNELS, Profile};

/// A step in which the emulation and the real kernel differ.
#[derive(Debug)]
#[allow(dead_code, reason = "read by whoever is told of a difference")]
pub struct Difference {
    pub boot: String,
    pub step: String,
    pub recorded: Outcome,
    pub emulated: Outcome,
}

/// What an emulation makes of a step.
#[derive(Debug)]
pub enum Emulated {
    /// Its answer.
    Certain(Outcome),
    /// It says that it cannot tell.
    Undetermined,
    /// No loading or unloading of a module, or not the loader's doing.
    LeftOut,
}

/// What a replay found.
#[derive(Debug, Default)]
pub struct Replayed {
    pub steps: usize,
    /// Steps that are no loading of a module, which an emulation may leave out.
    pub left_out: usize,
    /// Steps whose end the emulation does not tell.
    pub undetermined: usize,
    pub differences: Vec<Difference>,
}

/// The file of a kernel's transcript.
fn text(version: &str) -> String {
    let path = format!("{}/testdata/oracle/{version}.txt", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
}

/// The transcript committed for a kernel, in full.
pub fn recorded(version: &str) -> Transcript {
    let profile = Profile::load(version);
    let base = (version != BASE).then(|| recorded(BASE));
    let built: Vec<(String, Vec<String>)> = cases::boots(&profile)
        .into_iter()
        .map(|boot| (boot.name, boot.steps.iter().map(ToString::to_string).collect()))
        .collect();
    Transcript::parse(&text(version), &Masks::of(&profile), base.as_ref(), &built)
        .unwrap_or_else(|error| panic!("{version}: {error}"))
}

/// Pairs every step the builder makes today with what was recorded of it, or says where the two part.
pub fn paired(boots: Vec<Boot>, transcript: Transcript) -> Result<Vec<(Boot, Vec<Outcome>)>, String> {
    if boots.len() != transcript.boots.len() {
        return Err(format!("{} boots are built, {} are recorded", boots.len(), transcript.boots.len()));
    }
    let mut pairs = Vec::new();
    for (boot, recorded) in boots.into_iter().zip(transcript.boots) {
        if (&boot.name, &boot.cmdline) != (&recorded.name, &recorded.cmdline) {
            return Err(format!("boot {} is recorded as {}", boot.name, recorded.name));
        }
        let mut lines = recorded.steps.into_iter().peekable();
        let (mut outcomes, mut tainted) = (Vec::new(), 0);
        for step in &boot.steps {
            let silent_drop = step.op == Op::Drop && lines.peek().is_none_or(|(line, _)| *line != step.to_string());
            let outcome = if silent_drop {
                Outcome { ended: Ended::Done { letters: String::new() }, log: Vec::new(), tainted }
            } else {
                let (line, outcome) = lines.next().ok_or_else(|| format!("{}: {step} is not recorded", boot.name))?;
                if line != step.to_string() {
                    return Err(format!("{}: built is {step}, recorded is {line}", boot.name));
                }
                outcome
            };
            tainted = outcome.tainted;
            outcomes.push(outcome);
        }
        if let Some((line, _)) = lines.next() {
            return Err(format!("{}: {line} is recorded but not built", boot.name));
        }
        pairs.push((boot, outcomes));
    }
    Ok(pairs)
}

/// Runs every recorded step of a kernel through an emulation of it.
///
/// `start` makes a machine from a boot's command line, at its beginning and after every crash; `run` takes one step
/// on it. A `drop` step is only run after a step that loaded its module in the recording.
pub fn replay<M>(
    version: &str,
    mut start: impl FnMut(&Profile, &str) -> M,
    mut run: impl FnMut(&mut M, &Step, &Outcome) -> Emulated,
) -> Replayed {
    let profile = Profile::load(version);
    let pairs = paired(cases::boots(&profile), recorded(version)).unwrap_or_else(|error| panic!("{version}: {error}"));
    let mut replayed = Replayed::default();
    for (boot, outcomes) in pairs {
        let mut machine = start(&profile, &boot.cmdline);
        let mut loaded = false;
        for (step, recorded) in boot.steps.iter().zip(outcomes) {
            if step.op == Op::Drop && !loaded {
                continue;
            }
            let emulated = run(&mut machine, step, &recorded);
            loaded = !matches!(step.op, Op::DisableModules) && matches!(recorded.ended, Ended::Done { .. });
            let emulated = match emulated {
                Emulated::Certain(outcome) => Some(outcome),
                Emulated::Undetermined => {
                    replayed.undetermined += 1;
                    None
                }
                Emulated::LeftOut => {
                    replayed.left_out += 1;
                    None
                }
            };
            replayed.steps += 1;
            if matches!(recorded.ended, Ended::Crashed(_)) {
                machine = start(&profile, &boot.cmdline);
                if emulated.as_ref().is_some_and(|emulated| matches!(emulated.ended, Ended::Crashed(_))) {
                    continue;
                }
            }
            let Some(emulated) = emulated else { continue };
            if emulated != recorded {
                replayed.differences.push(Difference {
                    boot: boot.name.clone(),
                    step: step.to_string(),
                    recorded,
                    emulated,
                });
            }
        }
    }
    replayed
}

/// Every step that is built today is the one that was recorded: same order, same flags, same bytes.
#[test]
fn transcripts_belong_to_the_cases_of_today() {
    for version in KERNELS {
        let boots = cases::boots(&Profile::load(version));
        paired(boots, recorded(version)).unwrap_or_else(|error| panic!("{version}: {error}"));
    }
}

/// The text of a transcript can be read back without loss.
#[test]
fn transcripts_survive_reading_and_writing() {
    for version in KERNELS {
        let base = (version != BASE).then(|| recorded(BASE));
        let again = recorded(version).render(&Masks::of(&Profile::load(version)), base.as_ref());
        assert!(again == text(version), "{version} reads back differently");
    }
}

/// A machine that repeats the recording agrees with it everywhere.
#[test]
fn a_perfect_emulation_has_no_differences() {
    for version in KERNELS {
        let profile = Profile::load(version);
        let pairs = paired(cases::boots(&profile), recorded(version)).expect("the recording belongs to the cases");
        let mut script = pairs.into_iter().flat_map(|(boot, outcomes)| boot.steps.into_iter().zip(outcomes)).peekable();
        let mut last_loaded = false;
        let replayed = replay(
            version,
            |_, _| (),
            |(), step, _| {
                loop {
                    let (recorded, outcome) = script.next().expect("the script is as long as the replay");
                    if recorded.op == Op::Drop && !last_loaded {
                        continue;
                    }
                    assert_eq!(recorded.to_string(), step.to_string());
                    last_loaded = recorded.op != Op::DisableModules && matches!(outcome.ended, Ended::Done { .. });
                    return Emulated::Certain(outcome);
                }
            },
        );
        assert!(replayed.differences.is_empty(), "{version}: {:?}", replayed.differences);
        assert!(replayed.steps > 500, "{version}: only {} steps", replayed.steps);
    }
}
