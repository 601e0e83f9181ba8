//! What the program does where the system gives it too little: it says what is missing and ends with 2, or does without it.

use std::process::{Command, Stdio};

use gplok::check::Check;
use gplok::impact::ExportDiff;
use gplok::verdict::Outcome;

use crate::cli::{Desk, Ran};
use crate::ko::Ko;
use crate::made::Made;

fn desk() -> Desk {
    let desk = Desk::new();
    let profile = Made::new("6.1.0").profile;
    for ko in [
        Ko::new("good").export("good_fn"),
        Ko::new("bad").license("CDDL").needs("kick_gpl"),
        Ko::new("absent").needs("gone"),
    ] {
        desk.file(&format!("t/{}.ko", ko.name()), ko.build(&profile));
    }
    desk.kernel("later", &Made::new("6.6.0").export_gpl("kick_gpl"));
    desk
}

/// The program, with the limits that a shell sets before.
fn limited(desk: &Desk, limits: &str, arguments: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{limits}; exec \"$0\" \"$@\"")).arg(env!("CARGO_BIN_EXE_gplok"));
    shell.args(arguments.split_whitespace()).current_dir(desk.path(""));
    shell.env("XDG_CACHE_HOME", desk.path("cache")).stdin(Stdio::null());
    shell
}

fn ran(command: &mut Command) -> Ran {
    Ran::of(command.output().expect("it starts"))
}

const COMMANDS: [&str; 7] = [
    "check -k k --tree t --no-cache",
    "check -k k t/bad.ko",
    "audit -k k t",
    "upgrade --from k --to later --tree t",
    "diff k later",
    "why -k k t/bad.ko",
    "exports -k k",
];

/// A stack larger than the address space: the system gives no thread. One thread then does all the work.
#[test]
fn without_threads_the_answers_are_the_same() {
    let desk = desk();
    for arguments in COMMANDS {
        let usual = desk.run(arguments);
        let alone = ran(desk.command(arguments).env("RUST_MIN_STACK", (1_u64 << 60).to_string()));
        assert_eq!((alone.code, alone.out, alone.err), (usual.code, usual.out, usual.err), "{arguments}");
    }
}

/// What a program does that uses the library and starts no threads itself.
#[test]
#[ignore = "without_threads_the_library_does_without is about this, in a process of its own"]
fn use_of_the_library() {
    let made = Made::new("6.1.0").export_gpl("kick_gpl");
    let (kernel, _folder) = made.open();
    let images: Vec<_> = ["one", "two", "three"].map(|name| made.image(&Ko::new(name).needs("kick_gpl"))).into();
    let verdicts = Check::new(&kernel).images(&images).expect("all are in memory");
    assert!(verdicts.iter().all(|verdict| verdict.outcome == Outcome::Loads));
    let exports = kernel.exports().expect("it has exports");
    assert!(ExportDiff::between(exports, exports).changes.is_empty());
}

/// rayon panics if it cannot start its threads. The library does all the work on the thread that calls it.
#[test]
fn without_threads_the_library_does_without() {
    let child = |stack: Option<u64>| {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        // With one thread, the tests run on the first one of the process.
        command.args(["--exact", "scarce::use_of_the_library", "--ignored", "--test-threads=1"]);
        command.envs(stack.map(|stack| ("RUST_MIN_STACK", stack.to_string())));
        Ran::of(command.output().expect("it starts"))
    };
    for ran in [child(None), child(Some(1 << 60))] {
        assert!(ran.ended(0).out.contains("1 passed"), "{ran:?}");
    }
}

#[test]
fn what_cannot_be_printed_is_an_error() {
    let desk = desk();
    let full = || std::fs::File::options().write(true).open("/dev/full").expect("the device is there");
    for arguments in COMMANDS.into_iter().chain(["explain", "--help", "--version", "check --help", "inspect t/bad.ko"])
    {
        let ran = ran(desk.command(arguments).stdout(full()).stderr(Stdio::piped()));
        ran.failed("cannot write to standard output: No space left on device (os error 28)");
        // Not even the error can be said.
        let status = desk.command(arguments).stdout(full()).stderr(full()).status().expect("it starts");
        assert_eq!(status.code(), Some(2), "{arguments}");
    }
}

/// A warning that cannot be said changes nothing.
#[test]
fn standard_error_may_be_full() {
    let desk = desk();
    let full = std::fs::File::options().write(true).open("/dev/full").expect("the device is there");
    let mut command = desk.command("check -k k t/bad.ko --format depmod");
    assert_eq!(command.stderr(full).stdout(Stdio::null()).status().expect("it starts").code(), Some(1));
}

/// `gplok … | head`: its reader has seen enough.
#[test]
fn a_closed_pipe_is_quiet() {
    let desk = desk();
    for arguments in COMMANDS.into_iter().chain(["--help", "explain"]) {
        let mut child =
            desk.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop(child.stdout.take());
        let ran = Ran::of(child.wait_with_output().expect("it ends"));
        let usual = desk.run(arguments);
        assert_eq!((ran.code, ran.err), (usual.code, usual.err), "{arguments}");
    }
}

/// The contents of packages wait in a temporary file, which may have no room.
#[test]
fn a_full_disk_for_temporary_files_is_named() {
    let desk = desk();
    let mut package = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    let contents = vec![b'x'; 1 << 20];
    header.set_size(contents.len() as u64);
    package.append_data(&mut header, "lib/modules/6.1.0/kernel/a.ko", contents.as_slice()).expect("in memory");
    desk.file("p.tar", package.into_inner().expect("in memory"));
    // A limit on the length of files that are written stands for the disk: EFBIG instead of ENOSPC.
    let ran = ran(&mut limited(&desk, "trap '' XFSZ; ulimit -f 0", "check -k p.tar"));
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
    assert!(ran.err.contains("the temporary file (TMPDIR): File too large"), "{ran:?}");
    let nowhere = self::ran(desk.command("check -k p.tar").env("TMPDIR", "/nowhere"));
    assert_eq!((nowhere.code, nowhere.out.as_str()), (Some(2), ""), "{nowhere:?}");
    assert!(nowhere.err.contains("temporary file"), "{nowhere:?}");
}

/// An answer that cannot be kept is only missing in the next run, and nothing is left of it.
#[test]
fn a_full_disk_for_kept_answers_changes_nothing() {
    let desk = desk();
    let arguments = "check -k k --tree t";
    let usual = desk.run("check -k k --tree t --no-cache");
    let kept = |desk: &Desk| std::fs::read_dir(desk.path("cache/gplok")).map_or(0, Iterator::count);
    // No answer is kept that depends on a file that was just written.
    std::thread::sleep(std::time::Duration::from_secs(4));
    for limits in ["trap '' XFSZ; ulimit -f 0", "mkdir -p cache; chmod 500 cache; ulimit -f 0; trap '' XFSZ"] {
        let ran = ran(&mut limited(&desk, limits, arguments));
        assert_eq!((ran.code, &ran.out, &ran.err), (usual.code, &usual.out, &usual.err), "{limits}");
        assert_eq!(kept(&desk), 0, "{limits}");
    }
    std::fs::set_permissions(desk.path("cache"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("ours");
    assert_eq!(ran(&mut limited(&desk, ":", arguments)).out, usual.out);
    assert_eq!(kept(&desk), 1, "where there is room, it is kept");
}

/// A small stack is enough, or the program says that it is not.
#[test]
fn the_stack_may_be_small() {
    let desk = desk();
    for kilobytes in [128, 256, 512, 1024, 2048] {
        for arguments in COMMANDS {
            let ran = ran(&mut limited(&desk, &format!("ulimit -s {kilobytes}"), arguments));
            assert!(matches!(ran.code, Some(0..=3)), "{kilobytes} KB: {ran:?}");
            assert!(ran.code != Some(2) || ran.err.contains("overflowed its stack"), "{kilobytes} KB: {ran:?}");
        }
    }
}

/// However little memory there is: an answer, or a message and 2.
#[test]
fn memory_may_be_short() {
    let desk = desk();
    desk.file("large.ko", vec![b'x'; 64 << 20]);
    let mut failures = 0;
    for megabytes in (32..=224).step_by(16) {
        for arguments in ["check -k k --tree t --no-cache", "check -k k large.ko"] {
            let limits = format!("ulimit -v {}", megabytes << 10);
            let ran = ran(&mut limited(&desk, &limits, arguments));
            // 127: not even the program could be loaded.
            assert!(matches!(ran.code, Some(0..=3 | 127)), "{megabytes} MB: {ran:?}");
            if ran.code == Some(2) {
                assert!(!ran.err.is_empty() && !ran.err.contains("panic"), "{megabytes} MB: {ran:?}");
                failures += 1;
            }
        }
    }
    assert!(failures > 0, "no limit was too small");
}

#[test]
fn file_handles_may_be_few() {
    let desk = desk();
    for handles in 4..24 {
        for arguments in COMMANDS {
            let ran = ran(&mut limited(&desk, &format!("ulimit -n {handles}"), arguments));
            assert!(matches!(ran.code, Some(0..=3)), "{handles} handles: {ran:?}");
            assert!(ran.code != Some(2) || ran.err.contains("Too many open files"), "{handles} handles: {ran:?}");
        }
    }
}
