//! What runs the build of a kernel's tree, and what is left when it is interrupted.

use std::cell::RefCell;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::cli::Desk;
use crate::ko::Ko;
use crate::made::Made;

/// A kernel whose Makefile leaves a mark when it is read, and does something before it fails.
fn desk(does: &str) -> Desk {
    let desk = Desk::new();
    let mark = desk.path("mark").display().to_string();
    for kdir in ["kdir", "later"] {
        desk.kernel(kdir, &Made::new("6.1.0").export_gpl("kick_gpl"));
        desk.file(&format!("{kdir}/Makefile"), format!("$(shell touch {mark})\n%.o:\n\t{does}\n"));
        desk.file(&format!("{kdir}/scripts/run"), "#!/bin/sh\n");
        for file in ["generated/autoconf.h", "linux/init.h"] {
            desk.file(&format!("{kdir}/include/{file}"), "");
        }
        desk.file(&format!("{kdir}/include/config/auto.conf"), desk.read("k/config"));
        close(&desk, kdir);
    }
    desk.file("t/bad.ko", Ko::new("bad").license("CDDL").needs("kick_gpl").build(&Made::new("6.1.0").profile));
    desk.file("tmp/.keep", "");
    desk
}

/// Nobody else may write to it, whatever the umask.
fn close(desk: &Desk, folder: &str) {
    let mut left = vec![desk.path(folder)];
    while let Some(path) = left.pop() {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("it is ours");
        left.extend(std::fs::read_dir(path).into_iter().flatten().map(|entry| entry.expect("an entry").path()));
    }
}

fn is_marked(desk: &Desk) -> bool {
    std::fs::remove_file(desk.path("mark")).is_ok()
}

/// Whatever is asked about a kernel, its build is not run, unless it is named to those that say so.
#[test]
fn only_inlines_runs_a_build() {
    let desk = desk("false");
    for arguments in [
        "check -k kdir --tree t --no-cache",
        "check -k kdir t/bad.ko",
        "simulate -k kdir plan",
        "inspect t/bad.ko",
        "why -k kdir t/bad.ko",
        "why -k kdir --compare later t/bad.ko",
        "exports -k kdir",
        "exports -k kdir --evidence",
        "diff kdir later",
        "upgrade --from kdir --to later --tree t",
        "upgrade --from kdir --to later --tree t --all-exports",
        "audit -k kdir t",
    ] {
        desk.file("plan", "insmod t/bad.ko\n");
        let ran = desk.run(arguments);
        assert!(matches!(ran.code, Some(0 | 1 | 3)), "{arguments}: {ran:?}");
        assert!(!is_marked(&desk), "{arguments} runs make");
    }
    for arguments in [
        "inlines kdir",
        "inlines --from kdir --to later",
        "upgrade --from kdir --to later --tree t --from-inlines kdir --to-inlines later",
    ] {
        assert_eq!(desk.run(arguments).code, Some(2), "the build fails");
        assert!(is_marked(&desk), "{arguments} runs make");
    }
}

#[test]
fn a_build_in_a_tree_of_others_has_to_be_asked_for() {
    let desk = desk("false");
    for (name, mode, who) in [
        ("kdir", 0o775, "by its group"),
        ("kdir/Makefile", 0o666, "by every user"),
        ("kdir/scripts/run", 0o664, "by its group"),
    ] {
        std::fs::set_permissions(desk.path(name), PermissionsExt::from_mode(mode)).expect("it is ours");
        for arguments in
            ["inlines kdir", "upgrade --from kdir --to later --tree t --from-inlines kdir --to-inlines later"]
        {
            let ran = desk.run(arguments);
            assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
            let path = desk.path(name).display().to_string();
            assert!(ran.err.contains(&format!("{path} may be written to {who}")), "{ran:?}");
            assert!(!is_marked(&desk), "{arguments} runs make");
            desk.run(&format!("{arguments} --trust-writable"));
            assert!(is_marked(&desk), "{arguments} is told to");
        }
        close(&desk, "kdir");
    }
}

fn waits_until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(30), "{what} takes too long");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_empty(desk: &Desk) -> bool {
    std::fs::read_dir(desk.path("tmp")).expect("the folder is there").count() == 1
}

/// Runs the program and sends it a signal as soon as `is_time`.
fn interrupted(desk: &Desk, arguments: &str, signal: &str, is_time: impl Fn() -> bool) {
    let mut command = desk.command(arguments);
    command.env("TMPDIR", desk.path("tmp")).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    waits_until("the start", is_time);
    let sent = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status();
    assert!(sent.expect("kill is installed").success());
    assert!(!child.wait().expect("it ends").success());
    waits_until("the end", || is_empty(desk));
}

/// Ctrl-C, kill, and even the signal that nothing can wait for.
#[test]
fn a_build_that_is_interrupted_leaves_nothing_behind() {
    let desk = desk("sleep 30 & echo $$! > $(M)/running; touch $(M)/one; sleep 3; touch $(M)/two");
    let running = RefCell::new(String::new());
    for signal in ["INT", "TERM", "KILL"] {
        interrupted(&desk, "inlines kdir", signal, || {
            let folder = std::fs::read_dir(desk.path("tmp")).expect("the folder is there");
            let Some(build) =
                folder.flatten().map(|entry| entry.path().join("kbuild")).find(|build| build.join("one").exists())
            else {
                return false;
            };
            *running.borrow_mut() =
                std::fs::read_to_string(build.join("running")).expect("it is there").trim().to_owned();
            true
        });
        // What make has started is ended with it.
        let process = Path::new("/proc").join(running.borrow().as_str());
        waits_until("the end of the build", || {
            !std::fs::read_to_string(process.join("cmdline")).is_ok_and(|line| line.contains("sleep"))
        });
    }
    // Nor does one that ends by itself.
    let ran = desk.command("inlines later").env("TMPDIR", desk.path("tmp")).output().expect("it starts");
    assert_eq!(ran.status.code(), Some(2));
    assert!(is_empty(&desk));
}

#[test]
fn a_package_that_is_interrupted_leaves_nothing_behind() {
    let desk = desk("false");
    let mut package = tar::Builder::new(Vec::new());
    for name in ["a", "b", "c", "d"] {
        let mut header = tar::Header::new_gnu();
        header.set_size(16 << 20);
        let path = format!("lib/modules/6.1.0/kernel/{name}.ko");
        package.append_data(&mut header, path, vec![b'x'; 16 << 20].as_slice()).expect("in memory");
    }
    desk.file("p.tar", package.into_inner().expect("in memory"));
    for signal in ["INT", "TERM", "KILL"] {
        let started = Instant::now();
        interrupted(&desk, "check -k p.tar", signal, || started.elapsed() > Duration::from_millis(30));
    }
}
