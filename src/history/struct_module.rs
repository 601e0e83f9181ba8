//! `sizeof(struct module)` of builds that were measured.

use crate::terms::{Arch, Crc, ElfMachine, KernelRelease};

/// A measured build. The size is that of the section `.gnu.linkonce.this_module` of its modules.
struct Measured {
    release: &'static str,
    machine: ElfMachine,
    /// The version of `module_layout`, which covers the structure, so that equal versions mean equal sizes; 0 without versions.
    module_layout: u32,
    size: u64,
}

const MEASURED: &[Measured] = &[
    Measured { release: "5.10.0-46-amd64", machine: ElfMachine::X86_64, module_layout: 0xd5bf_83c7, size: 0x3c0 },
    Measured { release: "6.1.0-56-amd64", machine: ElfMachine::X86_64, module_layout: 0x9060_323f, size: 0x380 },
    Measured { release: "6.12.117+deb13-amd64", machine: ElfMachine::X86_64, module_layout: 0x2f9b_2b9a, size: 0x500 },
    Measured { release: "6.12.117+deb13-arm64", machine: ElfMachine::Arm64, module_layout: 0x9850_a0ff, size: 0x500 },
    Measured { release: "7.3.4+deb13-amd64", machine: ElfMachine::X86_64, module_layout: 0, size: 0x500 },
];

/// The size in bytes, if this build was measured or one with the same version of `module_layout`.
pub fn struct_module_size(release: &KernelRelease, arch: Arch, module_layout: Option<Crc>) -> Option<u64> {
    let mut rows = MEASURED.iter().filter(|row| row.machine == arch.machine);
    let row = rows.find(|row| match module_layout {
        Some(Crc(crc)) if crc != 0 && row.module_layout != 0 => crc == row.module_layout,
        _ => release.as_str() == row.release,
    });
    row.map(|row| row.size)
}
