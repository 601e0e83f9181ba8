//! What is odd about one module.

use gplok::audit::{
    AuditCode, AuditFinding, Detail, How, KnownExport, KnownExports, KnownModule, LicenseOddity, Subject,
    lints as lints_of,
};
use gplok::kernel::Kernel;
use gplok::terms::{ExportKind, License, ModuleName, Namespace};
use object::elf::{
    R_X86_64_32S, R_X86_64_64, R_X86_64_PLT32, SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, STB_GLOBAL, STB_LOCAL, STB_WEAK,
    STT_FUNC, STT_OBJECT,
};

use crate::ko::{Ko, Place, Section, Symbol};
use crate::made::Made;

/// A kernel with an export of each kind, and modules that others tell of.
struct Known {
    made: Made,
    known: KnownExports,
}

impl Known {
    fn new() -> Self {
        let made = Made::new("6.12.0").export("kfree").export_gpl("kasan_flag_enabled").export_gpl("tda_attach");
        let made = made.export("__symbol_get");
        let (symvers, folder) = made.open();
        let lines =
            ["40 T kfree", "80 t hidden", "c0 R __start___ksymtab", "c0 r __ksymtab_kfree", "cc R __stop___ksymtab"];
        let text: String = lines.iter().map(|line| format!("ffffffff810000{line}\n")).collect();
        let map = folder.path().join("System.map");
        std::fs::write(&map, text).expect("the folder is ours");
        let mut known = KnownExports::default();
        known.add_kernel(&symvers);
        known.add_kernel(&Kernel::open(&[map]).unwrap_or_else(|error| panic!("{error}")));
        Self { made, known }
    }

    /// Another module, which exports a symbol.
    fn module(mut self, name: &str, license: &str, uses_gpl_only: bool, export: &str) -> Self {
        let license = Some(License::new(license));
        self.known.add_module(ModuleName::new(name), KnownModule { license, uses_gpl_only, intree: false });
        self.export(name, export, ExportKind::Plain, "")
    }

    fn export(mut self, exporter: &str, name: &str, kind: ExportKind, namespace: &str) -> Self {
        let exporter = ModuleName::new(exporter);
        self.known.add(name, KnownExport { kind, exporter, namespace: Namespace::new(namespace) });
        self
    }

    fn lints(&self, ko: &Ko) -> Vec<AuditFinding> {
        let elf = self.made.image(ko).as_announced().expect("it is ELF");
        let subject = Subject::of_object(&elf);
        assert!(subject.is_some());
        lints_of(7, &ModuleName::new(ko.name()), &elf, subject.as_ref(), &self.known)
    }

    /// The one finding there is.
    #[track_caller]
    fn only(&self, ko: &Ko) -> AuditFinding {
        let mut found = self.lints(ko);
        assert_eq!(found.len(), 1, "{found:#?}");
        found.remove(0)
    }

    #[track_caller]
    fn none(&self, ko: &Ko) {
        assert_eq!(self.lints(ko), []);
    }
}

/// Adds a function, in a section of its own.
fn function(ko: Ko, name: &'static str, section: Section) -> Ko {
    ko.tweak(move |elf| {
        let mut symbol = Symbol::new(name, STB_GLOBAL, STT_FUNC, Place::Section(section.name.clone()), 0);
        symbol.size = section.data.len() as u64;
        elf.symbols.retain(|symbol| symbol.name != name);
        elf.symbols.push(symbol);
        elf.sections.push(section.clone());
    })
}

/// Adds a function that calls `callee` with a string: `mov $text, %rdi; call callee; ret`.
fn calling(ko: Ko, name: &'static str, callee: &str, text: &'static str) -> Ko {
    let code = [0x48, 0xc7, 0xc7, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0xc3];
    let section = Section::new(&format!(".text.{name}"), SHF_ALLOC | SHF_EXECINSTR, 16, code);
    let section = section.reloc(3, &format!("L.{text}"), R_X86_64_32S, 0).reloc(8, callee, R_X86_64_PLT32, -4);
    function(string(ko.uses(callee), text), name, section)
}

/// Adds a function that calls others: `call callee; …; ret`.
fn calls(ko: Ko, name: &'static str, callees: &[&str]) -> Ko {
    let code: Vec<u8> = callees.iter().flat_map(|_| [0xe8, 0, 0, 0, 0]).chain([0xc3]).collect();
    let section = Section::new(&format!(".text.{name}"), SHF_ALLOC | SHF_EXECINSTR, 16, code);
    let at = (1..).step_by(5);
    let section =
        callees.iter().zip(at).fold(section, |section, (callee, at)| section.reloc(at, callee, R_X86_64_PLT32, -4));
    function(ko, name, section)
}

fn string(ko: Ko, text: &'static str) -> Ko {
    let section = format!(".rodata.{text}");
    let symbol = Symbol::new(&format!("L.{text}"), STB_LOCAL, STT_OBJECT, Place::Section(section.clone()), 0);
    ko.section(Section::new(&section, SHF_ALLOC, 1, [text.as_bytes(), b"\0"].concat())).symbol(symbol)
}

fn variable(ko: Ko, name: &str, bind: u8) -> Ko {
    let symbol = Symbol::new(name, bind, STT_OBJECT, Place::Section(".bss".to_owned()), 0);
    ko.symbol(symbol)
}

fn oddities(ko: &Ko) -> Vec<(String, LicenseOddity)> {
    let oddity = |finding: AuditFinding| {
        assert_eq!((finding.code, finding.object), (AuditCode::OddLicense, 7));
        match finding.detail {
            Detail::License { text, oddity } => (text, oddity),
            other => panic!("{other:?}"),
        }
    };
    Known::new().lints(ko).into_iter().map(oddity).collect()
}

#[test]
fn licenses_that_are_nearly_one_the_kernel_takes_are_odd() {
    let of = |text: &str| oddities(&Ko::new("m").license(text));
    let misspelt = |text: &str, nearest| vec![(text.to_owned(), LicenseOddity::Misspelt { nearest })];
    assert_eq!(of("GPL v3"), misspelt("GPL v3", "GPL"));
    assert_eq!(of("GPL "), misspelt("GPL ", "GPL"));
    assert_eq!(of("GPL\t"), misspelt("GPL\\x09", "GPL"));
    assert_eq!(of("Dual MIT/GPL v2"), misspelt("Dual MIT/GPL v2", "Dual MIT/GPL"));
    for text in License::GPL_COMPATIBLE.into_iter().chain(["Proprietary", "NVIDIA", ""]) {
        assert_eq!(of(text), [], "{text}");
    }
}

/// One for each source file is usual; modpost and the loader part only where one is taken and another is not.
#[test]
fn several_licenses_are_odd_where_they_do_not_agree() {
    let of = |first: &str, more: &[&str]| {
        oddities(&more.iter().fold(Ko::new("m").license(first), |ko, text| ko.more("license", text)))
    };
    let several = |text: &str, count, first_taken| {
        vec![(text.to_owned(), LicenseOddity::Several { count, first_taken, all_taken: false, nearest: None })]
    };
    let misspelt = |first: &str, more: &str, first_taken, nearest| {
        let several = LicenseOddity::Several { count: 2, first_taken, all_taken: false, nearest: Some(nearest) };
        assert_eq!(of(first, &[more]), [(first.to_owned(), several)]);
    };
    // The string that is misspelt is a part of one finding: two would contradict each other.
    misspelt("GPL", "GPL v3", true, "GPL");
    misspelt("GPLv2", "GPL", false, "GPL v2");
    assert_eq!(of("GPLv2", &["Proprietary"]), [("GPLv2".to_owned(), LicenseOddity::Misspelt { nearest: "GPL v2" })]);
    assert_eq!(of("GPL", &["GPL", "GPL v2"]), []);
    assert_eq!(of("Proprietary", &["Proprietary"]), []);
    assert_eq!(of("GPL", &["Proprietary"]), several("GPL", 2, true));
    assert_eq!(of("CDDL", &["GPL", "GPL"]), several("CDDL", 3, false));
}

#[test]
fn a_module_without_licence_is_odd_and_an_object_is_not() {
    let ko = Ko::new("m").no_tag("license");
    assert_eq!(oddities(&ko), [(String::new(), LicenseOddity::Absent)]);
    assert_eq!(oddities(&ko.tweak(|elf| elf.remove(".gnu.linkonce.this_module"))), []);
}

/// As OpenZFS defined `kasan_flag_enabled` for arm64.
#[test]
fn a_definition_with_the_name_of_a_gpl_only_export_shadows_it() {
    let known = Known::new();
    let shadow = |bind, license| variable(Ko::new("m").license(license), "kasan_flag_enabled", bind);
    for (bind, license, global) in [(STB_GLOBAL, "CDDL", true), (STB_WEAK, "GPL", true), (STB_LOCAL, "CDDL", false)] {
        let found = known.only(&shadow(bind, license));
        assert_eq!((found.code, found.symbol.as_deref()), (AuditCode::ShadowsGplOnly, Some("kasan_flag_enabled")));
        assert_eq!((found.symbol_kind, found.detail), (Some(ExportKind::Gpl), Detail::Definition { global }));
    }
    known.none(&shadow(STB_LOCAL, "GPL"));
    known.none(&variable(Ko::new("m"), "kfree", STB_GLOBAL));
    // Neither who imports it nor who exports it defines it in place of another.
    known.none(&Ko::new("m").needs("kasan_flag_enabled"));
    let known = known.export("own_module", "own", ExportKind::Gpl, "");
    known.none(&Ko::new("own-module").export_gpl("own"));
}

#[test]
fn symbol_get_of_what_is_not_gpl_only_is_refused() {
    let known = Known::new();
    let get = |text| calling(Ko::new("m"), "attach", "__symbol_get", text);
    let found = known.only(&get("kfree"));
    assert_eq!((found.code, found.symbol.as_deref()), (AuditCode::SymbolGet, Some("kfree")));
    assert_eq!((found.symbol_kind, found.export), (Some(ExportKind::Plain), None));
    let hop = found.hops.first().expect("the call");
    assert_eq!((&*hop.function, hop.offset, hop.how, found.hops.len()), ("attach", 7, How::Call, 1));
    let found = known.only(&get("hidden"));
    assert_eq!((found.symbol.as_deref(), found.symbol_kind), (Some("hidden"), None));
    known.none(&get("tda_attach"));
    known.none(&get("not_built"));
    // Another function with such an argument; a name that is no constant.
    known.none(&calling(Ko::new("m"), "attach", "__request_module", "kfree"));
    known.none(&calls(Ko::new("m").uses("__symbol_get"), "attach", &["__symbol_get"]));
}

#[test]
fn imports_of_what_looks_up_symbols_are_found_with_the_names() {
    let known = Known::new();
    let found = known.only(&Ko::new("m").needs("kallsyms_on_each_symbol"));
    assert_eq!((found.code, found.symbol.as_deref()), (AuditCode::KallsymsLookup, Some("kallsyms_on_each_symbol")));
    assert_eq!(found.detail, Detail::Lookup { by: "kallsyms_on_each_symbol".to_owned() });
    assert!(found.hops.is_empty());
    let named = |text, license| calling(Ko::new("m").license(license), "setup", "kallsyms_lookup_name", text);
    let by = Detail::Lookup { by: "kallsyms_lookup_name".to_owned() };
    for (text, license, symbol) in [
        ("kasan_flag_enabled", "Proprietary", "kasan_flag_enabled"),
        ("hidden", "GPL", "hidden"),
        // Linking would give these two.
        ("kasan_flag_enabled", "GPL", "kallsyms_lookup_name"),
        ("kfree", "Proprietary", "kallsyms_lookup_name"),
    ] {
        let found = known.only(&named(text, license));
        assert_eq!((found.symbol.as_deref(), &found.detail), (Some(symbol), &by), "{text}");
        assert_eq!(found.hops.first().map(|hop| (&*hop.function, hop.offset)), Some(("setup", 7)));
    }
}

/// `static struct kprobe kp = { .symbol_name = "kallsyms_lookup_name" }`.
#[test]
fn a_probe_that_finds_kallsyms_lookup_name_is_a_lookup() {
    let known = Known::new();
    let probe = |text: &'static str| {
        let data = Section::new(".data.kp", SHF_ALLOC | SHF_WRITE, 8, [0; 64]);
        let data = data.reloc(40, &format!("L.{text}"), R_X86_64_64, 0);
        let mut symbol = Symbol::new("kp", STB_LOCAL, STT_OBJECT, Place::Section(".data.kp".to_owned()), 0);
        symbol.size = 64;
        string(Ko::new("m"), text).section(data).symbol(symbol)
    };
    let found = known.only(&probe("kallsyms_lookup_name").uses("register_kprobe"));
    assert_eq!(found.symbol.as_deref(), Some("kallsyms_lookup_name"));
    assert_eq!(found.detail, Detail::Lookup { by: "register_kprobe".to_owned() });
    let hop = found.hops.first().expect("the variable");
    assert_eq!((&*hop.function, hop.offset, hop.how), ("kp", 40, How::Address));
    // A probe of another function, the name without a probe, and the name where nothing refers to it.
    known.none(&probe("do_fork").uses("register_kprobe"));
    known.none(&probe("kallsyms_lookup_name"));
    known.none(&string(Ko::new("m"), "kallsyms_lookup_name").uses("register_kprobe"));
}

/// What is found through the probe is called through a pointer: which function that is, only the name tells.
#[test]
fn what_is_looked_up_through_a_pointer_is_found_by_its_name() {
    let known = Known::new();
    // mov $text, %rdi; call *%rax; ret
    let code = [0x48, 0xc7, 0xc7, 0, 0, 0, 0, 0xff, 0xd0, 0xc3];
    let section = Section::new(".text.setup", SHF_ALLOC | SHF_EXECINSTR, 16, code);
    let setup = |text: &'static str| {
        let section = section.clone().reloc(3, &format!("L.{text}"), R_X86_64_32S, 0);
        function(string(Ko::new("m").license("Proprietary"), text), "setup", section)
    };
    let with_probe = |ko| calling(ko, "probe", "register_kprobe", "kallsyms_lookup_name");
    let found = known.lints(&with_probe(setup("kasan_flag_enabled")));
    let symbols: Vec<_> = found.iter().map(|finding| finding.symbol.as_deref()).collect();
    assert_eq!(symbols, [Some("kallsyms_lookup_name"), Some("kasan_flag_enabled")]);
    assert_eq!(found[1].detail, Detail::Lookup { by: "kallsyms_lookup_name".to_owned() });
    // What the kernel has not, and what links anyway.
    assert_eq!(known.lints(&with_probe(setup("eth0"))).len(), 1);
    assert_eq!(known.lints(&with_probe(setup("kfree"))).len(), 1);
    known.none(&setup("kasan_flag_enabled"));
}

#[test]
fn reading_the_file_with_all_symbols_is_a_lookup() {
    let known = Known::new();
    let found = known.only(&calling(Ko::new("m"), "scan", "filp_open", "/proc/kallsyms"));
    assert_eq!((found.symbol, found.detail), (None, Detail::Lookup { by: "/proc/kallsyms".to_owned() }));
    assert_eq!(found.hops.first().map(|hop| &*hop.function), Some("scan"));
    known.none(&calling(Ko::new("m"), "scan", "filp_open", "/proc/modules"));
}

/// As nvidia-uvm uses nvidia.
#[test]
fn a_gpl_module_that_uses_a_proprietary_one_passes_it_on() {
    let known = Known::new().module("nvidia", "NVIDIA", false, "nv_get");
    let uses = Ko::new("m").uses("nv_get");
    let found = known.only(&calls(uses.clone(), "inner", &["nv_get"]));
    assert_eq!((found.code, found.symbol.as_deref()), (AuditCode::ReexportsProprietary, Some("nv_get")));
    assert_eq!((found.export, found.hops.len()), (None, 0));
    let owner = Detail::Exporter { module: "nvidia".to_owned(), license: "NVIDIA".to_owned() };
    assert_eq!(found.detail, owner);

    let through =
        calls(calls(uses.clone().export("outer"), "outer", &["printk", "inner"]).uses("printk"), "inner", &["nv_get"]);
    let found = known.only(&through);
    assert_eq!((found.export.as_deref(), found.kind), (Some("outer"), Some(ExportKind::Plain)));
    assert_eq!(found.path(), ["outer", "inner", "nv_get"]);
    assert_eq!(found.hops.iter().map(|hop| hop.offset).collect::<Vec<_>>(), [5, 0]);

    // Not compatible itself: nothing is passed on.
    known.none(&uses.clone().license("NVIDIA"));
    known.none(&uses.license("GPL").tweak(|elf| elf.symbols.retain(|symbol| symbol.name != "nv_get")));
}

/// A GPL module whose only purpose is to give a proprietary one what it must not have.
#[test]
fn a_proprietary_module_that_uses_a_gpl_one_in_between_is_found() {
    let known = Known::new().module("shim", "GPL", true, "shim_call").module("plain", "GPL", false, "plain_call");
    let user = Ko::new("m").license("Proprietary").needs("plain_call").needs("kfree");
    known.none(&user);
    let found = known.only(&user.clone().needs("shim_call"));
    assert_eq!((found.code, found.symbol.as_deref()), (AuditCode::ReexportsProprietary, Some("shim_call")));
    assert_eq!(found.detail, Detail::Exporter { module: "shim".to_owned(), license: "GPL".to_owned() });
    known.none(&Ko::new("m").license("GPL").needs("shim_call"));
}

/// Somebody's module, named after one that the kernel trusts.
#[test]
fn a_name_that_exports_are_reserved_for_is_found() {
    let gpl = ExportKind::Gpl;
    let known = Known::new().export("vmlinux", "a", gpl, "module:kvm,kvm-amd").export(
        "vmlinux",
        "b",
        gpl,
        "module:kvm,kvm-amd",
    );
    let known = known.export("vmlinux", "c", gpl, "module:kvm-*").export("vmlinux", "d", gpl, "module:*");
    let lists = |ko: &Ko| -> Vec<Detail> {
        let found = known.lints(ko);
        assert!(found.iter().all(|finding| finding.code == AuditCode::ReservedModuleName));
        found.into_iter().map(|finding| finding.detail).collect()
    };
    let list = |list: &str, exports| Detail::ModuleList { list: list.to_owned(), exports };
    assert_eq!(lists(&Ko::new("kvm_amd")), [list("kvm,kvm-amd", 2), list("kvm-*", 1)]);
    assert_eq!(lists(&Ko::new("kvm")), [list("kvm,kvm-amd", 2)]);
    assert_eq!(lists(&Ko::new("other")), []);
    assert_eq!(lists(&Ko::new("kvm_amd").intree()), []);
}
