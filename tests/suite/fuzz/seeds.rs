//! What the fuzzer begins with: small files that the readers take, made by the builders of the suite.

use gplok::compression::Compression;
use gplok::terms::{Arch, Class, ElfMachine, Endian};

use super::readers::profile;
use crate::kernels::forms::{COMPRESSIONS, bz_image, pack, payload, s390, uki, wrapper, z_image, zboot};
use crate::kernels::kallsyms::FORMS;
use crate::kernels::parts::certificate;
use crate::kernels::types::{FUNC, Types, kernel_types};
use crate::kernels::vmlinux::Vmlinux;
use crate::ko::{Body, CrcTable, Ko, Profile, Section, Source};
use crate::why;

/// One file for one reader.
pub struct Seed {
    pub reader: &'static str,
    pub bytes: Vec<u8>,
}

const RELEASE: &str = "6.1.0-test";
const SYMVERS: &str = "0x12345678\tkfree\tvmlinux\tEXPORT_SYMBOL\t\n0x9abcdef0\tkick_gpl\tvmlinux\tEXPORT_SYMBOL_GPL\t\n\
                       0x00000001\tinner\tdrivers/usb/usb\tEXPORT_SYMBOL_NS_GPL\tUSB\n";
const CONFIG: &str = "# Linux/x86 6.1.0 Kernel Configuration\nCONFIG_64BIT=y\nCONFIG_X86_64=y\nCONFIG_MODULES=y\n\
                      CONFIG_MODVERSIONS=y\n# CONFIG_MODULE_SIG is not set\nCONFIG_LOCALVERSION=\"-test\"\nCONFIG_HZ=250\n";
const SYSTEM_MAP: &str = "ffffffff81000000 T _text\nffffffff81000100 T kfree\nffffffff82000000 r __ksymtab_kfree\n\
                          ffffffff8200000c r __ksymtab_kick_gpl\nffffffff82000018 R __stop___ksymtab_gpl\n";
const UTSRELEASE: &str = "#define UTS_RELEASE \"6.1.0-test\"\n";

/// Texts, by their readers.
const TEXTS: [(&str, &str); 30] = [
    ("assembly", "\t.text\n\t.type f, @function\nf:\n\tcall kick_gpl@PLT\n.L1:\n\tjmp\tg\n\tret\n\t.size f, .-f\n"),
    ("assembly", "\t.section .rodata,\"a\"\n\t.type t, @object\nt:\n\t.quad f+8\n\t.long .L1-t\n\t.ascii \"a\\n\"\n"),
    ("assembly", "\t.type f, %function\nf:\tbl kick_gpl\n\tadrp x0, v\n\tb.eq g\n\tldr x1, [x0, :lo12:v]\n"),
    ("assembly", "f:\n\t.pushsection __jump_table,\"aw\"\n\t.long 1b - .\n\t.popsection\n\t.set g, f\n\t.weak g\n"),
    ("cmdline", "module.sig_enforce=1 module_blacklist=foo,bar lockdown=integrity foo.n=3 foo.s=\"a b\" -- init"),
    ("cmdline", "quiet nomodule modprobe.blacklist=foo foo.unsafe=1 async_probe panic_on_taint=0x1 spectre_v2=off"),
    ("config", CONFIG),
    ("config", UTSRELEASE),
    ("config", "6.1.0-test\n"),
    ("headers", "static inline void put_page(struct page *page)\n{\n\tif (foo(page))\n\t\tkfree(page);\n}\n"),
    (
        "headers",
        "#ifdef CONFIG_X\n#define foo(a, b) do { \\\n\tprintk(a); \\\n} while (0)\n#else\nextern int foo(int x);\n#endif\n",
    ),
    ("headers", "extern void *kmalloc(size_t, gfp_t) __attribute__((malloc, alloc_size(1)));\nEXPORT_SYMBOL(foo);\n"),
    ("headers", "/* kfree */ // printk\ntypedef struct { int x; } y_t;\nstruct x { int (*foo)(char c, ...); };\n"),
    ("module_lists", "kernel/foo.ko: kernel/a/bar.ko\nkernel/a/bar.ko:\n"),
    ("module_lists", "kernel/foo.ko\nkernel/a/bar.ko\n"),
    ("module_lists", "softdep foo pre: bar post: baz\n"),
    ("module_lists", "foo.license=GPL\0foo.parm=n:the number\0foo.parmtype=n:int\0bar.version=1\0"),
    ("parameters", "n=0x10 s=\"hello world\" b unsafe=1 nobody=1 dyndbg=\"+p\" async_probe odd=3 -- rest"),
    ("parameters", "n=-1 n=99999999999999999999 s= b=maybe"),
    ("policy", "# gplok baseline: what is known\nremoved\tfoo\tkfree\tgone\n"),
    (
        "policy",
        "kfree PASS\nvmlinux FAIL # any\nSPACE_* PASS removed\nsymbol:*_gpl PASS\nlicense:GPL_v2 FAIL\nkind:*GPL PASS\n",
    ),
    (
        "policy",
        "{\"schema\":\"gplok/1\",\"objects\":[{\"path\":\"a.ko\",\"name\":\"a\",\"kernel\":false}],\"findings\":[\
                {\"code\":\"wrapper\",\"object\":\"a\",\"export\":\"f\",\"symbol\":\"kick_gpl\"}]}",
    ),
    (
        "policy",
        "{\"inlines\":[{\"name\":\"put_page\",\"file\":\"include/linux/mm.h\",\"line\":3,\"gpl_only\":[\"kick_gpl\"],\
                \"unexported\":[],\"namespaced\":[],\"path\":[\"put_page\",\"kick_gpl\"]}],\"dropped\":[]}",
    ),
    ("symvers", SYMVERS),
    ("symvers", "0x00000000\tkfree\tvmlinux\tEXPORT_SYMBOL\n0x00000000\tsoon\tfs/x\tEXPORT_SYMBOL_GPL_FUTURE\n"),
    ("symvers", "0x1\tkfree\tNS\tvmlinux\tEXPORT_SYMBOL\r\n0x2\told\tvmlinux\tEXPORT_UNUSED_SYMBOL_GPL\t\n"),
    ("symvers", "0x3\tguest\tvmlinux\tEXPORT_SYMBOL_GPL\tmodule:kvm,kvm-*\n"),
    ("system_map", SYSTEM_MAP),
    ("system_map", "c0008000 T _text\nc0008100 t local\t[foo]\n         U gone\n"),
    ("system_map", "ffffffffffffffff B the system map is in the debug package\n"),
];

/// All seeds.
pub fn all() -> Vec<Seed> {
    let mut seeds: Vec<Seed> =
        TEXTS.iter().map(|(reader, text)| Seed { reader, bytes: text.as_bytes().to_vec() }).collect();
    let mut add = |reader, files: Vec<Vec<u8>>| seeds.extend(files.into_iter().map(|bytes| Seed { reader, bytes }));
    add("audit", audited());
    add("btf", types());
    add("certificates", certificates());
    add("check", modules());
    add("compression", packed(b"one kernel, one kernel, one kernel and one module"));
    add("deb", debs());
    add("dwarf", with_lines());
    add("image", images());
    add("kernel_compression", packed(b"one module, one module, one module and one kernel"));
    add("module", modules());
    add("pkcs7", messages());
    add("rpm", rpms());
    add("tar", tars());
    seeds
}

fn modules() -> Vec<Vec<u8>> {
    let plain = Ko::new("foo")
        .needs("kfree")
        .needs("printk")
        .needs_weak("nobody")
        .export("one")
        .export_gpl("two")
        .namespace("MINE")
        .param("n", "param_ops_int")
        .import_ns("SPACE");
    let message = include_bytes!("../../../testdata/keys/rsa-sha256.p7s");
    let types = Section::new(".BTF", 0, 1, module_types().bytes());
    let own = profile();
    let built = [
        plain.clone(),
        plain.clone().intree().license("Proprietary").needs("kick_gpl").needs("inner"),
        plain.clone().ext_versions().signed(message),
        plain.clone().section(types).init(Body::Returns(-19)).no_exit(),
        plain.clone().tag("livepatch", "Y").tag("staging", "Y").tag("retpoline", "").no_versions(),
    ];
    let mut modules: Vec<_> = built.iter().map(|ko| ko.build(own)).collect();
    modules.push(pack(Compression::Xz, &plain.build(own)));
    modules.push(pack(Compression::Zstd, &plain.build(own)));
    for release in ["4.18.0", "5.10.0", "7.3.0"] {
        modules.push(plain.build(&Profile::made_up(release).with_modversions(CrcTable::Symbols)));
    }
    for (machine, class, endian) in [
        (ElfMachine::I386, Class::Elf32, Endian::Little),
        (ElfMachine::Arm64, Class::Elf64, Endian::Little),
        (ElfMachine::Arm, Class::Elf32, Endian::Little),
        (ElfMachine::S390, Class::Elf64, Endian::Big),
        (ElfMachine::Ppc64, Class::Elf64, Endian::Little),
        (ElfMachine::Mips, Class::Elf32, Endian::Big),
        (ElfMachine::Riscv, Class::Elf64, Endian::Little),
        (ElfMachine::Loongarch, Class::Elf64, Endian::Little),
    ] {
        modules.push(plain.build(&Profile::synthetic(Arch { machine, class, endian })));
    }
    modules
}

fn module_types() -> Types {
    let base = kernel_types(profile());
    let mut types = Types::on(&base);
    types.add(1, FUNC, 0, 1, &[]);
    types.structure("own", 16, &[("a", 1, 0), ("b", 2, 8)]);
    types
}

fn types() -> Vec<Vec<u8>> {
    let mut every = Types::new();
    // Every kind, with what follows its record.
    let rests: [(u32, &[u32]); 19] = [
        (1, &[0x0100_0020]),
        (2, &[]),
        (3, &[1, 1, 4]),
        (4, &[0, 1, 0]),
        (5, &[0, 1, 0]),
        (6, &[0, 1]),
        (7, &[]),
        (8, &[]),
        (9, &[]),
        (10, &[]),
        (11, &[]),
        (12, &[]),
        (13, &[0, 1]),
        (14, &[0]),
        (15, &[1, 0, 4]),
        (16, &[]),
        (17, &[0]),
        (18, &[]),
        (19, &[0, 1, 0]),
    ];
    for (kind, rest) in rests {
        let name = every.string("name");
        let members = u32::from(matches!(kind, 4 | 5 | 6 | 13 | 15 | 19));
        every.add(name, kind, members, 4, rest);
    }
    vec![kernel_types(profile()).bytes(), module_types().bytes(), every.bytes()]
}

/// Modules with debug information of every version.
fn with_lines() -> Vec<Vec<u8>> {
    let archs = [Arch::X86_64, Arch::ARM64].map(Profile::synthetic);
    let build = |dwarf: u16| {
        let source = why::module(Source::new(&[why::unit()]).dwarf(dwarf));
        archs.iter().map(move |profile| source.build(profile)).collect::<Vec<_>>()
    };
    let mut modules: Vec<_> = (2..=5).flat_map(build).collect();
    modules.extend(archs.iter().map(|profile| why::module(Source::new(&[why::unit()])).build(profile)));
    modules
}

fn audited() -> Vec<Vec<u8>> {
    let mut objects = with_lines();
    objects.truncate(2);
    objects.push(include_bytes!("../../../testdata/audit/object-x86_64.o").to_vec());
    objects.push(include_bytes!("../../../testdata/audit/hmm-x86_64.ko.xz").to_vec());
    objects.push(include_bytes!("../../../testdata/audit/hmm-arm64.ko.xz").to_vec());
    for profile in [profile().clone(), Profile::synthetic(Arch::ARM64)] {
        objects.push(Ko::new("foo").needs("kick_gpl").export("one").export_gpl("two").build(&profile));
    }
    objects
}

fn certificates() -> Vec<Vec<u8>> {
    let names = ["rsa", "p256", "p384", "p521"];
    let mut files: Vec<_> = names.map(certificate).into();
    files.push(files.concat());
    files.push(include_bytes!("../../../testdata/keys/p256.pem").to_vec());
    files
}

fn messages() -> Vec<Vec<u8>> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let folders = [root.join("keys"), root.join("oracle/p7s")];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).expect("a folder").flatten());
    let mut paths: Vec<_> = files.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "p7s"));
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).expect("a file")).collect()
}

fn packed(contents: &[u8]) -> Vec<Vec<u8>> {
    let long = contents.repeat(40);
    COMPRESSIONS.iter().flat_map(|compression| [pack(*compression, contents), pack(*compression, &long)]).collect()
}

/// A kernel with few exports.
fn kernel(arch: Arch) -> Vmlinux {
    let mut kernel = Vmlinux::new(RELEASE).on(arch);
    kernel.config = Some("CONFIG_MODULES=y\nCONFIG_64BIT=y\n".to_owned());
    kernel.module_size = Some(0x500);
    kernel.certificates = vec![certificate("p256")];
    kernel.exports.truncate(60);
    kernel
}

fn images() -> Vec<Vec<u8>> {
    let mut images = Vec::new();
    for form in FORMS {
        let mut kernel = kernel(Arch::X86_64);
        kernel.kallsyms = Some(form);
        images.push(kernel.elf());
    }
    let (x86_64, arm64) = (kernel(Arch::X86_64), kernel(Arch::ARM64));
    images.extend([x86_64.headless(), x86_64.unstripped(), arm64.bare(), kernel(Arch::I386).headless()]);
    let contents = x86_64.elf();
    images.extend(COMPRESSIONS.map(|compression| bz_image(&payload(compression, &contents))));
    let gzip = payload(Compression::Gzip, &arm64.bare());
    let linux = bz_image(&payload(Compression::Zstd, &contents));
    images.push(uki(&[(".uname", RELEASE.as_bytes()), (".cmdline", b"quiet"), (".linux", &linux)]));
    images.extend([zboot("gzip", &gzip), z_image(&gzip), s390(&gzip)]);
    images.push(wrapper(Arch::X86_64, &payload(Compression::Xz, &contents)));
    images
}

/// The files of a kernel package.
fn package() -> Vec<(String, Vec<u8>)> {
    let module = Ko::new("foo").needs("kfree").export("one").build(profile());
    let image = bz_image(&payload(Compression::Xz, &kernel(Arch::X86_64).elf()));
    let files = [
        ("./lib/modules/6.1.0-test/kernel/foo.ko", module.clone()),
        ("./lib/modules/6.1.0-test/kernel/bar.ko.gz", pack(Compression::Gzip, &module)),
        ("./lib/modules/6.1.0-test/modules.builtin", b"kernel/a/b.ko\n".to_vec()),
        ("./lib/modules/6.1.0-test/modules.builtin.modinfo", b"b.parm=x:y\0b.version=1\0".to_vec()),
        ("./boot/config-6.1.0-test", CONFIG.into()),
        ("./boot/System.map-6.1.0-test", SYSTEM_MAP.into()),
        ("./usr/src/linux-headers-6.1.0-test/Module.symvers", SYMVERS.into()),
        ("./usr/src/linux-headers-6.1.0-test/include/generated/utsrelease.h", UTSRELEASE.into()),
        ("./boot/vmlinuz-6.1.0-test", image),
    ];
    files.into_iter().map(|(path, bytes)| (path.to_owned(), bytes)).collect()
}

pub fn tar(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, &bytes[..]).expect("added");
    }
    archive.into_inner().expect("written")
}

fn tars() -> Vec<Vec<u8>> {
    let mut files = package();
    files.insert(0, (".PKGINFO".to_owned(), b"pkgname = linux\npkgver = 6.1.0\narch = x86_64\n".to_vec()));
    let (all, few) = (tar(&files), tar(&files[..2]));
    vec![pack(Compression::Zstd, &all), pack(Compression::Gzip, &few), few, all]
}

fn debs() -> Vec<Vec<u8>> {
    let control = b"Package: linux-image-6.1.0-test\nVersion: 6.1.192-1\nArchitecture: amd64\n".to_vec();
    let control = tar(&[("./control".to_owned(), control)]);
    let (all, few) = (tar(&package()), tar(&package()[..2]));
    let deb = |suffix: &str, pack: &dyn Fn(&[u8]) -> Vec<u8>, data: &[u8]| {
        let members = [
            ("debian-binary".to_owned(), b"2.0\n".to_vec()),
            (format!("control.tar{suffix}"), pack(&control)),
            (format!("data.tar{suffix}"), pack(data)),
        ];
        ar(&members)
    };
    vec![
        deb("", &<[u8]>::to_vec, &few),
        deb(".xz", &|bytes| pack(Compression::Xz, bytes), &all),
        deb(".gz", &|bytes| pack(Compression::Gzip, bytes), &few),
    ]
}

fn ar(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = b"!<arch>\n".to_vec();
    for (name, contents) in members {
        let (zero, mode) = (0, 100_644);
        let header = format!("{name:<16}{zero:<12}{zero:<6}{zero:<6}{mode:<8}{:<10}`\n", contents.len());
        archive.extend(header.bytes());
        archive.extend(contents);
        archive.resize(archive.len().next_multiple_of(2), b'\n');
    }
    archive
}

fn rpms() -> Vec<Vec<u8>> {
    let few = cpio(&package()[..2]);
    let all = cpio(&package());
    vec![
        rpm("none", &few),
        rpm("xz", &pack(Compression::Xz, &all)),
        rpm("zstd", &pack(Compression::Zstd, &few)),
        rpm("gzip", &pack(Compression::Gzip, &few)),
    ]
}

/// The "new" form of cpio, without checksums.
fn cpio(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = Vec::new();
    let end = ("TRAILER!!!".to_owned(), Vec::new());
    for (inode, (path, contents)) in files.iter().chain([&end]).enumerate() {
        let fields = [inode, 0o100_644, 0, 0, 1, 0, contents.len(), 0, 0, 0, 0, path.len() + 1, 0];
        archive.extend(b"070701");
        archive.extend(fields.iter().flat_map(|field| format!("{field:08x}").into_bytes()));
        archive.extend(path.bytes().chain([0]));
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend(contents);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }
    archive
}

fn rpm(compression: &str, archive: &[u8]) -> Vec<u8> {
    let text = |tag: u32, text: &str| (tag, 6, format!("{text}\0").into_bytes());
    let mut package = b"\xed\xab\xee\xdb\x03".to_vec();
    package.resize(96, 0);
    package.extend(rpm_header(&[text(1000, "signature")]));
    package.resize(package.len().next_multiple_of(8), 0);
    let tags =
        [(1000, "kernel"), (1001, "6.1.0"), (1002, "test"), (1022, "x86_64"), (1124, "cpio"), (1125, compression)];
    package.extend(rpm_header(&tags.map(|(tag, value)| text(tag, value))));
    package.extend(archive);
    package
}

fn rpm_header(tags: &[(u32, u32, Vec<u8>)]) -> Vec<u8> {
    let (mut index, mut data) = (Vec::new(), Vec::new());
    for (tag, kind, bytes) in tags {
        index.extend([*tag, *kind, data.len() as u32, 1].iter().flat_map(|word| word.to_be_bytes()));
        data.extend(bytes);
    }
    let mut header = vec![0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
    header.extend((tags.len() as u32).to_be_bytes());
    header.extend((data.len() as u32).to_be_bytes());
    [header, index, data].concat()
}
