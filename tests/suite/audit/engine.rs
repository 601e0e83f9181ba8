//! What an audit does beyond single shapes.

use gplok::audit::{
    AuditCode, AuditError, AuditFinding, AuditOptions, How, KnownExports, Standing, Subject, audit, open_objects,
};
use gplok::image::Image;
use gplok::kernel::Kernel;
use gplok::terms::ExportKind;

use super::{audited, folder};

const REACHES: AuditOptions = AuditOptions { reaches: Some(4) };

fn export(finding: &AuditFinding) -> &str {
    finding.export.as_deref().unwrap_or_default()
}

/// Exports that do real work, or only register callbacks, come to GPL-only symbols all the same: said when asked for.
#[test]
fn what_is_no_wrapper_reaches_what_its_source_says() {
    let text = std::fs::read_to_string(folder().join("shapes.expected")).expect("the list is kept");
    let audit = audited("shapes-x86_64.ko.xz", "shapes.symvers", &REACHES);
    let mut checked = 0;
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [family, name, "none", symbols, _] = fields.as_slice() else { continue };
        // The findings of these say what they reach; locks are never reported, and GPL-only exports are not examined.
        let is_open = audit.objects[0].exports.iter().any(|(export, kind)| export == name && !kind.is_gpl_only());
        for symbol in symbols.split(',').filter(|symbol| symbol.starts_with("gpl_")) {
            let found = audit
                .findings
                .iter()
                .find(|finding| export(finding) == *name && finding.symbol.as_deref() == Some(symbol));
            assert_eq!(found.is_some(), is_open, "{family} {name} {symbol}");
            assert!(found.is_none_or(|finding| finding.code == AuditCode::ReachesGplOnly), "{family} {name} {symbol}");
            checked += 1;
        }
    }
    assert!(checked > 10, "only {checked}");
}

#[test]
fn a_symbol_behind_a_registered_callback_is_reached_through_its_pointer() {
    let audit = audited("shapes-x86_64.ko.xz", "shapes.symvers", &REACHES);
    let through = audit.findings.iter().filter(|finding| finding.code == AuditCode::ReachesGplOnly);
    assert!(through.clone().any(|finding| finding.hops.iter().any(|hop| hop.how == How::Pointer)));
    assert!(through.clone().all(|finding| finding.hops.len() <= 4 && finding.thinness.is_none()));
}

/// What is not asked for is not said, and what is said comes plainest first.
#[test]
fn findings_stand_in_the_order_of_their_worth() {
    let audit = audited("shapes-arm64.ko.xz", "shapes.symvers", &AuditOptions::default());
    assert!(audit.findings.iter().all(|finding| finding.code != AuditCode::ReachesGplOnly));
    let scores: Vec<(AuditCode, u8)> = audit
        .findings
        .iter()
        .map(|finding| (finding.code, finding.thinness.map_or(0, |thinness| 255 - thinness.score())))
        .collect();
    assert!(scores.is_sorted(), "{scores:?}");
}

/// Without a kernel nothing says how an import is exported: nothing is found then, and it is said what is missing.
#[test]
fn without_a_kernel_nothing_is_guessed() {
    let objects = open_objects(&[folder().join("hmm-x86_64.ko.xz")]).expect("it is there");
    let audit = audit(&objects, None, &AuditOptions::default(), || ()).expect("it can be read");
    assert!(audit.findings.is_empty(), "{:?}", audit.findings);
    assert!(audit.objects[0].unknown.contains(&"devm_memremap_pages".to_owned()), "{:?}", audit.objects[0].unknown);
}

#[test]
fn an_object_before_modpost_tells_its_exports() {
    let audit = audited("object-x86_64.o", "shapes.symvers", &AuditOptions::default());
    let expected = [("wraps_for_gpl".to_owned(), ExportKind::Gpl), ("wraps_plainly".to_owned(), ExportKind::Plain)];
    assert_eq!(audit.objects[0].exports, expected);
    let found: Vec<_> = audit.findings.iter().map(|finding| (finding.code, finding.path())).collect();
    assert_eq!(found, [(AuditCode::LaundersGplOnly, vec!["wraps_plainly", "gpl_start"])]);
}

#[test]
fn a_folder_without_code_is_an_error_that_names_it() {
    let folder = folder().join("../keys");
    let error = open_objects(std::slice::from_ref(&folder)).expect_err("there is no code in it");
    assert!(matches!(&error, AuditError::NoCode(path) if *path == folder), "{error}");
    assert!(error.to_string().contains("expected modules (.ko)"), "{error}");
}

/// A damaged file may lead to other findings, but to no harm: bytes all over it, one at a time.
#[test]
fn damaged_objects_are_audited_without_harm() {
    for name in ["hmm-x86_64.ko.xz", "hmm-arm64.ko.xz", "object-x86_64.o"] {
        let whole = Image::open(folder().join(name)).expect("it is there");
        let whole = whole.contents().whole().to_vec();
        for (at, value) in (0..whole.len()).step_by(11).zip([0xff, 0x80, 0x01, 0x7f].into_iter().cycle()) {
            let mut bytes = whole.clone();
            bytes[at] ^= value;
            let image = Image::from_bytes(name, bytes).expect("it is not compressed");
            let Some(elf) = image.as_announced() else { continue };
            let Some(subject) = Subject::of_object(&elf) else { continue };
            let known = KnownExports::default();
            let mut wrappers = gplok::audit::Wrappers::new(&subject, &known);
            for export in &subject.exports {
                let _ = wrappers.laundered(0, export);
            }
        }
    }
}

/// What reading the disassembly of the first 50 findings in two Debian kernels has said: `tests/audit/judged.py` holds a run
/// against these lists.
#[test]
fn what_was_judged_by_hand_is_nine_tenths_right_at_least() {
    for list in ["judged-5.10.tsv", "judged-6.1.tsv"] {
        let text = std::fs::read_to_string(folder().join(list)).expect("the list is kept");
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
        assert_eq!(rows.len(), 50, "{list}");
        let is_right = |row: &&Vec<&str>| match row.as_slice() {
            [_, _, _, verdict @ ("true" | "specialised" | "false"), note] if !note.is_empty() => *verdict != "false",
            row => panic!("{list}: {row:?}"),
        };
        let right = rows.iter().filter(is_right).count();
        assert!(right * 10 >= rows.len() * 9, "{list}: {right} of {}", rows.len());
    }
}

/// A System.map says which names are exported, and not how: neither GPL-only nor kept inside, as far as is known.
#[test]
fn what_is_exported_nobody_says_how_is_not_known() {
    let here = tempfile::tempdir().expect("a folder");
    let map = "\
ffffffff81000000 T _text
ffffffff81000100 T devm_memremap_pages
ffffffff81000200 T walk_page_range
ffffffff82000000 r __ksymtab_devm_memremap_pages
ffffffff82000010 r __kstrtab_devm_memremap_pages
ffffffff83000000 D linux_banner
";
    let path = here.path().join("System.map");
    std::fs::write(&path, map).expect("it can be written");
    let kernel = Kernel::open(&[path]).expect("it is a System.map");
    let mut known = KnownExports::default();
    known.add_kernel(&kernel);
    assert_eq!(known.standing("devm_memremap_pages"), Standing::Unknown);
    assert_eq!(known.standing("walk_page_range"), Standing::Unexported);
    assert_eq!(known.standing("of_some_module"), Standing::Unknown);
}

/// Several builds of one module, side by side: each is named by its own modinfo, and none affects another.
#[test]
fn builds_of_one_module_are_no_shadows_of_each_other() {
    let objects = open_objects(&[folder()]).expect("there are modules in it");
    let kernel = Kernel::open(&[folder().join("shapes.symvers")]).expect("the rows are good");
    let audit = audit(&objects, Some(&kernel), &AuditOptions::default(), || ()).expect("they can be read");
    assert!(audit.objects.len() > 10);
    assert!(audit.objects.iter().all(|object| ["hmm", "shapes"].contains(&&*object.name)));
    assert!(audit.findings.iter().all(|finding| finding.code != AuditCode::ShadowsGplOnly));
}

/// Nothing is found in a file that is cut short, and it is said that it was not read.
#[test]
fn what_is_cut_short_is_not_read() {
    let here = tempfile::tempdir().expect("a folder");
    let whole = Image::open(folder().join("hmm-x86_64.ko.xz")).expect("it is there").contents().whole().to_vec();
    let path = here.path().join("cut.ko");
    std::fs::write(&path, &whole[..whole.len() / 2]).expect("it can be written");
    let objects = open_objects(&[path]).expect("it is there");
    let audit = audit(&objects, None, &AuditOptions::default(), || ()).expect("it can be opened");
    assert_eq!(audit.objects[0].unread.as_deref(), Some("its section headers do not lie inside the file"));
    assert!(audit.findings.is_empty() && audit.is_undetermined());
}
