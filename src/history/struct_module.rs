//! `sizeof(struct module)` and the places of its functions, of builds that were measured.

use crate::terms::{Arch, Crc, ElfMachine, KernelRelease};

/// A measured build: the size of the section `.gnu.linkonce.this_module` of its modules, and the places that relocations of
/// `init_module` and `cleanup_module` fill in it.
struct Measured {
    release: &'static str,
    machine: ElfMachine,
    /// The version of `module_layout`, which covers the structure, so that equal versions mean an equal layout; 0 without
    /// versions.
    module_layout: u32,
    size: u64,
    /// The offset of `init`.
    init: u64,
    /// The offset of `exit`.
    exit: u64,
}

const fn measured(
    release: &'static str,
    machine: ElfMachine,
    module_layout: u32,
    size: u64,
    [init, exit]: [u64; 2],
) -> Measured {
    Measured { release, machine, module_layout, size, init, exit }
}

const MEASURED: &[Measured] = &[
    measured("5.10.0-46-amd64", ElfMachine::X86_64, 0xd5bf_83c7, 0x3c0, [0x150, 0x380]),
    measured("6.1.0-56-amd64", ElfMachine::X86_64, 0x9060_323f, 0x380, [0x138, 0x350]),
    measured("6.12.117+deb13-amd64", ElfMachine::X86_64, 0x2f9b_2b9a, 0x500, [0x138, 0x4b0]),
    measured("6.12.117+deb13-arm64", ElfMachine::Arm64, 0x9850_a0ff, 0x500, [0x138, 0x4a8]),
    measured("7.3.4+deb13-amd64", ElfMachine::X86_64, 0, 0x500, [0x130, 0x4b8]),
];

fn row(release: &KernelRelease, arch: Arch, module_layout: Option<Crc>) -> Option<&'static Measured> {
    MEASURED.iter().filter(|row| row.machine == arch.machine).find(|row| match module_layout {
        Some(Crc(crc)) if crc != 0 && row.module_layout != 0 => crc == row.module_layout,
        _ => release.as_str() == row.release,
    })
}

/// The size in bytes, if this build was measured or one with the same version of `module_layout`.
pub fn struct_module_size(release: &KernelRelease, arch: Arch, module_layout: Option<Crc>) -> Option<u64> {
    row(release, arch, module_layout).map(|row| row.size)
}

/// The offsets of `init` and `exit` in bytes, if this build was measured or one with the same version of `module_layout`.
pub fn struct_module_functions(release: &KernelRelease, arch: Arch, module_layout: Option<Crc>) -> Option<[u64; 2]> {
    row(release, arch, module_layout).map(|row| [row.init, row.exit])
}
