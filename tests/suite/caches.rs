//! Caches change no answer: every recorded step, every fixture and a thousand generated boots are judged twice, once with caches
//! and once with every answer computed anew, and the JSON is compared byte for byte.

use std::path::PathBuf;
use std::sync::Arc;

use gplok::check::{Check, ModuleFile};
use gplok::image::Image;
use gplok::kernel::Kernel;
use gplok::load::{Cmdline, Insmod, Machine, ModuleInitFlags, SystemCall};
use gplok::report::{Entry, KernelSummary, Op as ReportOp, modules_document};
use gplok::verdict::{Outcome, Verdict};

use crate::cases;
use crate::ko::{KERNELS, Ko, Profile};
use crate::made::Made;
use crate::oracle::{Op, Step};

/// The document of `gplok check`, one line a verdict.
fn json(verdicts: &[Verdict], kernel: &Kernel) -> Vec<String> {
    let summary = KernelSummary::from(kernel);
    let document = |verdict| {
        let entry = Entry { op: ReportOp::Insmod, path: None, verdict };
        serde_json::to_string(&modules_document(&[entry], &summary)).expect("a document is JSON")
    };
    verdicts.iter().map(document).collect()
}

/// A machine with caches and one without, which take the same steps.
struct Twins {
    kernel: Arc<Kernel>,
    machines: [Machine; 2],
}

impl Twins {
    fn boot(kernel: Arc<Kernel>, cmdline: &str) -> Self {
        let boot = || Machine::boot(Arc::clone(&kernel), Cmdline::parse(cmdline));
        Self { machines: [boot(), boot().uncached()], kernel }
    }

    /// Lets both take a step, and compares. Where the step may end in several ways, both go on as if it had succeeded.
    fn step(&mut self, what: &str, step: impl Fn(&mut Machine) -> Verdict) {
        let verdicts = self.machines.each_mut().map(step);
        let [cached, computed] = &verdicts;
        assert_eq!(
            json(std::slice::from_ref(cached), &self.kernel),
            json(std::slice::from_ref(computed), &self.kernel),
            "{what}: with caches, and without"
        );
        if computed.outcome == Outcome::Undetermined {
            let tainted = computed.kernel_tainted;
            self.machines.iter_mut().for_each(|machine| machine.observe(None, tainted));
        }
    }
}

fn take(twins: &mut Twins, step: &Step) {
    let load = |call, flags, module: &[u8]| {
        let image = Image::from_bytes_raw(format!("{}.ko", step.name), module);
        let init_returns = step.init.unwrap_or_default();
        let insmod = Insmod { call, flags, raw: true, args: step.args.clone(), init_returns, ..Insmod::default() };
        move |machine: &mut Machine| machine.insmod(&image, &insmod)
    };
    let what = step.to_string();
    match step.op {
        Op::Insmod => {
            let load = load(SystemCall::FinitModule, ModuleInitFlags(step.flags), &step.module);
            twins.step(&what, load);
        }
        Op::InsmodInit => twins.step(&what, load(SystemCall::InitModule, ModuleInitFlags(0), &step.module)),
        Op::Rmmod | Op::Drop => twins.step(&what, |machine| machine.rmmod(&step.module_name)),
        Op::DisableModules => twins.machines.iter_mut().for_each(Machine::disable_modules),
        _ => {}
    }
}

#[test]
fn recorded_steps_are_judged_alike_without_caches() {
    for version in KERNELS {
        let profile = Profile::load(version);
        let kernel = Arc::new(Kernel::open(&[Profile::folder(version)]).expect("a recorded kernel"));
        for boot in cases::boots(&profile) {
            let mut twins = Twins::boot(Arc::clone(&kernel), &boot.cmdline);
            boot.steps.iter().for_each(|step| take(&mut twins, step));
        }
    }
}

#[test]
fn fixtures_are_judged_alike_without_caches() {
    let testdata = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut modules = Vec::new();
    for folder in ["founding", "audit"] {
        for entry in std::fs::read_dir(testdata.join(folder)).expect("the folder is there") {
            let path = entry.expect("the entry can be read").path();
            if path.to_string_lossy().contains(".ko") {
                modules.push(ModuleFile { path, size: 0 });
            }
        }
    }
    modules.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(modules.len() > 3, "{modules:?}");
    for kernel in ["founding/linux-4.18-rc", "founding/linux-4.18", "kernels/6.1", "kernels/7.3", "kernels/6.12-arm64"]
    {
        let kernel = Arc::new(Kernel::open(&[testdata.join(kernel)]).expect("a kernel"));
        compare_checks(&kernel, &modules, "fixtures");
    }
}

/// Judges module files each way that `check` has, with caches and without.
fn compare_checks(kernel: &Arc<Kernel>, files: &[ModuleFile], what: &str) {
    let check = Check::new(kernel).insmod(Insmod { look_on: true, ..Insmod::default() });
    let of_files = |check: &Check<'_>| json(&check.files(files, || ()).expect("the files").verdicts, kernel);
    let images: Vec<_> = files.iter().map(|file| Image::open(&file.path).expect("the file")).collect();
    let of_images = |check: &Check<'_>| json(&check.images(&images).expect("the images"), kernel);
    let computed = of_images(&check.clone().uncached());
    assert!(
        !computed.iter().any(|json| json.contains("\"too-many\"")),
        "{what}: not every set of answers was followed"
    );
    assert_eq!(of_images(&check), computed, "{what}: images, with caches and without");
    assert_eq!(of_files(&check), computed, "{what}: files with caches, and images without");
    assert_eq!(of_files(&check.uncached()), computed, "{what}: files without caches, and images without");
}

/// Numbers that look random and are equal in every run (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

/// A kernel on which something is unknown now and then: its release, its configuration, its certificates.
fn generated_kernel(numbers: &mut Numbers) -> (Made, Kernel, tempfile::TempDir) {
    let releases = ["5.3.0", "5.10.0", "5.12.0", "6.1.0", "6.3.0", "6.5.0", "6.12.0", "6.13.0", "7.0.0"];
    let release = releases[numbers.below(releases.len() as u64) as usize];
    let mut made = Made::new(release).export("plain").export("other").export_gpl("gpl_only").row(
        "spaced",
        "vmlinux",
        "EXPORT_SYMBOL_GPL",
        "SPACE",
    );
    if numbers.one_in(3) {
        made = made.modversions();
    }
    for option in ["MODULE_SIG", "MODULE_SIG_FORCE", "MODULE_FORCE_LOAD", "LIVEPATCH", "UNUSED_SYMBOLS"] {
        if numbers.one_in(4) {
            made = made.config(option);
        }
    }
    // A kernel of unknown release has a tree, or more sets of answers would be open than are followed.
    let has_release = !numbers.one_in(6);
    if has_release && numbers.one_in(4) {
        made = made.no_tree();
    }
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    made.write(folder.path());
    if has_release && numbers.one_in(5) {
        std::fs::remove_file(folder.path().join("config")).expect("it was written");
    }
    if !has_release {
        std::fs::remove_file(folder.path().join("release")).expect("it was written");
    }
    let kernel = Kernel::open(&[folder.path()]).expect("a kernel");
    (made, kernel, folder)
}

/// A module that exports to others, needs some of them and of the kernel, taints, and is refused now and then.
fn generated_module(number: u64, count: u64, numbers: &mut Numbers) -> Ko {
    let licenses = ["GPL", "GPL", "GPL", "Dual BSD/GPL", "Proprietary", "CDDL"];
    let name = if numbers.one_in(12) { "m0".to_owned() } else { format!("m{number}") };
    let mut ko = Ko::new(&name).license(licenses[numbers.below(licenses.len() as u64) as usize]);
    let wanted = ["plain", "other", "gpl_only", "spaced", "gone"];
    for _ in 0..numbers.below(4) {
        // Nothing exports the last, which is rarer.
        let choices = if numbers.one_in(3) { 5 } else { 4 };
        let symbol = wanted[numbers.below(choices) as usize];
        ko = ko.needs(symbol);
    }
    for other in 0..count {
        if other != number && numbers.one_in(3) {
            let symbol = format!("f{other}");
            ko = if numbers.one_in(6) { ko.needs_weak(&symbol) } else { ko.needs(&symbol) };
        }
    }
    if !numbers.one_in(4) {
        let symbol = if numbers.one_in(10) { "plain".to_owned() } else { format!("f{number}") };
        ko = if numbers.one_in(2) { ko.export(&symbol) } else { ko.export_gpl(&symbol) };
    }
    if numbers.one_in(3) {
        ko = ko.export(&format!("g{}", numbers.below(3)));
    }
    ko = match numbers.below(14) {
        0 => ko.import_ns("SPACE"),
        1 => ko.tag("vermagic", "1.2.3 SMP "),
        2 => ko.tag("livepatch", "Y"),
        3 => ko.tag("staging", "Y"),
        4 => ko.signed(b"no message"),
        5 => ko.no_versions(),
        6 => ko.crc("plain", 1),
        7 => ko.no_tag("license"),
        8 => ko.import_ns("module:m0"),
        _ => ko,
    };
    if numbers.one_in(2) { ko.intree() } else { ko }
}

#[test]
fn a_thousand_generated_boots_are_judged_alike_without_caches() {
    let mut outcomes = std::collections::BTreeMap::<&str, u32>::new();
    for seed in 1..=1_000 {
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let (made, kernel, folder) = generated_kernel(&mut numbers);
        let kernel = Arc::new(kernel);
        let count = 2 + numbers.below(4);
        let mut files = Vec::new();
        let mut images = Vec::new();
        for number in 0..count {
            let ko = generated_module(number, count, &mut numbers);
            let path = folder.path().join(format!("m{number}.ko"));
            let bytes = ko.build(&made.profile);
            std::fs::write(&path, &bytes).expect("the folder is ours");
            images.push(Image::from_bytes(&path, bytes).expect("a module"));
            files.push(ModuleFile { path, size: 0 });
        }
        compare_checks(&kernel, &files, &format!("boot {seed}"));
        let mut twins = Twins::boot(Arc::clone(&kernel), "");
        for turn in 0..2 * count {
            let image = &images[numbers.below(count) as usize];
            match numbers.below(4) {
                0 => twins.step(&format!("boot {seed}, step {turn}"), |machine| {
                    let name = machine.loaded().first().cloned().unwrap_or_default();
                    machine.rmmod(&name)
                }),
                _ => twins.step(&format!("boot {seed}, step {turn}"), |machine| {
                    machine.insmod(image, &Insmod { look_on: true, ..Insmod::default() })
                }),
            }
        }
        for verdict in Check::new(&kernel).images(&images).expect("the images") {
            *outcomes.entry(verdict.outcome.word()).or_default() += 1;
        }
    }
    // The boots are of use only while modules end in every way.
    for outcome in ["loaded", "refused", "undetermined"] {
        assert!(outcomes.get(outcome).is_some_and(|count| *count > 100), "{outcomes:?}");
    }
}
