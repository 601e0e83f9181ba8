//! The containers of boot images: unpacking the kernel from the file that a boot loader loads.

use std::fmt;
use std::ops::Range;

use goblin::pe;

use super::error::{ImageError, ImageErrorKind};
use super::relative;
use crate::compression::{Compression, decompress_payload};
use crate::elf::Elf;
use crate::image::Bytes;
use crate::terms::{Arch, Class, CountedBytes, ElfMachine, Endian};

/// The most containers within each other. A unified image with an EFI image with a compressed kernel has three.
const MAX_DEPTH: usize = 6;

/// A container of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// x86's boot image (Documentation/arch/x86/boot.rst).
    BzImage,
    /// An EFI program that decompresses the kernel (drivers/firmware/efi/libstub/zboot-header.S).
    Zboot,
    /// A unified kernel image (UAPI specification 5): a PE file with kernel, initrd and command line.
    Uki,
    /// 32-bit ARM's boot image.
    ZImage,
    /// s390's boot image.
    S390,
    /// An ELF program that decompresses the kernel (MIPS, powerpc).
    Wrapper,
    /// Compressed data.
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

/// A kernel unpacked from its containers.
#[derive(Debug)]
pub(super) struct Unwrapped {
    pub bytes: Bytes,
    /// The containers, the outermost first.
    pub containers: Vec<Container>,
    /// The architecture of a bare image; `None` for an ELF file, whose header gives it.
    pub arch: Option<Arch>,
    /// `.uname` of a unified image.
    pub uname: Option<String>,
    /// `.cmdline` of a unified image.
    pub cmdline: Option<String>,
}

/// Returns whether a file with these bytes may be a kernel image. Compressed data does not count, because it may be any file.
pub(in crate::kernel) fn is_image(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"MZ") {
        return true;
    }
    match image_format(bytes) {
        Some(ImageFormat::Container(Container::Compressed(_))) | None => false,
        Some(_) => true,
    }
}

/// The format of an image, recognized by its first bytes.
enum ImageFormat {
    Elf,
    Container(Container),
    Bare(Arch),
}

const fn little(machine: ElfMachine, class: Class) -> Arch {
    Arch { machine, class, endian: Endian::Little }
}

fn image_format(bytes: &[u8]) -> Option<ImageFormat> {
    let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    Some(if at(0, b"\x7fELF") {
        ImageFormat::Elf
    } else if at(0x202, b"HdrS") {
        ImageFormat::Container(Container::BzImage)
    } else if at(0, b"MZ") && at(4, b"zimg") {
        ImageFormat::Container(Container::Zboot)
    } else if at(0, b"MZ") && pe_section(bytes, ".linux").is_some() {
        ImageFormat::Container(Container::Uki)
    } else if at(0x38, b"ARMd") {
        // Bit 0 of the flags is the byte order (Documentation/arch/arm64/booting.rst).
        let big = bytes.get(0x18).is_some_and(|flags| flags & 1 == 1);
        ImageFormat::Bare(Arch { endian: if big { Endian::Big } else { Endian::Little }, ..Arch::ARM64 })
    } else if at(0x38, b"RSC\x05") {
        ImageFormat::Bare(little(ElfMachine::Riscv, Class::Elf64))
    } else if at(0, b"MZ") && at(0x38, &[0xcd, 0x23, 0x82, 0x81]) {
        ImageFormat::Bare(little(ElfMachine::Loongarch, Class::Elf64))
    } else if at(0x24, &[0x18, 0x28, 0x6f, 0x01]) {
        ImageFormat::Container(Container::ZImage)
    } else if at(0x1_0008, b"S390EP") {
        ImageFormat::Container(Container::S390)
    } else {
        ImageFormat::Container(Container::Compressed(Compression::of_payload(bytes)?))
    })
}

/// Unpacks a kernel from its containers. `outer` is the compression of the whole file, which the caller has undone.
pub(super) fn unwrap(bytes: CountedBytes, outer: Option<Compression>) -> Result<Unwrapped, ImageError> {
    let mut containers: Vec<_> = outer.map(Container::Compressed).into_iter().collect();
    let mut uname = None;
    let mut cmdline = None;
    // The architecture of the bare image that a container holds.
    let mut inside = None;
    let mut bytes = bytes;
    while containers.len() < MAX_DEPTH {
        let packed = match image_format(&bytes) {
            Some(ImageFormat::Elf) => match wrapped(&bytes) {
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
            Some(ImageFormat::Bare(arch)) => {
                let bytes = relative::apply(bytes, arch).into();
                return Ok(Unwrapped { bytes, containers, arch: Some(arch), uname, cmdline });
            }
            Some(ImageFormat::Container(Container::Uki)) => {
                uname = uname.or_else(|| pe_text(&bytes, ".uname"));
                cmdline = cmdline.or_else(|| pe_text(&bytes, ".cmdline"));
                let range = pe_section(&bytes, ".linux").unwrap_or_default();
                containers.push(Container::Uki);
                bytes.narrow(range);
                continue;
            }
            Some(ImageFormat::Container(Container::BzImage)) => bz_image(&bytes)?,
            Some(ImageFormat::Container(Container::Zboot)) => zboot(&bytes)?,
            Some(ImageFormat::Container(container @ Container::Compressed(compression))) => {
                Packed { container, range: 0..bytes.len(), compression, size: None }
            }
            Some(ImageFormat::Container(container)) => {
                inside = bare(container);
                payload(&bytes, container).ok_or_else(|| ImageError::new(0, ImageErrorKind::NoPayload))?
            }
        };
        containers.push(packed.container);
        let compressed = Container::Compressed(packed.compression);
        if packed.container != compressed {
            containers.push(compressed);
        }
        let start = packed.range.start;
        let data = bytes.get(packed.range).unwrap_or_default();
        bytes = decompress_payload(packed.compression, data, packed.size, &bytes.budget())
            .map_err(|error| ImageError::new(start, ImageErrorKind::Compressed(error)))?;
    }
    Err(ImageError::new(0, ImageErrorKind::TooDeep(MAX_DEPTH)))
}

/// The architecture and the compressed contents of an ELF boot wrapper: an ELF program without export tables, but with
/// compressed data.
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

/// The compressed kernel in a container.
struct Packed {
    container: Container,
    /// The range of the compressed data.
    range: Range<usize>,
    compression: Compression,
    /// The decompressed size in bytes, if the container gives it.
    size: Option<usize>,
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let field = bytes.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*field)).ok()
}

/// Reads x86's setup header: `setup_sects`, `payload_offset` and `payload_length`, since protocol 2.08 (2.6.26). The last four
/// bytes of the payload are the decompressed size.
fn bz_image(bytes: &[u8]) -> Result<Packed, ImageError> {
    let truncated = |offset| ImageError::new(offset, ImageErrorKind::Truncated("the x86 setup header"));
    let sectors = match bytes.get(0x1f1).ok_or_else(|| truncated(0x1f1))? {
        0 => 4,
        sectors => usize::from(*sectors),
    };
    let (offset, length) = number(bytes, 0x248).zip(number(bytes, 0x24c)).ok_or_else(|| truncated(0x248))?;
    let start = ((sectors + 1) * 512).saturating_add(offset);
    let (range, compression) = packed(bytes, start, length, 0x248)?;
    let size = range.end.checked_sub(4).and_then(|at| number(bytes, at));
    Ok(Packed { container: Container::BzImage, range, compression, size })
}

/// Reads the zboot header: the offset and size of the payload are at 8 and 12, the name of the compression at 24. The
/// decompressed size follows the payload; for gzip it is the payload's last four bytes.
fn zboot(bytes: &[u8]) -> Result<Packed, ImageError> {
    let (start, length) = number(bytes, 8)
        .zip(number(bytes, 12))
        .ok_or_else(|| ImageError::new(8, ImageErrorKind::Truncated("the zboot header")))?;
    let (range, compression) = packed(bytes, start, length, 8)?;
    let size_at = if compression == Compression::Gzip { range.end.checked_sub(4) } else { Some(range.end) };
    let size = size_at.and_then(|at| number(bytes, at));
    Ok(Packed { container: Container::Zboot, range, compression, size })
}

/// The range of a payload and its compression. `told_at` is the offset of the header field that gives the range.
fn packed(
    bytes: &[u8],
    start: usize,
    length: usize,
    told_at: usize,
) -> Result<(Range<usize>, Compression), ImageError> {
    let range = start..start.saturating_add(length);
    let Some(packed) = bytes.get(range.clone()) else {
        let kind = ImageErrorKind::Outside { what: "payload", end: range.end, have: bytes.len() };
        return Err(ImageError::new(told_at, kind));
    };
    let Some(compression) = Compression::of_payload(packed) else {
        let beginning = packed.get(..8).unwrap_or(packed).to_vec();
        return Err(ImageError::new(start, ImageErrorKind::UnknownCompression(beginning)));
    };
    Ok((range, compression))
}

/// The payload of an image whose header does not give its range: it begins at the first offset where compressed data begins and
/// its first bytes can be decompressed.
fn payload(bytes: &[u8], container: Container) -> Option<Packed> {
    (0..bytes.len()).find_map(|at| {
        let rest = bytes.get(at..)?;
        let compression = Compression::of_payload(rest)?;
        begins(compression, rest).then_some(Packed { container, range: at..bytes.len(), compression, size: None })
    })
}

/// Returns whether the first 64 KiB of compressed data can be decompressed.
fn begins(compression: Compression, packed: &[u8]) -> bool {
    use std::io::Read as _;
    let mut beginning = Vec::new();
    let reader = crate::compression::decompressor(compression, packed);
    let read = reader.is_ok_and(|reader| reader.take(1 << 16).read_to_end(&mut beginning).is_ok());
    read && beginning.len() == 1 << 16
}

/// The text of a section of a PE file, without NULs, newlines and spaces around it; `None` if it is empty.
fn pe_text(bytes: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(bytes.get(pe_section(bytes, name)?)?);
    let text = text.trim_matches(['\0', '\n', ' ']);
    (!text.is_empty()).then(|| text.to_owned())
}

/// The range of a section of a PE file. `.profile` begins each profile of a unified image: what stands before the first is shared
/// by all, and the first profile is what boots by default (`pe_locate_profile_sections()` of systemd-stub).
fn pe_section(bytes: &[u8], name: &str) -> Option<Range<usize>> {
    let header = pe::header::Header::parse(bytes).ok()?;
    let at = usize::try_from(header.dos_header.pe_pointer).ok()?;
    let optional = usize::from(header.coff_header.size_of_optional_header);
    let mut table =
        at.checked_add(pe::header::SIZEOF_PE_MAGIC + pe::header::SIZEOF_COFF_HEADER)?.checked_add(optional)?;
    let sections = header.coff_header.sections(bytes, &mut table).ok()?;
    let mut parts = sections.split(|section| section.name().is_ok_and(|own| own == ".profile"));
    let (shared, first) = (parts.next(), parts.next());
    let mut booted = [first, shared].into_iter().flatten().flatten();
    let section = booted.find(|section| section.name().is_ok_and(|own| own == name))?;
    let start = usize::try_from(section.pointer_to_raw_data).ok()?;
    let size = usize::try_from(section.size_of_raw_data.min(section.virtual_size)).ok()?;
    let range = start..start.checked_add(size)?;
    bytes.get(range.clone()).map(|_| range)
}
