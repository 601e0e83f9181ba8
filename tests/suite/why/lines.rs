//! Chains of inlined calls, and fields of variables, out of every form of debug information.

use std::io::Write as _;

use gplok::terms::{Arch, Class, ElfMachine, Endian};
use gplok::verdict::DebugInfo;
use object::elf::{ELFCOMPRESS_ZLIB, ELFCOMPRESS_ZSTD, SHF_COMPRESSED};

use super::{BARE, CALL, KEY, MM, TYPES, module, uses, uses_of, verdict_on, x86_64};
use crate::ko::{Does, Function, Ko, Profile, Source, Type, Unit, Variable};

const BOTH: [&str; 2] = ["devmap_key", "__put_page"];

/// DWARF 4 keeps ranges and file names elsewhere than DWARF 5 does; what they say is the same.
#[test]
fn versions_of_dwarf_say_the_same() {
    for version in [2, 3, 4, 5] {
        let verdict = verdict_on(module(Source::new(&[super::unit()]).dwarf(version)).build(&x86_64()), &BOTH);
        assert_eq!(uses(&verdict), [KEY, CALL], "DWARF {version}");
        assert_eq!(verdict.debug_info, DebugInfo::Read { file: "foo.ko".to_owned() }, "DWARF {version}");
    }
}

/// Big-endian, 32 bits, and relocations of their own.
#[test]
fn architectures_say_the_same() {
    let s390 = Arch { machine: ElfMachine::S390, class: Class::Elf64, endian: Endian::Big };
    for version in [4, 5] {
        for arch in [Arch::I386, Arch::ARM64, s390] {
            let ko = module(Source::new(&[super::unit()]).jumps(crate::ko::JumpTable::Words).dwarf(version));
            assert_eq!(uses_of("devmap_key", &ko, &Profile::synthetic(arch)), [KEY], "{arch}, DWARF {version}");
        }
    }
}

/// A function of its own file that is inlined into another, and a header of the module's own.
#[test]
fn inlines_of_the_module_are_no_headers_of_the_kernel() {
    const OWN: &str = "/build/foo/include/pages.h";
    let release = [("put_page", MM, 926), ("release", OWN, 7), ("drop_all", "sub/a.c", 30)];
    let function = Function::new("foo_exit", 40).step(44, &release, Does::Calls("__put_page"));
    let units = [
        Unit::new("/build/foo", "sub/a.c").includes(TYPES).function(function),
        Unit::new("/build/foo", "main.c").function(Function::new("foo_init", 1).section(".init.text")),
    ];
    let ko = Ko::new("foo").uses("__put_page").source(Source::new(&units).dwarf(5));
    let verdict = verdict_on(ko.build(&x86_64()), &["__put_page"]);
    let chain =
        "put_page include/linux/mm.h:926 < release include/pages.h:7 < drop_all sub/a.c:30 < foo_exit sub/a.c:44";
    assert_eq!(uses(&verdict), [format!(".text+0x49: {chain}")]);
    let headers: Vec<bool> = verdict.findings[0].uses()[0].chain.iter().map(|frame| frame.header).collect();
    assert_eq!(headers, [true, false, false, false]);
}

fn compressed(version: u16, pack: impl Fn(&[u8]) -> Vec<u8> + 'static, older: bool, kind: u32) -> Vec<u8> {
    let ko = module(Source::new(&[super::unit()]).dwarf(version)).tweak(move |elf| {
        for section in elf.sections.iter_mut().filter(|section| section.name.starts_with(".debug_")) {
            let (size, packed) = (section.data.len() as u64, pack(&section.data));
            section.data = if older {
                [b"ZLIB", &size.to_be_bytes()[..], &packed].concat()
            } else {
                section.flags |= u64::from(SHF_COMPRESSED);
                // Elf64_Chdr: type, padding, size, alignment.
                let words = [&size.to_le_bytes()[..], &1_u64.to_le_bytes(), &packed].concat();
                [&kind.to_le_bytes()[..], &[0; 4], &words].concat()
            };
        }
        if older {
            let rename = |name: &mut String| *name = name.replace(".debug_", ".zdebug_");
            elf.sections.iter_mut().for_each(|section| rename(&mut section.name));
            elf.sections.iter_mut().flat_map(|section| &mut section.relocs).for_each(|reloc| rename(&mut reloc.symbol));
            elf.symbols.iter_mut().for_each(|symbol| {
                rename(&mut symbol.name);
                if let crate::ko::Place::Section(name) = &mut symbol.place {
                    rename(name);
                }
            });
        }
    });
    ko.build(&x86_64())
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("a vector can grow");
    encoder.finish().expect("a vector can grow")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).expect("a vector can grow")
}

/// `CONFIG_DEBUG_INFO_COMPRESSED_ZLIB`, `_ZSTD`, and the older form with a name of its own. Relocations are for the bytes
/// after decompression.
#[test]
fn compressed_debug_sections() {
    for version in [4, 5] {
        let forms = [
            compressed(version, zlib, false, ELFCOMPRESS_ZLIB),
            compressed(version, zstd, false, ELFCOMPRESS_ZSTD),
            compressed(version, zlib, true, 0),
        ];
        for bytes in forms {
            assert_eq!(uses(&verdict_on(bytes, &BOTH)), [KEY, CALL]);
        }
    }
}

/// What cannot be decompressed is said, with the section, and the function is still known.
#[test]
fn broken_compression_is_told() {
    let state = |bytes: Vec<u8>| {
        let verdict = verdict_on(bytes, &BOTH);
        assert_eq!(uses(&verdict), BARE);
        let DebugInfo::Unusable { file, what } = verdict.debug_info else { panic!("{:?}", verdict.debug_info) };
        assert_eq!(file, "foo.ko");
        what
    };
    let what = state(compressed(5, |bytes| bytes.to_vec(), false, 77));
    assert!(what.ends_with("it is compressed in an unknown way (77)"), "{what}");
    let what = state(compressed(5, |bytes| zlib(bytes)[..8].to_vec(), false, ELFCOMPRESS_ZLIB));
    assert!(what.starts_with("section .debug_"), "{what}");
    let what = state(compressed(5, |bytes| zstd(&bytes[1..]), false, ELFCOMPRESS_ZSTD));
    assert!(what.contains(" bytes when decompressed, not "), "{what}");
}

/// `struct file_operations { owner, read, write }`, as little of it as will do.
fn operations() -> Type {
    let members =
        vec![(Some("owner"), 0, Type::Long), (Some("read"), 8, Type::Function), (Some("write"), 16, Type::Function)];
    Type::Struct(Some("file_operations"), 24, members)
}

fn data(variable: Variable, version: u16) -> Vec<String> {
    let source = Source::new(&[Unit::new("/build/foo", "main.c").includes(TYPES).variable(variable)]).dwarf(version);
    uses_of("helper", &Ko::new("foo").uses("helper").source(source), &x86_64())
}

#[test]
fn pointers_in_a_structure() {
    let fops = Variable::new("foo_fops", 50, 24, Type::Const(Box::new(operations()))).pointer(16, "helper");
    for version in [4, 5] {
        assert_eq!(data(fops.clone(), version), [".rodata+0x10: struct file_operations foo_fops.write main.c:50"]);
    }
}

#[test]
fn pointers_in_an_array_of_structures() {
    let all = Type::Array(Box::new(operations()), vec![3]);
    let table = Variable::new("foo_table", 60, 72, all).pointer(8, "helper").pointer(56, "helper");
    let expected = [
        ".rodata+0x8: struct file_operations[] foo_table[0].read main.c:60",
        ".rodata+0x38: struct file_operations[] foo_table[2].read main.c:60",
    ];
    assert_eq!(data(table, 5), expected);
}

/// A structure in a structure, one without a name, a union, names for types.
#[test]
fn pointers_in_nested_types() {
    let either = vec![(Some("number"), 0, Type::Long), (Some("show"), 0, Type::Function)];
    let unnamed = vec![(Some("store"), 0, Type::Function), (None, 8, Type::Union(None, 8, either))];
    let members = vec![
        (Some("fops"), 0, Type::Typedef("ops_t", Box::new(Type::Const(Box::new(operations()))))),
        (None, 24, Type::Struct(None, 16, unnamed)),
        (Some("calls"), 40, Type::Array(Box::new(Type::Function), vec![2])),
    ];
    let device = Type::Struct(Some("device"), 56, members);
    let all = [8, 24, 32, 48].into_iter();
    let device = all.fold(Variable::new("foo", 70, 56, device), |device, offset| device.pointer(offset, "helper"));
    let expected = [
        ".rodata+0x8: struct device foo.fops.read main.c:70",
        ".rodata+0x18: struct device foo.store main.c:70",
        ".rodata+0x20: struct device foo.number main.c:70",
        ".rodata+0x30: struct device foo.calls[1] main.c:70",
    ];
    assert_eq!(data(device, 5), expected);
}

/// A plain pointer has no field, and a variable that the debug information does not know is its symbol.
#[test]
fn plain_pointers() {
    let plain = Variable::new("hook", 90, 8, Type::Function).pointer(0, "helper");
    assert_eq!(data(plain.clone(), 5), [".rodata+0x0: hook+0x0 main.c:90"]);
    let source = Source::new(&[Unit::new("/build/foo", "main.c").variable(plain)]);
    assert_eq!(uses_of("helper", &Ko::new("foo").uses("helper").source(source), &x86_64()), [".rodata+0x0: hook+0x0"]);
}

/// With `extern` before it, a variable is found where it is defined.
#[test]
fn variables_that_were_declared_before() {
    let fops = Variable::new("foo_fops", 50, 24, operations()).announced(5).pointer(8, "helper");
    for version in [4, 5] {
        assert_eq!(data(fops.clone(), version), [".rodata+0x8: struct file_operations foo_fops.read main.c:50"]);
    }
}

/// Types of a machine with words of 32 bits.
#[test]
fn pointers_in_a_structure_on_i386() {
    let members = vec![(Some("read"), 4, Type::Function)];
    let fops = Variable::new("fops", 50, 8, Type::Struct(Some("ops"), 8, members)).pointer(4, "helper");
    let source = Source::new(&[Unit::new("/build/foo", "main.c").includes(TYPES).variable(fops)]).dwarf(5);
    let found = uses_of("helper", &Ko::new("foo").uses("helper").source(source), &Profile::synthetic(Arch::I386));
    assert_eq!(found, [".rodata+0x4: struct ops fops.read main.c:50"]);
}

/// Rows and columns, as the source counts them.
#[test]
fn pointers_in_a_table_of_two_dimensions() {
    let grid = Variable::new("grid", 80, 48, Type::Array(Box::new(Type::Function), vec![2, 3])).pointer(40, "helper");
    assert_eq!(data(grid, 5), [".rodata+0x28: grid[1][2] main.c:80"]);
}
