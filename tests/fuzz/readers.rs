//! What is fuzzed: one function for every reader of files, fed with bytes from anywhere. It asks of a file all there is to ask,
//! and makes the pages and documents of the answers. Nothing is compared; what counts is that it returns, soon and in
//! little memory.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use gplok::audit::{AuditBaseline, AuditDiff, AuditOptions, audit as audit_objects, open_objects};
use gplok::btf::{Index, NameIndex, Table};
use gplok::check::Check;
use gplok::compression::{Compression, decompress, decompress_payload, kernel_decompress, kernel_wants};
use gplok::image::{DebugFiles, Image};
use gplok::impact::ExportDiff;
use gplok::impact::policy::{Baseline, Policy, PolicyEntry, Rules};
use gplok::kernel::{ExportFilter, Kernel, KernelImage};
use gplok::load::{Cmdline, Crypto, Insmod, Machine, ModuleInitFlags, verify_pkcs7_signature};
use gplok::report::{
    AuditReport, Entry, KernelSummary, Op, Palette, PolicyReport, audit_document, dmesg, facts_document, human,
    human_audit, human_diff, human_exports, human_facts, human_inlines, human_many, human_steps, inspect,
    modules_document, symvers as symvers_text, system_map as system_map_text,
};
use gplok::terms::{Arch, Budget, Endian};
use gplok::verdict::{Cause, Finding, Outcome, Stage, Verdict};
use gplok::why::inlines::InlineMap;
use gplok::why::{Lookup, explain, undefined, uses};
use gplok::x509::{Certificate, Pkcs7};

use crate::kernels::types::Told;
use crate::ko::{Ko, Profile, Section};
use crate::made::Made;

/// Reads what it takes for a file.
type Reader = fn(&[u8]);

/// Every reader, by the name of its fuzz target.
pub const READERS: [(&str, Reader); 22] = [
    ("assembly", assembly),
    ("audit", audit),
    ("btf", btf),
    ("certificates", certificates),
    ("check", check),
    ("cmdline", cmdline),
    ("compression", compression),
    ("config", |bytes| kernel_file("config", bytes)),
    ("deb", |bytes| kernel_file("kernel.deb", bytes)),
    ("dwarf", dwarf),
    ("headers", headers),
    ("image", image),
    ("kernel_compression", kernel_compression),
    ("module", module),
    ("module_lists", module_lists),
    ("parameters", parameters),
    ("pkcs7", pkcs7),
    ("policy", policy),
    ("rpm", |bytes| kernel_file("kernel.rpm", bytes)),
    ("symvers", |bytes| kernel_file("Module.symvers", bytes)),
    ("system_map", |bytes| kernel_file("System.map", bytes)),
    ("tar", |bytes| kernel_file("kernel.pkg.tar", bytes)),
];

const COMPRESSIONS: [Compression; 7] = [
    Compression::Gzip,
    Compression::Xz,
    Compression::Zstd,
    Compression::Lzma,
    Compression::Bzip2,
    Compression::Lz4,
    Compression::Lzo,
];

/// The signed text, and who signs it.
const TEXT: &[u8] = include_bytes!("../../testdata/keys/text");
const CERTIFICATES: [&[u8]; 4] = [
    include_bytes!("../../testdata/keys/rsa.pem"),
    include_bytes!("../../testdata/keys/p256.pem"),
    include_bytes!("../../testdata/keys/p384.pem"),
    include_bytes!("../../testdata/keys/p521.pem"),
];
const MESSAGES: [&[u8]; 3] = [
    include_bytes!("../../testdata/keys/rsa-with-certificate.p7s"),
    include_bytes!("../../testdata/keys/two-signers.p7s"),
    include_bytes!("../../testdata/keys/p384-sha384.p7s"),
];

/// The kernels and modules that hostile files meet.
struct Fixture {
    made: Made,
    /// Checks versions and signatures.
    kernel: Arc<Kernel>,
    /// Has type information, and checks that of modules.
    told: Told,
    /// Has a parameter of every kind.
    module: Image,
    /// The bytes of that module.
    bytes: Vec<u8>,
    trusted: Vec<Certificate>,
}

/// The kernel that hostile files meet.
fn made() -> Made {
    Made::new("6.12.0")
        .modversions()
        .config("MODULE_SIG")
        .export("kfree")
        .export("param_ops_int")
        .export("param_ops_charp")
        .export("param_ops_bool")
        .export("param_array_ops")
        .export_gpl("__put_page")
        .export_gpl("kick_gpl")
        .row("inner", "vmlinux", "EXPORT_SYMBOL_GPL", "SPACE")
        .trusts(CERTIFICATES[0])
}

/// The module that hostile arguments are passed to.
fn with_parameters() -> Ko {
    Ko::new("foo")
        .param("n", "param_ops_int")
        .param("s", "param_ops_charp")
        .param("b", "param_ops_bool")
        .param_with("unsafe", "param_ops_int", 1)
        .param("odd", "param_ops_unknown")
}

fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let made = made();
        let parse = |pem: &&[u8]| Certificate::parse_all(pem).expect("certificates");
        Fixture {
            kernel: made.open().0,
            told: Told::new("7.3.0", Arch::X86_64, &["DEBUG_INFO_BTF_MODULES"]),
            module: made.image(&with_parameters()),
            bytes: with_parameters().build(&made.profile),
            trusted: CERTIFICATES.iter().flat_map(parse).collect(),
            made,
        }
    })
}

/// Asks for everything that can be made of verdicts.
fn report(verdicts: &[Verdict], kernel: &Kernel) {
    let summary = KernelSummary::from(kernel);
    let palette = Palette::default();
    let entries: Vec<Entry<'_>> =
        verdicts.iter().map(|verdict| Entry { op: Op::Insmod, path: Some("foo.ko"), verdict }).collect();
    let _ = human(&entries, &summary, &palette);
    let _ = human_many(&entries, &summary, &palette);
    let _ = human_steps(&entries, &summary, &palette);
    let _ = dmesg(&entries, true);
    serde_json::to_string(&modules_document(&entries, &summary)).expect("JSON");
}

fn module(bytes: &[u8]) {
    let _ = Image::from_bytes("foo.ko", bytes);
    let image = Image::from_bytes_raw("foo.ko", bytes);
    if let Some(facts) = image.facts() {
        let _ = inspect("foo.ko", &facts);
        serde_json::to_string(&facts).expect("JSON");
    }
    if let Some(elf) = image.as_announced() {
        let _ = (elf.exports(), elf.parameters(), elf.announced_layout());
    }
    let _ = fixture().kernel.release_by(&image);
}

/// The whole way: a module judged in several boots, alone and beside another one.
fn check(bytes: &[u8]) {
    let fixture = fixture();
    let image = Image::from_bytes_raw("foo.ko", bytes);
    for (kernel, cmdline) in [(&fixture.kernel, "module.sig_enforce=0"), (&fixture.told.kernel, "")] {
        let mut machine = Machine::boot(Arc::clone(kernel), Cmdline::parse(cmdline));
        let plain = machine.insmod(&image, &Insmod { raw: true, ..Insmod::default() });
        let forced = machine.insmod(&image, &Insmod { flags: ModuleInitFlags(7), ..Insmod::default() });
        let verdicts = [plain, forced];
        for name in machine.loaded() {
            machine.rmmod(&name);
        }
        report(&verdicts, kernel);
    }
    let beside =
        [image, Image::from_bytes_raw("bar.ko", bytes), Image::from_bytes_raw("own.ko", fixture.bytes.clone())];
    if let Ok(verdicts) = Check::new(&fixture.kernel).images(&beside) {
        report(&verdicts, &fixture.kernel);
    }
}

fn image(bytes: &[u8]) {
    match KernelImage::from_bytes(Path::new("vmlinuz"), bytes.to_vec()) {
        Ok(image) => {
            let _ = image.exports().map(|exports| exports.rows().len());
            let _ = image.symbols().map(|symbols| symbols.iter().map(|symbol| symbol.name.len()).sum::<usize>());
            let _ = (image.certificates(), image.struct_module_size(), image.config(), image.vermagic());
            let _ = (image.release(), image.stable_version(), image.uname(), image.arch(), image.cmdline());
        }
        Err(error) => drop(error.to_string()),
    }
}

/// Opens one file that describes a kernel, or says that it does.
fn kernel_file(name: &str, bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("a file");
    match Kernel::open(&[&path]) {
        Ok(kernel) => ask(kernel),
        Err(error) => drop(error.to_string()),
    }
}

/// Asks of a kernel all there is to ask, and loads a module on it.
fn ask(kernel: Kernel) {
    let fixture = fixture();
    let summary = KernelSummary::from(&kernel);
    let palette = Palette::default();
    let _ = human_facts(&kernel, &summary, &palette);
    serde_json::to_string(&facts_document(&kernel, &summary)).expect("JSON");
    let rows = kernel.exports().map(|exports| exports.select(&ExportFilter::default())).unwrap_or_default();
    let _ = symvers_text(&rows);
    let _ = human_exports(&rows, &summary, &palette);
    if let Some(symbols) = kernel.symbols() {
        let _ = system_map_text(symbols);
    }
    if let (Some(from), Some(to)) = (fixture.kernel.exports(), kernel.all_exports()) {
        let diff = ExportDiff::between(from, &to);
        let _ = human_diff(&diff, diff.totals(), &summary, &summary, &palette, true);
    }
    let modules: Vec<_> = kernel
        .tree()
        .map(|tree| tree.modules().take(4).map(|module| module.path.clone()).collect())
        .unwrap_or_default();
    for module in modules {
        drop(kernel.open_module(&module));
    }
    let kernel = Arc::new(kernel);
    let mut machine = Machine::boot(Arc::clone(&kernel), Cmdline::parse(kernel.cmdline().unwrap_or_default()));
    let verdict = machine.insmod(&fixture.module, &Insmod::default());
    report(&[verdict], &kernel);
    let _ = machine.modprobe("foo");
}

fn compression(bytes: &[u8]) {
    for compression in COMPRESSIONS {
        if Compression::of_payload(bytes) == Some(compression) {
            let _ = decompress(compression, bytes, &Budget::default());
            let _ = decompress_payload(compression, bytes, Some(100_000), &Budget::default());
        }
    }
}

fn kernel_compression(bytes: &[u8]) {
    for compression in [Compression::Gzip, Compression::Xz, Compression::Zstd] {
        let _ = kernel_wants(compression, bytes);
        let _ = kernel_decompress(compression, bytes, &[], &Budget::default());
    }
}

/// The lists of a module tree, all with one text, beside two modules.
fn module_lists(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let tree = folder.path().join("lib/modules/6.12.0");
    std::fs::create_dir_all(tree.join("kernel/a")).expect("a folder");
    for name in ["modules.dep", "modules.softdep", "modules.order", "modules.builtin", "modules.builtin.modinfo"] {
        std::fs::write(tree.join(name), bytes).expect("a file");
    }
    for name in ["foo.ko", "a/bar.ko"] {
        std::fs::write(tree.join("kernel").join(name), &fixture().bytes).expect("a file");
    }
    match Kernel::open(&[&tree]) {
        Ok(kernel) => ask(kernel),
        Err(error) => drop(error.to_string()),
    }
}

fn btf(bytes: &[u8]) {
    for endian in [Endian::Little, Endian::Big] {
        let Some(index) = Index::of(bytes, endian) else { continue };
        let table = Table::new(bytes, &index);
        let members = table.types().map(|(_, record)| record.members().count()).sum::<usize>();
        let named = table.types().filter_map(|(_, record)| table.string(record.name)).map(<[u8]>::len).sum::<usize>();
        let _ = (members, named, NameIndex::of(table).like(b"module").count());
        let _ = (table.struct_size("module"), table.struct_fields("module", 8).map(|fields| fields.len()));
    }
    let told = &fixture().told;
    let image = told.image(&Ko::new("foo").section(Section::new(".BTF", 0, 1, bytes.to_vec())), |_| ());
    let verdict = told.boot().insmod(&image, &Insmod::default());
    report(&[verdict], &told.kernel);
}

fn pkcs7(bytes: &[u8]) {
    let fixture = fixture();
    let _ = verify_pkcs7_signature(TEXT, &Pkcs7::parse(bytes), &fixture.trusted, &Crypto::common());
    let signed = Image::from_bytes_raw("foo.ko", Ko::new("foo").signed(bytes).build(&fixture.made.profile));
    let _ = signed.facts().map(|facts| inspect("foo.ko", &facts));
    let mut machine = Machine::boot(Arc::clone(&fixture.kernel), Cmdline::parse("module.sig_enforce=1"));
    let verdict = machine.insmod(&signed, &Insmod::default());
    report(&[verdict], &fixture.kernel);
}

fn certificates(bytes: &[u8]) {
    let _ = Certificate::parse_der(bytes);
    match Certificate::parse_all(bytes) {
        Ok(certificates) => {
            let _ = certificates.iter().map(|certificate| certificate.to_string().len()).sum::<usize>();
            for message in MESSAGES {
                let _ = verify_pkcs7_signature(TEXT, &Pkcs7::parse(message), &certificates, &Crypto::common());
            }
        }
        Err(error) => drop(error.to_string()),
    }
}

fn cmdline(bytes: &[u8]) {
    let fixture = fixture();
    let text = String::from_utf8_lossy(bytes);
    let mut machine = Machine::boot(Arc::clone(&fixture.kernel), Cmdline::parse(&text));
    let verdict = machine.insmod(&fixture.module, &Insmod::default());
    report(&[verdict], &fixture.kernel);
    let _ = machine.modprobe(&text);
    machine.rmmod(&text);
}

fn parameters(bytes: &[u8]) {
    let fixture = fixture();
    let args = String::from_utf8_lossy(bytes).into_owned();
    for kernel in [&fixture.kernel, &fixture.told.kernel] {
        let mut machine = Machine::boot(Arc::clone(kernel), Cmdline::default());
        let insmod = Insmod { args: args.clone(), flags: ModuleInitFlags(3), ..Insmod::default() };
        let verdict = machine.insmod(&fixture.module, &insmod);
        report(&[verdict], kernel);
    }
}

/// The lines that need a symbol, out of debug information, code and tables.
fn dwarf(bytes: &[u8]) {
    let kernel = &fixture().kernel;
    let image = Image::from_bytes_raw("foo.ko", bytes);
    let Some(elf) = image.as_announced() else { return };
    let symbols: Vec<String> = undefined(&elf).take(8).collect();
    let lookup = Lookup { debug: DebugFiles::default(), inlines: None };
    let mut verdict = Verdict::new("foo", Outcome::Loads);
    for symbol in &symbols {
        let cause = Cause::MissingSymbol {
            symbol: symbol.as_str().into(),
            refused_exporter: None,
            namesake: None,
            absent: None,
        };
        verdict.findings.push(Finding::new(Stage::SimplifySymbols, cause));
    }
    let _ = explain(&mut verdict, &image, kernel, &lookup);
    for symbol in symbols.iter().take(2) {
        let _ = uses(&image, symbol, kernel, &lookup);
    }
    report(&[verdict], kernel);
    if let Some(exports) = kernel.exports() {
        map(InlineMap::of_object(&elf, exports).ok());
    }
}

fn assembly(bytes: &[u8]) {
    if let Some(exports) = fixture().kernel.exports() {
        map(InlineMap::of_assembly(&String::from_utf8_lossy(bytes), exports).ok());
    }
}

fn map(map: Option<InlineMap>) {
    let Some(map) = map else { return };
    let _ = human_inlines(&map, &KernelSummary::from(&*fixture().kernel), &Palette::default(), true);
    InlineMap::default().merge(map);
}

fn audit(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("foo.ko");
    std::fs::write(&path, bytes).expect("a file");
    let Ok(objects) = open_objects(&[path]) else { return };
    for kernel in [Some(&*fixture().kernel), None] {
        let options = AuditOptions { reaches: Some(3) };
        let Ok(audit) = audit_objects(&objects, kernel, &options, || ()) else { continue };
        let (baseline, diff) = (AuditBaseline::default(), AuditDiff::between(&audit, &audit));
        let summary = kernel.map(KernelSummary::from);
        let earlier = Some((&audit, &diff));
        let report = AuditReport { audit: &audit, baseline: &baseline, earlier, kernel: summary.as_ref() };
        let _ = human_audit(&report, &Palette::default(), true);
        serde_json::to_string(&audit_document(&report)).expect("JSON");
    }
}

/// One header among those of a kernel.
fn headers(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("a file");
    std::fs::create_dir_all(folder.path().join("include/linux")).expect("a folder");
    std::fs::create_dir_all(folder.path().join("include/generated")).expect("a folder");
    for name in ["Makefile", "Kconfig", "include/linux/init.h"] {
        put(name, b"");
    }
    put("Module.symvers", b"0x00000001\tkfree\tvmlinux\tEXPORT_SYMBOL\t\n");
    put("include/linux/mm.h", bytes);
    let kernel = Kernel::open(&[folder.path()]).expect("a headers folder");
    let names = ["kfree", "kmalloc", "timer_setup", "foo", "printk", "put_page", "EXPORT_SYMBOL", "x"].into();
    if let Some(mentions) = kernel.mentions(&names) {
        for (_, mention) in mentions.iter() {
            let _ = mentions.iter().filter(|(_, other)| mention == *other).count();
        }
    }
}

/// What users and programs write for `diff`, `audit` and `inlines`.
fn policy(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    drop(AuditBaseline::parse(&text).map_err(|error| error.to_string()));
    map(serde_json::from_slice(bytes).ok());
    let rules = Rules::parse("rules", &text).map_err(|error| error.to_string());
    let baseline = Baseline::parse(&text);
    if rules.is_err() && baseline.is_err() {
        return;
    }
    let fixture = fixture();
    let (Some(from), Some(to)) = (fixture.kernel.exports(), fixture.told.kernel.exports()) else { return };
    let diff = ExportDiff::between(from, to);
    let changes: Vec<_> =
        diff.changes.iter().flat_map(|change| PolicyEntry::of_change(change, "foo", Some("GPL v2"))).collect();
    let policy =
        Policy { fail_on: Policy::harmful(), rules: rules.unwrap_or_default(), baseline: baseline.unwrap_or_default() };
    let judgement = policy.judge(&changes);
    let _ = PolicyReport::new(&judgement, &changes).human(&Palette::default());
    let _ = Baseline::of(&changes).text();
}

/// The profile that seeds for the readers of modules are built with.
pub fn profile() -> &'static Profile {
    &fixture().made.profile
}
