//! Modules that were compiled with another idea of `struct module` than the kernel.

use gplok::image::Image;
use gplok::kernel::Kernel;
use gplok::load::{Cmdline, Insmod, Machine, ModuleInitFlags};
use gplok::terms::{Arch, ElfMachine, Errno};
use gplok::verdict::{Cause, Missing, Outcome, Verdict};

use super::types::Told;
use crate::ko::{Ko, Place, Profile, Re, Section, Symbol};
use crate::made::{self, Made};

fn insmod(machine: &mut Machine, image: &Image) -> Verdict {
    machine.insmod(image, &Insmod::default())
}

fn lines(verdict: &Verdict) -> Vec<String> {
    verdict.log.iter().map(|line| line.text.to_string()).collect()
}

fn misplaced(field: &str, module: u64, kernel: u64, refused: bool) -> Cause {
    Cause::StructModuleLayout { field: field.to_owned(), module, kernel: Some(kernel), refused }
}

/// The exit function lies where the kernel has a list, which is not empty: x86-64 refuses the relocation.
#[test]
fn a_place_that_the_loader_has_filled_is_refused() {
    for (release, words, place) in [
        ("6.1.0", "Skipping invalid", "type 1, loc (____ptrval____), val ffffffffc0201020"),
        ("6.12.0", "Invalid", "type 1, loc (____ptrval____), val ffffffffc0201020"),
    ] {
        let told = Told::new(release, Arch::X86_64, &[]);
        let image = told.image(&Ko::new("foo").intree(), |profile| profile.exit -= 8);
        let verdict = insmod(&mut told.boot(), &image);
        assert_eq!(verdict.outcome.errno(), Some(Errno::ENOEXEC), "{verdict:#?}");
        let line = format!("module: x86/modules: {words} relocation target, existing value is nonzero for {place}");
        assert_eq!(lines(&verdict), [line]);
        let exit = told.profile.exit;
        assert_eq!(verdict.findings[0].cause, misplaced("exit", exit - 8, exit, true));
    }
}

/// A list's upper half and a counter make a place not zero, a table that is written later does not.
#[test]
fn what_lies_at_the_place_decides() {
    let told = Told::new("6.12.0", Arch::X86_64, &[]);
    let outcome = |change: fn(&mut Profile)| {
        let verdict = insmod(&mut told.boot(), &told.image(&Ko::new("foo").intree(), change));
        (verdict.outcome, verdict.missing)
    };
    let refused = |change| assert_eq!(outcome(change).0.errno(), Some(Errno::ENOEXEC));
    refused(|profile| profile.exit -= 4);
    refused(|profile| profile.exit += 4);
    refused(|profile| profile.exit += 8);
    refused(|profile| profile.exit = 0);
    assert_eq!(outcome(|profile| profile.exit -= 48), (Outcome::Loads, vec![]));
    assert_eq!(outcome(|profile| profile.exit -= 64), (Outcome::Loads, vec![]));
    let secret = Missing::Memory("secret in struct module".to_owned());
    assert_eq!(outcome(|profile| profile.exit += 16), (Outcome::Undetermined, vec![secret]));
    // The number of parameters, without a table.
    let crash = outcome(|profile| profile.init += 8).0;
    assert!(matches!(crash, Outcome::Crash { .. }), "{crash:?}");
}

/// A relocation that writes nothing leaves the module without an exit function.
#[test]
fn a_relocation_of_no_type_stores_no_function() {
    const EXIT: usize = 1;
    let told = Told::new("6.12.0", Arch::X86_64, &[]);
    let unload = |ko: Ko| {
        let mut machine = told.boot();
        assert_eq!(insmod(&mut machine, &told.image(&ko, |_| {})).outcome, Outcome::Loads);
        machine.rmmod("foo").outcome.errno()
    };
    assert_eq!(unload(Ko::new("foo").intree()), None);
    let section = ".rela.gnu.linkonce.this_module";
    let patched = Ko::new("foo").intree().patch(move |image| image.reloc_set(section, EXIT, Re::Info, 0));
    assert_eq!(unload(patched), Some(Errno::EBUSY));
}

/// The section of the relocations that store the init function (0) and the exit function (1).
const RELOCATIONS: &str = ".rela.gnu.linkonce.this_module";

fn unknown_function(field: &str) -> Vec<Missing> {
    vec![Missing::Memory(format!("the address that {field} in struct module holds"))]
}

/// How loading and unloading a module end.
fn life(told: &Told, ko: &Ko) -> [(Outcome, Vec<Missing>); 2] {
    let mut machine = told.boot();
    let loaded = insmod(&mut machine, &told.image(ko, |_| {}));
    let unloaded = machine.rmmod("foo");
    [loaded, unloaded].map(|verdict| (verdict.outcome, verdict.missing))
}

/// A module in which the relocation of one function has another `r_info`, made from the one it has.
fn relocated(function: usize, info: impl Fn(u64) -> u64 + 'static) -> Ko {
    Ko::new("foo").intree().patch(move |image| {
        let now = image.reloc_get(RELOCATIONS, function, Re::Info);
        image.reloc_set(RELOCATIONS, function, Re::Info, info(now));
    })
}

/// The kernel calls what `init` and `exit` hold. That is a function only if a relocation stores its whole address.
#[test]
fn a_relocation_of_another_type_stores_no_function() {
    let fine = (Outcome::Loads, vec![]);
    let open = |field| (Outcome::Undetermined, unknown_function(field));
    for (arch, own, others) in [
        // PC32, PLT32, 32S and PC64; ABS32, PREL64 and PREL32; RISC-V's 32, ADD64 and 32_PCREL.
        (Arch::X86_64, 1, [2, 4, 11, 24]),
        (Arch::ARM64, 257, [258, 260, 261, 261]),
        (Arch { machine: ElfMachine::Riscv, ..Arch::X86_64 }, 2, [1, 36, 57, 57]),
    ] {
        let told = Told::new("6.12.0", arch, &[]);
        assert_eq!(life(&told, &relocated(0, move |info| info >> 32 << 32 | own)), [fine.clone(), fine.clone()]);
        for kind in others {
            let typed = move |info: u64| info >> 32 << 32 | kind;
            let [loaded, _] = life(&told, &relocated(0, typed));
            // A 32-bit address may be out of range. If it is not, the kernel jumps to nowhere.
            assert_ne!(loaded.0, Outcome::Loads, "{arch:?} {kind}");
            let [loaded, unloaded] = life(&told, &relocated(1, typed));
            if loaded == fine {
                assert_eq!(unloaded, open("exit"), "{arch:?} {kind}");
            }
        }
    }
    let told = Told::new("6.12.0", Arch::X86_64, &[]);
    assert_eq!(life(&told, &relocated(0, |info| info >> 32 << 32 | 2))[0], open("init"));
    assert_eq!(life(&told, &relocated(1, |info| info >> 32 << 32 | 2)), [fine, open("exit")]);
}

/// A whole address is not enough: it has to be that of code which is in memory when the kernel calls it.
#[test]
fn an_address_of_something_else_is_no_function() {
    let told = Told::new("6.12.0", Arch::X86_64, &[]);
    let fine = (Outcome::Loads, vec![]);
    let open = |field| (Outcome::Undetermined, unknown_function(field));
    let moved = |symbol: Symbol| {
        let name = symbol.name.clone();
        let ko = Ko::new("foo").intree().section(Section::new(".init.text", 6, 16, [0xc3; 16])).symbol(symbol);
        ko.patch(move |image| {
            let index = image.symbol_index(&name);
            image.reloc_set(RELOCATIONS, 1, Re::Info, index << 32 | 1);
        })
    };
    // The second function of the code is cleanup_module.
    const CLEANUP: u64 = 32;
    let at = |section: &str, value| {
        Symbol::new("other", object::elf::STB_GLOBAL, object::elf::STT_FUNC, Place::Section(section.to_owned()), value)
    };
    let absolute = |value| {
        let place = Place::Index(object::elf::SHN_ABS);
        Symbol::new("other", object::elf::STB_GLOBAL, object::elf::STT_FUNC, place, value)
    };
    assert_eq!(life(&told, &moved(at(".text", CLEANUP))), [fine.clone(), fine.clone()]);
    // Nothing is known of code between the functions, nor of what another function does here.
    let other = [at(".text", CLEANUP + 1), at(".text", 0)];
    for symbol in other.into_iter().chain([at(".data", 0), at(".text", 0x1000), at(".init.text", 0), absolute(8)]) {
        assert_eq!(life(&told, &moved(symbol.clone())), [fine.clone(), open("exit")], "{symbol:?}");
    }
    // The address of nothing is null.
    let null = life(&told, &moved(absolute(0)));
    assert_eq!(null[1].0.errno(), Some(Errno::EBUSY));
}

/// An addend moves the address away from the beginning of the function.
#[test]
fn an_address_inside_a_function_is_no_function() {
    let told = Told::new("6.12.0", Arch::X86_64, &[]);
    for (function, field, position) in [(0, "init", 0), (1, "exit", 1)] {
        let ko = Ko::new("foo").intree().patch(move |image| image.reloc_set(RELOCATIONS, function, Re::Addend, 4));
        let ended = life(&told, &ko);
        assert_eq!(ended[position], (Outcome::Undetermined, unknown_function(field)), "{field}");
    }
}

/// The kernel frees the copy of the version when it unloads the module, or refuses it after the relocations.
#[test]
fn what_is_written_over_is_freed() {
    let told = Told::new("6.12.0", Arch::X86_64, &[]);
    let at = |init: u64, exit: u64| {
        move |profile: &mut Profile| {
            (profile.init, profile.exit) = (init, exit);
        }
    };
    let Profile { init, exit, .. } = told.profile;
    let version = exit - 56;
    let missing = vec![Missing::Memory("version in struct module once it is written over".to_owned())];
    let foo = Ko::new("foo").intree();
    // Unloading needs an exit function, but no init function.
    let mut machine = told.boot();
    assert_eq!(insmod(&mut machine, &told.image(&foo, at(version, exit))).outcome, Outcome::Loads);
    assert_eq!(machine.rmmod("foo").outcome, Outcome::Undetermined);
    // The init function fails.
    let fails = Insmod { init_returns: -19, ..Insmod::default() };
    let verdict = told.boot().insmod(&told.image(&foo, at(init, version)), &fails);
    assert_eq!((verdict.outcome, verdict.missing), (Outcome::Undetermined, missing.clone()));
    let verdict = told.boot().insmod(&told.image(&foo, at(init, exit - 48)), &fails);
    assert_eq!(verdict.outcome.errno(), Some(Errno::from_number(19).expect("an errno")));
    // The next relocation is refused. If it is the first one, nothing is written.
    let list = exit - 8;
    let verdict = insmod(&mut told.boot(), &told.image(&foo, at(version, list)));
    assert_eq!((verdict.outcome, verdict.missing), (Outcome::Undetermined, missing));
    let verdict = insmod(&mut told.boot(), &told.image(&foo, at(list, version)));
    assert_eq!(verdict.outcome.errno(), Some(Errno::ENOEXEC));
}

/// A module has the types of the kernel if `btf_base_data` is null. Anything else is taken for types.
#[test]
fn an_address_of_types_is_followed() {
    let told = Told::new("6.12.0", Arch::X86_64, &["DEBUG_INFO_BTF_MODULES"]);
    let mut types = super::types::Types::on(&told.types);
    types.int("own");
    let place = told.profile.exit - 72;
    let judge = |ko: &Ko| {
        let verdict = insmod(&mut told.boot(), &told.image(ko, |profile| profile.exit = place));
        (verdict.outcome, verdict.missing)
    };
    assert_eq!(judge(&Ko::new("foo").intree()), (Outcome::Loads, vec![]));
    let missing = vec![Missing::Memory("btf_base_data in struct module".to_owned())];
    assert_eq!(judge(&Ko::new("foo").intree().section(types.section(".BTF"))), (Outcome::Undetermined, missing));
}

/// Without any relocation the bytes of the file count.
#[test]
fn a_number_in_the_file_is_no_function() {
    let told = Told::new("6.12.0", Arch::X86_64, &[]);
    let fill = |offset: u64, byte| {
        Ko::new("foo").intree().no_exit().patch(move |image| {
            let at = image.range(".gnu.linkonce.this_module").start + offset as usize;
            image.bytes[at] = byte;
        })
    };
    let exit = told.profile.exit;
    let [loaded, unloaded] = life(&told, &fill(exit, 0));
    assert_eq!((loaded.0, unloaded.0.errno()), (Outcome::Loads, Some(Errno::EBUSY)));
    let [loaded, unloaded] = life(&told, &fill(exit + 3, 1));
    assert_eq!((loaded.0, unloaded), (Outcome::Loads, (Outcome::Undetermined, unknown_function("exit"))));
    // The loader overwrites a list, but not a field of which nothing is known. It sets `klp`, but does not clear it.
    assert_eq!(life(&told, &fill(exit - 16, 1))[0], (Outcome::Loads, vec![]));
    for (offset, field) in [(16, "secret"), (24, "klp")] {
        let missing = vec![Missing::Memory(format!("{field} in struct module"))];
        assert_eq!(life(&told, &fill(exit + offset, 1))[0], (Outcome::Undetermined, missing));
    }
}

/// Each byte counts, not only the first. What is freed with the module counts although another stage refuses it.
#[test]
fn the_file_sets_several_fields() {
    let told = Told::new("6.12.0", Arch::X86_64, &[]);
    let fill = |ko: Ko, offsets: [u64; 2]| {
        ko.patch(move |image| {
            let start = image.range(".gnu.linkonce.this_module").start;
            offsets.into_iter().for_each(|offset| image.bytes[start + offset as usize] = 1);
        })
    };
    let exit = told.profile.exit;
    let missing = |field| vec![Missing::Memory(format!("{field} in struct module"))];
    let foo = Ko::new("foo").intree();
    let secret = fill(foo.clone(), [exit - 16, exit + 16]);
    assert_eq!(life(&told, &secret)[0], (Outcome::Undetermined, missing("secret")));
    let refused = life(&told, &fill(foo.clone().needs("nobody"), [exit - 16, exit + 16]));
    assert_eq!(refused[0].0.errno(), Some(Errno::ENOENT));
    let freed = life(&told, &fill(foo.needs("nobody"), [exit - 16, exit - 80]));
    assert_eq!(freed[0], (Outcome::Undetermined, missing("percpu")));
}

/// A relocation of anything else writes over a field, too.
#[test]
fn a_relocation_of_another_symbol_is_judged_by_its_place() {
    let told = Told::new("6.12.0", Arch::X86_64, &[]);
    let exit = told.profile.exit;
    let outcome = |offset: u64| {
        let symbol = Place::Section(".text".to_owned());
        let ko = Ko::new("foo").intree().symbol(Symbol::new(
            "other",
            object::elf::STB_GLOBAL,
            object::elf::STT_FUNC,
            symbol,
            0,
        ));
        let ko = ko.patch(move |image| {
            let index = image.symbol_index("other");
            image.reloc_set(RELOCATIONS, 0, Re::Info, index << 32 | 1);
            image.reloc_set(RELOCATIONS, 0, Re::Offset, offset);
        });
        let verdict = insmod(&mut told.boot(), &told.image(&ko, |_| {}));
        (verdict.outcome, verdict.missing)
    };
    assert_eq!(outcome(exit - 16).0.errno(), Some(Errno::ENOEXEC));
    assert_eq!(outcome(exit - 48), (Outcome::Loads, vec![]));
    let secret = vec![Missing::Memory("secret in struct module".to_owned())];
    assert_eq!(outcome(exit + 16), (Outcome::Undetermined, secret));
}

/// Half of the address of the exit function lies in the field. The kernel calls that.
#[test]
fn half_of_an_address_is_no_function() {
    let told = Told::new("6.12.0", Arch::ARM64, &[]);
    let mut machine = told.boot();
    let verdict = insmod(&mut machine, &told.image(&Ko::new("foo").intree(), |profile| profile.exit -= 4));
    assert_eq!(verdict.outcome, Outcome::Undetermined);
    let verdict = machine.rmmod("foo");
    assert_eq!((verdict.outcome.errno(), verdict.outcome), (None, Outcome::Undetermined));
    assert!(verdict.missing.contains(&unknown_function("exit")[0]), "{:?}", verdict.missing);
}

/// A module without an exit function at the kernel's place stays loaded.
#[test]
fn a_function_that_the_kernel_does_not_find_is_not_called() {
    let told = Told::new("6.12.0", Arch::X86_64, &[]);
    let mut machine = told.boot();
    let verdict = insmod(&mut machine, &told.image(&Ko::new("foo").intree(), |profile| profile.exit -= 48));
    let exit = told.profile.exit;
    assert_eq!(verdict.findings[0].cause, misplaced("exit", exit - 48, exit, false));
    assert_eq!(machine.rmmod("foo").outcome.errno(), Some(Errno::EBUSY));
    // Without an init function at the kernel's place, its error is none.
    let image = told.image(&Ko::new("bar").intree(), |profile| profile.init -= 8);
    let verdict = machine.insmod(&image, &Insmod { init_returns: -19, ..Insmod::default() });
    assert_eq!(verdict.outcome, Outcome::Loads);
}

/// Only x86-64 looks whether the place is zero.
#[test]
fn other_architectures_write_over_the_field() {
    let told = Told::new("6.12.0", Arch::ARM64, &[]);
    let load = |change: fn(&mut Profile)| insmod(&mut told.boot(), &told.image(&Ko::new("foo").intree(), change));
    assert_eq!(load(|_| ()).outcome, Outcome::Loads);
    let quiet = load(|profile| profile.exit -= 48);
    assert_eq!((&quiet.outcome, quiet.findings.len()), (&Outcome::Loads, 1));
    let list = load(|profile| profile.exit -= 8);
    let missing = Missing::Memory("target_list.prev in struct module".to_owned());
    assert_eq!((list.outcome, list.missing), (Outcome::Undetermined, vec![missing]));
    // What becomes of the name depends on the address.
    let missing = Missing::Memory("name in struct module".to_owned());
    let name = load(|profile| profile.exit = 24);
    assert_eq!((name.outcome, name.missing), (Outcome::Undetermined, vec![missing]));
    assert_eq!(load(|profile| profile.exit = 24 + 8).outcome, Outcome::Loads);
    // The list is used when the module is unloaded.
    let mut machine = told.boot();
    insmod(&mut machine, &told.image(&Ko::new("bar").intree(), |profile| profile.exit += 8));
    let missing = Missing::Memory("the fields of struct module that bar has written over".to_owned());
    let verdict = machine.rmmod("bar");
    assert!(verdict.missing.contains(&missing) && verdict.outcome.errno().is_none(), "{verdict:#?}");
}

/// A module of the kernel's own tree shows the places of both functions, but not what lies elsewhere.
#[test]
fn a_module_of_the_tree_shows_the_places() {
    let made = Made::new("6.12.0");
    let (kernel, _folder) = made.open();
    let load = |kernel: &std::sync::Arc<Kernel>, profile: &Profile| {
        let image = Image::from_bytes("foo.ko", Ko::new("foo").intree().build(profile)).expect("it can be read");
        insmod(&mut Machine::boot(std::sync::Arc::clone(kernel), gplok::load::Cmdline::default()), &image)
    };
    assert_eq!(load(&kernel, &made.profile).outcome, Outcome::Loads);
    let other = Profile { exit: made.profile.exit - 8, ..made.profile.clone() };
    let verdict = load(&kernel, &other);
    assert_eq!((verdict.outcome, verdict.missing), (Outcome::Undetermined, vec![Missing::StructModuleLayout]));
    // Without any module of the kernel's own, nothing says that the places differ.
    let made = made.no_tree();
    let (kernel, _folder) = made.open();
    assert_eq!(load(&kernel, &other).findings, []);
}

/// A module without versions has no table of them. A relocation may write an address there, at which the kernel looks for the versions
/// of its exports once another module needs one.
#[test]
fn what_is_written_over_the_address_of_versions_is_open() {
    let told = Told::new("6.12.0", Arch::X86_64, &[]);
    let at_crcs = |profile: &mut Profile| profile.exit -= 88;
    let missing = vec![Missing::Memory("the tables of exports that giver has written over".to_owned())];
    let judge = |giver: &Ko, change: fn(&mut Profile)| {
        let mut machine = told.boot();
        assert_eq!(insmod(&mut machine, &told.image(giver, change)).outcome, Outcome::Loads);
        let user = insmod(&mut machine, &told.image(&Ko::new("user").intree().needs("kick"), |_| ()));
        (user.outcome, user.missing)
    };
    let giver = Ko::new("giver").intree().export("kick");
    assert_eq!(judge(&giver, |_| ()), (Outcome::Loads, vec![]));
    assert_eq!(judge(&giver, at_crcs), (Outcome::Undetermined, missing.clone()));
    let other = insmod(&mut told.boot(), &told.image(&Ko::new("other").intree(), at_crcs));
    assert_eq!((other.outcome, other.missing), (Outcome::Loads, vec![]));
    // A relocation writes an address over a version itself.
    const R_X86_64_32S: u32 = 11;
    let table = Section::new("__kcrctab", object::elf::SHF_ALLOC, 4, [0; 4]);
    let table = table.reloc(0, "init_module", R_X86_64_32S, 0);
    assert_eq!(judge(&giver.section(table), |_| ()), (Outcome::Undetermined, missing));
}

/// Since 6.4 a module has memory of seven types. The address of one is null if the module has no section of that type.
#[test]
fn the_memory_of_each_type_is_known() {
    let told = Told::new("6.12.0", Arch::X86_64, &[]);
    let refused = |ko: &Ko, below: u64| {
        let verdict = insmod(&mut told.boot(), &told.image(ko, |profile| profile.exit -= below));
        (verdict.outcome.errno(), verdict.missing.len())
    };
    let foo = Ko::new("foo").intree();
    let refusal = (Some(Errno::ENOEXEC), 0);
    assert_eq!(refused(&foo, 96), (None, 1));
    let code = Section::new(".init.text", object::elf::SHF_ALLOC | object::elf::SHF_EXECINSTR, 16, [0xc3; 8]);
    let foo = foo.section(code);
    assert_eq!(refused(&foo, 96), refusal);
    // The size and what follows it are eight bytes; the size is four.
    assert_eq!(refused(&foo, 104), refusal);
    assert_eq!(refused(&foo, 112), (None, 1));
    let constants = Section::new(".init.rodata", object::elf::SHF_ALLOC, 8, [1; 8]);
    assert_eq!(refused(&foo.section(constants), 112), refusal);
}

/// A build that puts the fields of structures in an order of its own (`CONFIG_RANDSTRUCT`) has the name anywhere. A module of the
/// kernel's tree shows where.
#[test]
fn the_name_is_where_the_build_has_put_it() {
    let mut made = Made::new("6.1.0").config("RANDSTRUCT").config("MODULE_FORCE_LOAD");
    made.profile.vermagic.push_str("RANDSTRUCT_0123456789abcdef ");
    made.profile.name = 0x40;
    let (kernel, _folder) = made.open();
    let boot = || Machine::boot(kernel.clone(), Cmdline::default());
    let verdict = insmod(&mut boot(), &made.image(&Ko::new("foo")));
    assert_eq!((&*verdict.name, &verdict.outcome, lines(&verdict).len()), ("foo", &Outcome::Loads, 1), "{verdict:#?}");
    assert_eq!(lines(&verdict), ["foo: loading out-of-tree module taints kernel."]);
    // A module of another order has something else there, and its own name in another field.
    let stranger = made::image("bar.ko", Ko::new("bar").build(&Made::new("6.1.0").profile));
    let forced = Insmod { flags: ModuleInitFlags::IGNORE_VERMAGIC, ..Insmod::default() };
    let verdict = boot().insmod(&stranger, &forced);
    assert_eq!((verdict.outcome, verdict.missing), (Outcome::Undetermined, vec![Missing::StructModuleLayout]));
    assert_eq!(boot().insmod(&stranger, &Insmod::default()).outcome.errno(), Some(Errno::ENOEXEC));
    // A name that is in several places, or nowhere, is not known.
    let twice = Ko::new("foo").patch(|image| {
        let start = image.range(".gnu.linkonce.this_module").start;
        image.bytes[start + 0x200..start + 0x203].copy_from_slice(b"foo");
    });
    let (alone, _folder) = made.clone().no_tree().open();
    let name = |ko: &Ko| insmod(&mut Machine::boot(alone.clone(), Cmdline::default()), &made.image(ko)).missing;
    assert_eq!(name(&Ko::new("foo")), []);
    assert!(name(&twice).contains(&Missing::StructModuleLayout));
}
