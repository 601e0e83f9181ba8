//! Boot images: what a boot loader is given, around the kernel itself.

use std::fmt;
use std::ops::Range;

use goblin::pe;

use super::error::{ImageError, ImageErrorKind};
use super::relative;
use crate::compression::{Compression, decompress_payload};
use crate::elf::Elf;
use crate::image::Bytes;
use crate::terms::{Arch, Class, ElfMachine, Endian};

/// How many containers stand in each other: a unified image around an EFI image around a compressed one are three.
const MAX_DEPTH: usize = 6;

/// A container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// x86 (Documentation/arch/x86/boot.rst).
    BzImage,
    /// An EFI program that undoes a compression (drivers/firmware/efi/libstub/zboot-header.S).
    Zboot,
    /// A unified kernel image (UAPI specification 5): a PE file with kernel, initrd and command line.
    Uki,
    /// 32-bit ARM.
    ZImage,
    /// s390.
    S390,
    /// An ELF program that undoes a compression (MIPS, powerpc).
    Wrapper,
    /// Nothing but a compression.
    Compressed(Compression),
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BzImage => f.write_str("bzImage"),
            Self::Zboot => f.write_str("EFI zboot"),
            Self::Uki => f.write_str("UKI"),
            Self::ZImage => f.write_str("zImage"),
            Self::S390 => f.write_str("s390 image"),
            Self::Wrapper => f.write_str("boot wrapper"),
            Self::Compressed(compression) => compression.fmt(f),
        }
    }
}

/// A kernel out of its containers.
#[derive(Debug)]
pub(super) struct Unwrapped {
    pub bytes: Bytes,
    /// What it was in, the outermost first.
    pub containers: Vec<Container>,
    /// The architecture that a bare image's header tells; an ELF file tells its own.
    pub arch: Option<Arch>,
    /// `.uname` of a unified image.
    pub uname: Option<String>,
    /// `.cmdline` of a unified image.
    pub cmdline: Option<String>,
}

/// Can a file that begins so be a kernel? One that is compressed as a whole can be anything.
pub(in crate::kernel) fn is_image(bytes: &[u8]) -> bool {
    let compressed = |kind: &Kind| matches!(kind, Kind::Container(Container::Compressed(_)));
    bytes.starts_with(b"MZ") || kind_of(bytes).is_some_and(|kind| !compressed(&kind))
}

/// What a file is told by its first bytes.
enum Kind {
    Elf,
    Container(Container),
    Bare(Arch),
}

const fn little(machine: ElfMachine, class: Class) -> Arch {
    Arch { machine, class, endian: Endian::Little }
}

fn kind_of(bytes: &[u8]) -> Option<Kind> {
    let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    Some(if at(0, b"\x7fELF") {
        Kind::Elf
    } else if at(0x202, b"HdrS") {
        Kind::Container(Container::BzImage)
    } else if at(0, b"MZ") && at(4, b"zimg") {
        Kind::Container(Container::Zboot)
    } else if at(0, b"MZ") && pe_section(bytes, ".linux").is_some() {
        Kind::Container(Container::Uki)
    } else if at(0x38, b"ARMd") {
        // Bit 0 of the flags is the byte order (Documentation/arch/arm64/booting.rst).
        let big = bytes.get(0x18).is_some_and(|flags| flags & 1 == 1);
        Kind::Bare(Arch { endian: if big { Endian::Big } else { Endian::Little }, ..Arch::ARM64 })
    } else if at(0x38, b"RSC\x05") {
        Kind::Bare(little(ElfMachine::Riscv, Class::Elf64))
    } else if at(0, b"MZ") && at(0x38, &[0xcd, 0x23, 0x82, 0x81]) {
        Kind::Bare(little(ElfMachine::Loongarch, Class::Elf64))
    } else if at(0x24, &[0x18, 0x28, 0x6f, 0x01]) {
        Kind::Container(Container::ZImage)
    } else if at(0x1_0008, b"S390EP") {
        Kind::Container(Container::S390)
    } else {
        Kind::Container(Container::Compressed(Compression::of_payload(bytes)?))
    })
}

/// Takes a kernel out of whatever it is in. `outer` is what the file as a whole was compressed with.
pub(super) fn unwrap(bytes: Vec<u8>, outer: Option<Compression>) -> Result<Unwrapped, ImageError> {
    let mut containers: Vec<_> = outer.map(Container::Compressed).into_iter().collect();
    let (mut uname, mut cmdline, mut inside) = (None, None, None);
    let mut bytes = bytes;
    while containers.len() < MAX_DEPTH {
        let (container, place, compression, size) = match kind_of(&bytes) {
            Some(Kind::Elf) => match wrapped(&bytes) {
                Some((arch, packed)) => {
                    inside = Some(arch);
                    packed
                }
                None => return Ok(Unwrapped { bytes: bytes.into(), containers, arch: None, uname, cmdline }),
            },
            None if inside.is_some() => {
                return Ok(Unwrapped { bytes: bytes.into(), containers, arch: inside, uname, cmdline });
            }
            None => return Err(ImageError::new(0, ImageErrorKind::Unknown)),
            Some(Kind::Bare(arch)) => {
                let bytes = relative::apply(bytes, arch).into();
                return Ok(Unwrapped { bytes, containers, arch: Some(arch), uname, cmdline });
            }
            Some(Kind::Container(Container::Uki)) => {
                let text = |name| {
                    let text = String::from_utf8_lossy(bytes.get(pe_section(&bytes, name)?)?);
                    Some(text.trim_matches(['\0', '\n', ' ']).to_owned()).filter(|text| !text.is_empty())
                };
                (uname, cmdline) = (uname.or_else(|| text(".uname")), cmdline.or_else(|| text(".cmdline")));
                let place = pe_section(&bytes, ".linux").unwrap_or_default();
                containers.push(Container::Uki);
                bytes = bytes.get(place).unwrap_or_default().to_vec();
                continue;
            }
            Some(Kind::Container(Container::BzImage)) => bz_image(&bytes)?,
            Some(Kind::Container(Container::Zboot)) => zboot(&bytes)?,
            Some(Kind::Container(container @ Container::Compressed(compression))) => {
                (container, 0..bytes.len(), compression, None)
            }
            Some(Kind::Container(container)) => {
                inside = bare(container);
                payload(&bytes, container).ok_or_else(|| ImageError::new(0, ImageErrorKind::NoPayload))?
            }
        };
        containers.push(container);
        if container != Container::Compressed(compression) {
            containers.push(Container::Compressed(compression));
        }
        let packed = bytes.get(place.clone()).unwrap_or_default();
        let broken = |kind| ImageError::new(place.start, ImageErrorKind::Compressed(kind));
        bytes = decompress_payload(compression, packed, size).map_err(broken)?;
    }
    Err(ImageError::new(0, ImageErrorKind::TooDeep(MAX_DEPTH)))
}

/// What an ELF program holds that is no kernel itself, and for which architecture: it has no export tables of its own, but
/// something compressed.
fn wrapped(bytes: &[u8]) -> Option<(Arch, Packed)> {
    let (class, endian) = Elf::ident(bytes)?;
    let machine = ElfMachine::from_e_machine(Elf::new(bytes, class, endian).header()?.e_machine)?;
    let wraps = matches!(machine, ElfMachine::Mips | ElfMachine::Ppc | ElfMachine::Ppc64);
    if !wraps || memchr::memmem::find(bytes, b"__ksymtab").is_some() {
        return None;
    }
    Some((Arch { machine, class, endian }, payload(bytes, Container::Wrapper)?))
}

/// The architecture of the bare image in a container.
const fn bare(container: Container) -> Option<Arch> {
    match container {
        Container::ZImage => Some(little(ElfMachine::Arm, Class::Elf32)),
        Container::S390 => Some(Arch { machine: ElfMachine::S390, class: Class::Elf64, endian: Endian::Big }),
        _ => None,
    }
}

/// What is packed in a container: where, how, and how large it is when unpacked.
type Packed = (Container, Range<usize>, Compression, Option<usize>);

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let field = bytes.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*field)).ok()
}

/// The setup header of x86: `setup_sects`, `payload_offset`, `payload_length`, since protocol 2.08 (2.6.26). The last four
/// bytes of the payload are the size of what is packed.
fn bz_image(bytes: &[u8]) -> Result<Packed, ImageError> {
    let truncated = |offset| ImageError::new(offset, ImageErrorKind::Truncated("the x86 setup header"));
    let sectors = match bytes.get(0x1f1).ok_or_else(|| truncated(0x1f1))? {
        0 => 4,
        sectors => usize::from(*sectors),
    };
    let (offset, length) = number(bytes, 0x248).zip(number(bytes, 0x24c)).ok_or_else(|| truncated(0x248))?;
    let start = ((sectors + 1) * 512).saturating_add(offset);
    let (place, compression) = packed(bytes, start, length, 0x248)?;
    let size = place.end.checked_sub(4).and_then(|at| number(bytes, at));
    Ok((Container::BzImage, place, compression, size))
}

/// Place and size of the payload stand at 8 and 12, the name of the compression at 24. Behind the payload stands the size of
/// what is packed; gzip has it at its own end.
fn zboot(bytes: &[u8]) -> Result<Packed, ImageError> {
    let truncated = || ImageError::new(8, ImageErrorKind::Truncated("the zboot header"));
    let (start, length) = number(bytes, 8).zip(number(bytes, 12)).ok_or_else(truncated)?;
    let (place, compression) = packed(bytes, start, length, 8)?;
    let size = if compression == Compression::Gzip { place.end.checked_sub(4) } else { Some(place.end) };
    Ok((Container::Zboot, place, compression, size.and_then(|at| number(bytes, at))))
}

/// A payload and its compression; `told_at` is where the header says where it is.
fn packed(
    bytes: &[u8],
    start: usize,
    length: usize,
    told_at: usize,
) -> Result<(Range<usize>, Compression), ImageError> {
    let place = start..start.saturating_add(length);
    let packed = bytes.get(place.clone()).ok_or_else(|| {
        let (end, have) = (place.end, bytes.len());
        ImageError::new(told_at, ImageErrorKind::Outside { what: "payload", end, have })
    })?;
    let beginning = || packed.get(..8).unwrap_or(packed).to_vec();
    match Compression::of_payload(packed) {
        Some(compression) => Ok((place, compression)),
        None => Err(ImageError::new(start, ImageErrorKind::UnknownCompression(beginning()))),
    }
}

/// An image that does not say where its payload is: the first place where a compression begins and its first bytes can be
/// undone.
fn payload(bytes: &[u8], container: Container) -> Option<Packed> {
    (0..bytes.len()).find_map(|at| {
        let rest = bytes.get(at..)?;
        let compression = Compression::of_payload(rest)?;
        begins(compression, rest).then_some((container, at..bytes.len(), compression, None))
    })
}

/// Can the first bytes be undone?
fn begins(compression: Compression, packed: &[u8]) -> bool {
    use std::io::Read as _;
    let mut beginning = Vec::new();
    let reader = crate::compression::decompressor(compression, packed);
    let read = reader.is_ok_and(|reader| reader.take(1 << 16).read_to_end(&mut beginning).is_ok());
    read && beginning.len() == 1 << 16
}

/// The contents of a section of a PE file.
fn pe_section(bytes: &[u8], name: &str) -> Option<Range<usize>> {
    let header = pe::header::Header::parse(bytes).ok()?;
    let at = usize::try_from(header.dos_header.pe_pointer).ok()?;
    let optional = usize::from(header.coff_header.size_of_optional_header);
    let mut table =
        at.checked_add(pe::header::SIZEOF_PE_MAGIC + pe::header::SIZEOF_COFF_HEADER)?.checked_add(optional)?;
    let sections = header.coff_header.sections(bytes, &mut table).ok()?;
    let section = sections.iter().find(|section| section.name().is_ok_and(|own| own == name))?;
    let (start, size) = (section.pointer_to_raw_data, section.size_of_raw_data.min(section.virtual_size));
    let start = usize::try_from(start).ok()?;
    let place = start..start.checked_add(usize::try_from(size).ok()?)?;
    bytes.get(place.clone()).map(|_| place)
}
