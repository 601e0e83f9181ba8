//! The checks that the module is an ELF file whose sections the loader can read.

mod checks;
mod gather;
mod tables;
mod this_module;

use checks::Checks;
use this_module::NO_NAME;
pub(in crate::load) use this_module::kernel_struct_module_size;

use crate::compression::Compression;
use crate::elf::{Header, Section, SectionType};
use crate::history::Behaviour;
use crate::image::THIS_MODULE;
use crate::load::ModuleInitFlags;
use crate::load::run::Run;
use crate::load::state::{StageResult, Stop};
use crate::terms::{Arch, Class, ElfMachine, Errno};
use crate::verdict::{Cause, LogLevel, Missing};

const ET_REL: u16 = 1;

/// Mirrors `elf_validity_cache_copy()` and, before 6.4, `elf_validity_check()` and `setup_load_info()` (kernel/module/main.c).
pub(in crate::load) fn elf_validity(run: &mut Run<'_>) -> StageResult {
    let (arch, is_foreign) = arch(run)?;
    let elf = run.image.reading(run.bytes(), arch.class, arch.endian);
    let checks = Checks { arch, is_foreign, elf: &elf };
    let header = checks.header(run)?;
    let new_order = run.has(Behaviour::ElfUniqueSections)? && run.has(Behaviour::ElfNewOrder)?;
    let was_surveying = run.is_surveying();
    if new_order {
        checks.new_order(run, &header)?
    } else {
        checks.old_order(run, &header)?
    }
    // The size of struct module is wrong.
    if run.is_surveying() && !was_surveying { Err(Stop::Refused(Errno::ENOEXEC)) } else { Ok(()) }
}

/// The architecture that the kernel reads the module as, and whether the kernel is of another one, of which only that is known.
fn arch(run: &Run<'_>) -> StageResult<(Arch, bool)> {
    let announced = run.image.announced_arch();
    let arch = match (run.call.memo.arch(run.call.kernel), announced) {
        // Where the architecture is not modelled, neither is the byte order that its kernels are built for.
        (Some(kernel), Some(module)) if !kernel.machine.is_modelled() && module.machine == kernel.machine => module,
        (Some(kernel), _) => return Ok((kernel, false)),
        // No file tells the kernel's architecture. It is the module's, or another one, whose kernels reject the module.
        (None, Some(module)) if run.ask(Missing::Arch)? => module,
        (None, Some(module)) => return Ok((module, true)),
        // Every kernel rejects the file.
        (None, None) => return Ok((Arch::X86_64, false)),
    };
    if arch.machine.is_modelled() || run.ask(Missing::Unmodelled(arch.machine))? {
        return Ok((arch, false));
    }
    Err(Stop::Refused(Errno::ENOEXEC))
}

/// Returns whether an arm kernel takes the entry point and the flags of an object, on a CPU with Thumb and without 26-bit addresses,
/// as all since ARMv6 are. An object without an EABI version may ask for 26-bit addresses.
const fn is_arm_accepted(header: &Header) -> bool {
    const EF_ARM_EABI_MASK: u32 = 0xff00_0000;
    const EF_ARM_APCS_26: u32 = 0x08;
    let has_eabi = header.e_flags & EF_ARM_EABI_MASK != 0;
    header.e_entry & 3 != 2 && (has_eabi || header.e_flags & EF_ARM_APCS_26 == 0)
}

impl Checks<'_> {
    /// Checks the ELF header: mirrors `elf_validity_ehdr()` (kernel/module/main.c).
    fn header(&self, run: &mut Run<'_>) -> StageResult<Header> {
        let reader = self.elf.format();
        let len = self.elf.bytes().len();
        let Some(header) = self.elf.header().cloned() else {
            return self.refuse(run, "the file is shorter than an ELF header", format!("Invalid ELF header len {len}"));
        };
        if header.magic != *b"\x7fELF" {
            let line = r"Invalid ELF header magic: != \x7fELF".to_owned();
            let rule = "it does not begin with the ELF magic".to_owned();
            let compressed = self.elf.bytes().get(0..Compression::HEAD).and_then(Compression::of_payload);
            return self.refuse_for(run, Cause::InvalidElf { rule, compressed }, line);
        }
        if !header.is_relocatable() {
            let line = format!("Invalid ELF header type: {} != {ET_REL}", header.e_type);
            return self.refuse(run, "e_type is not ET_REL: only relocatable files are modules", line);
        }
        if !self.elf_check_arch(run, &header)? {
            let module = header.e_machine;
            let kernel = if self.is_foreign { ElfMachine::Other.to_string() } else { self.arch.to_string() };
            let line = format!("Invalid architecture in ELF header: {module}");
            return self.refuse_for(run, Cause::WrongArchitecture { module, kernel }, line);
        }
        if self.arch.machine == ElfMachine::Ppc64 && run.has(Behaviour::ElfModuleArch)? {
            // e_flags carries the ABI level: 2 for ELFv2, which little-endian kernels use.
            let v2 = self.arch.endian == crate::terms::Endian::Little || run.config("PPC64_ELF_ABI_V2")?;
            let level = header.e_flags & 3;
            if (v2 && level != 2) || (!v2 && level == 2) {
                let line = format!("Invalid module architecture in ELF header: {}", header.e_machine);
                return self.refuse(run, "the ABI level in e_flags is not the kernel's", line);
            }
        }
        if usize::from(header.e_shentsize) != reader.section_header_size() {
            let line = "Invalid ELF section header size".to_owned();
            return self.refuse(run, "e_shentsize is not the size of a section header", line);
        }
        let table = u64::from(header.e_shnum) * reader.section_header_size() as u64;
        if header.e_shoff >= len as u64 || table > len as u64 - header.e_shoff {
            let line = "Invalid ELF section header overflow".to_owned();
            return self.refuse(run, "the section headers do not lie inside the file", line);
        }
        Ok(header)
    }

    /// Mirrors `elf_check_arch()` (asm/elf.h of each architecture; of arm arch/arm/kernel/elf.c).
    fn elf_check_arch(&self, run: &Run<'_>, header: &Header) -> StageResult<bool> {
        const EM_S390_OLD: u16 = 0xa390;
        let number = header.e_machine;
        let is_machine = match self.arch.machine {
            _ if self.is_foreign => false,
            ElfMachine::I386 => matches!(number, 3 | 6),
            ElfMachine::S390 if number == EM_S390_OLD => true,
            machine if machine.is_modelled() => number == machine.e_machine(),
            machine => ElfMachine::from_e_machine(number).unwrap_or(ElfMachine::Other) == machine,
        };
        if !is_machine {
            return Ok(false);
        }
        match self.arch.machine {
            ElfMachine::S390 | ElfMachine::Loongarch => Ok(self.has_class()),
            ElfMachine::Riscv if !self.has_class() => Ok(!run.has(Behaviour::ElfRiscvClass)?),
            ElfMachine::Arm => Ok(is_arm_accepted(header)),
            _ => Ok(true),
        }
    }

    /// Returns whether `e_ident` names the kernel's own class.
    fn has_class(&self) -> bool {
        let class = if self.arch.class == Class::Elf64 { 2 } else { 1 };
        self.elf.bytes().get(4..5) == Some(&[class])
    }

    /// Checks that section 0 is empty.
    fn section_zero(&self, run: &mut Run<'_>) -> StageResult {
        // The kernel reads the memory past an empty table, whose contents are unknown. Here the module is refused.
        let Some(zero) = self.elf.sections().first() else {
            return self.refuse(run, "there is no section 0", section_zero_line(0));
        };
        if zero.kind != SectionType::NULL || zero.size != 0 || zero.addr != 0 {
            return self.refuse(run, "section 0 is not empty", section_zero_line(zero.kind));
        }
        Ok(())
    }

    /// Returns the section name table, or refuses an index that names no section.
    fn name_table_index(&self, run: &mut Run<'_>, header: &Header) -> StageResult<Section> {
        let index = header.e_shstrndx;
        let count = header.e_shnum;
        match self.elf.sections().get(usize::from(index)) {
            Some(section) if index != 0 => Ok(section.clone()),
            _ => {
                let line =
                    format!("Invalid ELF section name index: {index} || e_shstrndx ({index}) >= e_shnum ({count})");
                self.refuse(run, "e_shstrndx names no section", line)
            }
        }
    }

    /// Checks that the section name table ends with NUL.
    fn name_table_contents(&self, run: &mut Run<'_>, table: &Section) -> StageResult {
        if table.size == 0 {
            if run.has(Behaviour::ElfEmptyShstrtab)? {
                return self.refuse(run, "the section name table is empty", "empty section name table".into());
            }
            // These kernels look at the byte before the table. No name lies inside an empty table, so a later check fails.
            if table.offset.checked_sub(1).and_then(|at| self.byte(at)) == Some(0) {
                return Ok(());
            }
            let line = "ELF Spec violation: section name table isn't null terminated".to_owned();
            return self.refuse(run, "the section name table does not end with NUL", line);
        }
        // The kernel reads the table at its offset in the file, whatever its type.
        if table.offset.checked_add(table.size - 1).and_then(|last| self.byte(last)) != Some(0) {
            let line = "ELF Spec violation: section name table isn't null terminated".to_owned();
            return self.refuse(run, "the section name table does not end with NUL", line);
        }
        Ok(())
    }

    /// Checks that a section lies inside the file.
    fn section_bounds(&self, run: &mut Run<'_>, section: &Section) -> StageResult {
        if self.is_inside(section) {
            return Ok(());
        }
        let line = format!("Invalid ELF section in module (section {} type {})", section.index, section.kind);
        let rule = format!("section {} does not lie inside the file", section.index);
        self.refuse_section(run, &rule, line)
    }

    /// Checks that a section's name lies inside the section name table.
    fn section_name(&self, run: &mut Run<'_>, section: &Section, table: &Section) -> StageResult {
        if u64::from(section.name) < table.size {
            return Ok(());
        }
        let line = format!("Invalid ELF section name in module (section {} type {})", section.index, section.kind);
        let rule = format!("the name of section {} lies outside the section name table", section.index);
        self.refuse_section(run, &rule, line)
    }

    /// Checks that the `sh_link` of the symbol table names a section.
    fn sh_link(&self, run: &mut Run<'_>, symtab: &Section, header: &Header) -> StageResult {
        if symtab.link != 0 && symtab.link < u32::from(header.e_shnum) {
            return Ok(());
        }
        let link = symtab.link.cast_signed();
        let line =
            format!("Invalid ELF sh_link!=SHN_UNDEF({link}) or (sh_link({link}) >= hdr->e_shnum({})", header.e_shnum);
        self.refuse(run, "the symbol table's sh_link names no section", line)
    }

    /// The order of the checks up to 6.12, in releases without the backport: header, names, sections, and then the sections
    /// that `setup_load_info()` looks for.
    fn old_order(&self, run: &mut Run<'_>, header: &Header) -> StageResult {
        let sections = self.elf.sections();
        let hardened = run.has(Behaviour::ElfHardened)?;
        if hardened {
            let table = self.name_table_index(run, header)?;
            if !self.is_inside(&table) {
                let line = format!("Invalid ELF section hdr(type {})", table.kind);
                return self.refuse(run, "the section name table does not lie inside the file", line);
            }
            self.name_table_contents(run, &table)?;
            self.section_zero(run)?;
            for section in sections.iter().skip(1).filter(|section| section.has_contents()) {
                if section.kind == SectionType::SYMTAB {
                    self.sh_link(run, section, header)?;
                }
                self.section_bounds(run, section)?;
                if section.is_alloc() {
                    self.section_name(run, section, &table)?;
                }
            }
        }
        if run.has(Behaviour::ElfUniqueSections)? {
            self.modinfo_unique(run)?;
            let name = self.modinfo_name();
            self.symtab_unique(run, name)?;
            let this_module = self.this_module_6_4(run, name)?;
            return self.gather(run, this_module);
        }
        let name = self.elf.find_sec(".modinfo").and_then(|_| self.modinfo_name());
        let name = name.unwrap_or(NO_NAME);
        if self.elf.symtab().is_none() {
            let line = format!("{name}: module has no symbols (stripped?)");
            return self.refuse_saying(run, Cause::NoSymbolTable { count: 0 }, LogLevel::Warn, line);
        }
        let Some(this_module) = self.elf.find_sec(THIS_MODULE) else {
            let line = format!("{name}: No module found in object");
            let cause = Cause::BadThisModule { what: "there is none that occupies memory".into() };
            return self.refuse_saying(run, cause, LogLevel::Warn, line);
        };
        if !hardened
            && let Some(section) = sections.iter().skip(1).find(|s| s.kind != SectionType::NOBITS && !self.is_inside(s))
        {
            // Up to 5.11, rewrite_section_headers() checks this.
            let line = format!("Module len {} truncated", self.elf.bytes().len());
            let rule = format!("section {} does not lie inside the file", section.index);
            return self.refuse_saying(run, Cause::InvalidElf { rule, compressed: None }, LogLevel::Err, line);
        }
        self.gather(run, this_module.index)
    }

    /// The order of the checks since 6.13, and in the stable releases that have the backport.
    fn new_order(&self, run: &mut Run<'_>, header: &Header) -> StageResult {
        let sections = self.elf.sections();
        self.section_zero(run)?;
        for section in sections.iter().skip(1).filter(|section| section.has_contents()) {
            self.section_bounds(run, section)?;
        }
        let table = self.name_table_index(run, header)?;
        if table.kind != SectionType::STRTAB && run.has(Behaviour::ElfStrtabTypes)? {
            let line = format!("Invalid ELF section name table type: {}", table.kind);
            return self.refuse(run, "the section name table is no string table", line);
        }
        self.name_table_contents(run, &table)?;
        for section in sections.iter().filter(|section| section.kind != SectionType::NULL) {
            self.section_name(run, section, &table)?;
        }
        self.modinfo_unique(run)?;
        let name = self.modinfo_name();
        let this_module = self.this_module_6_13(run, name)?;
        self.symtab_unique(run, name)?;
        let symtab = self.elf.symtab().cloned().ok_or(Stop::Refused(Errno::ENOEXEC))?;
        self.sh_link(run, &symtab, header)?;
        let strtab = self.elf.strtab().cloned().ok_or(Stop::Refused(Errno::ENOEXEC))?;
        if strtab.kind != SectionType::STRTAB && run.has(Behaviour::ElfStrtabTypes)? {
            let line = format!("Invalid ELF symbol string table type: {}", strtab.kind);
            return self.refuse(run, "the symbol string table is no string table", line);
        }
        let ignore = run.insmod.flags.has(ModuleInitFlags::IGNORE_MODVERSIONS);
        if !ignore && run.has(Behaviour::ElfExtendedVersions)? {
            self.extended_versions(run)?;
        }
        if run.has(Behaviour::ElfStrtabContent)? {
            self.strtab_contents(run, &strtab)?;
        }
        self.gather(run, this_module)
    }
}

fn section_zero_line(kind: u32) -> String {
    format!("ELF Spec violation: section 0 type({kind})!=SH_NULL or non-zero len or addr")
}
