//! What a user may name: files, folders, packages, files in packages, and what is no regular file.

use std::os::unix::net::UnixListener;
use std::process::Command;

use liblzma::stream::Check;

use crate::cli::{Desk, Ran};
use crate::ko::Ko;
use crate::made::Made;
use crate::matrix::xz;

pub fn fifo(desk: &Desk, name: &str) {
    let path = desk.path(name);
    std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("the folder is ours");
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success());
}

/// Writes modules into a tar, and each beside it.
fn packed(desk: &Desk, made: &Made, name: &str, modules: &[Ko]) {
    let mut archive = tar::Builder::new(Vec::new());
    for ko in modules {
        let bytes = ko.build(&made.profile);
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("{}.ko", ko.name()), bytes.as_slice()).expect("added");
        desk.file(&format!("{}.ko", ko.name()), bytes);
    }
    desk.file(name, archive.into_inner().expect("written"));
}

/// No command waits for a pipe that nothing writes to, whatever it is named as.
#[test]
fn a_pipe_is_an_error_and_no_hang() {
    let made = Made::new("6.1.0");
    let desk = Desk::with(made.clone());
    desk.file("good.ko", Ko::new("good").build(&made.profile));
    fifo(&desk, "pipe.ko");
    fifo(&desk, "pipe");
    for command in [
        "check -k k pipe.ko",
        "inspect pipe.ko",
        "why -k k pipe.ko",
        "audit pipe.ko",
        "upgrade --from k --to k pipe.ko",
        "check -k pipe good.ko",
        "check -k k --certs pipe good.ko",
        "simulate -k k pipe",
        "audit --baseline pipe good.ko",
        "upgrade --from k --to k --rules pipe good.ko",
        "inlines pipe",
        "why -k k --inlines pipe good.ko",
    ] {
        let pipe = if command.contains("pipe.ko") { "pipe.ko" } else { "pipe" };
        desk.run(command).failed(&format!("cannot read {pipe}: it is a pipe (FIFO), and only regular files are read"));
    }
    // Nor does any wait for a reader.
    desk.kernel("later", &Made::new("6.2.0"));
    for command in ["diff k later", "upgrade --from k --to later good.ko"] {
        let command = |name: &str| format!("{command} --write-baseline {name}");
        for (name, what) in [("pipe", "a pipe (FIFO)"), ("/dev/full", "a character device"), ("k", "a directory")] {
            desk.run(&command(name))
                .failed(&format!("cannot write {name}: it is {what}, and only regular files are written"));
        }
        desk.file("baseline", vec![b'#'; 1 << 16]);
        assert_ne!(desk.run(&command("baseline")).code, Some(2));
        assert!(!desk.read("baseline").contains("##"), "what was there is replaced");
    }
    let both = desk.run("check -k k good.ko pipe.ko --format json");
    assert!(
        both.ended(3).json()["modules"][1]["missing"][0].as_str().is_some_and(|what| what.contains("a pipe (FIFO)"))
    );
    desk.run("check -k k /dev/null")
        .failed("cannot read /dev/null: it is a character device, and only regular files are read");
    let _socket = UnixListener::bind(desk.path("socket.ko")).expect("a socket");
    desk.run("check -k k socket.ko").failed("cannot read socket.ko: it is a socket, and only regular files are read");
}

/// Nor does a pipe in the place of a file that trees and headers have.
#[test]
fn a_pipe_in_a_tree_is_no_hang() {
    let made = Made::new("6.1.0");
    let desk = Desk::with(made.clone());
    for folder in ["t", "root/lib/modules/6.1.0"] {
        desk.file(&format!("{folder}/kernel/good.ko"), Ko::new("good").build(&made.profile));
        desk.file(&format!("{folder}/updates/good.ko"), Ko::new("good").build(&made.profile));
        for name in ["modules.order", "modules.dep", "modules.builtin", "modules.builtin.modinfo", "config", "vmlinuz"]
        {
            fifo(&desk, &format!("{folder}/{name}"));
        }
        fifo(&desk, &format!("{folder}/include/config/kernel.release"));
        fifo(&desk, &format!("{folder}/kernel/pipe.ko"));
    }
    for name in ["etc/depmod.d/a.conf", "usr/bin/kmod", "boot/config-6.1.0", "boot/System.map-6.1.0"] {
        fifo(&desk, &format!("root/{name}"));
    }
    for tree in ["t", "root/lib/modules/6.1.0"] {
        let page = desk.run(&format!("check -k k --tree {tree}"));
        assert!(page.ended(3).out.starts_with("2 modules on 6.1.0: 1 loads, 1 undetermined\n"), "{page:?}");
        assert!(page.out.contains(&format!("{tree}/kernel/pipe.ko\n")), "{page:?}");
    }
    assert_ne!(desk.run("check -k root/lib/modules/6.1.0 -k k").code, None);
    assert_ne!(desk.run("check -k t").code, None);
}

/// A package, and a file in one, is taken by every command that takes a module.
#[test]
fn every_command_reads_packages() {
    let made = Made::new("6.1.0").export_gpl("kick_gpl");
    let desk = Desk::with(made.clone());
    let bad = || Ko::new("bad").license("CDDL").needs("kick_gpl").export("bad_fn");
    packed(&desk, &made, "two.tar", &[bad(), Ko::new("good")]);
    packed(&desk, &made, "one.tar", &[bad()]);
    for named in ["one.tar", "two.tar/bad.ko"] {
        let expected = desk.run("why -k k bad.ko").ended(1).out.replacen("bad.ko", "X", 1);
        let name = if named == "one.tar" { "one.tar/bad.ko" } else { named };
        assert_eq!(desk.run(&format!("why -k k {named}")).ended(1).out.replacen(name, "X", 1), expected);
        assert!(desk.run(&format!("inspect {named}")).ended(0).out.starts_with(&format!("{name}: module bad")));
        assert!(desk.run(&format!("check -k k {named}")).ended(1).out.contains("GPL-only"));
        let audit = |named: &str| desk.run(&format!("audit -k k {named}")).out;
        assert_eq!(audit(named).replace(name, "bad.ko"), audit("bad.ko"));
        desk.file("plan", format!("insmod {named}\n"));
        let boot = desk.run("simulate -k k plan");
        assert!(boot.ended(1).out.contains(&format!("{name}: refused on 6.1.0: ENOENT")), "{}", boot.out);
        assert!(
            desk.run(&format!("upgrade --from k --to k {named}")).ended(1).out.contains("bad.ko (license \"CDDL\")")
        );
    }
    assert!(desk.run("upgrade --from k --to k two.tar").ended(1).out.contains("2 modules: "));
    assert!(desk.run("audit -k k two.tar").out.contains("two.tar/good.ko"));
    for command in ["why -k k two.tar", "inspect two.tar"] {
        desk.run(command).failed("two.tar holds 2 modules: name one of them, for example two.tar/bad.ko");
    }
    desk.run("check -k k two.tar/none.ko").failed("two.tar holds no module two.tar/none.ko");
}

/// `upgrade` judges the rest where a file cannot be read.
#[test]
fn upgrade_names_what_it_could_not_read() {
    let made = Made::new("6.1.0");
    let desk = Desk::with(made.clone());
    desk.file("t/good.ko", Ko::new("good").build(&made.profile)).file("t/zero.ko", "");
    std::os::unix::fs::symlink("/nowhere/away.ko", desk.path("t/away.ko")).expect("linked");
    let page = desk.run("upgrade --from k --to k t");
    assert!(page.ended(1).out.starts_with("from 6.1.0 to 6.1.0: 3 modules: 2 cannot be known and 1 loads as it is\n"));
    assert!(page.out.contains("a link to /nowhere/away.ko: No such file or directory"), "{}", page.out);
    // An empty file is refused, but that says nothing of a new build.
    assert!(
        page.out.contains("as it is: refused on 6.1.0: EINVAL, unreadable file\n    rebuilt:  not known"),
        "{}",
        page.out
    );
    std::fs::remove_file(desk.path("t/zero.ko")).expect("removed");
    let json = desk.run("upgrade --from k --to k t --format json").ended(3).json();
    assert_eq!(json["modules"].as_array().map(Vec::len), Some(2));
    desk.run("upgrade --from k --to k gone.ko").failed("cannot read gone.ko: No such file or directory (os error 2)");
}

/// kmod refuses what follows an xz stream. The kernel's own decompressor does not look at it.
#[test]
fn junk_behind_a_stream_is_judged_by_who_decompresses() {
    let made = Made::new("6.12.0").config("MODULE_DECOMPRESS").config("MODULE_COMPRESS_XZ");
    let desk = Desk::with(made.clone());
    let junk = |bytes: &[u8]| [xz(bytes, Check::Crc32).as_slice(), b"junk"].concat();
    let base = Ko::new("base").export("base_fn").pack(junk).build(&made.profile);
    desk.file("t/base.ko.xz", &base).file("base.ko.xz", &base);
    desk.file("t/user.ko", Ko::new("user").needs("base_fn").build(&made.profile));
    for (loader, code) in [("--loader kmod30", 1), ("--loader kmod31", 0), ("", 3)] {
        let one = desk.run(&format!("check -k k base.ko.xz {loader} --format json"));
        let tree = desk.run(&format!("check -k k --tree t {loader} --format json"));
        desk.run(&format!("upgrade --from k --to k base.ko.xz {loader}")).ended(code);
        desk.file("plan", "insmod base.ko.xz\n");
        desk.run(&format!("simulate -k k plan {loader}")).ended(code);
        let outcomes = |json: serde_json::Value| -> Vec<_> {
            json["modules"].as_array().into_iter().flatten().map(|module| module["outcome"].clone()).collect()
        };
        let expected = ["loaded", "refused", "", "undetermined"][usize::try_from(code).expect("a code")];
        assert_eq!(outcomes(one.ended(code).json()), [expected], "{loader}");
        assert_eq!(outcomes(tree.ended(code).json()), [expected, expected], "{loader}");
    }
    let plain = Desk::with(Made::new("6.12.0"));
    plain.file("base.ko.xz", &base);
    let page = plain.run("check -k k base.ko.xz");
    assert!(page.ended(1).out.contains("broken xz data"), "{}", page.out);
}

/// A refusal whose reason is not certain does not promise that a new build loads.
#[test]
fn a_rebuild_is_not_promised_for_a_file_that_shows_nothing() {
    let made = Made::new("6.12.0").config("MODULE_DECOMPRESS").config("MODULE_COMPRESS_XZ");
    let desk = Desk::with(made.clone());
    let junk = |bytes: &[u8]| [xz(bytes, Check::Crc64).as_slice(), b"junk"].concat();
    desk.file("base.ko.xz", Ko::new("base").pack(junk).build(&made.profile));
    let json = desk.run("upgrade --from k --to k base.ko.xz --format json");
    assert_eq!(json.ended(1).json()["modules"][0]["answer"], "unknown");
}

/// A refusal in any case says with which errnos.
#[test]
fn the_errnos_of_a_certain_refusal_are_listed() {
    // The version magic of such a kernel ends with a hash that only its build knows.
    let desk = Desk::with(Made::new("6.1.0").config("RANDSTRUCT").no_tree());
    desk.file("lost.ko", Ko::new("lost").needs("gone").build(&Made::new("6.2.0").profile));
    let page = desk.run("check -k k lost.ko");
    let headline = "lost.ko: refused on 6.1.0 in any case, with ENOENT or ENOEXEC: it depends on vermagic\n";
    assert!(page.ended(1).out.starts_with(headline), "{}", page.out);
    let json = desk.run("check -k k lost.ko --format json").json();
    assert_eq!(json["modules"][0]["errnos"], serde_json::json!(["ENOENT", "ENOEXEC"]));
}

/// Standard input has a limit, as files have.
#[test]
fn a_plan_without_an_end_is_an_error() {
    let desk = Desk::with(Made::new("6.1.0"));
    let zeros = std::fs::File::open("/dev/zero").expect("the device is there");
    let ran = Ran::of(desk.command("simulate -k k -").stdin(zeros).output().expect("it starts"));
    ran.failed("cannot read standard input: it has more than 256 MiB");
}

/// What is named for debug information has to be there, also where no module needs it.
#[test]
fn debug_files_are_opened_before_they_are_needed() {
    let desk = Desk::with(Made::new("6.1.0"));
    desk.file("good.ko", Ko::new("good").build(&Made::new("6.1.0").profile));
    fifo(&desk, "pipe");
    for command in ["check -k k good.ko", "upgrade --from k --to k good.ko"] {
        desk.run(&format!("{command} --debug k")).ended(0);
        desk.run(&format!("{command} --debug pipe"))
            .failed("cannot read pipe: it is a pipe (FIFO), and only regular files are read");
        desk.run(&format!("{command} --debug gone")).failed("cannot read gone: No such file or directory (os error 2)");
    }
}
