//! The real program: exit codes, formats, and what it says when it cannot run.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use liblzma::stream::{Check, Filters, LzmaOptions, Stream};
use object::elf::{STB_GLOBAL, STT_OBJECT};
use serde_json::Value;
use tempfile::TempDir;

use crate::founding::{self, AFTER, BEFORE, OPENAFS};
use crate::ko::{Ko, Place, Symbol};
use crate::made::Made;
use crate::matrix::{gzip, xz};
use crate::validator;
use crate::why::debug_files::{detached, stripped};

/// A folder with a kernel in `k`, in which the program runs.
pub struct Desk {
    folder: TempDir,
    made: Made,
}

impl Desk {
    pub fn new() -> Self {
        Self::with(Made::new("6.1.0").export_gpl("kick_gpl"))
    }

    pub fn with(made: Made) -> Self {
        let folder = tempfile::tempdir().expect("there is a temporary folder");
        let desk = Self { folder, made };
        std::fs::create_dir(desk.folder.path().join("k")).expect("the folder is ours");
        desk.made.write(&desk.folder.path().join("k"));
        desk
    }

    /// Writes a file, and the folders above it.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("the folder is ours");
        std::fs::write(path, bytes).expect("the folder is ours");
        self
    }

    /// Writes another kernel into a folder.
    pub fn kernel(&self, name: &str, made: &Made) -> &Self {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).expect("the folder is ours");
        made.write(&folder);
        self
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("it was written")
    }

    fn ko(&self, ko: &Ko) -> &Self {
        self.file(&format!("{}.ko", ko.name()), ko.build(&self.made.profile))
    }

    /// A module that loads, one that does not, and one that needs the first.
    fn modules(&self) -> &Self {
        self.ko(&Ko::new("good").export("good_fn").needs("printk"))
            .ko(&Ko::new("bad").license("CDDL").needs("kick_gpl"))
            .ko(&Ko::new("rider").needs("good_fn"))
    }

    /// Runs the program with arguments separated by blanks.
    pub fn run(&self, arguments: &str) -> Ran {
        Ran::of(self.command(arguments).output().expect("the program was built"))
    }

    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gplok"));
        command.args(arguments.split_whitespace()).current_dir(self.folder.path());
        command.env("XDG_CACHE_HOME", self.path("cache"));
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null());
        command
    }
}

/// How it ended and what it said.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// It could not run: exit code 2, nothing on standard output, one line on the other.
    #[track_caller]
    pub fn failed(&self, with: &str) {
        assert_eq!(
            (self.code, self.out.as_str(), self.err.as_str()),
            (Some(2), "", format!("gplok: {with}\n").as_str())
        );
    }

    #[track_caller]
    pub fn ended(&self, code: i32) -> &Self {
        assert_eq!((self.code, self.err.as_str()), (Some(code), ""), "{self:?}");
        self
    }

    /// Its JSON, which follows the schema.
    #[track_caller]
    pub fn json(&self) -> Value {
        let schema = include_str!("../../testdata/schema/gplok-1.schema.json");
        let schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
        let value: Value = serde_json::from_str(&self.out).expect("it printed JSON");
        let mut errors = Vec::new();
        validator::check(&schema, &schema, &value, "$", &mut errors);
        assert!(errors.is_empty(), "{errors:#?}");
        value
    }
}

#[test]
fn exit_codes_tell_the_answer() {
    let desk = Desk::new();
    desk.modules();
    desk.run("check -k k good.ko").ended(0);
    desk.run("check -k k good.ko bad.ko").ended(1);
    desk.run("check -k k good.ko rider.ko").ended(0);
    desk.run("check -k k nowhere.ko").failed("cannot read nowhere.ko: No such file or directory (os error 2)");
    assert_eq!(desk.run("check").code, Some(2));
    assert_eq!(desk.run("").code, Some(2));
    assert_eq!(desk.run("--help").code, Some(0));
    assert_eq!(desk.run("--version").out, format!("gplok {}\n", env!("CARGO_PKG_VERSION")));
}

/// Without certificates nobody can tell; but a module that is refused for certain decides.
#[test]
fn undetermined_is_an_exit_code_of_its_own() {
    let desk = Desk::with(
        Made::new("6.1.0")
            .export_gpl("kick_gpl")
            .config("MODULE_SIG")
            .config("MODULE_SIG_FORCE")
            .config("CRYPTO_SHA256"),
    );
    let signed = |ko: Ko| ko.signed(include_bytes!("../../testdata/keys/rsa-sha256.p7s"));
    desk.ko(&signed(Ko::new("good"))).ko(&Ko::new("bad"));
    desk.run("check -k k good.ko").ended(3);
    desk.run("check -k k good.ko bad.ko").ended(1);
}

/// The founding case, as a user would ask.
#[test]
fn founding_case_from_the_command_line() {
    let desk = Desk::new();
    let folder = founding::folder();
    let check = |kernel: &str| {
        let mut command = desk.command("check --format dmesg -k");
        command.arg(folder.join(kernel)).arg(folder.join(OPENAFS));
        Ran::of(command.output().expect("the program was built"))
    };
    let refused = check(BEFORE);
    assert_eq!(refused.ended(1).out.matches("Unknown symbol").count(), 2);
    assert!(!check(AFTER).ended(0).out.contains("Unknown symbol"));
}

/// The first command of the README names the inline, the header and the module's own lines.
#[test]
fn founding_case_is_explained() {
    let desk = Desk::new();
    let mut command = desk.command("check -k");
    command.arg(founding::folder().join(BEFORE)).arg(founding::folder().join(OPENAFS));
    let said = Ran::of(command.output().expect("the program was built")).ended(1).out.clone();
    assert!(said.contains("put_page() of include/linux/mm.h needs devmap_managed_key and __put_devmap"), "{said}");
    assert!(said.contains("afs_ReadNoCache (afs_bypasscache.c:518 and 520)"), "{said}");
}

/// Every use of one symbol, whether the kernel has something against it or not.
#[test]
fn why_answers_for_one_symbol() {
    let desk = Desk::new();
    let why = |rest: &str| {
        let mut command = desk.command("why");
        command.arg(founding::folder().join(OPENAFS)).arg("-k").arg(founding::folder().join(BEFORE));
        Ran::of(command.args(rest.split_whitespace()).output().expect("the program was built"))
    };
    let refused = why("devmap_managed_key --format json").ended(1).json();
    let findings = refused["modules"][0]["findings"].as_array().expect("a list");
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0]["uses"].as_array().map(Vec::len), Some(6));
    let chain = findings[0]["uses"][0]["chain"].as_array().expect("a list");
    assert!(chain.iter().any(|frame| frame["function"] == "put_page" && frame["file"] == "include/linux/mm.h"));
    assert_eq!(findings[0]["incidents"], serde_json::json!([1]));
    // Nothing is wrong with this one.
    let fine = why("printk --format json").ended(1).json();
    assert_eq!(fine["asked"]["export"]["kind"], "EXPORT_SYMBOL");
    assert!(why("printk").ended(1).out.contains("printk (EXPORT_SYMBOL by vmlinux)"));
    let nowhere = why("put_page");
    assert_eq!(nowhere.code, Some(2));
    assert!(nowhere.err.contains("does not leave \"put_page\" undefined; did you mean __put_page?"), "{}", nowhere.err);
    // On the fixed kernel the same symbols are for everybody.
    let mut command = desk.command("why --compare");
    command.arg(founding::folder().join(AFTER)).arg(founding::folder().join(OPENAFS));
    command.arg("-k").arg(founding::folder().join(BEFORE));
    let said = Ran::of(command.output().expect("the program was built")).ended(1).out.clone();
    assert!(said.contains("on 4.18.0: EXPORT_SYMBOL by vmlinux"), "{said}");
}

/// What an assembler would be given for two inline functions, one of which calls the other.
const INLINES: &str = "
    .text
    .type put_devmap, @function
put_devmap:
    movq %rdi, %rax
    jmp __put_devmap_managed_page
    .size put_devmap, .-put_devmap
    .type put_page, @function
put_page:
    call put_devmap
    call printk
    call nobodys_symbol
    ret
    .size put_page, .-put_page
    .type quiet, @function
quiet:
    movq %rdi, %rax
    call printk
    ret
    .size quiet, .-quiet
";

/// A map out of a ready object needs no compiler; it serves modules without debug information, and two of them compare.
#[test]
fn inlines_are_mapped_from_a_ready_object() {
    let desk = Desk::new();
    desk.file("inlines.s", INLINES);
    let map = |kernel: &str, rest: &str| {
        let mut command = desk.command("inlines --object inlines.s");
        command.arg(founding::folder().join(kernel)).args(rest.split_whitespace());
        Ran::of(command.output().expect("the program was built"))
    };
    let before = map(BEFORE, "--format json");
    let json = before.ended(0).json();
    let inlines = json["inlines"].as_array().expect("a list");
    let put_page = inlines.iter().find(|inline| inline["name"] == "put_page").expect("it is there");
    assert_eq!(put_page["gpl_only"], serde_json::json!(["__put_devmap_managed_page"]));
    assert_eq!(put_page["unexported"], serde_json::json!(["nobodys_symbol"]));
    assert_eq!(put_page["path"], serde_json::json!(["put_page", "put_devmap", "__put_devmap_managed_page"]));
    assert_eq!(inlines.iter().filter(|inline| inline["gpl_only"] != serde_json::json!([])).count(), 2);
    assert!(map(BEFORE, "").ended(0).out.contains("put_page, through put_devmap"));

    desk.file("before.json", &before.out).file("after.json", map(AFTER, "--format json").ended(0).out.clone());
    let became = desk.run("inlines --from after.json --to before.json --format json").ended(1).json();
    assert_eq!(became["became"].as_array().map(Vec::len), Some(2));
    let relieved = desk.run("inlines --from before.json --to after.json").ended(0).out.clone();
    assert!(relieved.contains("no inline function of both became restricted"), "{relieved}");

    let stripped = Ko::new("quiet_one").license("CDDL").needs("__put_devmap_managed_page").needs("printk");
    desk.ko(&stripped);
    let mut command = desk.command("check quiet_one.ko --inlines before.json --format json -k");
    command.arg(founding::folder().join(BEFORE));
    let json = Ran::of(command.output().expect("the program was built")).json();
    let findings = json["modules"][0]["findings"].as_array().expect("a list");
    let gpl = findings.iter().find(|finding| finding["code"] == "gpl-only-symbol").expect("it needs one");
    // The one that needs nothing the module lacks comes first.
    assert_eq!(gpl["candidates"][0]["name"], "put_devmap");
    assert_eq!(gpl["candidates"][1]["name"], "put_page");
}

/// Debug information of a file apart; one of another build would name wrong lines.
#[test]
fn debug_files_are_given_by_name_or_folder() {
    let desk = Desk::new();
    let (own, other) = ([1, 2, 3, 4], [5, 6, 7, 8]);
    desk.file("foo.ko", stripped(Some(own)).build(&desk.made.profile));
    desk.file("own.debug", detached(Some(own))).file("other.debug", detached(Some(other)));
    std::fs::create_dir_all(desk.folder.path().join("all/.build-id/01")).expect("the folder is ours");
    desk.file("all/.build-id/01/020304.debug", detached(Some(own)));

    let state = |arguments: &str| {
        let json = desk.run(&format!("check -k k foo.ko --format json {arguments}")).ended(1).json();
        let module = &json["modules"][0];
        let frames = &module["findings"][0]["uses"][0]["chain"];
        (module["debug_info"]["state"].clone(), frames.as_array().map_or(0, Vec::len))
    };
    assert_eq!(state(""), ("absent".into(), 1));
    assert_eq!(state("--debug own.debug"), ("read".into(), 3));
    assert_eq!(state("--debug all"), ("read".into(), 3));
    assert_eq!(state("--debug other.debug --debug own.debug"), ("read".into(), 3));
    desk.run("check -k k foo.ko --debug other.debug").failed(
        "cannot read other.debug: it is not the debug file of foo.ko: its build ID is 05060708, the module's 01020304",
    );
    desk.run("check -k k foo.ko --debug nowhere").failed("cannot read nowhere: No such file or directory (os error 2)");
}

#[test]
fn every_format_of_check_and_simulate() {
    let desk = Desk::new();
    desk.modules().file("plan", "insmod good.ko\ninsmod bad.ko\nrmmod good\nrmmod good\n");

    assert!(
        desk.run("check -k k bad.ko").ended(1).out.starts_with("bad.ko: refused on 6.1.0: ENOENT, 1 GPL-only symbol\n")
    );
    assert_eq!(
        desk.run("check -k k good.ko --format dmesg").ended(0).out,
        "good: loading out-of-tree module taints kernel.\n"
    );
    let json = desk.run("check -k k good.ko bad.ko --format json").ended(1).json();
    assert_eq!(json["modules"][1]["findings"][0]["code"], "gpl-only-symbol");
    assert_eq!(json["kernel"]["evidence"][0], "release: k/release");

    let human = desk.run("simulate -k k plan").ended(1).out.clone();
    assert!(human.starts_with("4 steps on 6.1.0: 1 loads, 1 unloaded, 2 refused\n"), "{human}");
    let json = desk.run("simulate -k k plan --format json").ended(1).json();
    let steps: Vec<_> = json["steps"].as_array().into_iter().flatten().map(|step| &step["errno"]).collect();
    assert_eq!(steps, [&Value::Null, &"ENOENT".into(), &Value::Null, &"ENOENT".into()]);
    assert!(
        desk.run("simulate -k k plan --format dmesg").ended(1).out.contains("bad: Unknown symbol kick_gpl (err -2)")
    );

    // What cannot be told has a form in JSON too.
    desk.file("only", "6.1.0\n");
    assert!(!desk.run("check -k only good.ko --format json").json()["modules"][0]["missing"].is_null());
}

/// On one boot in the order given, nothing is loaded beforehand.
#[test]
fn check_finds_the_order_unless_it_is_given() {
    let desk = Desk::new();
    desk.modules();
    desk.run("check -k k rider.ko good.ko").ended(0);
    desk.run("check -k k --in-order rider.ko good.ko").ended(1);
    desk.run("check -k k --in-order good.ko rider.ko").ended(0);
}

#[test]
fn force_overrules_what_may_be_forced() {
    let desk = Desk::with(Made::new("6.1.0").config("MODULE_FORCE_LOAD"));
    desk.ko(&Ko::new("old").tag("vermagic", "6.0.0 SMP mod_unload "));
    desk.run("check -k k old.ko").ended(1);
    desk.run("check -k k --force-vermagic old.ko").ended(0);
}

/// Unloading fails for modules that are not there, are used, or cannot leave.
#[test]
fn unloading_fails_as_in_the_kernel() {
    let desk = Desk::new();
    desk.modules().ko(&Ko::new("stays").no_exit());
    desk.file("plan", "rmmod ghost\ninsmod good.ko\ninsmod rider.ko\nrmmod good\ninsmod stays.ko\nrmmod stays\nrmmod rider\nrmmod good\n");
    let json = desk.run("simulate -k k plan --format json").ended(1).json();
    let unloads = json["steps"].as_array().into_iter().flatten().filter(|step| step["op"] == "rmmod");
    let errnos: Vec<_> = unloads.map(|step| step["errno"].as_str().unwrap_or("")).collect();
    assert_eq!(errnos, ["ENOENT", "EAGAIN", "EBUSY", "", ""]);
}

#[test]
fn a_plan_from_standard_input() {
    let desk = Desk::new();
    desk.modules();
    let mut child = desk
        .command("simulate -k k -")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built");
    child.stdin.take().expect("it is piped").write_all(b"# a boot\ninsmod good.ko\n").expect("it reads");
    let ran = Ran::of(child.wait_with_output().expect("it ends"));
    assert!(ran.ended(0).out.starts_with("1 step on 6.1.0: 1 loads\n"), "{ran:?}");
}

#[test]
fn a_plan_that_cannot_be_read_names_the_place() {
    let desk = Desk::new();
    desk.modules().file("plan", "insmod good.ko\n\nload bad.ko\n").file("gone", "insmod nowhere.ko\n");
    desk.file("absent", "modprobe nothing\n");
    desk.run("simulate -k k plan")
        .failed("cannot read plan: line 3: \"load\" is no step: expected insmod, rmmod or modprobe");
    desk.run("simulate -k k gone")
        .failed("gone: line 1: cannot read ./nowhere.ko: No such file or directory (os error 2)");
    desk.run("simulate -k k nowhere").failed("cannot read nowhere: No such file or directory (os error 2)");
    desk.run("simulate -k k absent").failed("absent: line 1: module nothing not found in the kernel's module tree");
}

/// Modules of the tree are loaded by name.
#[test]
fn modprobe_loads_from_the_tree() {
    let desk = Desk::new();
    desk.file("plan", "modprobe own\n");
    assert_eq!(desk.run("simulate -k k plan --format json").ended(0).json()["steps"][0]["name"], "own");
}

#[test]
fn a_kernel_that_cannot_be_read_names_the_place() {
    let desk = Desk::new();
    desk.modules().file("Module.symvers", "0x1\tprintk\tvmlinux\tEXPORT_SYMBOL\t\nnonsense\n");
    std::fs::create_dir(desk.folder.path().join("empty")).expect("the folder is ours");
    desk.run("check -k Module.symvers good.ko").failed(
        "cannot read Module.symvers: line 2: expected 2 to 5 columns: crc, symbol, module, export, namespace: \"nonsense\"",
    );
    desk.run("check -k empty good.ko").failed(
        "cannot read empty: nothing here describes a kernel: expected an image (vmlinuz, vmlinux), Module.symvers, config, release, certs.pem, a headers directory or a module tree",
    );
    desk.run("check -k nowhere good.ko").failed("cannot read nowhere: No such file or directory (os error 2)");
    desk.run("check -k 1.2.3-none good.ko")
        .failed("cannot read 1.2.3-none: no such file or directory, and no release of that name under /lib/modules");
    desk.run("check -k good.ko good.ko")
        .failed("cannot read good.ko: at offset 0x0: a module or another object to be linked, not a kernel");
    desk.run("check --certs good.ko -k k good.ko").failed("cannot read good.ko: certificate 1: neither PEM nor DER");
}

/// The kernel has a verdict on every file, however broken.
#[test]
fn files_that_are_no_modules_get_the_kernels_own_verdict() {
    let desk = Desk::new();
    desk.modules();
    let whole = Ko::new("good").build(&desk.made.profile);
    desk.file("empty.ko", "").file("text.ko", "no module\n").file("half.ko", &whole[..whole.len() / 2]);
    for file in ["empty.ko", "text.ko", "half.ko"] {
        let json = desk.run(&format!("check -k k {file} --format json")).ended(1).json();
        assert_eq!(json["modules"][0]["errno"], if file == "empty.ko" { "EINVAL" } else { "ENOEXEC" }, "{file}");
    }
}

/// A few KiB that unpack to more than gplok is willing to unpack.
#[test]
fn bombs_are_defused() {
    let desk = Desk::new();
    let started = Instant::now();
    desk.file("bomb.ko.zst", zstd_bomb()).file("bomb.ko.xz", xz_bomb());
    for (file, form) in [("bomb.ko.zst", "zstd"), ("bomb.ko.xz", "xz")] {
        let few = "67108864 bytes, more than 64 times its size";
        for (arguments, limit) in [("", few), (" --max-memory 8G", "536870912 bytes")] {
            let what = format!("{form} data grows beyond {limit}");
            let ran = desk.run(&format!("check -k k {file}{arguments}"));
            assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
            assert!(ran.err.starts_with(&format!("gplok: cannot read {file}: {what}")), "{ran:?}");
        }
    }
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

/// One frame of blocks that each say "128 KiB of zeros".
fn zstd_bomb() -> Vec<u8> {
    // Magic; no content size, no checksum; a window of 128 KiB.
    let mut bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 7 << 3];
    let block = |last: u32| (last | 1 << 1 | (128 << 10) << 3).to_le_bytes();
    for _ in 0..4 << 10 {
        bytes.extend_from_slice(&block(0)[..3]);
        bytes.push(0);
    }
    bytes.extend_from_slice(&block(1)[..3]);
    bytes.push(0);
    bytes
}

/// The same small stream again and again: streams that follow each other are one file.
fn xz_bomb() -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
    encoder.write_all(&vec![0; 8 << 20]).expect("a vector can grow");
    encoder.finish().expect("a vector can grow").repeat(65)
}

#[test]
fn inspect_shows_facts() {
    let desk = Desk::new();
    desk.modules().file("text.ko", "no module\n");
    assert!(desk.run("inspect bad.ko").ended(0).out.starts_with("bad.ko: module bad, x86_64, "));
    let json: Value = serde_json::from_str(&desk.run("inspect bad.ko --format json").ended(0).out).expect("it is JSON");
    assert_eq!(json["imports"][0]["name"], "kick_gpl");
    desk.run("inspect text.ko").failed("text.ko is no ELF file: 10 bytes");
    desk.run("inspect nowhere.ko").failed("cannot read nowhere.ko: No such file or directory (os error 2)");
}

#[test]
fn explain_knows_every_code() {
    let desk = Desk::new();
    let list = desk.run("explain").ended(0).out.clone();
    let words = gplok::impact::ChangeClass::ALL.len() + gplok::impact::Answer::ALL.len();
    let codes = gplok::verdict::Code::ALL.len() + gplok::audit::AuditCode::ALL.len();
    assert_eq!(list.lines().count(), codes + words);
    for line in list.lines() {
        let code = line.split_whitespace().next().expect("a line starts with a code");
        let page = desk.run(&format!("explain {code}")).ended(0).out.clone();
        assert!(page.len() > 100 && page.ends_with('\n') && !page.ends_with("\n\n"), "{code}: {page}");
    }
    desk.run("explain nonsense").failed("there is no code \"nonsense\"; `gplok explain` lists all");
    desk.run("explain gpl-symbols").failed("there is no code \"gpl-symbols\"; did you mean no-symbol-table, missing-symbol, gpl-only-symbol, symbol-version, no-symbol-version?");
}

/// What `audit` says before it has read an object.
#[test]
fn audit_reads_its_baseline_first() {
    let desk = Desk::new();
    desk.modules().file("empty.json", "{}").file("list.txt", "launders-gpl-only\tf\n");
    let missing = "missing field `schema` at line 1 column 2";
    desk.run("audit good.ko --baseline empty.json")
        .failed(&format!("cannot read empty.json: this is no JSON that audit printed: {missing}"));
    assert_eq!(desk.run("audit good.ko --baseline list.txt").code, Some(2));
    desk.run("audit good.ko --baseline nowhere.json")
        .failed("cannot read nowhere.json: No such file or directory (os error 2)");
    assert_eq!(desk.run("audit nowhere.ko").code, Some(2));
    assert_eq!(desk.run("audit").code, Some(2));
}

/// The founding complaint, with every way that it can end.
#[test]
fn audit_ends_as_it_says() {
    let desk = Desk::new();
    let founding = crate::founding::folder();
    let (hmm, kernel) = (founding.join("hmm.ko"), founding.join(crate::founding::AFTER));
    let (hmm, kernel) = (hmm.display(), kernel.display());
    let found = desk.run(&format!("audit {hmm} -k {kernel}")).ended(1).out.clone();
    assert!(found.contains("found: 9 launders-gpl-only, 3 exposes-unexported"), "{found}");
    // Nothing says how its imports are exported.
    let unknown = desk.run(&format!("audit {hmm}")).ended(3).out.clone();
    assert!(unknown.contains("give -k KERNEL"), "{unknown}");
    // What is known is no news.
    let json = desk.run(&format!("audit {hmm} -k {kernel} --format json")).ended(1).out.clone();
    desk.file("known.json", json);
    let known = desk.run(&format!("audit {hmm} -k {kernel} --baseline known.json")).ended(0).out.clone();
    assert!(known.contains("12 are known"), "{known}");
    // Neither is what was there before.
    let same = desk.run(&format!("audit {hmm} --from {hmm} -k {kernel}")).ended(0).out.clone();
    assert!(same.contains("nothing has changed"), "{same}");
    desk.run(&format!("audit {hmm} -k {kernel} --code odd-license")).ended(0);
    let reaches = desk.run(&format!("audit {hmm} -k {kernel} --reaches=2 --list --jobs 1")).ended(1).out.clone();
    assert!(reaches.contains("launders-gpl-only"), "{reaches}");
}

#[test]
fn audit_tells_what_may_stand_behind_it() {
    let desk = Desk::new();
    let help = desk.run("audit --help").ended(0).out.clone();
    assert!(help.contains("Exit codes: 0 nothing found"), "{help}");
    let code = desk.run("audit good.ko --code nonsense");
    assert!(code.code == Some(2) && code.err.contains("there are launders-gpl-only, exposes-unexported, "), "{code:?}");
    let depth = desk.run("audit --reaches good.ko");
    assert!(depth.code == Some(2) && depth.err.contains("objects stand before --reaches"), "{depth:?}");
}

/// `gplok … | true` is no accident, and changes no answer.
#[test]
fn a_closed_pipe_is_no_error() {
    let desk = Desk::new();
    desk.modules();
    for (arguments, code) in
        [("explain", 0), ("check -k k good.ko", 0), ("check -k k bad.ko", 1), ("inspect good.ko", 0)]
    {
        let (reader, writer) = std::io::pipe().expect("there are pipes");
        drop(reader);
        let mut command = desk.command(arguments);
        let child = command.stdout(writer).stderr(Stdio::piped()).spawn().expect("the program was built");
        Ran::of(child.wait_with_output().expect("it ends")).ended(code);
    }
}

#[test]
fn colour_is_for_terminals_or_on_demand() {
    let desk = Desk::new();
    desk.modules();
    let escapes = |ran: &Ran| ran.out.contains('\u{1b}');
    assert!(!escapes(desk.run("check -k k good.ko").ended(0)));
    assert!(escapes(desk.run("--color always check -k k good.ko").ended(0)));
    assert!(escapes(desk.run("check -k k good.ko --color always").ended(0)));
    assert!(!escapes(desk.run("check -k k good.ko --color never").ended(0)));
    assert!(!escapes(desk.run("check -k k good.ko --color always --format json").ended(0)));
    let with = |name: &str| {
        let output = desk.command("check -k k good.ko").env(name, "1").output();
        escapes(&Ran::of(output.expect("the program was built")))
    };
    assert!(with("CLICOLOR_FORCE"));
    assert!(!with("NO_COLOR"));
}

/// `xz` writes a check that the kernel's own decompressor does not know, so it decides who decompresses the file: kmod itself, or
/// since kmod 31 the kernel. The kmod beside the module tree tells; without one both answers are given.
#[test]
fn the_loader_decides_who_decompresses() {
    let made = Made::new("6.12.0").config("MODULE_DECOMPRESS").config("MODULE_COMPRESS_XZ");
    let desk = Desk::with(made.clone());
    desk.ko(&Ko::new("foo").pack(|bytes| xz(bytes, Check::Crc64)))
        .ko(&Ko::new("bar").pack(|bytes| xz(bytes, Check::Crc32)));
    desk.run("check -k k bar.ko").ended(0);
    desk.run("check -k k foo.ko --loader kmod30").ended(0);
    let refused = desk.run("check -k k foo.ko --loader kmod31");
    assert!(refused.ended(1).out.contains("kernel: decompression failed with status 6"), "{}", refused.out);
    let either = desk.run("check -k k foo.ko");
    either.ended(3);
    for part in
        ["an integrity check CRC64", "kmod 30 and earlier", "xz --check=crc32 --lzma2=dict=1MiB", "give --loader"]
    {
        assert!(either.out.contains(part), "{part}: {}", either.out);
    }
    either_json(&desk);
    let page = desk.run("check -k k --tree .");
    for part in [
        "undetermined",
        "cannot decompress [decompression]: ./foo.ko (only a program that decompresses it itself",
        "it has an integrity check CRC64",
        "fix: compress it again with xz --check=crc32",
    ] {
        assert!(page.ended(3).out.contains(part), "{part}: {}", page.out);
    }
    let page = desk.run("check -k k --tree . --loader kmod30");
    assert!(!page.ended(0).out.contains("worth knowing"), "{}", page.out);

    desk.kernel("root/usr/lib/modules/6.12.0", &made);
    for (program, code) in [("/sys/module/%s/initstate", 0), ("/sys/module/%s/initstate /sys/module/compression", 1)] {
        desk.file("root/usr/bin/kmod", program);
        desk.run("check -k root/usr/lib/modules/6.12.0 foo.ko").ended(code);
    }
}

/// A kmod without zlib does not read gzip. Up to 32 it hands the file over as it is, and the kernel finds no module in it; since 33 it
/// gives up unless the kernel decompresses gzip itself.
#[test]
fn the_loader_may_not_read_gzip() {
    let desk = Desk::with(Made::new("6.12.0"));
    desk.ko(&Ko::new("foo").pack(gzip));
    let verdict = |arguments: &str| {
        let json = desk.run(&format!("check -k k foo.ko --format json {arguments}")).json();
        let module = &json["modules"][0];
        (
            module["outcome"].as_str().expect("one").to_owned(),
            module["errno"].to_string(),
            module["missing"].to_string(),
        )
    };
    let refused = |errno: &str| ("refused".to_owned(), format!("\"{errno}\""), "[]".to_owned());
    let (outcome, _, missing) = verdict("");
    assert_eq!(outcome, "undetermined", "{missing}");
    assert!(missing.contains("loader-reads:gzip"), "{missing}");
    for reads in ["kmod30+zlib", "kmod34+zlib"] {
        assert_eq!(verdict(&format!("--loader {reads}")).0, "loaded", "{reads}");
    }
    assert_eq!(verdict("--loader kmod34").0, "undetermined");
    assert_eq!(verdict("--loader kmod30-zlib"), refused("ENOEXEC"));
    assert_eq!(verdict("--loader kmod32-zlib"), refused("ENOEXEC"));
    assert_eq!(verdict("--loader kmod33-zlib"), refused("ENOSYS"));
    assert_eq!(verdict("--loader kmod34-zlib"), refused("ENOSYS"));
    let log = desk.run("check -k k foo.ko --loader kmod30-zlib").ended(1).out.clone();
    assert!(
        log.contains("kernel: Invalid ELF header magic: != \u{7f}ELF") || log.contains("Invalid ELF header magic"),
        "{log}"
    );
    assert!(desk.run("check -k k foo.ko --loader kmod").err.contains("expected kmod and its version"));

    // A kernel that decompresses gzip, and whose own modules are compressed so.
    let made = Made::new("6.12.0").config("MODULE_DECOMPRESS").config("MODULE_COMPRESS_GZIP");
    desk.kernel("k", &made).kernel("root/usr/lib/modules/6.12.0", &Made::new("6.12.0"));
    assert_eq!(verdict("").0, "loaded");
    assert_eq!(verdict("--loader kmod34-zlib").0, "loaded");
    assert_eq!(verdict("--loader kmod32-zlib"), refused("ENOEXEC"));
    // What the installed kmod says of itself.
    for (program, code) in
        [("kmod version 30 +XZ -ZLIB", 1), ("kmod version 34.2 -ZLIB", 1), ("kmod version 34 +ZLIB", 0)]
    {
        desk.file("root/usr/bin/kmod", format!("{program} /sys/module/%s/initstate"));
        desk.run("check -k root/usr/lib/modules/6.12.0 foo.ko").ended(code);
    }
}

/// kmod 34 does not decompress what zstd has compressed from a pipe, without the size of the contents.
#[test]
fn the_loader_may_need_the_size_in_a_frame() {
    let desk = Desk::with(Made::new("6.12.0"));
    let piped = |bytes: &[u8]| zstd::encode_all(bytes, 1).expect("compressed");
    let whole = |bytes: &[u8]| zstd::bulk::compress(bytes, 1).expect("compressed");
    desk.ko(&Ko::new("piped").pack(piped)).ko(&Ko::new("whole").pack(whole));
    for (arguments, code) in [("", 3), ("--loader kmod30", 0), ("--loader kmod33", 0), ("--loader kmod34", 1)] {
        desk.run(&format!("check -k k piped.ko {arguments}")).ended(code);
        desk.run(&format!("check -k k whole.ko {arguments}")).ended(0);
    }
    let page = desk.run("check -k k piped.ko --loader kmod34").out.clone();
    assert!(page.contains("EINVAL") && page.contains("kmod 34 and later"), "{page}");
    assert!(desk.run("check -k k piped.ko").out.contains("as kmod does up to 33"));
    // The kernel's own decompressor needs no size.
    desk.kernel("k", &Made::new("6.12.0").config("MODULE_DECOMPRESS").config("MODULE_COMPRESS_ZSTD"));
    desk.run("check -k k piped.ko --loader kmod34").ended(0);
}

/// kmod up to 27 does not know Zstandard, and any kmod may be built without xz or zstd: up to 32 it then hands the file over as it is.
#[test]
fn the_loader_may_not_read_xz_or_zstd() {
    let desk = Desk::with(Made::new("6.12.0"));
    desk.ko(&Ko::new("x").pack(|bytes| xz(bytes, Check::Crc32)))
        .ko(&Ko::new("z").pack(|bytes| zstd::bulk::compress(bytes, 1).expect("compressed")));
    let answer = |arguments: &str| {
        let json = desk.run(&format!("check -k k --format json {arguments}")).json();
        json["modules"][0]["errno"].as_str().unwrap_or("-").to_owned()
    };
    for (arguments, errno) in [
        ("z.ko", "-"),
        ("z.ko --loader kmod25", "ENOEXEC"),
        ("z.ko --loader kmod28", "-"),
        ("z.ko --loader kmod30+zlib-zstd", "ENOEXEC"),
        ("z.ko --loader kmod33-zstd", "ENOSYS"),
        ("z.ko --loader kmod33-xz+zstd", "-"),
        ("x.ko --loader kmod25", "-"),
        ("x.ko --loader kmod30-xz", "ENOEXEC"),
        ("x.ko --loader kmod34-xz-zlib", "ENOSYS"),
    ] {
        assert_eq!(answer(arguments), errno, "{arguments}");
    }
    assert!(
        desk.run("check -k k z.ko").out.contains("taken for true:\n    - the program that loads modules reads zstd")
    );
    for wrong in ["kmod30-lz4", "kmod30-", "kmod+xz", "kmod30xz"] {
        assert!(desk.run(&format!("check -k k x.ko --loader {wrong}")).err.contains("expected kmod"), "{wrong}");
    }
    desk.kernel("root/usr/lib/modules/6.12.0", &Made::new("6.12.0"));
    desk.file("root/usr/bin/kmod", "kmod version 27 +XZ -ZLIB /sys/module/%s/initstate");
    desk.run("check -k root/usr/lib/modules/6.12.0 z.ko").ended(1);
    desk.run("check -k root/usr/lib/modules/6.12.0 x.ko").ended(0);
    desk.file("root/usr/bin/kmod", "kmod version 30 -XZ +ZSTD /sys/module/%s/initstate");
    desk.run("check -k root/usr/lib/modules/6.12.0 x.ko").ended(1);
}

/// Bytes compressed with a filter and a dictionary of this size.
fn filtered(bytes: &[u8], add: fn(&mut Filters) -> &mut Filters, dictionary: u32) -> Vec<u8> {
    let mut options = LzmaOptions::new_preset(0).expect("a preset");
    let mut filters = Filters::new();
    add(&mut filters).lzma2(options.dict_size(dictionary));
    let stream = Stream::new_stream_encoder(&filters, Check::Crc32).expect("an encoder");
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("compressed")
}

/// BusyBox hands any file over as it is, and if the kernel refuses it, loads what it reads of it with `init_module()`: the kernel's log
/// has the lines of both. Each row was seen with BusyBox 1.35 on 6.1 and 6.12, and with 1.37 on 6.12.
#[test]
fn busybox_tries_twice() {
    const MAGIC: &str = r"Invalid ELF header magic: != \x7fELF";
    let desk = Desk::with(Made::new("6.12.0").config("MODULE_DECOMPRESS").config("MODULE_COMPRESS_XZ"));
    desk.ko(&Ko::new("plain"))
        .ko(&Ko::new("strange").needs("nowhere"))
        .ko(&Ko::new("gz").pack(gzip))
        .ko(&Ko::new("crc64").pack(|bytes| xz(bytes, Check::Crc64)))
        .ko(&Ko::new("wide").pack(|bytes| filtered(bytes, |filters| filters, 64 << 20)))
        .ko(&Ko::new("wider").pack(|bytes| filtered(bytes, |filters| filters, 96 << 20)))
        .ko(&Ko::new("x86").pack(|bytes| filtered(bytes, Filters::x86, 1 << 20)))
        .ko(&Ko::new("zst").pack(|bytes| zstd::bulk::compress(bytes, 1).expect("compressed")))
        .ko(&Ko::new("cut").pack(|bytes| {
            let whole = xz(bytes, Check::Crc32);
            whole[..whole.len() - 4].to_vec()
        }));
    std::fs::copy(desk.path("crc64.ko"), desk.path("crc64.ko.xz")).expect("copied");
    let answer = |arguments: &str| {
        let json = desk.run(&format!("check -k k --format json {arguments}")).json();
        let module = &json["modules"][0];
        let lines = module["log"].as_array().expect("lines").iter().map(|line| line["text"].as_str().unwrap_or("-"));
        let lines: Vec<&str> = lines.filter(|line| !line.contains("taint")).collect();
        let errno = module["errno"].as_str().unwrap_or(module["outcome"].as_str().unwrap_or("-"));
        format!("{errno}: {}", lines.join("; "))
    };
    let unknown = "strange: Unknown symbol nowhere (err -2)";
    for (arguments, expected) in [
        ("plain.ko", "loaded: ".to_owned()),
        ("strange.ko", format!("ENOENT: {unknown}; {unknown}")),
        ("gz.ko", format!("loaded: {MAGIC}")),
        ("crc64.ko", format!("loaded: {MAGIC}")),
        ("wide.ko", format!("loaded: {MAGIC}")),
        ("wider.ko", format!("ENOMEM: {MAGIC}")),
        ("x86.ko", format!("ENOMEM: {MAGIC}")),
        ("zst.ko", format!("ENOEXEC: {MAGIC}; {MAGIC}")),
        ("cut.ko", "undetermined: ".to_owned()),
        ("crc64.ko.xz", format!("loaded: {MAGIC}")),
    ] {
        assert_eq!(answer(&format!("{arguments} --loader busybox1.35")), expected, "{arguments}");
    }
    let asks = answer("crc64.ko.xz --loader busybox1.37.0");
    assert_eq!(asks, format!("loaded: decompression failed with status 6; {MAGIC}"));
    assert_eq!(answer("gz.ko --loader busybox1.36-zlib"), format!("ENOEXEC: {MAGIC}; {MAGIC}"));
    for wrong in ["busybox", "busybox1.25", "busybox1.36+zstd", "busybox2.0"] {
        assert!(desk.run(&format!("check -k k gz.ko --loader {wrong}")).err.contains("or busybox"), "{wrong}");
    }
}

/// zlib's `gzread()`, which kmod calls, ignores what follows the last member of a file and takes what there is of one that is cut
/// short. So does kmod up to 33 with Zstandard files. Later it decompresses these at once.
#[test]
fn the_loader_takes_what_it_can_read() {
    let desk = Desk::with(Made::new("6.12.0"));
    let cut = |mut bytes: Vec<u8>, by: usize| {
        bytes.truncate(bytes.len() - by);
        bytes
    };
    let frames = |bytes: &[u8]| {
        let (one, other) = bytes.split_at(100);
        [one, other].map(|part| zstd::bulk::compress(part, 1).expect("compressed")).concat()
    };
    let behind = |bytes: Vec<u8>, more: &[u8]| [&bytes, more].concat();
    desk.ko(&Ko::new("junk_gz").pack(move |bytes| behind(gzip(bytes), b"junk")))
        .ko(&Ko::new("zeros_gz").pack(move |bytes| behind(gzip(bytes), &[0; 9])))
        .ko(&Ko::new("member_gz").pack(move |bytes| behind(gzip(bytes), &[0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 0, 0])))
        .ko(&Ko::new("uncounted_gz").pack(move |bytes| cut(gzip(bytes), 4)))
        .ko(&Ko::new("cut_gz").pack(move |bytes| cut(gzip(bytes), 100)))
        .ko(&Ko::new("empty_gz").pack(|_| gzip(b"")))
        .ko(&Ko::new("frames_zst").pack(frames))
        .ko(&Ko::new("cut_zst").pack(move |bytes| cut(zstd::bulk::compress(bytes, 1).expect("compressed"), 1)))
        .ko(&Ko::new("tiny").pack(|_| b"\x7fELF!".to_vec()))
        .ko(&Ko::new("tiny_zst").pack(|_| b"\x28\xb5\x2f\xfd!".to_vec()));
    let answer = |arguments: &str| {
        let json = desk.run(&format!("check -k k --format json {arguments}")).json();
        let module = &json["modules"][0];
        format!("{} {}", module["outcome"].as_str().expect("one"), module["errno"].as_str().unwrap_or("-"))
    };
    for (file, early, later) in [
        ("junk_gz", "loaded -", "loaded -"),
        ("zeros_gz", "loaded -", "loaded -"),
        ("member_gz", "refused EINVAL", "refused EINVAL"),
        ("uncounted_gz", "loaded -", "loaded -"),
        ("cut_gz", "refused ENOEXEC", "refused ENOEXEC"),
        ("empty_gz", "refused ENOEXEC", "refused ENOEXEC"),
        ("frames_zst", "loaded -", "refused EINVAL"),
        ("cut_zst", "refused ENOEXEC", "refused EINVAL"),
        ("tiny", "refused EINVAL", "refused EINVAL"),
        ("tiny_zst", "refused EINVAL", "refused EINVAL"),
    ] {
        assert_eq!(answer(&format!("{file}.ko --loader kmod30+zlib")), early, "{file}");
        assert_eq!(answer(&format!("{file}.ko --loader kmod34+zlib")), later, "{file}");
    }
    // What kmod has decompressed reaches the kernel by init_module(), which prints nothing about a buffer without a header.
    assert_eq!(desk.run("check -k k empty_gz.ko --loader kmod30+zlib --format dmesg").out, "");
    desk.run("check -k k cut_zst.ko").ended(1);
    desk.run("check -k k frames_zst.ko").ended(3);
}

/// Where worlds agree on the errno, or that the module never loads, a finding of one of them is not stated as the reason of all.
#[test]
fn one_loader_is_not_the_reason_for_all() {
    let made = Made::new("6.12.0").config("MODULE_DECOMPRESS").config("MODULE_COMPRESS_XZ").config("MODVERSIONS");
    let desk = Desk::with(made.export("module_layout").changed("changed"));
    let spoilt = |mut bytes: Vec<u8>| {
        let last = bytes.len() - 8;
        bytes[last] ^= 0xff;
        bytes
    };
    let cut = |mut bytes: Vec<u8>| {
        bytes.truncate(bytes.len() / 2);
        bytes
    };
    let other = Ko::new("other").needs("changed").crc("changed", 1);
    desk.ko(&other.pack(|bytes| xz(bytes, Check::Crc64)))
        .ko(&Ko::new("spoilt").pack(move |bytes| spoilt(gzip(bytes))))
        .ko(&Ko::new("cut").pack(move |bytes| cut(gzip(bytes))))
        .ko(&Ko::new("half").pack(move |bytes| cut(xz(bytes, Check::Crc32))));
    let page = desk.run("check -k k other.ko").ended(1).out.clone();
    for part in ["EINVAL in any case; the reason depends on loader", "once that is fixed", "symbol of another version"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(page.contains("not known, and the reason depends on it"), "{page}");
    for module in ["spoilt", "cut", "half"] {
        let page = desk.run(&format!("check -k k {module}.ko")).ended(1).out.clone();
        assert!(page.contains("the file is damaged") && !page.contains("invalid ELF"), "{page}");
        assert_eq!(page.matches("[unreadable-file]").count(), 1, "{page}");
    }
}

/// kmod 34 gives up where it finds no version magic to take off; kmod 30 goes on.
#[test]
fn a_compressed_module_without_version_magic_is_not_forced_by_kmod_34() {
    let made = Made::new("6.1.0").config("MODULE_FORCE_LOAD").no_tree();
    let desk = Desk::with(made.clone());
    let without = |ko: Ko| ko.no_tag("vermagic").build(&made.profile);
    desk.file("plain.ko", without(Ko::new("plain")));
    desk.file("packed.ko.zst", zstd::bulk::compress(&without(Ko::new("packed")), 1).expect("compressed"));
    let errno = |arguments: &str| {
        let json = desk.run(&format!("check -k k {arguments} --format json")).json();
        let module = &json["modules"][0];
        format!("{} {} {}", module["outcome"], module["errno"], module["missing"]).replace('"', "")
    };
    assert_eq!(errno("packed.ko.zst --force-vermagic --loader kmod30"), "loaded null []");
    assert_eq!(errno("packed.ko.zst --force-vermagic --loader kmod34"), "refused ENODATA []");
    let open = errno("packed.ko.zst --force-vermagic --loader kmod33");
    assert_eq!(open, "undetermined null [loader-reads:forced-without-vermagic]");
    assert_eq!(errno("plain.ko --force-vermagic --loader kmod34"), "loaded null []");
}

/// `init_module()` has no flags. To force a module that kmod decompresses, it takes off what the kernel would check, which breaks the
/// signature: 6.12.117 answers EKEYREJECTED.
#[test]
fn a_compressed_module_cannot_be_forced_with_its_signature() {
    let made = Made::new("6.12.0").config("MODULE_DECOMPRESS").config("MODULE_COMPRESS_XZ").config("MODULE_SIG");
    let made = made.config("CRYPTO_SHA256").config("CRYPTO_RSA").config("MODULE_FORCE_LOAD");
    let desk = Desk::with(made.trusts(include_bytes!("../../testdata/keys/rsa.pem")));
    let signed = |name: &str| Ko::new(name).signed(include_bytes!("../../testdata/keys/rsa-sha256.p7s"));
    desk.ko(&signed("plain"))
        .ko(&signed("packed").pack(|bytes| xz(bytes, Check::Crc32)))
        .ko(&signed("zipped").pack(|bytes| zstd::bulk::compress(bytes, 1).expect("compressed")))
        .ko(&Ko::new("unsigned").pack(|bytes| xz(bytes, Check::Crc32)));
    for (module, by_30, by_34, by_either) in
        [("plain", 0, 0, 0), ("packed", 1, 0, 3), ("zipped", 1, 1, 1), ("unsigned", 0, 0, 0)]
    {
        for force in ["--force-vermagic", "--force-modversion"] {
            let ask = |loader: &str| desk.run(&format!("check -k k {module}.ko {force} {loader}"));
            ask("--loader kmod30").ended(by_30);
            ask("--loader kmod34").ended(by_34);
            ask("").ended(by_either);
        }
    }
    let page = desk.run("check -k k packed.ko --force-vermagic --loader kmod30").out.clone();
    assert!(page.contains("EKEYREJECTED") && page.contains("not compressed can be forced"), "{page}");
}

fn either_json(desk: &Desk) {
    let json = desk.run("check -k k foo.ko --format json").json();
    let module = &json["modules"][0];
    assert_eq!(module["missing"], serde_json::json!(["loader"]));
    assert_eq!(module["findings"][0]["facts"]["refused"], serde_json::json!(false));
}

/// An enterprise kernel has changes of later kernels, so its base version does not tell what its loader does.
#[test]
fn an_enterprise_kernel_is_not_taken_for_upstream() {
    let answer = |release: &str| {
        let made = Made::new(release).export_gpl("gpl").export("f");
        let desk = Desk::with(made.clone());
        desk.file(
            "propr.ko",
            Ko::new("propr").license("Proprietary").needs("f").export("propr_fn").build(&made.profile),
        );
        // Refused since 5.9 for using both.
        desk.file("both.ko", Ko::new("both").needs("gpl").needs("propr_fn").build(&made.profile));
        desk.file("lost.ko", Ko::new("lost").needs("gone").build(&made.profile));
        let json = desk.run("check -k k propr.ko both.ko lost.ko --format json").json();
        let modules = json["modules"].as_array().expect("a list").clone();
        modules.iter().map(|module| format!("{} {}", module["outcome"], module["missing"])).collect::<Vec<_>>()
    };
    assert_eq!(answer("4.18.0"), [r#""loaded" []"#, r#""loaded" []"#, r#""refused" []"#]);
    assert_eq!(answer("6.1.0"), [r#""loaded" []"#, r#""refused" []"#, r#""refused" []"#]);
    let el8 = answer("4.18.0-553.el8.x86_64");
    assert!(el8[1].starts_with(r#""undetermined" ["backports""#), "{el8:?}");
    assert!(el8[2].starts_with(r#""refused""#), "{el8:?}");
    // A module that was built for this release shows how its exports are told apart.
    assert!(el8[0].starts_with(r#""loaded""#), "{el8:?}");
}

/// An ABI in the release string says nothing of the stable release, which the configuration names.
#[test]
fn an_abi_is_not_taken_for_the_first_stable_release() {
    // Stable releases check the section of a symbol; the first releases of their series read whatever is there.
    let nowhere = Symbol::new("bar", STB_GLOBAL, STT_OBJECT, Place::Index(0x7000), 8);
    let answer = |release: &str, version: &str| {
        let made = Made::new(release).no_tree();
        let desk = Desk::with(made.clone());
        let config = std::fs::read_to_string(desk.path("k/config")).expect("written");
        desk.file("k/config", format!("{version}{config}"));
        desk.file("foo.ko", Ko::new("foo").symbol(nowhere.clone()).build(&made.profile));
        let json = desk.run("check -k k foo.ko --format json").json();
        let module = json["modules"][0].clone();
        format!("{} {}", module["outcome"], module["missing"]).replace('"', "")
    };
    let head = "# Linux/x86 6.1.192 Kernel Configuration\n";
    for release in ["6.1.0-21-generic", "6.1.0-56-amd64", "6.1.192"] {
        assert_eq!(answer(release, head), "refused []", "{release}");
    }
    assert_eq!(answer("6.1.0-56-amd64", ""), "refused []");
    for release in ["6.1.0-21-generic", "6.1.0-47-amd64"] {
        let unknown = answer(release, "");
        assert!(unknown.contains("undetermined") && unknown.contains("behaviour:sym.shndx_check"), "{unknown}");
    }
    let first = answer("6.1.0", "");
    assert!(!first.contains("behaviour:sym.shndx_check"), "{first}");
}

/// The kernel cuts a long line at a byte, here within a character. What is no ASCII is written as in `/dev/kmsg`.
#[test]
fn a_line_of_the_log_is_cut_at_a_byte() {
    let desk = Desk::new();
    // Without its newline, the line comes out with the next one.
    desk.modules().file("plan", format!("insmod good.ko a{}=1\ninsmod bad.ko\n", "é".repeat(600)));
    let ran = desk.run("simulate -k k --format dmesg plan");
    let line = ran.ended(1).out.lines().find(|line| line.contains("unknown parameter")).expect("it is printed");
    let text = line.split_once("good: ").expect("the name of the module").1;
    assert!(text.starts_with(r"unknown parameter 'a\xc3\xa9\xc3\xa9"), "{text}");
    assert!(text.ends_with(r"\xa9\xc3"), "{text}");
    let written_as_escapes = text.matches(r"\x").count();
    assert_eq!("good: ".len() + text.len() - 3 * written_as_escapes, 992 - 3);
}
