//! The names of relocation types, as the ABI of each processor gives them.

use crate::terms::ElfMachine;

/// For each machine a line `MACHINE PREFIX`, then its types: `NUMBER REST-OF-THE-NAME`. The names are those of the psABI
/// documents, as binutils prints them (2.44), and of `elf.h` where binutils has none.
const NAMES: &str = include_str!("relocation_names.txt");

/// The name of a relocation type, such as `R_RISCV_32_PCREL`; `None` if the ABI does not name it.
pub fn relocation_name(machine: ElfMachine, kind: u32) -> Option<String> {
    let mut lines = NAMES.lines().filter_map(|line| line.split_once(' '));
    let (_, prefix) = lines.find(|(name, _)| *name == machine.name())?;
    let number = kind.to_string();
    let is_type = |(number, _): &(&str, &str)| number.bytes().all(|byte| byte.is_ascii_digit());
    let (_, rest) = lines.take_while(is_type).find(|(known, _)| *known == number)?;
    Some(format!("{prefix}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_has_names() {
        let name = |machine, kind| relocation_name(machine, kind).unwrap_or_default();
        assert_eq!(name(ElfMachine::Riscv, 57), "R_RISCV_32_PCREL");
        assert_eq!(name(ElfMachine::X86_64, 9), "R_X86_64_GOTPCREL");
        assert_eq!(name(ElfMachine::I386, 10), "R_386_GOTPC");
        assert_eq!(name(ElfMachine::Arm64, 311), "R_AARCH64_ADR_GOT_PAGE");
        assert_eq!(name(ElfMachine::Arm, 42), "R_ARM_PREL31");
        assert_eq!(name(ElfMachine::Arm, 26), "R_ARM_GOT_BREL");
        assert_eq!(name(ElfMachine::Ppc64, 14), "R_PPC64_GOT16");
        assert_eq!(name(ElfMachine::Ppc, 14), "R_PPC_GOT16");
        assert_eq!(name(ElfMachine::S390, 61), "R_390_IRELATIVE");
        assert_eq!(name(ElfMachine::Loongarch, 120), "R_LARCH_TLS_DESC_CALL");
        assert_eq!(name(ElfMachine::Mips, 9), "R_MIPS_GOT16");
        assert!(ElfMachine::ALL.iter().all(|machine| relocation_name(*machine, 0).is_some()));
        assert_eq!(relocation_name(ElfMachine::Riscv, 200), None);
    }
}
