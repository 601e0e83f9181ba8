//! Records what a kernel does: boots it under QEMU with our own init and the modules of the suite.
//!
//! Run by `tests/oracle/record.sh`, which sets the environment; an ordinary test run never comes here.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use gplok::terms::Errno;

use super::replay::recorded;
use super::transcript::{BASE, Masks, RecordedBoot, Transcript};
use super::{Boot, Ended, Op, Outcome};
use crate::cases;
use crate::ko::Profile;

/// Lines of other parts of the kernel, which come when they please.
const NOISE: [&str; 21] = [
    "tsc: ",
    "clocksource: ",
    "random: ",
    "crng ",
    "input: ",
    "Freeing ",
    "sched_clock",
    "hrtimer: ",
    "perf: ",
    "cfg80211: ",
    "pci ",
    "ata",
    "usb ",
    "i8042",
    "psmouse",
    "e1000",
    "Refined",
    "psi: ",
    "systemd",
    "platform ",
    "watchdog: ",
];

/// The archive the kernel unpacks as its first file system: "newc" entries, each padded to four bytes.
struct Cpio(Vec<u8>);

impl Cpio {
    fn add(&mut self, name: &str, mode: u32, bytes: &[u8]) {
        let number = self.0.len() as u32 + 1;
        self.0.extend(b"070701");
        let fields = [number, mode, 0, 0, 1, 0, bytes.len() as u32, 0, 0, 0, 0, name.len() as u32 + 1, 0];
        for field in fields {
            self.0.extend(format!("{field:08x}").bytes());
        }
        self.0.extend(name.bytes().chain([0]));
        self.pad();
        self.0.extend(bytes);
        self.pad();
    }

    fn pad(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }
}

struct Recorder {
    profile: Profile,
    vmlinuz: String,
    init: Vec<u8>,
    folder: tempfile::TempDir,
}

impl Recorder {
    /// Everything the machine wrote to its console while it went through the steps from `first` on.
    fn run(&self, boot: &Boot, first: usize) -> String {
        let mut archive = Cpio(Vec::new());
        let mut plan = String::new();
        archive.add("dev", 0o040_755, &[]);
        archive.add("init", 0o100_755, &self.init);
        for (number, step) in boot.steps.iter().enumerate().skip(first) {
            let file = if matches!(step.op, Op::Rmmod | Op::Drop) {
                step.module_name.clone()
            } else {
                archive.add(&format!("m{number}.ko"), 0o100_644, &step.module);
                format!("/m{number}.ko")
            };
            plan.push_str(&format!("{}\t{}\t{file}\t{}\n", step.op.name(), step.flags as i32, step.args));
        }
        archive.add("plan", 0o100_644, plan.as_bytes());
        archive.add("TRAILER!!!", 0, &[]);
        let initrd = self.folder.path().join("initrd");
        std::fs::write(&initrd, &archive.0).expect("the temporary folder can be written");

        let (program, machine, console): (_, &[&str], _) = if self.profile.is_arm64() {
            ("qemu-system-aarch64", &["-M", "virt", "-cpu", "cortex-a57"], "ttyAMA0")
        } else {
            ("qemu-system-x86_64", &["-M", "q35"], "ttyS0")
        };
        let cmdline = format!("console={console} quiet loglevel=1 panic=-1 oops=panic nokaslr {}", boot.cmdline);
        let mut qemu = Command::new("timeout")
            .args(["400", program])
            .args(machine)
            .args(["-accel", "tcg", "-m", "1024", "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio"])
            .arg("-kernel")
            .arg(&self.vmlinuz)
            .arg("-initrd")
            .arg(&initrd)
            .args(["-append", cmdline.trim_end()])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .expect("QEMU is installed");
        String::from_utf8_lossy(&std::mem::take(&mut qemu.stdout)).replace('\r', "")
    }

    fn record(&self, boot: &Boot) -> RecordedBoot {
        let mut steps: Vec<(String, Outcome)> = Vec::new();
        let mut next = 0;
        while next < boot.steps.len() {
            let console = self.run(boot, next);
            if std::env::var_os("ORACLE_DEBUG").is_some() {
                eprintln!("{console}");
            }
            let body = console.split_once("@begin").unwrap_or_else(|| panic!("no start:\n{console}")).1;
            let mut before = 0;
            for part in body.split("@step ").skip(1) {
                let step = &boot.steps[next];
                next += 1;
                if part.contains("@errno SKIP") {
                    continue;
                }
                let outcome = outcome(part, step.op).unwrap_or_else(|| {
                    assert!(!console.contains("@end"), "no outcome in {part}");
                    Outcome { ended: Ended::Crashed(crash(part)), log: Vec::new(), tainted: 0 }
                });
                if !(step.op == Op::Drop && outcome.is_silent_success(before)) {
                    steps.push((step.to_string(), outcome.clone()));
                }
                before = outcome.tainted;
            }
            assert!(console.contains("@step "), "no steps:\n{console}");
        }
        RecordedBoot { name: boot.name.clone(), cmdline: boot.cmdline.clone(), steps }
    }
}

/// What the console says of one step; `None` when the machine went down in it.
fn outcome(part: &str, op: Op) -> Option<Outcome> {
    let value = |mark: &str| part.lines().find_map(|line| line.strip_prefix(mark));
    let tainted = value("@tainted ")?.trim().parse().ok()?;
    let ended = match value("@errno ")? {
        "OK" if op.name().starts_with("insmod") => {
            Ended::Done { letters: value("@letters ").unwrap_or("-").to_owned() }
        }
        "OK" => Ended::Done { letters: String::new() },
        name => Ended::Refused(
            Errno::ALL.into_iter().find(|errno| errno.name() == name).unwrap_or_else(|| panic!("a new errno: {name}")),
        ),
    };
    let mut log = Vec::new();
    let mut splat = false;
    for line in part.lines().filter_map(|line| line.strip_prefix("@log ")) {
        let (level, text) = line.split_at(1);
        let text = text.strip_prefix(' ').unwrap_or(text);
        splat |= text.contains("[ cut here ]");
        if !splat && !NOISE.iter().any(|noise| text.starts_with(noise)) && !is_splat(text) {
            log.push((level.parse().expect("a level is one digit"), mask(text)));
        }
        splat &= !text.contains("---[ end trace");
    }
    Some(Outcome { ended, log, tainted })
}

/// A line of a stack dump.
fn is_splat(text: &str) -> bool {
    const STARTS: [&str; 18] = [
        "CPU: ",
        "Hardware name",
        "Call Trace",
        "Call trace",
        "RIP: ",
        "RSP: ",
        "Code: ",
        "FS: ",
        "CR2: ",
        "CS: ",
        "Modules linked in",
        "Workqueue: ",
        " <TASK>",
        " </TASK>",
        "Tainted: ",
        "WARNING: ",
        "Kernel panic",
        "---[",
    ];
    let register = text.get(..4).is_some_and(|start| start.starts_with('R') && start.ends_with(':'));
    let frame = text.starts_with(' ') && text.contains("+0x");
    register || frame || text.trim().is_empty() || STARTS.iter().any(|start| text.starts_with(start)) || {
        text.split_once("+0x").is_some_and(|(name, rest)| !name.contains(' ') && rest.contains("/0x"))
    }
}

/// Replaces whatever may be an address: long hexadecimal numbers, and all numbers after `loc` and `val`.
pub fn mask(text: &str) -> String {
    let hex = |word: &str| word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut masked: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let bare = word.trim_end_matches([',', '.', ')']);
        let number = bare.strip_prefix("0x").unwrap_or(bare);
        let place = masked.last().is_some_and(|before| before == "loc" || before == "val");
        let address = !number.is_empty() && hex(number) && (place || (8..=16).contains(&number.len()));
        if address || bare == "(____ptrval____" {
            masked.push(format!("*{}", word[bare.len()..].replace(')', "")));
        } else {
            masked.push(word.to_owned());
        }
    }
    masked.join(" ")
}

/// The kernel's word for its end.
fn crash(part: &str) -> String {
    const WORDS: [&str; 8] = [
        "BUG: ",
        "general protection fault",
        "invalid opcode",
        "kernel BUG at",
        "Unable to handle",
        "Internal error",
        "Oops",
        "Kernel panic",
    ];
    let line = part.lines().find(|line| WORDS.iter().any(|word| line.contains(word))).unwrap_or("hang");
    let line = line.split_once("] ").map_or(line, |(_, text)| text);
    mask(line.split(", ").next().unwrap_or(line).split(" at virtual").next().unwrap_or(line))
}

/// Records the kernel that the environment names: `ORACLE_VERSION`, `ORACLE_VMLINUZ`, `ORACLE_INIT`, `ORACLE_OUT`, and
/// `ORACLE_BOOTS`, a comma list of boots to record when not all.
#[test]
#[ignore = "boots a real kernel under QEMU; run by tests/oracle/record.sh"]
fn record() {
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let version = variable("ORACLE_VERSION");
    let recorder = Recorder {
        profile: Profile::load(&version),
        vmlinuz: variable("ORACLE_VMLINUZ"),
        init: std::fs::read(variable("ORACLE_INIT")).expect("the init program is built"),
        folder: tempfile::tempdir().expect("there is a temporary folder"),
    };
    let only = std::env::var("ORACLE_BOOTS").unwrap_or_default();
    let mut transcript = Transcript { release: recorder.profile.release.clone(), boots: Vec::new() };
    for boot in cases::boots(&recorder.profile) {
        if !only.is_empty() && !only.split(',').any(|name| name == boot.name) {
            continue;
        }
        let recorded = recorder.record(&boot);
        writeln!(std::io::stderr(), "{version} {}: {} steps", boot.name, recorded.steps.len()).expect("stderr is open");
        transcript.boots.push(recorded);
    }
    let base = (only.is_empty() && version != BASE).then(|| recorded(BASE));
    let text = transcript.render(&Masks::of(&recorder.profile), base.as_ref());
    std::fs::write(Path::new(&variable("ORACLE_OUT")), text).expect("the transcript can be written");
}
