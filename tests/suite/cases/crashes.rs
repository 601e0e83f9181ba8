//! Modules that real kernels do not survive. Each costs the machine a start.

use object::elf::SHN_ABS;

use super::{Case, case, foo};
use crate::ko::{Body, Ko, Place, Profile, Re, Section, Sh, St, Symbol};

pub fn cases(profile: &Profile) -> Vec<Case> {
    let (pointer, _) = profile.pointer();
    let reloc = || {
        let section = Section::new(".data.target", 3, 16, [0; 32]).reloc(8, "init_module", pointer, 0);
        Ko::new("foo").section(section)
    };
    let bar = Symbol::new("bar", 1, 1, Place::Index(SHN_ABS), 8);
    vec![
        case("wild-init-traps", "init runs into an invalid instruction", foo().init(Body::Traps)),
        case("wild-init-null", "init reads address zero", foo().init(Body::ReadsNull)),
        case(
            "wild-reloc-symbol",
            "a relocation against a symbol far behind the table",
            reloc().patch(move |file| {
                file.reloc_set(".rela.data.target", 0, Re::Info, 0x7fff_ffff << 32 | u64::from(pointer));
            }),
        ),
        case(
            "wild-reloc-offset",
            "a relocation far behind its section",
            reloc().patch(|file| {
                file.reloc_set(".rela.data.target", 0, Re::Offset, 1 << 36);
            }),
        ),
        case(
            "wild-name",
            "a symbol's name far behind the names",
            foo().symbol(bar.clone()).patch(|file| {
                file.symbol_set("bar", St::Name, 0x7fff_ffff);
            }),
        ),
        case(
            "wild-name-undefined",
            "an undefined symbol's name far behind the names",
            foo().patch(|file| {
                file.symbol_set("kfree", St::Name, 0x7fff_ffff);
            }),
        ),
        case(
            "wild-this-nobits",
            "this_module takes no room in the file",
            foo().patch(|file| {
                file.patch(".gnu.linkonce.this_module", Sh::Type, 8);
            }),
        ),
        case(
            "wild-shndx",
            "a section index that is no section",
            foo().symbol(bar).patch(|file| {
                file.symbol_set("bar", St::Shndx, 0x7000);
            }),
        ),
        case(
            "wild-init-pointer",
            "init is a wild pointer",
            foo().no_init().tweak_for(|elf, profile| {
                let (pointer, _) = profile.pointer();
                let bar = Symbol::new("bar", 1, 1, Place::Index(SHN_ABS), 0x10);
                elf.symbols.push(bar);
                let section = elf.section(".gnu.linkonce.this_module");
                *section = section.clone().reloc(profile.init, "bar", pointer, 0);
            }),
        ),
        case(
            "wild-null-section",
            "a NULL section with wild fields",
            foo().patch(|file| {
                let index = file.section(".comment");
                for field in [Sh::Offset, Sh::Size] {
                    file.section_set(index, field, u64::MAX);
                }
                file.section_set(index, Sh::Name, 0xffff_ffff);
                file.section_set(index, Sh::Type, 0);
            }),
        ),
        case(
            "wild-this-read-only",
            "this_module is not writable",
            foo().tweak(|elf| {
                elf.section(".gnu.linkonce.this_module").flags = 2;
            }),
        ),
        case(
            "wild-percpu-nobits",
            "per-CPU data that takes no room in the file is copied from behind its end",
            foo().section(Section::nobits(".data..percpu", 3, 8, 4000)),
        ),
        case("wild-not", "and an ordinary module", foo()),
    ]
}
