//! gplok against the recordings: the same errno, log lines and taints, step by step.
//!
//! Where gplok says "undetermined" it does not disagree, but it is counted, and told what happened so that both go on
//! from the same state. What differs all the same is listed, with its reason, in `testdata/oracle/exceptions.txt`; a line
//! there that is no longer needed fails the test as a new difference does.

use std::collections::BTreeSet;
use std::sync::Arc;

use gplok::image::Image;
use gplok::kernel::Kernel;
use gplok::load::{Cmdline, Insmod, Machine, ModuleInitFlags, SystemCall};
use gplok::terms::Taints;
use gplok::verdict::{self, Verdict};

use super::record::mask;
use super::replay::{Emulated, replay};
use super::{Ended, Op, Outcome, Step};
use crate::ko::{KERNELS, Profile};

/// More answers than this many of a hundred steps must be certain.
const CERTAIN_PERCENT: usize = 97;

fn boot(profile: &Profile, cmdline: &str) -> Machine {
    let folder = format!("{}/testdata/kernels/{}", env!("CARGO_MANIFEST_DIR"), profile.version);
    let kernel = Kernel::open(&[folder]).unwrap_or_else(|error| panic!("{error}"));
    Machine::boot(Arc::new(kernel), Cmdline::parse(cmdline))
}

fn run(machine: &mut Machine, step: &Step, recorded: &Outcome) -> Emulated {
    // A module whose own code brings the kernel down: that is not the loader's doing.
    let Some(init_returns) = step.init else { return Emulated::LeftOut };
    let mut load = |call, flags, module: &[u8]| {
        let image = Image::from_bytes_raw(format!("{}.ko", step.name), module);
        machine.insmod(
            &image,
            &Insmod { call, flags, raw: true, args: step.args.clone(), init_returns, ..Insmod::default() },
        )
    };
    let verdict = match step.op {
        Op::Insmod => load(SystemCall::FinitModule, ModuleInitFlags(step.flags), &step.module),
        Op::InsmodInit => load(SystemCall::InitModule, ModuleInitFlags(0), &step.module),
        Op::InsmodShort => {
            let len = usize::try_from(step.flags).map_or(step.module.len(), |len| len.min(step.module.len()));
            load(SystemCall::InitModule, ModuleInitFlags(0), &step.module[..len])
        }
        Op::Rmmod | Op::Drop => machine.rmmod(&step.module_name),
        Op::DisableModules => {
            machine.disable_modules();
            return Emulated::LeftOut;
        }
        // What goes wrong before there is a file to read, or a user who may.
        Op::InsmodNofile | Op::InsmodWriteonly | Op::InsmodFolder | Op::InsmodBadargs | Op::InsmodUnprivileged => {
            return Emulated::LeftOut;
        }
    };
    if verdict.outcome == verdict::Outcome::Undetermined {
        assert!(!verdict.missing.is_empty(), "{step}: undetermined for want of nothing");
        let tainted = Taints::from_number(recorded.tainted);
        match recorded.ended {
            Ended::Done { .. } => machine.observe(None, tainted),
            Ended::Refused(errno) => machine.observe(Some(errno), tainted),
            Ended::Crashed(_) => {}
        }
        return Emulated::Undetermined;
    }
    Emulated::Certain(shown(step, &verdict))
}

fn shown(step: &Step, verdict: &Verdict) -> Outcome {
    let loads = !matches!(step.op, Op::Rmmod | Op::Drop);
    let ended = match &verdict.outcome {
        verdict::Outcome::Loads if loads => Ended::Done { letters: verdict.module_taints.to_string() },
        verdict::Outcome::Loads => Ended::Done { letters: String::new() },
        verdict::Outcome::Refused { errno, .. } => Ended::Refused(*errno),
        verdict::Outcome::Crash { why, .. } => Ended::Crashed(why.clone()),
        verdict::Outcome::Undetermined => unreachable!("handled by the caller"),
    };
    let log = verdict.log.iter().map(|line| (line.level as u8, mask(&line.text.to_str()))).collect();
    Outcome { ended, log, tainted: verdict.kernel_tainted.number() }
}

/// `VERSION BOOT STEP`, without the checksum of the module.
fn key(version: &str, boot: &str, step: &str) -> String {
    let step = step.split(" [").next().unwrap_or(step);
    let name = step.split(' ').filter(|word| word.len() != 8 || word.contains(|c: char| !c.is_ascii_hexdigit()));
    format!("{version} {boot} {}", name.collect::<Vec<_>>().join(" "))
}

#[test]
fn gplok_agrees_with_real_kernels() {
    let exceptions = include_str!("../../../testdata/oracle/exceptions.txt");
    let lines = exceptions.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let expected: BTreeSet<&str> = lines.map(|line| line.split(" | ").next().unwrap_or(line)).collect();
    let (mut found, mut new) = (BTreeSet::new(), String::new());
    for version in KERNELS {
        let replayed = replay(version, boot, run);
        let certain = replayed.steps - replayed.undetermined;
        assert!(certain * 100 > replayed.steps * CERTAIN_PERCENT, "{version}: {} undetermined", replayed.undetermined);
        println!(
            "{version}: {} steps, {} differ, {} undetermined, {} left out",
            replayed.steps,
            replayed.differences.len(),
            replayed.undetermined,
            replayed.left_out
        );
        for difference in &replayed.differences {
            let key = key(version, &difference.boot, &difference.step);
            if !expected.contains(key.as_str()) {
                new += &format!("{key}\n  recorded {:?}\n  emulated {:?}\n", difference.recorded, difference.emulated);
            }
            found.insert(key);
        }
    }
    assert!(new.is_empty(), "gplok and the real kernels differ:\n{new}");
    let outdated: Vec<_> = expected.iter().filter(|key| !found.contains(**key)).collect();
    assert!(outdated.is_empty(), "listed as exceptions, but agreeing: {outdated:#?}");
}
