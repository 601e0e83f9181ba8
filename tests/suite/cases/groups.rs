//! Modules that interact: one needs what another exports, or both export one name, which the kernel refuses.

use super::group::{Group, group};
use crate::ko::{Body, Ko, Profile};

/// A GPL module.
fn ko(name: &str) -> Ko {
    Ko::new(name)
}

/// A proprietary module.
fn prop(name: &str) -> Ko {
    ko(name).license("Proprietary")
}

/// Who finds whose symbols.
pub fn exports(profile: &Profile) -> Vec<Group> {
    let mut groups = vec![
        group("chain", "two modules, one needs the other").load(ko("a").export("a1")).load(ko("b").needs("a1")),
        group("chain-gpl", "the same with a GPL-only export").load(ko("a").export_gpl("a1")).load(ko("b").needs("a1")),
        group("chain-five", "five modules, each needs the one before")
            .load(ko("a").export("a1"))
            .load(ko("b").needs("a1").export("b1"))
            .load(ko("c").needs("b1").export("c1"))
            .load(ko("d").needs("c1").export("d1"))
            .load(ko("e").needs("d1")),
        group("chain-all", "one module needs four")
            .load(ko("a").export("a1"))
            .load(ko("b").export_gpl("b1"))
            .load(ko("c").export("c1"))
            .load(ko("d").export_gpl("d1"))
            .load(ko("e").needs("a1").needs("b1").needs("c1").needs("d1")),
        group("chain-fan", "three modules need one")
            .load(ko("a").export("a1").export("a2").export("a3"))
            .load(ko("b").needs("a1"))
            .load(ko("c").needs("a2"))
            .load(ko("d").needs("a3").needs("a1")),
        group("early", "the importer comes first")
            .load(ko("b").needs("a1"))
            .load(ko("a").export("a1"))
            .load(ko("b").needs("a1")),
        group("early-weak", "an importer that could do without comes first")
            .load(ko("b").needs_weak("a1"))
            .load(ko("a").export("a1")),
        group("late-weak", "an importer that could do without comes last")
            .load(ko("a").export("a1"))
            .load(ko("b").needs_weak("a1")),
        group("gone", "the exporter is gone").load(ko("a").export("a1")).unload("a").load(ko("b").needs("a1")),
        group("back", "the exporter is gone and comes back")
            .load(ko("a").export("a1"))
            .unload("a")
            .load(ko("a").export("a1"))
            .load(ko("b").needs("a1")),
        group("failed", "the exporter's init fails")
            .load(ko("a").export("a1").init(Body::Returns(-19)))
            .load(ko("b").needs("a1")),
        group("refused", "the exporter is refused")
            .load(ko("a").export("a1").needs("nosuch"))
            .load(ko("b").needs("a1")),
        group("refused-magic", "the exporter is refused for its vermagic")
            .load(ko("a").export("a1").tag("vermagic", "1.2.3 wrong "))
            .load(ko("b").needs("a1")),
        group("other-symbol", "the exporter has another symbol").load(ko("a").export("a1")).load(ko("b").needs("a2")),
        group("twice", "the same module twice").load(ko("a").export("a1")).load(ko("a").export("a1")),
        group("twice-other", "another module of the same name").load(ko("a").export("a1")).load(ko("a").export("a2")),
        group("twice-unknown", "another module of the same name with an unknown symbol")
            .load(ko("a").export("a1"))
            .load(ko("a").needs("nosuch")),
        group("duplicate", "two modules export the same").load(ko("a").export("x")).load(ko("b").export("x")),
        group("duplicate-gpl", "two modules export the same, one for GPL modules")
            .load(ko("a").export("x"))
            .load(ko("b").export_gpl("x")),
        group("duplicate-gpl-first", "two modules export the same, the first for GPL modules")
            .load(ko("a").export_gpl("x"))
            .load(ko("b").export("x")),
        group("duplicate-prop", "a proprietary module exports what is exported for GPL modules")
            .load(ko("a").export_gpl("x"))
            .load(prop("b").export("x")),
        group("duplicate-second", "the second of three exports is taken")
            .load(ko("a").export("m"))
            .load(ko("b").export("l").export("m").export("n")),
        group("duplicate-many", "exports taken by two modules")
            .load(ko("a").export("x"))
            .load(ko("b").export("y"))
            .load(ko("c").export("x").export("y")),
        group("duplicate-gone", "the first exporter is gone")
            .load(ko("a").export("x"))
            .unload("a")
            .load(ko("b").export("x")),
        group("duplicate-own-import", "a module exports what it needs").load(ko("a").export("x")).load(
            ko("b").needs("x").export("x2").tweak(|elf| {
                // The export's name is that of the symbol it imports.
                let text = &mut elf.section("__ksymtab_strings").data;
                let at = text.windows(2).position(|bytes| bytes == b"x2").expect("the name is there");
                text[at + 1] = 0;
            }),
        ),
        group("duplicate-namespace", "a namespace does not make two of one name")
            .load(ko("a").export_in("", "x", "A"))
            .load(ko("b").export_in("", "x", "B")),
        group("future", "an export that will be GPL-only, for a GPL module")
            .load(ko("a").export_in("_gpl_future", "a1", ""))
            .load(ko("b").needs("a1")),
        group("future-prop", "an export that will be GPL-only, for a proprietary module")
            .load(ko("a").export_in("_gpl_future", "a1", ""))
            .load(prop("b").needs("a1")),
        group("future-duplicate", "an export that will be GPL-only, twice")
            .load(ko("a").export_in("_gpl_future", "x", ""))
            .load(ko("b").export_in("_gpl_future", "x", "")),
        group("future-then-plain", "the plain table is searched first")
            .load(ko("a").export_in("_gpl_future", "x", ""))
            .load(ko("b").export("x"))
            .load(prop("c").needs("x")),
        group("unused", "an unused export").load(ko("a").export_in("_unused", "a1", "")).load(ko("b").needs("a1")),
        group("unused-gpl", "an unused export for GPL modules")
            .load(ko("a").export_in("_unused_gpl", "a1", ""))
            .load(ko("b").needs("a1"))
            .load(prop("c").needs("a1")),
        group("gpl-prop", "a GPL-only export for a proprietary module")
            .load(ko("a").export_gpl("a1").export("a2"))
            .load(prop("b").needs("a1"))
            .load(prop("c").needs("a2")),
        group("gpl-prop-weak", "a GPL-only export for a proprietary module that could do without")
            .load(ko("a").export_gpl("a1"))
            .load(prop("b").needs_weak("a1")),
        group("versions", "the importer knows another version")
            .load(ko("a").export("a1"))
            .load(ko("b").needs("a1").crc("a1", 1)),
        group("versions-none", "the importer knows no version")
            .load(ko("a").export("a1"))
            .load(ko("b").needs("a1").no_crc("a1")),
        group("versions-no-table", "the importer has no __versions")
            .load(ko("a").export("a1"))
            .load(ko("b").needs("a1").no_versions()),
        group("versions-exporter", "the exporter has no versions")
            .load(ko("a").export("a1").tweak(drop_crcs))
            .load(ko("b").needs("a1").crc("a1", 1)),
        group("versions-exporter-changed", "the exporter was rebuilt")
            .load(ko("a").export("a1").crc("a1", 7))
            .load(ko("b").needs("a1"))
            .load(ko("c").needs("a1").crc("a1", 7)),
        group("versions-prop", "another version of a GPL-only export, asked for by a proprietary module")
            .load(ko("a").export_gpl("a1"))
            .load(prop("b").needs("a1").crc("a1", 1)),
        group("unsorted", "a table that is not sorted: the first entry is not found")
            .load(ko("a").export("a1").export("a2").tweak(swap_names))
            .load(ko("b").needs("a1"))
            .load(ko("c").needs("a2")),
        group("unsorted-duplicate", "nor is it found to be a duplicate")
            .load(ko("a").export("a1").export("a2").tweak(swap_names))
            .load(ko("b").export("a1"))
            .load(ko("c").export("a2")),
        group("unmerged", "a module linked without module.lds exports nothing")
            .load(ko("a").export("a1").tweak(|elf| {
                for name in ["__ksymtab", "__kcrctab"] {
                    if let Some(section) = elf.find(name) {
                        section.name = format!("_{name}+a1");
                        let renamed = section.name.clone();
                        for symbol in &mut elf.symbols {
                            if symbol.place == crate::ko::Place::Section(name.to_owned()) {
                                symbol.place = crate::ko::Place::Section(renamed.clone());
                            }
                        }
                    }
                }
            }))
            .load(ko("b").needs("a1")),
    ];
    if profile.kflagstab {
        groups.push(
            group("legacy", "GPL-only exports as before 7.1 are ignored")
                .load(ko("a").export_in("_gpl_", "a1", "").tweak(|elf| {
                    elf.section("__ksymtab_gpl_").name = "__ksymtab_gpl".to_owned();
                    for symbol in &mut elf.symbols {
                        if symbol.place == crate::ko::Place::Section("__ksymtab_gpl_".to_owned()) {
                            symbol.place = crate::ko::Place::Section("__ksymtab_gpl".to_owned());
                        }
                    }
                }))
                .load(ko("b").needs("a1")),
        );
        groups.push(
            group("flags-bits", "only the lowest flag counts")
                .load(ko("a").export("a1").tweak(|elf| {
                    elf.section("__kflagstab").data[0] = 0xfe;
                }))
                .load(prop("b").needs("a1")),
        );
        groups.push(
            group("flags-gpl", "a plain export whose flag says GPL")
                .load(ko("a").export("a1").tweak(|elf| {
                    elf.section("__kflagstab").data[0] = 1;
                }))
                .load(prop("b").needs("a1")),
        );
    }
    groups
}

fn drop_crcs(elf: &mut crate::ko::Elf) {
    if elf.find("__kcrctab").is_some() {
        elf.remove("__kcrctab");
    }
}

/// Swaps the names of the first two exports, and leaves their functions where they are.
fn swap_names(elf: &mut crate::ko::Elf) {
    let relocs = &mut elf.section("__ksymtab").relocs;
    let (first, second) = (relocs[1].symbol.clone(), relocs[4].symbol.clone());
    relocs[1].symbol = second;
    relocs[4].symbol = first;
}

/// Licences that meet, and what is inherited.
pub fn licences(_: &Profile) -> Vec<Group> {
    vec![
        group("prop-gpl", "a GPL module uses a proprietary one").load(prop("p").export("p1")).load(ko("g").needs("p1")),
        group("prop-gpl-two", "two symbols of a proprietary module: one line")
            .load(prop("p").export("p1").export("p2"))
            .load(ko("g").needs("p1").needs("p2")),
        group("prop-gpl-gpl", "inheritance goes on")
            .load(prop("p").export("p1"))
            .load(ko("g").needs("p1").export("g1"))
            .load(ko("h").needs("g1")),
        group("prop-two", "two proprietary modules")
            .load(prop("p").export("p1"))
            .load(prop("q").export("q1"))
            .load(ko("g").needs("p1").needs("q1")),
        group("prop-prop", "a proprietary module uses another")
            .load(prop("p").export("p1"))
            .load(prop("q").needs("p1")),
        group("prop-gplonly", "a proprietary module's export for GPL modules")
            .load(prop("p").export_gpl("p1"))
            .load(ko("g").needs("p1")),
        group("prop-gplonly-prop", "a proprietary module's export for GPL modules, for a proprietary module")
            .load(prop("p").export_gpl("p1"))
            .load(prop("q").needs("p1")),
        group("gpl-then-prop", "a GPL-only symbol, then a proprietary module's")
            .load(prop("p").export("p1"))
            .load(ko("g").needs("__symbol_get").needs("p1")),
        group("prop-then-gpl", "a proprietary module's symbol, then a GPL-only one")
            .load(prop("p").export("p1"))
            .load(ko("g").needs("p1").needs("__symbol_get")),
        group("gpl-then-prop-weak", "a GPL-only symbol, then a proprietary module's, weakly")
            .load(prop("p").export("p1"))
            .load(ko("g").needs("__symbol_get").needs_weak("p1")),
        group("prop-weak-then-gpl", "a proprietary module's symbol, weakly, then a GPL-only one")
            .load(prop("p").export("p1"))
            .load(ko("g").needs_weak("p1").needs("__symbol_get")),
        group("prop-then-gpl-weak", "a proprietary module's symbol, then a GPL-only one, weakly")
            .load(prop("p").export("p1"))
            .load(ko("g").needs("p1").needs_weak("__symbol_get")),
        group("prop-gpl-prop", "proprietary, GPL-only, proprietary")
            .load(prop("p").export("p1"))
            .load(prop("q").export("q1"))
            .load(ko("g").needs("p1").needs("get_device").needs("q1")),
        group("gpl-prop-gpl", "GPL-only, proprietary, GPL-only")
            .load(prop("p").export("p1"))
            .load(ko("g").needs("get_device").needs("p1").needs("put_device")),
        group("prop-wrong-version", "a wrong version comes after the inheritance")
            .load(prop("p").export("p1"))
            .load(ko("g").needs("p1").crc("p1", 1)),
        group("prop-namespace", "a namespace that is not imported, and inheritance")
            .load(prop("p").export_in("", "p1", "P"))
            .load(ko("g").needs("p1")),
        group("prop-failed-user", "a user that is refused leaves no trace")
            .load(prop("p").export("p1"))
            .load(ko("g").needs("p1").needs("nosuch"))
            .load(ko("h")),
        group("inherit-export", "an heir's GPL-only exports")
            .load(prop("p").export("p1"))
            .load(ko("g").needs("p1").export_gpl("g1"))
            .load(ko("h").needs("g1")),
        group("inherit-then-gpl", "an heir's heir asks for a GPL-only symbol")
            .load(prop("p").export("p1"))
            .load(ko("g").needs("p1").export("g1"))
            .load(ko("h").needs("g1").needs("__symbol_get")),
        group("bsd", "BSD is proprietary").load(ko("p").license("BSD").export("p1")).load(ko("g").needs("p1")),
        group("lve", "a module called lve exports").load(ko("lve").export("p1")).load(ko("g").needs("p1")),
        group("ndiswrapper", "a module called ndiswrapper exports")
            .load(ko("ndiswrapper").export("p1"))
            .load(ko("g").needs("p1")),
        group("staging", "the taint of staging is not inherited")
            .load(ko("s").tag("staging", "Y").export("s1"))
            .load(ko("g").needs("s1")),
        group("forced", "the taint of force is not inherited")
            .load(ko("f").no_versions().export("f1"))
            .load(ko("g").needs("f1")),
        group("forced-flags", "forced by flags")
            .load(ko("f").export("f1"))
            .with(3, "")
            .load(ko("g").needs("f1"))
            .with(3, ""),
        group("test", "the taint of tests is not inherited")
            .load(ko("t").tag("test", "Y").export("t1"))
            .load(ko("g").needs("t1")),
    ]
}

/// Namespaces.
pub fn namespaces(_: &Profile) -> Vec<Group> {
    let exporter = |namespace: &str| ko("a").export_in("", "a1", namespace).export_in("_gpl", "a2", namespace);
    let list = |list: &str| ko("a").export_in("_gpl", "a1", list);
    let ask = |name: &str| ko(name).needs("a1");
    vec![
        group("ns", "a namespace, imported and not").load(exporter("A")).load(ask("b")).load(ask("c").import_ns("A")),
        group("ns-gpl", "the same for a GPL-only export")
            .load(exporter("A"))
            .load(ko("b").needs("a2"))
            .load(ko("c").needs("a2").import_ns("A")),
        group("ns-other", "another namespace is imported")
            .load(exporter("A"))
            .load(ask("b").import_ns("B"))
            .load(ask("c").import_ns("a")),
        group("ns-two", "two namespaces are imported").load(exporter("A")).load(ask("b").import_ns("B").import_ns("A")),
        group("ns-two-exporters", "symbols of two namespaces")
            .load(exporter("A"))
            .load(ko("b").export_in("", "b1", "B"))
            .load(ko("c").needs("a1").needs("b1").import_ns("A"))
            .load(ko("d").needs("a1").needs("b1").import_ns("B").import_ns("A")),
        group("ns-blank", "a namespace with a blank")
            .load(exporter("A B"))
            .load(ask("b").import_ns("A B"))
            .load(ask("c").import_ns("A")),
        group("ns-star", "a star is an ordinary letter")
            .load(exporter("A*"))
            .load(ask("b").import_ns("AB"))
            .load(ask("c").import_ns("A*")),
        group("ns-prop", "a proprietary importer")
            .load(exporter("A"))
            .load(prop("b").needs("a1").import_ns("A"))
            .load(prop("c").needs("a2").import_ns("A")),
        group("ns-weak", "a weak importer").load(exporter("A")).load(ko("b").needs_weak("a1")),
        group("ns-version", "a wrong version and a missing import").load(exporter("A")).load(ask("b").crc("a1", 1)),
        group("ns-none", "an import where there is no namespace").load(exporter("")).load(ask("b").import_ns("A")),
        group("ns-module", "an export for one module").load(list("module:b")).load(ask("b")).load(ask("c")),
        group("ns-module-list", "an export for two modules")
            .load(list("module:b,c"))
            .load(ask("b"))
            .load(ask("c"))
            .load(ask("d")),
        group("ns-module-star", "an export for modules that begin alike")
            .load(list("module:b_*"))
            .load(ask("b_one"))
            .load(ask("b"))
            .load(ask("bb_one")),
        group("ns-module-all", "an export for every module").load(list("module:*")).load(ask("b")).load(ask("c")),
        group("ns-module-dash", "dash and underscore are the same")
            .load(list("module:b-one,c_two"))
            .load(ask("b_one"))
            .load(ask("c-two")),
        group("ns-module-prefix", "a name that only begins alike")
            .load(list("module:bar"))
            .load(ask("barista"))
            .load(ask("ba")),
        group("ns-module-empty", "an empty list").load(list("module:")).load(ask("b")),
        group("ns-module-commas", "a list of nothing").load(list("module:,,")).load(ask("b")),
        group("ns-module-blank", "blanks are not trimmed").load(list("module:b, c")).load(ask("b")).load(ask("c")),
        group("ns-module-import", "an import by hand")
            .load(list("module:b"))
            .load(ask("b").import_ns("module:b"))
            .load(ask("c").import_ns("module:b")),
        group("ns-module-prop", "a proprietary module in the list").load(list("module:b")).load(prop("b").needs("a1")),
        group("ns-module-plain", "a list on a plain export")
            .load(ko("a").export_in("", "a1", "module:b"))
            .load(prop("b").needs("a1"))
            .load(prop("c").needs("a1")),
        group("ns-module-info", "modinfo's name is not asked").load(list("module:b")).load(ask("c").tag("name", "b")),
        group("ns-module-self", "the exporter is not in its own list").load(list("module:a")).load(ask("b")),
        group("ns-module-case", "upper case is another name").load(list("module:B")).load(ask("b")),
        group("ns-module-nocolon", "module without a colon is an ordinary namespace")
            .load(list("module"))
            .load(ask("module_b"))
            .load(ask("b").import_ns("module")),
        group("ns-module-version", "a wrong version comes first").load(list("module:b")).load(ask("c").crc("a1", 1)),
    ]
}

/// Unloading.
pub fn unloading(_: &Profile) -> Vec<Group> {
    vec![
        group("rm-used", "a module in use")
            .load(ko("a").export("a1"))
            .load(ko("b").needs("a1"))
            .unload("a")
            .unload("b")
            .unload("a"),
        group("rm-used-weak", "a module in weak use")
            .load(ko("a").export("a1"))
            .load(ko("b").needs_weak("a1"))
            .unload("a"),
        group("rm-used-two", "a module in use by two")
            .load(ko("a").export("a1"))
            .load(ko("b").needs("a1"))
            .load(ko("c").needs("a1"))
            .unload("b")
            .unload("a")
            .unload("c")
            .unload("a"),
        group("rm-used-unused", "an importer before its exporter came does not use it")
            .load(ko("b").needs_weak("a1"))
            .load(ko("a").export("a1"))
            .unload("a"),
        group("rm-failed-user", "a refused importer does not use")
            .load(ko("a").export("a1"))
            .load(ko("b").needs("a1").needs("nosuch"))
            .unload("a"),
        group("rm-failed-init-user", "an importer whose init failed does not use")
            .load(ko("a").export("a1"))
            .load(ko("b").needs("a1").init(Body::Returns(-19)))
            .unload("a"),
        group("rm-unknown", "no such module").unload("nosuch").load(ko("a")),
        group("rm-twice", "unloaded twice").load(ko("a")).unload("a").unload("a"),
        group("rm-dash", "names compare exactly").load(ko("a_b")).unload("a-b").unload("a_b"),
        group("rm-no-exit", "init without exit").load(ko("rm_stays").no_exit()).unload("rm_stays"),
        group("rm-no-init", "neither init nor exit").load(ko("a").no_init().no_exit()).unload("a"),
        group("rm-exit-only", "exit without init").load(ko("a").no_init()).unload("a"),
        group("rm-no-exit-used", "init without exit, and in use")
            .load(ko("rm_stays_too").no_exit().export("stays1"))
            .load(ko("b").needs("stays1"))
            .unload("rm_stays_too"),
        group("rm-case", "upper case is another name").load(ko("a")).unload("A"),
        group("rm-reload", "out and in again")
            .load(ko("a"))
            .unload("a")
            .load(ko("a"))
            .unload("a")
            .load(ko("a").license("Proprietary")),
    ]
}
