//! A small kernel, laid out as include/asm-generic/vmlinux.lds.h lays one out.

use std::ops::Range;

use gplok::terms::{Arch, Class, ElfMachine, Endian, ExportKind};

use super::kallsyms::{self, Form, Symbol};
use super::parts;
use super::room::Room;

/// Where the tables begin: the header of a bare image comes first.
const HEADER: usize = 0x1000;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Export {
    pub name: String,
    pub gpl: bool,
    pub crc: u32,
    pub namespace: String,
}

/// How the kernel stores the versions of exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crcs {
    None,
    Immediate,
    /// 32-bit distances to them (`CONFIG_MODULE_REL_CRCS`).
    Relative,
}

/// A kernel to be.
#[derive(Clone)]
pub struct Vmlinux {
    pub release: String,
    pub arch: Arch,
    pub prel32: bool,
    pub namespaces: bool,
    /// One table for all, and `__kflagstab`.
    pub flagged: bool,
    pub crcs: Crcs,
    pub exports: Vec<Export>,
    pub vermagic: Option<String>,
    pub config: Option<String>,
    pub module_size: Option<u32>,
    /// Its type information, in place of what `module_size` makes.
    pub types: Option<Vec<u8>>,
    pub certificates: Vec<Vec<u8>>,
    pub kallsyms: Option<Form>,
    /// Messages of its code.
    pub messages: Vec<&'static str>,
    /// Zeros at its end.
    pub padding: usize,
}

/// A kernel as it lies in memory.
pub struct Laid {
    pub room: Room,
    pub sections: Vec<(&'static str, Range<usize>)>,
    pub symbols: Vec<Symbol>,
}

pub const fn arch(machine: ElfMachine, class: Class, endian: Endian) -> Arch {
    Arch { machine, class, endian }
}

impl Vmlinux {
    /// Today's x86-64, with a hundred exports of each kind: tables are recognized by their number of entries.
    pub fn new(release: &str) -> Self {
        let export = |index: usize, gpl: bool| Export {
            // Both tables begin and end at either end of the alphabet.
            name: format!(
                "{}{index}_{}",
                (b'a' + (index % 26) as u8) as char,
                if gpl { "gpl_only" } else { "for_all" }
            ),
            gpl,
            crc: 0x1000_0000 + (index as u32) * 0x0001_2345 + u32::from(gpl),
            namespace: if index % 5 == 4 { format!("SPACE_{}", index % 2) } else { String::new() },
        };
        Self {
            release: release.to_owned(),
            arch: Arch::X86_64,
            prel32: true,
            namespaces: true,
            flagged: false,
            crcs: Crcs::Immediate,
            exports: (0..100).flat_map(|index| [export(index, false), export(index, true)]).collect(),
            vermagic: Some(format!("{release} SMP preempt mod_unload modversions ")),
            config: None,
            module_size: None,
            types: None,
            certificates: Vec::new(),
            kallsyms: Some(Form::Base),
            messages: Vec::new(),
            padding: 0,
        }
    }

    /// Of an architecture, whose entries are pointers where it has no 32-bit distances.
    pub fn on(mut self, arch: Arch) -> Self {
        self.arch = arch;
        self.prel32 = arch.has_prel32();
        self
    }

    pub fn export(mut self, name: &str, gpl: bool, crc: u32, namespace: &str) -> Self {
        self.exports.push(Export { name: name.to_owned(), gpl, crc, namespace: namespace.to_owned() });
        self
    }

    /// Name, kind, version and namespace of every export, as they should be read back; in order of name.
    pub fn rows(&self) -> Vec<(String, ExportKind, u32, String)> {
        let mut exports = self.exports.clone();
        exports.sort();
        let row = |export: Export| {
            let kind = if export.gpl { ExportKind::Gpl } else { ExportKind::Plain };
            let crc = if self.crcs == Crcs::None { 0 } else { export.crc };
            (export.name, kind, crc, if self.namespaces { export.namespace } else { String::new() })
        };
        exports.into_iter().map(row).collect()
    }

    /// `Module.symvers` of it.
    pub fn symvers(&self) -> String {
        let row = |(name, kind, crc, namespace): (String, ExportKind, u32, String)| {
            format!("{crc:#010x}\t{name}\tvmlinux\t{}\t{namespace}\n", kind.macro_name())
        };
        self.rows().into_iter().map(row).collect()
    }

    const fn base(&self) -> u64 {
        match (self.arch.class, self.arch.machine) {
            (Class::Elf32, _) => 0xc000_8000,
            (_, ElfMachine::Arm64) => 0xffff_8000_8000_0000,
            _ => 0xffff_ffff_8100_0000,
        }
    }

    pub fn lay(&self) -> Laid {
        let mut laid = Laid { room: Room::new(self.arch, self.base()), sections: Vec::new(), symbols: Vec::new() };
        laid.mark("_text", 'T', 0);
        if self.kallsyms == Some(Form::Percpu) {
            let percpu = |address: u64, name: &str| Symbol { address, kind: 'A', name: name.to_owned() };
            laid.symbols.extend([percpu(0, "fixed_percpu_data"), percpu(0x1f000, "__per_cpu_end")]);
        }
        laid.room.put(&[0; HEADER]);
        for index in 0..500 {
            laid.function(&format!("filler_{index:03}{}", ["_init", "_exit", "_probe"][index % 3]), 't');
        }
        // Longer than what one byte says, even compressed.
        let letter = |index: u32| char::from(b'a' + (index.wrapping_mul(2_654_435_761) >> 27) as u8 % 26);
        laid.function(&(0..480).map(letter).collect::<String>(), 't');
        laid.function(&"very_long_".repeat(30), 't');
        self.tables(&mut laid);
        self.data(&mut laid);
        laid.symbols.sort_by_key(|symbol| symbol.address);
        if let Some(form) = self.kallsyms {
            laid.room.align(0x100);
            kallsyms::write(&mut laid.room, &laid.symbols, form);
        }
        laid.room.put(&vec![0; self.padding]);
        laid.room.align(0x200);
        laid
    }

    fn tables(&self, laid: &mut Laid) {
        let mut exports = self.exports.clone();
        exports.sort();
        let places: Vec<usize> = exports.iter().map(|export| laid.function(&export.name, 'T')).collect();
        let all: Vec<_> = exports.iter().zip(places).collect();
        let of = |gpl: bool| all.iter().filter(move |(export, _)| self.flagged || export.gpl == gpl);
        let kinds = if self.flagged { vec![false] } else { vec![false, true] };
        let (names, crcs) = (["__ksymtab", "__ksymtab_gpl"], ["__kcrctab", "__kcrctab_gpl"]);
        let field = if self.prel32 { 4 } else { laid.room.word_size() };
        let entry = field * if self.namespaces { 3 } else { 2 };
        let start = laid.room.align(8);
        let versions = if self.crcs == Crcs::None { 0 } else { all.len() * 4 };
        let flags = if self.flagged { all.len() } else { 0 };
        let strings_at = (start + all.len() * entry + versions + flags).next_multiple_of(8);

        let (mut strings, mut texts) = (Vec::new(), Vec::new());
        for (export, _) in &all {
            let name = strings_at + strings.len();
            strings.extend(format!("{}\0", export.name).bytes());
            texts.push((export.name.as_str(), name, strings_at + strings.len()));
            strings.extend(format!("{}\0", export.namespace).bytes());
        }
        let texts =
            |name: &str| texts.iter().find(|(other, ..)| *other == name).map(|(_, name, space)| (*name, *space));
        for gpl in &kinds {
            let start = laid.room.here();
            for (export, function) in of(*gpl) {
                let (name, space) = texts(&export.name).expect("it has a name");
                let targets = [*function, name, space];
                for target in &targets[..entry / field] {
                    if self.prel32 {
                        laid.room.distance(*target);
                    } else {
                        laid.room.word(laid.room.address(*target));
                    }
                }
            }
            laid.section(names[usize::from(*gpl)], start);
        }
        let values_at = strings_at + strings.len().next_multiple_of(4);
        if self.crcs != Crcs::None {
            for gpl in &kinds {
                let start = laid.room.here();
                for (export, _) in of(*gpl) {
                    let value = all.iter().position(|(other, _)| other == export).expect("it is there");
                    match self.crcs {
                        Crcs::Relative => laid.room.distance(values_at + value * 4),
                        _ => laid.room.u32(export.crc.into()),
                    };
                }
                laid.section(crcs[usize::from(*gpl)], start);
            }
        }
        if self.flagged {
            let start = laid.room.here();
            for (export, _) in &all {
                laid.room.put(&[u8::from(export.gpl)]);
            }
            laid.section("__kflagstab", start);
        }
        laid.room.align(8);
        assert_eq!(laid.room.here(), strings_at);
        laid.room.put(&strings);
        laid.section("__ksymtab_strings", strings_at);
        laid.room.align(4);
        if self.crcs == Crcs::Relative {
            all.iter().for_each(|(export, _)| laid.room.u32(export.crc.into()));
        }
    }

    fn data(&self, laid: &mut Laid) {
        // What only looks like a banner, and one that is cut off.
        laid.room.put(b"\0Linux version %s (%s)\n\0");
        let banner =
            format!("Linux version {} (builder@host) (gcc 12) #1 SMP Thu Jan  1 00:00:00 UTC 1970\n\0", self.release);
        laid.room.align(32);
        let at = laid.room.put(banner.as_bytes());
        laid.mark("linux_banner", 'D', at);
        for message in &self.messages {
            laid.room.put(message.as_bytes());
        }
        if let Some(vermagic) = &self.vermagic {
            laid.room.put(format!("\0{vermagic}\0").as_bytes());
        }
        if let Some(config) = &self.config {
            laid.room.align(8);
            parts::config(&mut laid.room, config);
        }
        if let Some(types) = &self.types {
            let start = laid.room.align(8);
            laid.room.put(types);
            laid.section(".BTF", start);
        } else if let Some(size) = self.module_size {
            let start = laid.room.align(8);
            parts::btf(&mut laid.room, size);
            laid.section(".BTF", start);
        }
        if let Some(first) = self.certificates.first() {
            let start = laid.room.align(8);
            laid.mark("system_certificate_list", 'd', start);
            for certificate in &self.certificates {
                laid.room.put(certificate);
            }
            let size = laid.room.here() - start;
            let at = laid.room.align(8);
            laid.room.word(size as u64);
            laid.mark("system_certificate_list_size", 'd', at);
            let at = laid.room.align(8);
            laid.room.word(first.len() as u64);
            laid.mark("module_cert_size", 'd', at);
        }
        let end = laid.room.align(16);
        laid.mark("_edata", 'D', end);
    }
}

impl Laid {
    pub fn mark(&mut self, name: &str, kind: char, place: usize) {
        let address = self.room.address(place);
        self.symbols.push(Symbol { address, kind, name: name.to_owned() });
    }

    fn function(&mut self, name: &str, kind: char) -> usize {
        let place = self.room.align(16);
        self.mark(name, kind, place);
        self.room.put(&[0x90; 12]);
        place
    }

    /// Everything since `start` is a section, with the symbols that the linker sets around it.
    fn section(&mut self, name: &'static str, start: usize) {
        let end = self.room.here();
        if name.starts_with("__k") && name != "__ksymtab_strings" {
            self.mark(&format!("__start_{name}"), 'R', start);
            // One is left, recognized by what follows it.
            if name != "__kflagstab" {
                self.mark(&format!("__stop_{name}"), 'R', end);
            }
        }
        self.sections.push((name, start..end));
    }
}
