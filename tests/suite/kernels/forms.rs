//! The files that a kernel comes in: ELF, bare, and whatever a boot loader is given.

use std::io::{Read as _, Write as _};

use gplok::compression::Compression;
use gplok::terms::{Class, ElfMachine, Endian};

use super::room::Room;
use super::vmlinux::{Laid, Vmlinux};

/// Where the kernel begins in an ELF file.
const CONTENTS: usize = 0x1000;

impl Vmlinux {
    /// ELF with sections, stripped of symbols.
    pub fn elf(&self) -> Vec<u8> {
        elf(&self.lay(), true, false)
    }

    /// ELF with sections and symbols, as the linker leaves it.
    pub fn unstripped(&self) -> Vec<u8> {
        elf(&self.lay(), true, true)
    }

    /// ELF with nothing but program headers.
    pub fn headless(&self) -> Vec<u8> {
        elf(&self.lay(), false, false)
    }

    /// No ELF at all: what is in memory, with the header of its architecture.
    pub fn bare(&self) -> Vec<u8> {
        let mut bytes = self.lay().room.bytes;
        let mut put = |at: usize, what: &[u8]| bytes[at..at + what.len()].copy_from_slice(what);
        match self.arch.machine {
            ElfMachine::Arm64 => {
                put(0x18, &[0x0a | u8::from(self.arch.endian == Endian::Big)]);
                put(0x38, b"ARMd");
            }
            ElfMachine::Riscv => {
                put(0x30, b"RISCV\0\0\0");
                put(0x38, b"RSC\x05");
            }
            ElfMachine::Loongarch => {
                put(0, b"MZ");
                put(0x38, &[0xcd, 0x23, 0x82, 0x81]);
            }
            _ => {}
        }
        bytes
    }
}

/// An ELF header and one program header for `size` bytes of contents.
fn header(room: &mut Room, base: u64, size: usize, sections: Option<(usize, usize)>) {
    let is_64 = room.arch.class == Class::Elf64;
    room.put(&[0x7f, b'E', b'L', b'F', 1 + u8::from(is_64), 1 + u8::from(room.arch.endian == Endian::Big), 1]);
    room.align(16);
    room.number(2, 2);
    room.number(room.arch.machine.e_machine().into(), 2);
    room.u32(1);
    room.word(base);
    let (ehsize, phsize, shsize) = if is_64 { (64, 56, 64) } else { (52, 32, 40) };
    room.word(ehsize);
    room.word(sections.map_or(0, |(at, _)| at as u64));
    room.u32(0);
    let count = sections.map_or(0, |(_, count)| count as u64);
    for number in [ehsize, phsize, 1, shsize, count, count.saturating_sub(1)] {
        room.number(number, 2);
    }
    room.u32(1);
    if is_64 {
        room.u32(7);
    }
    for number in [CONTENTS as u64, base, base, size as u64, size as u64] {
        room.word(number);
    }
    if !is_64 {
        room.u32(7);
    }
    room.word(CONTENTS as u64);
}

fn elf(laid: &Laid, sections: bool, symbols: bool) -> Vec<u8> {
    let arch = laid.room.arch;
    let contents = &laid.room.bytes;
    let mut room = Room::new(arch, 0);
    room.put(&[0; CONTENTS]);
    room.put(contents);
    let mut table = None;
    if sections {
        table = Some(section_headers(&mut room, laid, symbols));
    }
    let mut start = Room::new(arch, 0);
    header(&mut start, laid.room.base, contents.len(), table);
    room.bytes[..start.here()].copy_from_slice(&start.bytes);
    room.bytes
}

fn section_headers(room: &mut Room, laid: &Laid, symbols: bool) -> (usize, usize) {
    // Name, type, flags, address, offset, size, link, entry size.
    let mut headers = vec![(0, 0, 0, 0, 0, 0, 0, 0)];
    let mut names = vec![0];
    let mut name = |text: &str| {
        names.extend(format!("{text}\0").bytes());
        (names.len() - text.len() - 1) as u64
    };
    for (section, place) in &laid.sections {
        let (at, address) = ((CONTENTS + place.start) as u64, laid.room.address(place.start));
        headers.push((name(section), 1, 2, address, at, place.len() as u64, 0, 0));
    }
    if symbols {
        let (mut strings, mut entries) = (vec![0], Vec::new());
        for symbol in &laid.symbols {
            entries.push((strings.len() as u64, symbol));
            strings.extend(format!("{}\0", symbol.name).bytes());
        }
        let start = room.align(8);
        let is_64 = room.arch.class == Class::Elf64;
        room.put(&vec![0; if is_64 { 24 } else { 16 }]);
        for (name, symbol) in entries {
            let bind = if symbol.kind.is_ascii_uppercase() { 0x12 } else { 2 };
            let index = if symbol.kind == 'A' { 0xfff1 } else { 1 };
            room.u32(name);
            if is_64 {
                room.put(&[bind, 0]);
                room.number(index, 2);
                room.word(symbol.address);
                room.word(0);
            } else {
                room.word(symbol.address);
                room.word(0);
                room.put(&[bind, 0]);
                room.number(index, 2);
            }
        }
        let size = (room.here() - start) as u64;
        let link = headers.len() as u64 + 1;
        headers.push((name(".symtab"), 2, 0, 0, start as u64, size, link, if is_64 { 24 } else { 16 }));
        let at = room.put(&strings);
        headers.push((name(".strtab"), 3, 0, 0, at as u64, strings.len() as u64, 0, 0));
    }
    let own = name(".shstrtab");
    let at = room.put(&names);
    headers.push((own, 3, 0, 0, at as u64, names.len() as u64, 0, 0));
    let start = room.align(8);
    for (name, kind, flags, address, offset, size, link, entry) in &headers {
        room.u32(*name);
        room.u32(*kind);
        [*flags, *address, *offset, *size].into_iter().for_each(|word| room.word(word));
        room.u32(*link);
        room.u32(0);
        [1, *entry].into_iter().for_each(|word| room.word(word));
    }
    (start, headers.len())
}

/// Packs as the kernel's build does: legacy frames of LZ4, the container of lzop with its blocks stored.
pub fn pack(compression: Compression, contents: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let read = match compression {
        Compression::Gzip => {
            flate2::read::GzEncoder::new(contents, flate2::Compression::fast()).read_to_end(&mut packed)
        }
        Compression::Xz => liblzma::read::XzEncoder::new(contents, 1).read_to_end(&mut packed),
        Compression::Lzma => {
            let options = liblzma::stream::LzmaOptions::new_preset(1).expect("there is such a preset");
            let stream = liblzma::stream::Stream::new_lzma_encoder(&options).expect("it can be made");
            liblzma::read::XzEncoder::new_stream(contents, stream).read_to_end(&mut packed)
        }
        Compression::Bzip2 => {
            bzip2::read::BzEncoder::new(contents, bzip2::Compression::fast()).read_to_end(&mut packed)
        }
        Compression::Zstd => {
            let mut encoder = zstd::stream::Encoder::new(&mut packed, 1).expect("it can be made");
            encoder.write_all(contents).and_then(|()| encoder.finish()).map(|_| 0)
        }
        Compression::Lz4 => {
            packed.extend([0x02, 0x21, 0x4c, 0x18]);
            for block in contents.chunks(8 << 20) {
                let block = lz4_flex::block::compress(block);
                packed.extend((block.len() as u32).to_le_bytes());
                packed.extend(block);
            }
            Ok(0)
        }
        Compression::Lzo => {
            // Version 1.03 with its level, no flags, no name.
            packed.extend(b"\x89LZO\0\r\n\x1a\n\x10\x30\x20\xa0\x09\x40\x03\x09");
            packed.extend([0; 16]);
            packed.extend([0; 5]);
            for block in contents.chunks(256 << 10) {
                let size = (block.len() as u32).to_be_bytes();
                packed.extend([size, size, [0; 4]].concat());
                packed.extend(block);
            }
            packed.extend([0; 4]);
            Ok(0)
        }
    };
    read.expect("a vector can grow");
    packed
}

pub const COMPRESSIONS: [Compression; 7] = [
    Compression::Gzip,
    Compression::Xz,
    Compression::Zstd,
    Compression::Lzma,
    Compression::Bzip2,
    Compression::Lz4,
    Compression::Lzo,
];

/// What is packed, and how large it is; gzip says so itself.
pub fn payload(compression: Compression, contents: &[u8]) -> Vec<u8> {
    let mut packed = pack(compression, contents);
    if compression != Compression::Gzip {
        packed.extend((contents.len() as u32).to_le_bytes());
    }
    packed
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}

/// arch/x86/boot: two sectors of setup, a decompressor, the payload, more of the decompressor.
pub fn bz_image(payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 3 * 512];
    put(&mut bytes, 0x1f1, &[2]);
    put(&mut bytes, 0x1fe, &[0x55, 0xaa]);
    put(&mut bytes, 0x202, b"HdrS\x0f\x02");
    bytes.extend([0x90; 0x180]);
    put(&mut bytes, 0x248, &0x180_u32.to_le_bytes());
    put(&mut bytes, 0x24c, &(payload.len() as u32).to_le_bytes());
    bytes.extend(payload);
    bytes.extend([0xcc; 300]);
    bytes
}

/// drivers/firmware/efi/libstub/zboot-header.S.
pub fn zboot(name: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 0x400];
    put(&mut bytes, 0, b"MZ\0\0zimg");
    put(&mut bytes, 8, &0x400_u32.to_le_bytes());
    put(&mut bytes, 12, &(payload.len() as u32).to_le_bytes());
    put(&mut bytes, 24, name.as_bytes());
    put(&mut bytes, 56, &[0xcd, 0x23, 0x82, 0x81]);
    bytes.extend(payload);
    bytes
}

/// A PE file of sections.
pub fn uki(sections: &[(&str, &[u8])]) -> Vec<u8> {
    const OPTIONAL: usize = 0xf0;
    let mut bytes = vec![0; 0x400];
    put(&mut bytes, 0, b"MZ");
    put(&mut bytes, 0x3c, &[0x80]);
    put(&mut bytes, 0x80, b"PE\0\0\x64\x86");
    put(&mut bytes, 0x86, &(sections.len() as u16).to_le_bytes());
    put(&mut bytes, 0x94, &(OPTIONAL as u16).to_le_bytes());
    put(&mut bytes, 0x96, &[0x22, 0]);
    put(&mut bytes, 0x98, &[0x0b, 0x02]);
    // The number of data directories, all of them empty.
    put(&mut bytes, 0x98 + 108, &[16]);
    for (index, (name, contents)) in sections.iter().enumerate() {
        let (at, start, size) = (0x98 + OPTIONAL + index * 40, bytes.len(), contents.len() as u32);
        put(&mut bytes, at, name.as_bytes());
        put(&mut bytes, at + 8, &size.to_le_bytes());
        put(&mut bytes, at + 12, &(start as u32).to_le_bytes());
        put(&mut bytes, at + 16, &size.next_multiple_of(512).to_le_bytes());
        put(&mut bytes, at + 20, &(start as u32).to_le_bytes());
        bytes.extend(*contents);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes
}

/// arch/arm/boot/compressed: its magic, a decompressor, what is packed.
pub fn z_image(payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 0x1000];
    put(&mut bytes, 0x24, &[0x18, 0x28, 0x6f, 0x01]);
    // What looks like gzip, and is none.
    put(&mut bytes, 0x800, &[0x1f, 0x8b, 8, 0]);
    bytes.extend(payload);
    bytes
}

/// arch/s390/boot: its magic after 64 KiB, a decompressor, the packed kernel.
pub fn s390(payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 0x1_1000];
    put(&mut bytes, 0x1_0008, b"S390EP");
    bytes.extend(payload);
    bytes
}

/// arch/mips/boot/compressed: an ELF program.
pub fn wrapper(arch: gplok::terms::Arch, payload: &[u8]) -> Vec<u8> {
    let mut room = Room::new(arch, 0);
    header(&mut room, 0xffff_ffff_8100_0000, payload.len(), None);
    room.align(CONTENTS);
    room.put(payload);
    room.bytes
}
