//! Sentences, groups and documents, each compared with the expected text.

use super::samples::causes;
use super::*;
use crate::terms::{Arch, Crc, Errno, ExportKind, KernelRelease, License, Namespace, Taint};
use crate::verdict::{
    Cause, Code, Finding, Frame, KernelLine, LogLevel, Missing, Origin, Outcome, Stage, Use, Verdict,
};

fn kernel() -> KernelSummary {
    KernelSummary {
        release: Some(KernelRelease::new("6.1.0-56-amd64")),
        arch: Some(Arch::X86_64),
        distribution: None,
        evidence: vec!["/boot/config-6.1.0-56-amd64".into()],
        conflicts: Vec::new(),
        set_aside: Vec::new(),
        has_config: false,
    }
}

fn gpl_only(symbol: &str, license: Option<&str>) -> Cause {
    Cause::GplOnlySymbol {
        symbol: symbol.into(),
        exporter: "vmlinux".into(),
        kind: ExportKind::Gpl,
        namespace: None,
        license: license.map(License::new),
        inherited_from: None,
    }
}

fn not_imported(namespace: &str, quoted: bool, module_list: bool, imported: &[&str]) -> Cause {
    Cause::NamespaceNotImported {
        symbol: "dma_buf_get".into(),
        exporter: "vmlinux".into(),
        namespace: Namespace::new(namespace).expect("not empty"),
        imported: imported.iter().map(|name| (*name).to_owned()).collect(),
        quoted,
        allowed: false,
        module_list,
    }
}

fn needs(symbol: String) -> Finding {
    Finding::new(
        Stage::SimplifySymbols,
        Cause::ExporterNotLoaded { symbol: symbol.into(), exporter: "spl".into(), absent: None },
    )
}

fn changed(symbol: &str, exporter: &str) -> Finding {
    let cause =
        Cause::SymbolVersion { symbol: symbol.into(), exporter: exporter.to_owned().into(), module: 1, kernel: Crc(2) };
    Finding::new(Stage::SimplifySymbols, cause)
}

fn verdict(outcome: Outcome, findings: Vec<Finding>) -> Verdict {
    Verdict { findings, ..Verdict::new("foo", outcome) }
}

const fn refused(errno: Errno, stage: Stage) -> Outcome {
    Outcome::Refused { errno, stage }
}

fn entry(verdict: &Verdict) -> Entry<'_> {
    Entry { op: Op::Insmod, path: Some("foo.ko"), verdict }
}

#[test]
fn typical_causes_read_like_this() {
    let openafs = "http://www.openafs.org/dl/license10.html";
    let table: &[(Cause, &str)] = &[
        (
            gpl_only("devmap_managed_key", Some(openafs)),
            "devmap_managed_key is exported by vmlinux with EXPORT_SYMBOL_GPL, and license \
             \"http://www.openafs.org/dl/license10.html\" is not GPL-compatible, so gplok is false: the kernel hides the \
             symbol and calls it unknown",
        ),
        (
            gpl_only("kmap", None),
            "kmap is exported by vmlinux with EXPORT_SYMBOL_GPL, and foo names no license (there is no license= in its .modinfo), so gplok is false: the kernel \
             hides the symbol and calls it unknown",
        ),
        (
            not_imported("DMA_BUF", true, true, &[]),
            "dma_buf_get is exported by vmlinux in namespace DMA_BUF, but foo imports no namespace",
        ),
        (
            not_imported("DMA_BUF", false, false, &["\"DMA_BUF\""]),
            "dma_buf_get is exported by vmlinux in namespace DMA_BUF, but foo imports \"DMA_BUF\" with the quotes as part \
             of the name",
        ),
        (
            not_imported("module:kvm,kvm-amd", true, true, &[]),
            "dma_buf_get is exported by vmlinux in namespace module:kvm,kvm-amd, but only kvm and kvm-amd may use it, and \
             this module is foo",
        ),
        (
            Cause::MissingSymbol { symbol: "bar".into(), refused_exporter: None, namesake: None, absent: None },
            "foo needs bar, but neither 6.1.0-56-amd64 nor a module loaded before exports it",
        ),
        (
            Cause::SymbolVersion { symbol: "bar".into(), exporter: "spl".into(), module: 0x1, kernel: Crc(0x2) },
            "bar has version 0x00000001 in foo and 0x00000002 in spl on 6.1.0-56-amd64, so its type, or a type it refers \
             to, has changed since the module was built",
        ),
        (
            Cause::Vermagic {
                module: "6.1.0 SMP mod_unload ".into(),
                kernel: "6.1.0 SMP preempt mod_unload ".into(),
                with_release: false,
            },
            "the module's version magic is \"6.1.0 SMP mod_unload \", and the kernel wants \"6.1.0 SMP preempt mod_unload \
             \": only the kernel says preempt",
        ),
        (
            Cause::StructModuleSize { module: 896, kernel: Some(1280) },
            "struct module takes 896 bytes in the module's .gnu.linkonce.this_module, and it takes 1280 bytes in \
             6.1.0-56-amd64: the module was built with another version or configuration",
        ),
        (
            Cause::WrongArchitecture { module: 183, kernel: "x86_64".into() },
            "the module is built for arm64 (e_machine 183), and the kernel is x86_64",
        ),
    ];
    for (cause, expected) in table {
        let found = Finding::new(Stage::SimplifySymbols, cause.clone());
        assert_eq!(sentence(&found, "foo", &kernel()).cause(), *expected);
    }
}

#[test]
fn typical_fixes_are_exact() {
    let table: &[(Cause, &str)] = &[
        (
            not_imported("DMA_BUF", true, true, &[]),
            "write MODULE_IMPORT_NS(\"DMA_BUF\"); in the module's source and rebuild it",
        ),
        (
            not_imported("DMA_BUF", false, false, &[]),
            "write MODULE_IMPORT_NS(DMA_BUF); in the module's source and rebuild it",
        ),
        (
            not_imported("module:kvm", true, true, &[]),
            "such a namespace cannot be imported: do without the symbol, or ask the maintainers of the export to name foo in \
             its EXPORT_SYMBOL_FOR_MODULES list",
        ),
        (
            needs("bar".into()).cause,
            "load it first: modprobe spl (modprobe foo does both once depmod has seen the modules)",
        ),
        (
            Cause::StructModuleSize { module: 896, kernel: None },
            "rebuild the module against 6.1.0-56-amd64: make -C /lib/modules/6.1.0-56-amd64/build M=$PWD clean && \
             make -C /lib/modules/6.1.0-56-amd64/build M=$PWD modules",
        ),
    ];
    for (cause, expected) in table {
        let found = Finding::new(Stage::SimplifySymbols, cause.clone());
        assert_eq!(sentence(&found, "foo", &kernel()).fix, *expected);
    }
    let near = Finding::new(Stage::SimplifySymbols, gpl_only("bar", Some("GPL v3")));
    let fix = sentence(&near, "foo", &kernel()).fix;
    assert!(fix.contains("\"GPL v3\" is none of \"GPL\", \"GPL v2\", \"GPL and additional rights\""), "{fix}");
}

/// Every word after the release counts; the release itself only for modules without symbol versions.
#[test]
fn the_words_of_a_version_magic_that_matter_are_named() {
    let why = |module: &str, kernel: &str, with_release: bool| {
        let cause = Cause::Vermagic { module: module.into(), kernel: kernel.into(), with_release };
        sentence(&Finding::new(Stage::CheckModinfo, cause), "foo", &super::tests::kernel()).why
    };
    assert_eq!(why("6.1 SMP ", "6.2 SMP preempt ", false), "only the kernel says preempt");
    assert_eq!(why("6.1 SMP ", "6.2 SMP preempt ", true), "the module says 6.1 where the kernel says 6.2 and preempt");
    assert_eq!(why("6.1 SMP ", "6.2 SMP ", true), "the module says 6.1 where the kernel says 6.2");
    assert_eq!(
        why("6.1 SMP preempt_rt ", "6.1 SMP preempt ", true),
        "the module says preempt_rt where the kernel says preempt"
    );
    let blanks = "the words are the same, but their order or the blanks between or behind them are not";
    assert_eq!(why("6.1 SMP", "6.1 SMP ", true), blanks);
    assert_eq!(why("", "6.1 SMP ", false), "only the kernel says SMP");
}

/// Sentences are complete, for one finding and for two with one code, with and without a known release.
#[test]
fn every_code_has_a_cause_and_a_fix() {
    let samples = causes();
    for code in Code::ALL {
        assert!(samples.iter().any(|cause| cause.code() == *code), "{code} has no sample");
    }
    for kernel in [kernel(), KernelSummary::default()] {
        for cause in &samples {
            let found = Finding::new(Stage::SimplifySymbols, cause.clone());
            let mut other = found.clone();
            if let Cause::MissingSymbol { symbol, .. } | Cause::CommonSymbol { symbol } = &mut other.cause {
                *symbol = format!("{symbol}2").into();
            }
            let pair = group_sentence(&[&found, &other], "foo", &kernel).expect("two findings");
            for sentence in [sentence(&found, "foo", &kernel), pair] {
                for text in [sentence.what.clone(), sentence.why.clone(), sentence.fix.clone(), sentence.cause()] {
                    assert!(!text.is_empty(), "{cause:?}");
                    assert!(!text.ends_with('.') && !text.contains("  ") && !text.contains('\n'), "{text:?}");
                    for bad in ["TODO", "FIXME", "None", "Some(", "{}", " ,", "none and", "null"] {
                        assert!(!text.contains(bad), "{bad:?} in {text:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn forty_symbols_of_one_exporter_are_one_paragraph() {
    let findings: Vec<Finding> = (1..=40).map(|number| needs(format!("spl_{number}"))).collect();
    let groups = groups(&findings);
    assert_eq!(groups.len(), 1);
    let said = group_sentence(&groups[0].findings, "zfs", &kernel()).expect("not empty");
    assert_eq!(
        said.cause(),
        "spl_1, spl_2, spl_3, spl_4, spl_5, spl_6, spl_7, spl_8 and 32 more are exported by spl, but spl is not loaded"
    );
    let verdict = verdict(refused(Errno::ENOENT, Stage::SimplifySymbols), findings);
    let text = human(&[entry(&verdict)], &kernel(), &Palette::default());
    assert_eq!(text.matches("what:").count(), 1);
    assert!(text.starts_with("foo.ko: refused on 6.1.0-56-amd64: ENOENT, 40 symbols of modules not loaded\n"));
    let json = serde_json::to_string(&modules_document(&[entry(&verdict)], &kernel())).expect("plain values");
    assert_eq!(json.matches("\"code\":").count(), 40);
}

#[test]
fn changed_types_are_one_paragraph_and_licenses_are_not_mixed() {
    let mut findings = vec![
        changed("a", "vmlinux"),
        changed("b", "drm"),
        Finding::new(Stage::SimplifySymbols, gpl_only("c", Some("CDDL"))),
        Finding::new(Stage::SimplifySymbols, gpl_only("d", Some("CDDL"))),
        Finding::new(
            Stage::SimplifySymbols,
            Cause::MissingSymbol {
                symbol: "e".into(),
                refused_exporter: Some("spl".into()),
                namesake: None,
                absent: None,
            },
        ),
        Finding::new(
            Stage::SimplifySymbols,
            Cause::MissingSymbol { symbol: "f".into(), refused_exporter: None, namesake: None, absent: None },
        ),
    ];
    let codes = |findings: &[Finding]| -> Vec<(Code, usize)> {
        groups(findings).iter().map(|group| (group.code, group.findings.len())).collect()
    };
    let expected =
        [(Code::SymbolVersion, 2), (Code::GplOnlySymbol, 2), (Code::MissingSymbol, 1), (Code::MissingSymbol, 1)];
    assert_eq!(codes(&findings), expected);
    let said = group_sentence(&groups(&findings)[0].findings, "foo", &kernel()).expect("not empty");
    assert_eq!(said.what, "2 symbols of vmlinux and drm have another version in 6.1.0-56-amd64 than in foo (a and b)");

    // Findings that the kernel reaches come first, whatever their stage.
    findings[0].reached = false;
    findings.push(Finding::new(Stage::ParseArgs, Cause::UnknownParameter { parameter: "x".into() }));
    let last = codes(&findings).pop();
    assert_eq!(last, Some((Code::SymbolVersion, 1)));
}

#[test]
fn the_page_for_one_refused_module() {
    let frame = |function: &str, file: &str, line, header| Frame {
        function: function.into(),
        file: Some(file.into()),
        line: Some(line),
        header,
    };
    let used = Use {
        section: ".text".into(),
        offset: 17473,
        via: Some("__jump_table".into()),
        inside: None,
        chain: vec![
            frame("put_page", "include/linux/mm.h", 1201, true),
            frame("afs_ReadNoCache", "afs_bypasscache.c", 518, false),
        ],
    };
    let mut first = Finding::new(Stage::SimplifySymbols, gpl_only("devmap_managed_key", Some("CDDL")));
    first.origin = Some(Box::new(Origin { uses: vec![used], ..Origin::default() }));
    let mut behind = Finding::new(
        Stage::CompleteFormation,
        Cause::DuplicateExport { symbol: "crc".into(), exporter: "kernel".into() },
    );
    behind.reached = false;
    let second = Finding::new(Stage::SimplifySymbols, gpl_only("rcu_read_unlock_strict", Some("CDDL")));
    let mut verdict = verdict(refused(Errno::ENOENT, Stage::SimplifySymbols), vec![first, second, behind]);
    verdict.log = vec![
        KernelLine::new(LogLevel::Warn, "foo: Unknown symbol devmap_managed_key (err -2)"),
        KernelLine::new(LogLevel::Warn, "foo: Unknown symbol rcu_read_unlock_strict (err -2)"),
    ];
    verdict.kernel_tainted.add(Taint::OotModule);
    verdict.inferred = vec!["the kernel is Debian's own build: its release string has that form".into()];
    let expected = "\
foo.ko: refused on 6.1.0-56-amd64: ENOENT, 2 GPL-only symbols

  kernel: foo: Unknown symbol devmap_managed_key (err -2)
  kernel: foo: Unknown symbol rcu_read_unlock_strict (err -2)
  insmod: Unknown symbol in module; ENOENT stands for a symbol here, no file is missing

  2 GPL-only symbols [gpl-only-symbol]
    what: devmap_managed_key and rcu_read_unlock_strict are exported by vmlinux with EXPORT_SYMBOL_GPL
    why: license \"CDDL\" is not GPL-compatible, so gplok is false: the kernel hides the symbols and calls them unknown
    build: modpost stops it, too: ERROR: modpost: GPL-incompatible module foo.ko uses GPL-only symbol 'devmap_managed_key'; and one such line more
    used: put_page() of include/linux/mm.h needs devmap_managed_key; the module calls it in 1 place
        put_page (include/linux/mm.h:1201) -> devmap_managed_key (by __jump_table)
        afs_ReadNoCache (afs_bypasscache.c:518)
    fix: call something other than put_page() in the lines above, and do without what the module's own source names; if all of it is under a GPL-compatible license, MODULE_LICENSE must be exactly one of \"GPL\", \"GPL v2\", \
\"GPL and additional rights\", \"Dual BSD/GPL\", \"Dual MIT/GPL\" and \"Dual MPL/GPL\"

  also, once that is fixed:

  1 duplicate export [duplicate-export]
    what: foo exports crc
    why: the kernel itself exports that name already
    fix: do not load foo if what it does is there already; or rename the export

  kernel tainted afterwards: 4096 (O)

  taken for true:
    - the kernel is Debian's own build: its release string has that form
";
    assert_eq!(human(&[entry(&verdict)], &kernel(), &Palette::default()).as_str(), expected);
}

#[test]
fn the_first_line_of_every_outcome() {
    let line = |verdict: &Verdict| headline(&entry(verdict), &kernel());
    let mut loads = verdict(Outcome::Loads, Vec::new());
    assert_eq!(line(&loads), "foo.ko: loads on 6.1.0-56-amd64");
    loads.module_taints.add(Taint::OotModule);
    loads.module_taints.add(Taint::UnsignedModule);
    assert_eq!(line(&loads), "foo.ko: loads on 6.1.0-56-amd64, taints OE");
    assert_eq!(
        headline(&Entry { op: Op::Rmmod, path: None, verdict: &loads }, &kernel()),
        "foo: unloads on 6.1.0-56-amd64"
    );
    let crash = Outcome::Crash { stage: Stage::SimplifySymbols, why: "it reads beyond the section headers".into() };
    let crash = line(&verdict(crash, Vec::new()));
    assert_eq!(crash, "foo.ko: crashes 6.1.0-56-amd64 in simplify_symbols: it reads beyond the section headers");
    let mut unknown = verdict(Outcome::Undetermined, Vec::new());
    unknown.missing = vec![Missing::Certificates, Missing::Crc("kfree".into())];
    assert_eq!(line(&unknown), "foo.ko: undetermined on 6.1.0-56-amd64: it depends on certificates and crc:kfree");
    let text = human(&[entry(&unknown)], &kernel(), &Palette::default());
    assert!(text.contains(
        "undetermined, because these are not known:\n    - the certificates the kernel trusts: add its image, -k "
    ));
    assert!(text.contains(
        "    - the version of kfree: add a Module.symvers that has it, -k /lib/modules/6.1.0-56-amd64/build"
    ));
}

/// A hostile name cannot move the cursor or add a line.
#[test]
fn names_from_files_cannot_steer_a_terminal() {
    let hostile = Finding::new(Stage::SimplifySymbols, gpl_only("a\x1b[2J\nfoo.ko: loads", Some("\u{202e}LPG")));
    let text = human(
        &[entry(&verdict(refused(Errno::ENOENT, Stage::SimplifySymbols), vec![hostile]))],
        &kernel(),
        &Palette::default(),
    );
    assert!(!text.contains('\x1b') && !text.contains('\u{202e}') && !text.contains("\nfoo.ko: loads"));
    assert!(text.contains("a\\x1b[2J\\x0afoo.ko: loads is exported"), "{text}");
}

#[test]
fn several_modules_get_a_summary_and_say_common_things_once() {
    let good = verdict(Outcome::Loads, Vec::new());
    let mut unknown = verdict(Outcome::Undetermined, Vec::new());
    unknown.missing = vec![Missing::Release];
    let entries = [entry(&good), entry(&unknown), entry(&unknown)];
    let expected = "\
3 modules on 6.1.0-56-amd64: 1 loads, 2 undetermined

foo.ko: loads on 6.1.0-56-amd64
foo.ko: undetermined on 6.1.0-56-amd64: it depends on release
foo.ko: undetermined on 6.1.0-56-amd64: it depends on release

  not known, and some answers, lines or taints above depend on it:
    - the kernel's release: give --release RELEASE, as uname -r prints it there
";
    assert_eq!(human(&entries, &kernel(), &Palette::default()).as_str(), expected);
    let steps = human_steps(&[entry(&good)], &kernel(), &Palette::default());
    assert_eq!(
        steps.as_str(),
        "1 step on 6.1.0-56-amd64: 1 loads\n\n1. insmod foo.ko: loads on 6.1.0-56-amd64\n\nkernel tainted at the end: 0\n"
    );
}

#[test]
fn the_log_alone() {
    let mut one = verdict(Outcome::Loads, Vec::new());
    one.log = vec![KernelLine::new(LogLevel::Warn, "foo: a"), KernelLine::new(LogLevel::Notice, "foo: b")];
    assert_eq!(dmesg(&[entry(&one), entry(&one)], false).as_str(), "foo: a\nfoo: b\nfoo: a\nfoo: b\n");
    assert_eq!(dmesg(&[entry(&one)], true).as_str(), "<4>foo: a\n<5>foo: b\n");
}

#[test]
fn colors_surround_text_and_change_nothing_else() {
    let palette = Palette { answer_good: "<g>", heading: "<h>", reset: "</>", ..Palette::default() };
    let mut one = verdict(Outcome::Loads, Vec::new());
    one.inferred = vec!["x".into()];
    let text = human(&[entry(&one)], &kernel(), &palette);
    assert_eq!(text.as_str(), "foo.ko: <g>loads on 6.1.0-56-amd64</>\n\n  <h>taken for true:</>\n    - x\n");
}

/// A relocation type is told by name and section, and each origin has its fix.
#[test]
fn relocations_have_names_and_origins() {
    let said = |section: &str, kind, name: &str| {
        let cause = Cause::UnknownRelocation { section: section.into(), kind, name: Some(name.into()) };
        let sentence = sentence(&Finding::new(Stage::ApplyRelocations, cause), "foo", &kernel());
        format!("{}; fix: {}", sentence.cause(), sentence.fix)
    };
    for (section, kind, name, parts) in [
        (".eh_frame", 57, "R_RISCV_32_PCREL", ["unwind tables", "-fno-asynchronous-unwind-tables", "8fd6c5142395"]),
        (".text", 21, "R_RISCV_TLS_GOT_HI20", ["thread-local", "DEFINE_PER_CPU()", ".text"]),
        (".text", 9, "R_X86_64_GOTPCREL", ["position-independent", "-fno-pic", "type 9, R_X86_64_GOTPCREL"]),
        (".text", 311, "R_AARCH64_ADR_GOT_PAGE", ["position-independent", "-fno-pie", "type 311"]),
        (".text", 22, "R_ARM_JUMP_SLOT", ["dynamic linker", "ld -r", "R_ARM_JUMP_SLOT"]),
        (".text", 100, "R_LARCH_RELAX", ["relaxes", "-mno-relax", "R_LARCH_RELAX"]),
        (".text", 33, "R_RISCV_ADD8", ["differences between labels", "8fd6c5142395", "R_RISCV_ADD8"]),
        (".data", 42, "R_ARM_PREL31", ["a form that the kernel's own build", "kernel's own make", "R_ARM_PREL31"]),
    ] {
        let text = said(section, kind, name);
        assert!(parts.iter().all(|part| text.contains(part)), "{parts:?}: {text}");
    }
}
