//! What kbuild and modpost make of a module: its sections and symbols for one kernel.

use object::elf::{
    SHF_ALLOC, SHF_EXECINSTR, SHF_MERGE, SHF_STRINGS, SHF_WRITE, SHN_ABS, STB_GLOBAL, STB_LOCAL, STT_FUNC, STT_NOTYPE,
    STT_OBJECT,
};

use super::elf::{Elf, Place, Section, Symbol};
use super::profile::{CrcTable, Profile};
use super::{Body, Export, Ko};

/// Bytes of each function.
const FUNCTION: usize = 32;

fn at(section: &str) -> Place {
    Place::Section(section.to_owned())
}

impl Ko {
    /// The module as kbuild would link it, before any tweak.
    pub(super) fn layout(&self, profile: &Profile) -> Elf {
        let mut elf = Elf { e_flags: 0, sections: Vec::new(), symbols: Vec::new() };
        let (pointer, word) = profile.pointer();

        // Functions: init, exit, one for each export.
        let mut text = Section::new(".text", SHF_ALLOC | SHF_EXECINSTR, 16, []);
        let function = |elf: &mut Elf, text: &mut Section, name: &str, body: Body| {
            let mut symbol = Symbol::new(name, STB_GLOBAL, STT_FUNC, at(".text"), text.data.len() as u64);
            symbol.size = 6;
            elf.symbols.push(symbol);
            let mut code = match body {
                Body::Returns(value) => profile.returning(value),
                Body::Traps => profile.trapping(),
                Body::ReadsNull => profile.null_reading(),
            };
            code.resize(FUNCTION, 0);
            text.data.extend(code);
        };
        elf.symbols.push(Symbol::new("__this_module", STB_GLOBAL, STT_OBJECT, at(".gnu.linkonce.this_module"), 0));
        if let Some(body) = self.init {
            function(&mut elf, &mut text, "init_module", body);
        }
        if self.exit {
            function(&mut elf, &mut text, "cleanup_module", Body::Returns(0));
        }
        for export in &self.exports {
            if elf.symbols.iter().all(|symbol| symbol.name != export.name) {
                function(&mut elf, &mut text, &export.name, Body::Returns(0));
            }
        }
        if text.data.is_empty() {
            text.data.resize(FUNCTION, 0);
        }
        elf.sections.push(text);

        self.export_tables(profile, &mut elf);

        // One pointer for each symbol the module needs.
        let pointers = self.needs.iter().filter(|need| need.pointer);
        let mut data =
            Section::new(".data", SHF_ALLOC | SHF_WRITE, 8, vec![0; (word * pointers.clone().count()).max(word)]);
        elf.symbols.extend(self.needs.iter().map(|need| Symbol::undefined(&need.symbol, need.bind)));
        for (i, need) in pointers.enumerate() {
            data = data.reloc((i * word) as u64, &need.symbol, pointer, 0);
        }
        elf.sections.push(data);
        self.param_table(profile, &mut elf);

        let mut modinfo = Vec::new();
        for (key, value) in self.tags.iter().filter(|(key, _)| !self.no_tags.contains(key)) {
            let value = if key == "vermagic" && value.is_empty() { &profile.vermagic } else { value };
            modinfo.extend(format!("{key}={value}\0").bytes());
        }
        elf.sections.push(Section::new(".modinfo", SHF_ALLOC, 1, modinfo));
        self.version_tables(profile, &mut elf);

        let mut this_module = vec![0; profile.this_module];
        let room = profile.arch.class.module_name_len() - 1;
        let name = &self.name.as_bytes()[..self.name.len().min(room)];
        this_module[profile.name..profile.name + name.len()].copy_from_slice(name);
        let mut this_module = Section::new(".gnu.linkonce.this_module", SHF_ALLOC | SHF_WRITE, 64, this_module);
        if self.init.is_some() {
            this_module = this_module.reloc(profile.init, "init_module", pointer, 0);
        }
        if self.exit {
            this_module = this_module.reloc(profile.exit, "cleanup_module", pointer, 0);
        }
        elf.sections.push(this_module);
        if profile.is_arm64() {
            elf.sections.push(Section::new(".plt", SHF_ALLOC | SHF_EXECINSTR, 1, [0]));
            elf.sections.push(Section::new(".init.plt", SHF_ALLOC, 1, [0]));
            elf.sections.push(Section::new(".text.ftrace_trampoline", SHF_ALLOC | SHF_EXECINSTR, 1, [0]));
            elf.sections.push(Section::new(".init.text.ftrace_trampoline", SHF_ALLOC, 1, [0]));
        }
        elf.sections.push(Section::nobits(".bss", SHF_ALLOC | SHF_WRITE, 8, 16));
        let mut comment = Section::new(".comment", SHF_MERGE | SHF_STRINGS, 1, *b"\0made for a test\0");
        comment.entsize = 1;
        elf.sections.push(comment);
        elf
    }

    /// `__ksymtab*`, `__kcrctab*`, `__kflagstab` and the strings they point to.
    fn export_tables(&self, profile: &Profile, elf: &mut Elf) {
        if self.exports.is_empty() {
            return;
        }
        let mut strings = Section::new("__ksymtab_strings", SHF_ALLOC | SHF_MERGE | SHF_STRINGS, 1, []);
        strings.entsize = 1;
        for export in &self.exports {
            let namespace = profile.namespaces.then_some(("__kstrtabns_", &export.namespace));
            for (prefix, text) in [("__kstrtab_", &export.name)].into_iter().chain(namespace) {
                let name = format!("{prefix}{}", export.name);
                if elf.symbols.iter().all(|symbol| symbol.name != name) {
                    let place = at("__ksymtab_strings");
                    elf.symbols.push(Symbol::new(&name, STB_LOCAL, STT_NOTYPE, place, strings.data.len() as u64));
                    strings.data.extend(text.bytes().chain([0]));
                }
            }
        }
        let table_of = |export: &Export| {
            if profile.kflagstab && export.table == "_gpl" { String::new() } else { export.table.clone() }
        };
        let mut tables: Vec<String> = self.exports.iter().map(table_of).collect();
        tables.sort();
        tables.dedup();
        for table in tables {
            let mut exports: Vec<&Export> = self.exports.iter().filter(|export| table_of(export) == table).collect();
            exports.sort_by(|a, b| a.name.cmp(&b.name));
            self.export_table(profile, elf, &table, &exports);
        }
        elf.sections.push(strings);
    }

    fn export_table(&self, profile: &Profile, elf: &mut Elf, suffix: &str, exports: &[&Export]) {
        let prel = profile.prel32 && profile.arch.has_prel32();
        let fields = if profile.namespaces { 3 } else { 2 };
        let (pointer, word) = profile.pointer();
        let (kind, width) = if prel { (profile.prel32(), 4) } else { (pointer, word) };
        let table = format!("__ksymtab{suffix}");
        let mut ksymtab = Section::new(&table, SHF_ALLOC, width as u64, vec![0; exports.len() * fields * width]);
        for (i, export) in exports.iter().enumerate() {
            let entry = (i * fields * width) as u64;
            let name = &export.name;
            elf.symbols.push(Symbol::new(&format!("__ksymtab_{name}"), STB_LOCAL, STT_NOTYPE, at(&table), entry));
            let referred = [name.clone(), format!("__kstrtab_{name}"), format!("__kstrtabns_{name}")];
            for (field, symbol) in referred.iter().take(fields).enumerate() {
                ksymtab = ksymtab.reloc(entry + (field * width) as u64, symbol, kind, 0);
            }
        }
        elf.sections.push(ksymtab);

        let table = format!("__kcrctab{suffix}");
        let mut kcrctab = Section::new(&table, SHF_ALLOC, 4, []);
        for (i, export) in exports.iter().enumerate() {
            let crc = self.crc_of(profile, &export.name).unwrap_or_default() as u32;
            let symbol = format!("__crc_{}", export.name);
            match profile.crc_table {
                CrcTable::None => {}
                CrcTable::Immediate => {
                    elf.symbols.push(Symbol::new(&symbol, STB_LOCAL, STT_NOTYPE, at(&table), 4 * i as u64));
                    kcrctab.data.extend(profile.u32(crc));
                }
                CrcTable::Symbols => {
                    elf.symbols.push(Symbol::new(&symbol, STB_GLOBAL, STT_NOTYPE, Place::Index(SHN_ABS), crc.into()));
                    kcrctab.data.extend([0; 4]);
                    // R_X86_64_32 or R_AARCH64_ABS32.
                    let kind = if profile.is_arm64() { 258 } else { 10 };
                    kcrctab = kcrctab.reloc(4 * i as u64, &symbol, kind, 0);
                }
            }
        }
        if profile.modversions() {
            elf.sections.push(kcrctab);
        }
        if profile.kflagstab && suffix.is_empty() {
            let flags: Vec<u8> = exports.iter().map(|export| u8::from(export.table == "_gpl")).collect();
            elf.sections.push(Section::new("__kflagstab", SHF_ALLOC, 1, flags));
        }
    }

    /// The version a module states for a symbol; `None` to leave it out.
    fn crc_of(&self, profile: &Profile, symbol: &str) -> Option<u64> {
        match self.crcs.iter().find(|(name, _)| name == symbol) {
            Some((_, crc)) => *crc,
            None => Some(u64::from(profile.crc(symbol))),
        }
    }

    /// `__versions` and the extended tables: `module_layout`, then every symbol the module needs.
    fn version_tables(&self, profile: &Profile, elf: &mut Elf) {
        let mut entries: Vec<(&str, u64)> = Vec::new();
        for symbol in ["module_layout"].into_iter().chain(self.needs.iter().map(|need| need.symbol.as_str())) {
            if let (Some(crc), true) = (self.crc_of(profile, symbol), entries.iter().all(|(name, _)| *name != symbol)) {
                entries.push((symbol, crc));
            }
        }
        if self.versions.unwrap_or(profile.modversions()) {
            let (word, room) = (profile.arch.class.word(), profile.arch.class.module_name_len());
            let mut table = Vec::new();
            for (name, crc) in entries.iter().filter(|(name, _)| name.len() < room) {
                table.extend(profile.long(*crc));
                table.extend(name.bytes());
                table.resize(table.len().next_multiple_of(word + room), 0);
            }
            elf.sections.push(Section::new("__versions", SHF_ALLOC, 8, table));
        }
        if self.ext_versions {
            let crcs: Vec<u8> = entries.iter().flat_map(|(_, crc)| profile.u32(*crc as u32)).collect();
            let names: Vec<u8> = entries.iter().flat_map(|(name, _)| name.bytes().chain([0])).collect();
            elf.sections.push(Section::new("__version_ext_crcs", SHF_ALLOC, 8, crcs));
            elf.sections.push(Section::new("__version_ext_names", SHF_ALLOC, 1, names));
        }
    }

    /// `__param`: `struct kernel_param { name, mod, ops, u16 perm, s8 level, u8 flags, arg }` of pointers.
    fn param_table(&self, profile: &Profile, elf: &mut Elf) {
        if self.params.is_empty() {
            return;
        }
        let (pointer, word) = profile.pointer();
        let size = 5 * word;
        let mut table = Section::new("__param", SHF_ALLOC, word as u64, vec![0; size * self.params.len()]);
        let mut names = Section::new(".rodata", SHF_ALLOC, 8, []);
        let mut values = Section::nobits(".bss.params", SHF_ALLOC | SHF_WRITE, 8, 8 * self.params.len() as u64);
        values.size *= 2;
        for (i, param) in self.params.iter().enumerate() {
            let entry = i * size;
            let (name, value) = (format!("__param_str_{}", param.name), format!("__param_value_{}", param.name));
            let mut symbol = Symbol::new(&name, STB_LOCAL, STT_OBJECT, at(".rodata"), names.data.len() as u64);
            symbol.size = param.name.len() as u64 + 1;
            elf.symbols.push(symbol);
            elf.symbols.push(Symbol::new(&value, STB_LOCAL, STT_OBJECT, at(".bss.params"), 16 * i as u64));
            names.data.extend(param.name.bytes().chain([0]));
            // Mode 0: nothing appears below /sys/module. Level -1: an ordinary parameter, not an early one.
            table.data[entry + 3 * word + 2] = 0xff;
            table.data[entry + 3 * word + 3] = param.flags;
            let fields = [(0, name.as_str()), (1, "__this_module"), (2, param.ops.as_str()), (4, value.as_str())];
            for (field, symbol) in fields {
                table = table.reloc((entry + field * word) as u64, symbol, pointer, 0);
            }
        }
        elf.sections.extend([table, names, values]);
    }
}
