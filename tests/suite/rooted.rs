//! `--root`: a system below a directory, from which no link leads out.

use std::os::unix::fs::symlink;

use crate::cli::Desk;
use crate::ko::Ko;
use crate::made::Made;

/// Below `sys`, an installed kernel whose tree has links as distributions make them; beside it, files that nobody may read.
fn desk() -> Desk {
    let made = Made::new("6.1.0-1-test").export_gpl("kick_gpl");
    let desk = Desk::with(made.clone());
    let profile = made.profile.clone();
    desk.kernel("sys/usr/src/linux-headers-6.1.0-1-test", &made);
    let config = desk.read("k/config");
    desk.file("sys/usr/src/linux-headers-6.1.0-1-test/.config", config);
    let tree = "sys/usr/lib/modules/6.1.0-1-test";
    desk.file(&format!("{tree}/kernel/own.ko"), Ko::new("own").needs("kick_gpl").build(&profile));
    desk.file("sys/usr/lib/dkms/extern.ko", Ko::new("extern").needs("gone").build(&profile));
    desk.file("secret/secret.ko", Ko::new("secret").build(&profile));
    let link = |target: &str, name: &str| symlink(target, desk.path(name)).expect("linked");
    link("usr/lib", "sys/lib");
    // Absolute, as in Debian: on this machine it leads nowhere, or to another kernel.
    link("/usr/src/linux-headers-6.1.0-1-test", &format!("{tree}/build"));
    link("/usr/lib/dkms", &format!("{tree}/updates"));
    let secret = desk.path("secret").display().to_string();
    link(&secret, &format!("{tree}/kernel/absolute"));
    link("../../../../../../secret", &format!("{tree}/kernel/above"));
    link(&format!("{secret}/secret.ko"), &format!("{tree}/kernel/leaked.ko"));
    desk
}

#[test]
fn an_installed_kernel_below_a_root_is_found_by_its_release_and_alone() {
    let desk = desk();
    let page = |arguments: &str| {
        let ran = desk.run(arguments);
        assert_eq!((ran.code, ran.err.as_str()), (Some(3), ""), "{ran:?}");
        ran.out
    };
    for arguments in [
        "check --root sys --no-cache --list",
        "check -k 6.1.0-1-test --root sys --no-cache --list",
        "check --root sys -k sys/lib/modules/6.1.0-1-test --no-cache --list",
        "check --root sys --tree sys/lib/modules/6.1.0-1-test --no-cache --list",
    ] {
        let page = page(arguments);
        assert!(page.contains("own") && page.contains("extern"), "{arguments}: {page}");
        // The links that lead out lead nowhere below the root.
        assert!(page.contains("leaked.ko") && !page.contains("secret.ko loads"), "{arguments}: {page}");
    }
    let exports = desk.run("exports --root sys kick_gpl");
    assert_eq!(exports.code, Some(0), "{exports:?}");
    assert!(exports.out.contains("EXPORT_SYMBOL_GPL"), "the link build leads to the headers below the root");
    // The modules from outside the kernel.
    let upgrade = desk.run("upgrade --root sys --to k");
    assert!(upgrade.out.contains("extern") && !upgrade.out.contains("own.ko"), "{upgrade:?}");
}

#[test]
fn links_do_not_lead_out_of_the_root() {
    let desk = desk();
    let json = desk.run("check --root sys --no-cache --format json").out;
    let document: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    let outcomes: Vec<_> = document["modules"]
        .as_array()
        .expect("modules")
        .iter()
        .map(|m| (m["path"].as_str().expect("a path"), &m["outcome"]))
        .collect();
    let unread = |name: &str| {
        outcomes.iter().any(|(path, outcome)| path.ends_with(name) && outcome.to_string().contains("undetermined"))
    };
    assert!(unread("kernel/leaked.ko") && unread("kernel/absolute") && unread("kernel/above"), "{outcomes:?}");
    assert!(!outcomes.iter().any(|(path, _)| path.ends_with("secret.ko")), "{outcomes:?}");
    // Without a root they are followed, as depmod does.
    let followed = desk.run("check --tree sys/lib/modules/6.1.0-1-test -k k --no-cache --list").out;
    assert!(followed.contains("secret"), "{followed}");
}

#[test]
fn which_kernel_is_meant_is_not_guessed() {
    let desk = desk();
    desk.run("check --root nowhere").failed("cannot use nowhere as the root: No such file or directory (os error 2)");
    desk.file("sys/usr/lib/modules/6.6.0/modules.dep", "");
    let ran = desk.run("check --root sys");
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.ends_with("has several kernels in lib/modules: 6.1.0-1-test, 6.6.0\n"), "{ran:?}");
    desk.file("empty/etc/os-release", "");
    let ran = desk.run("exports --root empty");
    assert!(ran.code == Some(2) && ran.err.ends_with("has no kernel in lib/modules\n"), "{ran:?}");
}
