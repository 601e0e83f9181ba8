//! The symbol table: what the loader makes of each kind of entry.

use object::elf::{
    SHN_ABS, SHN_COMMON, STB_GLOBAL, STB_LOCAL, STB_WEAK, STT_COMMON, STT_FILE, STT_FUNC, STT_GNU_IFUNC, STT_NOTYPE,
    STT_OBJECT, STT_SECTION, STT_TLS,
};

use super::{Case, case, foo};
use crate::ko::{Ko, Place, Profile, St, Symbol};

fn symbol(name: &str, what: &str, symbol: Symbol) -> Case {
    case(name, what, foo().symbol(symbol))
}

fn at(index: u16) -> Place {
    Place::Index(index)
}

pub fn cases(profile: &Profile) -> Vec<Case> {
    let object = |name: &str, place| Symbol::new(name, STB_GLOBAL, STT_OBJECT, place, 8);
    let mut cases = vec![
        case("unknown", "a symbol nobody has", foo().needs("nosuch")),
        case("unknown-two", "two symbols nobody has", foo().needs("nosuch1").needs("nosuch2")),
        case("unknown-ten", "ten symbols nobody has", (0..10).fold(foo(), |ko, n| ko.needs(&format!("nosuch{n}")))),
        case("unknown-weak", "a weak symbol nobody has", foo().needs_weak("nosuch")),
        case(
            "unknown-weak-and-strong",
            "a weak and a strong symbol nobody has",
            foo().needs_weak("nosuch1").needs("nosuch2"),
        ),
        case("unknown-local", "a local symbol that is undefined", foo().symbol(Symbol::undefined("nosuch", STB_LOCAL))),
        case(
            "unknown-unused",
            "an unknown symbol that no relocation uses",
            foo().symbol(Symbol::undefined("nosuch", STB_GLOBAL)),
        ),
        case(
            "unknown-unused-weak",
            "an unknown weak symbol that no relocation uses",
            foo().symbol(Symbol::undefined("nosuch", STB_WEAK)),
        ),
        case(
            "unknown-unique",
            "an unknown symbol of binding STB_GNU_UNIQUE",
            foo().symbol(Symbol::undefined("nosuch", 10)),
        ),
        case("unknown-os", "an unknown symbol of an odd binding", foo().symbol(Symbol::undefined("nosuch", 13))),
        case("unknown-long", "an unknown symbol of 300 letters", foo().needs(&"nosuch".repeat(50))),
        case("unknown-empty", "an undefined symbol without a name", foo().symbol(Symbol::undefined("", STB_GLOBAL))),
        case(
            "unknown-empty-weak",
            "a weak undefined symbol without a name",
            foo().symbol(Symbol::undefined("", STB_WEAK)),
        ),
        case("unknown-space", "a name with a blank", foo().needs("no such")),
        case("unknown-utf8", "a name that is not ASCII", foo().needs("größe")),
        case("unknown-percent", "a name with a format", foo().needs("no%s")),
        case("unknown-dash", "names do not mix dash and underscore", foo().needs("kobject-get")),
        case("unknown-case", "names do not mix upper and lower case", foo().needs("KFREE")),
        case("unknown-versioned", "a name with a version", foo().needs("kfree@@LINUX")),
        case("got", "the global offset table", foo().symbol(Symbol::undefined("_GLOBAL_OFFSET_TABLE_", STB_GLOBAL))),
        case(
            "got-weak",
            "the global offset table, weakly",
            foo().symbol(Symbol::undefined("_GLOBAL_OFFSET_TABLE_", STB_WEAK)),
        ),
        case("toc", "the table of contents of ppc64", foo().symbol(Symbol::undefined(".TOC.", STB_GLOBAL))),
        case("dot", "a name with a dot in front, as on ppc64", foo().needs(".kfree")),
        case(
            "known-plain",
            "five symbols the kernel has",
            foo().needs("vfree").needs("memcpy").needs("strlen").needs("msleep"),
        ),
        case(
            "known-gpl",
            "symbols for GPL modules",
            foo().needs("__symbol_get").needs("get_device").needs("put_device"),
        ),
        case("known-weak", "a weak symbol the kernel has", Ko::new("foo").needs_weak("kfree")),
        case("known-data", "data of the kernel", foo().needs("jiffies").needs("init_task").needs("system_state")),
        case("known-printk", "printk, until it became _printk", foo().needs("printk")),
        case("known-_printk", "_printk, since it is no longer printk", foo().needs("_printk")),
        case("known-put-page", "__put_page, which went away", foo().needs("__put_page")),
        case("known-thunk", "the return thunk of x86", foo().needs("__x86_return_thunk")),
        case(
            "known-in-module",
            "a symbol of a module that is not loaded",
            foo().needs("usb_stor_suspend").import_ns("USB_STORAGE"),
        ),
        case("known-module-layout", "module_layout itself", foo().needs("module_layout")),
        case("known-twice", "the same symbol twice", foo().symbol(Symbol::undefined("kfree", STB_GLOBAL))),
        case(
            "known-func",
            "an undefined function by type",
            foo().symbol(Symbol::new("vfree", STB_GLOBAL, STT_FUNC, Place::Undefined, 0)),
        ),
        case(
            "known-value",
            "an undefined symbol with a value",
            foo().symbol(Symbol::new("kobject_put", STB_GLOBAL, STT_NOTYPE, Place::Undefined, 0x1234)),
        ),
        case(
            "unknown-value",
            "an unknown weak symbol with a value",
            foo().symbol(Symbol::new("nosuch", STB_WEAK, STT_NOTYPE, Place::Undefined, 0x1234)),
        ),
        case(
            "unknown-hidden",
            "an unknown symbol of hidden visibility",
            foo().tweak(|elf| {
                let mut symbol = Symbol::undefined("nosuch", STB_GLOBAL);
                symbol.other = 2;
                elf.symbols.push(symbol);
            }),
        ),
        symbol("common", "a common symbol", object("bar", at(SHN_COMMON))),
        symbol(
            "common-type",
            "a common symbol of type common",
            Symbol::new("bar", STB_GLOBAL, STT_COMMON, at(SHN_COMMON), 8),
        ),
        symbol("common-local", "a local common symbol", Symbol::new("bar", STB_LOCAL, STT_OBJECT, at(SHN_COMMON), 8)),
        symbol("common-weak", "a weak common symbol", Symbol::new("bar", STB_WEAK, STT_OBJECT, at(SHN_COMMON), 8)),
        symbol("common-lto", "the mark of an LTO object", object("__gnu_lto_slim", at(SHN_COMMON))),
        symbol("common-lto-v1", "the older mark of an LTO object", object("__gnu_lto_v1", at(SHN_COMMON))),
        symbol("common-lto-almost", "almost the mark of an LTO object", object("gnu_lto_slim", at(SHN_COMMON))),
        case(
            "common-two",
            "two common symbols",
            foo().symbol(object("bar", at(SHN_COMMON))).symbol(object("baz", at(SHN_COMMON))),
        ),
        case(
            "common-and-unknown",
            "a common symbol, then an unknown one",
            foo().symbol(object("bar", at(SHN_COMMON))).needs("nosuch"),
        ),
        case(
            "unknown-and-common",
            "an unknown symbol, then a common one",
            foo().symbol(Symbol::undefined("nosuch", STB_GLOBAL)).symbol(object("bar", at(SHN_COMMON))),
        ),
        symbol("abs", "an absolute symbol", object("bar", at(SHN_ABS))),
        symbol(
            "abs-huge",
            "an absolute symbol of a large value",
            Symbol::new("bar", STB_GLOBAL, STT_NOTYPE, at(SHN_ABS), u64::MAX),
        ),
        symbol("livepatch", "a symbol for the live patcher", object("bar", at(0xff20))),
        symbol("livepatch-klp", "the same by its usual name", object(".klp.sym.vmlinux.kfree,0", at(0xff20))),
        case(
            "livepatch-marked",
            "the same in a live patch",
            foo().tag("livepatch", "Y").symbol(object(".klp.sym.vmlinux.kfree,0", at(0xff20))),
        ),
        symbol("file", "the name of a source file", Symbol::new("foo.c", STB_LOCAL, STT_FILE, at(SHN_ABS), 0)),
        symbol(
            "section",
            "a section symbol",
            Symbol::new("", STB_LOCAL, STT_SECTION, Place::Section(".text".to_owned()), 0),
        ),
        symbol(
            "tls",
            "a thread's symbol",
            Symbol::new("bar", STB_GLOBAL, STT_TLS, Place::Section(".data".to_owned()), 0),
        ),
        symbol(
            "ifunc",
            "an indirect function",
            Symbol::new("bar", STB_GLOBAL, STT_GNU_IFUNC, Place::Section(".text".to_owned()), 0),
        ),
        symbol(
            "far",
            "a symbol beyond its section",
            Symbol::new("bar", STB_GLOBAL, STT_OBJECT, Place::Section(".data".to_owned()), 1 << 30),
        ),
        symbol(
            "in-comment",
            "a symbol of a section that is not loaded",
            Symbol::new("bar", STB_GLOBAL, STT_OBJECT, Place::Section(".comment".to_owned()), 0),
        ),
        symbol(
            "same-as-kernel",
            "a symbol of its own called like one of the kernel",
            Symbol::new("vfree", STB_GLOBAL, STT_FUNC, Place::Section(".text".to_owned()), 0),
        ),
        case(
            "null-symbol",
            "the null symbol is never looked at",
            foo().patch(|file| {
                let start = file.range(".symtab").start;
                file.bytes[start + 4..start + 24].fill(0xff);
            }),
        ),
    ];
    // Without the check the kernel reads far past its section table: see `crashes`.
    if profile.version != "5.10" {
        for index in [0x7000, 0xff00, 0xff1f, 0xfff0, 0xffff] {
            cases.push(symbol(
                &format!("shndx-{index:x}"),
                "a section index that is no section",
                object("bar", at(index)),
            ));
        }
        cases.push(case(
            "shndx-shnum",
            "a section index one past the last",
            foo().symbol(object("bar", at(SHN_ABS))).patch(|file| {
                let count = file.sections() as u64;
                file.symbol_set("bar", St::Shndx, count);
            }),
        ));
        cases.push(case(
            "shndx-two",
            "two such, and an unknown symbol between",
            foo()
                .symbol(object("bar", at(0x7000)))
                .symbol(Symbol::undefined("nosuch", STB_GLOBAL))
                .symbol(object("baz", at(0x7001))),
        ));
    }
    let namespaces: [(&str, &str); 6] = [
        ("dma-buf", "DMA_BUF"),
        ("dma-buf-lower", "dma_buf"),
        ("dma-buf-quoted", "\"DMA_BUF\""),
        ("dma-buf-list", "CXL,DMA_BUF"),
        ("dma-buf-space", "DMA_BUF "),
        ("dma-buf-prefix", "DMA"),
    ];
    cases.push(case("ns-none", "a symbol of a namespace that is not imported", foo().needs("dma_buf_get")));
    cases.push(case(
        "ns-none-two",
        "two symbols of a namespace that is not imported",
        foo().needs("dma_buf_get").needs("dma_buf_put"),
    ));
    cases.push(case("ns-none-weak", "the same, weakly", foo().needs_weak("dma_buf_get")));
    cases.push(case(
        "ns-proprietary",
        "a proprietary module does not get that far",
        foo().license("Proprietary").needs("dma_buf_get"),
    ));
    cases.push(case("ns-crc", "the version is looked at first", foo().needs("dma_buf_get").crc("dma_buf_get", 1)));
    for (name, namespace) in namespaces {
        cases.push(case(
            format!("ns-{name}"),
            format!("import_ns={namespace}"),
            foo().needs("dma_buf_get").import_ns(namespace),
        ));
    }
    cases.extend([
        case(
            "ns-second",
            "the second import is right",
            foo().needs("dma_buf_get").import_ns("CXL").import_ns("DMA_BUF"),
        ),
        case("ns-firmware", "the one namespace 5.10 has in the kernel itself", foo().needs("fw_fallback_config")),
        case(
            "ns-firmware-import",
            "the same, imported",
            foo().needs("fw_fallback_config").import_ns("FIRMWARE_LOADER_PRIVATE"),
        ),
        case(
            "ns-cipher",
            "one of two namespaces is imported",
            foo().needs("dma_buf_get").needs("crypto_cipher_setkey").import_ns("CRYPTO_INTERNAL"),
        ),
        case("ns-module", "a symbol for kvm only", foo().needs("anon_inode_make_secure_inode")),
        case(
            "ns-module-import",
            "a symbol for kvm only, imported by hand",
            foo().needs("anon_inode_make_secure_inode").import_ns("module:kvm"),
        ),
        case("ns-module-kvm", "the same symbol asked for by kvm", Ko::new("kvm").needs("anon_inode_make_secure_inode")),
        case(
            "ns-module-kvm-list",
            "a symbol for kvm, kvm-amd and kvm-intel",
            Ko::new("kvm_intel").needs("perf_guest_get_msrs"),
        ),
        case("ns-module-kvm-dash", "the same with a dash in the name", Ko::new("kvm-amd").needs("perf_guest_get_msrs")),
        case("ns-module-kvm-almost", "a name that only begins alike", Ko::new("kvm_int").needs("perf_guest_get_msrs")),
    ]);
    cases
}
