//! `gplok exports`: what a kernel exports, chosen, counted and printed; and where each fact came from.

use std::collections::BTreeSet;
use std::process::Stdio;

use gplok::kernel::{Exports, Fact};
use serde_json::{Value, json};

use crate::cli::{Desk, Ran};
use crate::founding;
use crate::made::{CONFIG_HEAD, Made};

/// The kernels of the repository, whose lists are parts of real ones, and the made-up ones of the founding cases.
fn kernels() -> Vec<String> {
    let folder = |name: &str| format!("{}/testdata/kernels/{name}", env!("CARGO_MANIFEST_DIR"));
    let founding = [founding::BEFORE, founding::AFTER].map(|name| founding::folder().join(name).display().to_string());
    ["5.10", "6.1", "6.12", "6.12-arm64", "7.3"].map(folder).into_iter().chain(founding).collect()
}

/// A kernel with something of everything.
fn desk() -> Desk {
    let made = Made::new("6.16.0").export_gpl("kick_gpl");
    let made = made.row("usb_stor_probe1", "drivers/usb/storage/usb-storage", "EXPORT_SYMBOL_GPL", "USB_STORAGE");
    let made = made.row("kvm_only", "vmlinux", "EXPORT_SYMBOL_GPL", "module:kvm,kvm-amd");
    Desk::with(made.row("crc_t10dif", "lib/crc/crc-t10dif", "EXPORT_SYMBOL", ""))
}

/// Each line as a set of its columns, empty ones at the end left out.
fn lines(text: &str) -> BTreeSet<Vec<&str>> {
    text.lines().map(|line| line.trim_end_matches('\t').split('\t').collect()).collect()
}

fn symbols(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.split('\t').nth(1)).collect()
}

/// The symbols that these filters leave.
#[track_caller]
fn left(ran: &Ran) -> Vec<&str> {
    symbols(&ran.ended(0).out)
}

#[test]
fn what_is_printed_is_what_was_read() {
    let desk = Desk::new();
    for kernel in kernels() {
        let ran = desk.run(&format!("exports -k {kernel}"));
        let source = std::fs::read_to_string(format!("{kernel}/Module.symvers")).expect("it has one");
        assert_eq!((ran.code, lines(&ran.out)), (Some(0), lines(&source)), "{kernel}");
        // modpost counts the tabs.
        assert!(ran.out.lines().all(|line| line.matches('\t').count() == 4), "{kernel}");
        let rows = |text: &str| {
            let exports = Exports::parse(text).expect("a good list");
            let mut rows: Vec<_> = exports.rows().map(|row| format!("{row:?}")).collect();
            rows.sort();
            rows
        };
        assert_eq!(rows(&ran.out), rows(&source), "{kernel}");
        // Printed again it is the same, to the byte.
        desk.file("Module.symvers", &ran.out);
        assert_eq!(desk.run("exports -k Module.symvers").out, ran.out, "{kernel}");
    }
}

#[test]
fn the_order_does_not_hang_on_the_source() {
    let desk = desk();
    let kernel = ["kick_gpl", "kvm_only", "printk"];
    assert_eq!(left(&desk.run("exports -k k")), [&kernel[..], &["usb_stor_probe1", "crc_t10dif"]].concat());
}

#[test]
fn filters_narrow_and_repeated_ones_widen() {
    let desk = desk();
    assert_eq!(left(&desk.run("exports -k k k*")), ["kick_gpl", "kvm_only"]);
    assert_eq!(left(&desk.run("exports printk k?ck_gpl -k k")), ["kick_gpl", "printk"]);
    assert_eq!(left(&desk.run("exports -k k --kind plain")), ["printk", "crc_t10dif"]);
    assert_eq!(left(&desk.run("exports -k k --kind gpl --module vmlinux")), ["kick_gpl", "kvm_only"]);
    assert_eq!(left(&desk.run("exports -k k --module usb_storage")), ["usb_stor_probe1"]);
    assert_eq!(left(&desk.run("exports -k k --module drivers/* --module crc*")), ["usb_stor_probe1", "crc_t10dif"]);
    assert_eq!(left(&desk.run("exports -k k --namespace module:*kvm-amd*")), ["kvm_only"]);
    assert_eq!(left(&desk.run("exports -k k --namespace USB_STORAGE")), ["usb_stor_probe1"]);
    assert_eq!(left(&desk.run("exports -k k --namespace=")), ["kick_gpl", "printk", "crc_t10dif"]);
    assert_eq!(left(&desk.run("exports -k k --namespace= --kind gpl *gpl")), ["kick_gpl"]);
}

/// As with grep, so that a script can ask.
#[test]
fn nothing_that_matches_is_an_exit_code() {
    let desk = desk();
    let none = desk.run("exports -k k put_page");
    assert_eq!((none.code, none.out.as_str()), (Some(1), ""));
    assert_eq!(none.err, "gplok: note: the kernel exports nothing that matches\n");
    let none = desk.run("exports -k k put_page --count --format json");
    assert_eq!((none.code, &none.json()["counts"]), (Some(1), &json!([])));
}

#[test]
fn people_get_a_table_and_numbers() {
    let desk = desk();
    let human = desk.run("exports -k k --format human").ended(0).out.clone();
    assert!(human.starts_with("vmlinux (3)\n  0x"), "{human}");
    assert!(human.contains("  EXPORT_SYMBOL_GPL  kvm_only  in namespace module:kvm,kvm-amd\n"), "{human}");
    let total =
        "5 symbols of 6.16.0: 2 EXPORT_SYMBOL and 3 EXPORT_SYMBOL_GPL; 3 of the kernel itself and 2 of 2 modules\n";
    assert!(human.ends_with(&format!("\n{total}")), "{human}");
    let counts = [
        total,
        "       3  vmlinux: 1 EXPORT_SYMBOL and 2 EXPORT_SYMBOL_GPL\n",
        "       1  drivers/usb/storage/usb-storage: 1 EXPORT_SYMBOL_GPL\n",
        "       1  lib/crc/crc-t10dif: 1 EXPORT_SYMBOL\n",
    ];
    assert_eq!(desk.run("exports -k k --count").ended(0).out, counts.concat());
}

#[test]
fn machines_get_documents_of_the_schema() {
    let desk = desk();
    let json = desk.run("exports -k k usb* --format json").ended(0).json();
    let crc = desk.run("exports -k k usb*").out.split('\t').next().map(str::to_owned);
    let wanted = json!([{
        "symbol": "usb_stor_probe1",
        "crc": crc,
        "module": "drivers/usb/storage/usb-storage",
        "kind": "EXPORT_SYMBOL_GPL",
        "namespace": "USB_STORAGE",
    }]);
    assert_eq!(json["exports"], wanted);
    assert_eq!(json["kernel"]["release"], "6.16.0");
    let counts = &desk.run("exports -k k --module vmlinux --count --format json").ended(0).json()["counts"];
    assert_eq!(counts[1], json!({ "module": "vmlinux", "kind": "EXPORT_SYMBOL_GPL", "symbols": 2 }));
    for kernel in kernels() {
        let json = desk.run(&format!("exports --format json -k {kernel}")).json();
        let rows = std::fs::read_to_string(format!("{kernel}/Module.symvers")).expect("it has one").lines().count();
        assert_eq!(json["exports"].as_array().map(Vec::len), Some(rows), "{kernel}");
    }
}

/// Unknown facts are listed beside the rows, never in them.
#[test]
fn what_is_not_known_is_noted() {
    let desk = desk();
    desk.file("Module.symvers", "0x00000000\tf\tvmlinux\n0x00000000\tg\tvmlinux\tEXPORT_SYMBOL\t\n");
    let ran = desk.run("exports -k Module.symvers");
    assert_eq!(ran.code, Some(0));
    assert_eq!(ran.out, "0x00000000\tf\tvmlinux\t(unknown)\t\n0x00000000\tg\tvmlinux\tEXPORT_SYMBOL\t\n");
    let notes: Vec<_> = ran.err.lines().collect();
    assert!(notes[0].starts_with("gplok: note: how 1 symbol is exported is not known: "), "{notes:?}");
    assert!(notes[1].starts_with("gplok: note: 2 symbols have no known version: "), "{notes:?}");
    assert!(notes[2].ends_with("nothing that its modules export"), "{notes:?}");
    let known = desk.run("exports -k Module.symvers --kind plain --kind gpl");
    assert_eq!((symbols(&known.out), known.err.lines().count()), (vec!["g"], 2));
    assert_eq!(symbols(&desk.run("exports -k Module.symvers --kind unknown").out), ["f"]);
    let json = desk.run("exports -k Module.symvers --format json").json();
    assert_eq!(json["exports"][0]["kind"], Value::Null);
    // Without CONFIG_MODVERSIONS there are no versions to know.
    desk.file("config", format!("{CONFIG_HEAD}CONFIG_MODULES=y\n"));
    assert_eq!(desk.run("exports g -k Module.symvers -k config --module vmlinux").err, "");
}

/// Names out of a file cannot steer the terminal.
#[test]
fn rows_are_safe_to_print() {
    let desk = desk();
    desk.file("Module.symvers", "0x1\tf\u{1b}[31m\tvmlinux\tEXPORT_SYMBOL\t\n");
    assert!(desk.run("exports -k Module.symvers").out.contains("\tf\\x1b[31m\t"));
}

/// C has letters beyond ASCII: what is printed is the `Module.symvers` that was read.
#[test]
fn letters_beyond_ascii_are_printed_as_modpost_writes_them() {
    let desk = desk();
    let list = "0x00000001\tgröße\tvmlinux\tEXPORT_SYMBOL\tВремя\n";
    desk.file("Module.symvers", list);
    assert_eq!(desk.run("exports -k Module.symvers").out, list);
}

#[test]
fn evidence_names_the_file_of_each_fact_or_what_would_tell_it() {
    let desk = desk();
    let json = desk.run("exports -k k --evidence --format json").ended(0).json();
    let facts = json["facts"].as_array().expect("a list");
    let names: Vec<_> = facts.iter().map(|fact| fact["fact"].as_str().unwrap_or_default()).collect();
    // This kernel has no modules from outside its tree.
    let all = Fact::ALL.into_iter().filter(|fact| *fact != Fact::OutsideExports);
    assert_eq!(names, all.map(Fact::name).collect::<Vec<_>>());
    let fact = |name: &str| &facts[names.iter().position(|known| *known == name).expect("it is there")];
    let from = |source: &str, value: &str| json!({ "value": value, "source": source });
    for (name, told) in [
        ("release", from("k/release", "6.16.0")),
        ("version", from("k/release", "6.16")),
        ("arch", from("k/config", "x86_64")),
        ("modversions", from("k/config", "not checked")),
        ("exports", from("k/Module.symvers", "5 symbols: 3 of the kernel itself and 2 of 2 modules")),
        ("kinds", from("k/Module.symvers", "of all 5 symbols")),
        ("namespaces", from("k/Module.symvers", "2 symbols in 2 namespaces")),
        ("modules", from("k", "1 module")),
        ("licenses", from("k", "in the files of 1 module")),
    ] {
        let fact = fact(name);
        assert_eq!(json!({ "value": fact["value"], "source": fact["source"] }), told, "{name}");
        assert_eq!(fact["remedy"], Value::Null, "{name}");
    }
    for name in ["vermagic", "struct-module-size"] {
        assert!(fact(name)["value"].is_string() && fact(name)["source"] == "k", "{name}");
    }
    let keys = fact("certificates");
    assert_eq!((&keys["value"], &keys["source"]), (&Value::Null, &Value::Null));
    assert_eq!(keys["remedy"], "add its image, -k /boot/vmlinuz-6.16.0, or give --certs FILE (PEM or DER)");
}

/// Nothing but a release: the rest is asked for, by arguments.
#[test]
fn evidence_needs_no_exports() {
    let desk = Desk::new();
    desk.file("only", "6.1.0\n");
    let human = desk.run("exports -k only --evidence").ended(0).out.clone();
    assert!(human.starts_with("6.1.0: 2 of 19 facts are known\n"), "{human}");
    assert!(human.contains("  release               6.1.0  [only]\n"), "{human}");
    let asked = "not known: add its image, -k /boot/vmlinuz-6.1.0, or its headers directory with Module.symvers, -k /lib/modules/6.1.0/build\n";
    assert!(human.contains(&format!("  exports               {asked}")), "{human}");
    // The user's word takes precedence over the file's.
    let human = desk.run("exports -k only --release 6.2.0 --evidence").ended(0).out.clone();
    assert!(human.contains("  release               6.2.0  [as given]\n"), "{human}");
}

#[test]
fn what_cannot_be_printed_says_why() {
    let desk = Desk::new();
    desk.file("only", "6.1.0\n");
    desk.run("exports -k only").failed(
        "not known is what the kernel exports: add its image, -k /boot/vmlinuz-6.1.0, or its headers directory with Module.symvers, -k /lib/modules/6.1.0/build",
    );
    let formless = "numbers, evidence and a System.map have no form as Module.symvers: give --format human or json";
    desk.run("exports -k k --count --format symvers").failed(formless);
    desk.run("exports -k k --evidence --format symvers").failed(formless);
    desk.run("exports -k nowhere").failed("cannot read nowhere: No such file or directory (os error 2)");
    for usage in ["exports -k k --kind nonsense", "exports -k k --evidence --kind gpl", "exports -k k --evidence f"] {
        assert_eq!(desk.run(usage).code, Some(2), "{usage}");
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let desk = desk();
    for (arguments, code) in [("exports -k k", 0), ("exports -k k --evidence", 0), ("exports -k k --count", 0)] {
        let (reader, writer) = std::io::pipe().expect("there are pipes");
        drop(reader);
        let child =
            desk.command(arguments).stdout(writer).stderr(Stdio::piped()).spawn().expect("the program was built");
        Ran::of(child.wait_with_output().expect("it ends")).ended(code);
    }
}

/// Symbols and exports out of a `System.map`: what it does not tell is noted, and a stub is refused by name.
#[test]
fn a_system_map_tells_names_and_kinds() {
    let map = "ffffffff81000000 T _text\nffffffff81000010 t start\n\
               ffffffff82000000 R __start___ksymtab\nffffffff82000000 r __ksymtab_kfree\n\
               ffffffff8200000c R __stop___ksymtab\nffffffff8200000c R __start___ksymtab_gpl\n\
               ffffffff8200000c r __ksymtab_kobject_put\nffffffff82000018 R __stop___ksymtab_gpl\n";
    let desk = Desk::new();
    desk.file("System.map", map);
    desk.file("stub", "ffffffffffffffff B The real System.map is in the linux-image-6.1.0-56-amd64-dbg package\n");
    let rows = "0x00000000\tkfree\tvmlinux\tEXPORT_SYMBOL\t\n0x00000000\tkobject_put\tvmlinux\tEXPORT_SYMBOL_GPL\t\n";
    assert_eq!(desk.run("exports -k System.map").out, rows);
    assert_eq!(desk.run("exports -k System.map --system-map").ended(0).out, map);
    let json = desk.run("exports -k System.map --system-map --format json").ended(0).out.clone();
    let document: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let start = serde_json::json!({"symbol": "start", "kind": "t", "address": "0xffffffff81000010", "size": 0xff_fff0});
    assert_eq!(document["symbols"][1], start);
    desk.run("exports -k stub")
        .failed("cannot read stub: a stub: the real System.map is in the package with the kernel's debug information");
    desk.file("only", "6.1.0\n");
    desk.run("exports -k only --system-map").failed(
        "the kernel's own symbols are not known: add its image, -k /boot/vmlinuz-6.1.0; it may have none (CONFIG_KALLSYMS)",
    );
}
