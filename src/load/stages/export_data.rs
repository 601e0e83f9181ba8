//! What relocations write over the versions and the kinds of a module's exports.

use crate::elf::{Section, SymbolPlace};
use crate::image::ModuleElf;
use crate::load::relocate::x86_64_width;
use crate::load::stages::struct_module::Misfit;
use crate::load::state::Info;
use crate::terms::ElfMachine;

/// How many bytes a version has.
const CRC: u64 = 4;

/// Returns whether relocations write over what tells the versions and the kinds of a module's exports: over the addresses of the
/// tables in `struct module`, or over their entries otherwise than the build does. What the kernel finds there when another module
/// needs a symbol is then not what the file has.
pub(in crate::load) fn is_export_data_overwritten(info: &Info, misfit: Option<&Misfit<'_>>) -> bool {
    let are_tables_moved = !info.exports.is_empty() && misfit.is_some_and(Misfit::writes_over_exports);
    are_tables_moved || info.exports.iter().any(|table| table.is_overwritten)
}

/// Returns whether the kinds of exports have relocations. The build writes none.
pub(in crate::load) fn are_flags_overwritten(elf: &ModuleElf) -> bool {
    elf.find_sec("__kflagstab").is_some_and(|flags| !elf.relocations_of(flags.index).is_empty())
}

/// Returns whether a table of versions has a relocation that does not write one version as the build does. Up to 5.18 the versions
/// are the values of absolute symbols, or lie in another section (ppc64, ppc and s390).
pub(in crate::load) fn has_odd_version(elf: &ModuleElf, machine: ElfMachine, crcs: &str) -> bool {
    let Some(table) = elf.find_sec(crcs) else { return false };
    let relocations = elf.relocations_of(table.index);
    let mut written: Vec<_> = relocations.iter().map(|relocation| relocation.offset).collect();
    written.sort_unstable();
    let count = written.len();
    written.dedup();
    let is_relative = matches!(machine, ElfMachine::Ppc64 | ElfMachine::Ppc | ElfMachine::S390);
    written.len() < count
        || relocations.iter().any(|relocation| {
            let symbol = usize::try_from(relocation.symbol).ok().and_then(|index| elf.symbols().get(index));
            let is_number = symbol.is_some_and(|symbol| symbol.is_undefined() || symbol.shndx == SymbolPlace::ABS);
            let is_wide = machine == ElfMachine::X86_64 && x86_64_width(relocation.kind) != CRC;
            relocation.offset % CRC != 0
                || is_wide
                || !(is_number || is_relative)
                || is_behind(relocation.offset, table)
        })
}

fn is_behind(offset: u64, table: &Section) -> bool {
    offset.saturating_add(CRC) > table.size
}
