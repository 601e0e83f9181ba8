//! The kernel's xz decoder (lib/xz), in its mode for several calls.

use std::borrow::Cow;

use flate2::Crc;
use liblzma::stream::{Action, Filters, Status, Stream};

use super::outcome::{KernelDecompressFault, KernelNeeds, KernelResult};
use crate::compression::decoder::DECOMPRESSED_LIMIT;
use crate::terms::{Budget, Claim, CountedBytes};

/// Values of `enum xz_ret` (include/linux/xz.h).
const OK: i32 = 0;
const OPTIONS_ERROR: i32 = 6;
const DATA_ERROR: i32 = 7;

const HEADER: usize = 12;
const MAGIC: usize = 6;
const FOOTER_MAGIC: &[u8] = b"YZ";
const CHECK_NONE: u8 = 0;
const CHECK_CRC32: u8 = 1;
const LZMA2: u8 = 0x21;
/// How liblzma adds a filter.
type AddFilter = fn(&mut Filters) -> &mut Filters;
/// Filters by their number: the option for the kernel's decoder, the name that `xz` gives them, and how liblzma adds them.
const BCJ: [(u8, &str, &str, AddFilter); 8] = [
    (4, "XZ_DEC_X86", "x86", Filters::x86),
    (5, "XZ_DEC_POWERPC", "powerpc", Filters::powerpc),
    (6, "XZ_DEC_IA64", "ia64", Filters::ia64),
    (7, "XZ_DEC_ARM", "arm", Filters::arm),
    (8, "XZ_DEC_ARMTHUMB", "armthumb", Filters::arm_thumb),
    (9, "XZ_DEC_SPARC", "sparc", Filters::sparc),
    (10, "XZ_DEC_ARM64", "arm64", Filters::arm64),
    (11, "XZ_DEC_RISCV", "riscv", Filters::riscv),
];

pub(super) fn needs(stored: &[u8]) -> Option<KernelNeeds> {
    let mut decoder = Decoder::new(stored, &[], false);
    decoder.run().ok()?;
    // User space reads all streams. What follows the first must not add anything.
    let rest = stored.get(decoder.at..)?;
    rest.iter().all(|byte| *byte == 0).then_some(decoder.needs)
}

pub(super) fn wants(stored: &[u8]) -> KernelNeeds {
    let mut decoder = Decoder::new(stored, &[], false);
    // What was found before a fault counts.
    let _ = decoder.run();
    decoder.needs
}

pub(super) fn decompress(stored: &[u8], lacking: &[&str], budget: &Budget) -> KernelResult<CountedBytes> {
    let mut decoder = Decoder { claim: budget.hold(0), ..Decoder::new(stored, lacking, true) };
    decoder.run()?;
    Ok(CountedBytes::new(decoder.contents, decoder.claim))
}

/// `struct xz_dec` (lib/xz/xz_dec_stream.c). The methods are named after the kernel functions that they mirror.
struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
    check: u8,
    lacking: &'a [&'a str],
    /// Whether to decompress. Otherwise only the structure is read.
    decodes: bool,
    contents: Vec<u8>,
    claim: Claim,
    /// The unpadded and the uncompressed size of each block.
    blocks: Vec<(u64, u64)>,
    needs: KernelNeeds,
}

/// The header of a block.
struct BlockHeader {
    size: usize,
    compressed: Option<u64>,
    uncompressed: Option<u64>,
    filter: Option<AddFilter>,
    /// The size of the dictionary, as the property of the LZMA2 filter.
    dictionary: u8,
}

fn options_error<T>(why: impl Into<String>) -> KernelResult<T> {
    Err(KernelDecompressFault::status(OPTIONS_ERROR, why))
}

fn data_error() -> KernelDecompressFault {
    KernelDecompressFault::status(DATA_ERROR, "is damaged")
}

fn cut_short() -> KernelDecompressFault {
    KernelDecompressFault::status(OK, "is cut short")
}

fn ensure(condition: bool) -> KernelResult<()> {
    if condition { Ok(()) } else { Err(data_error()) }
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// The size of a dictionary, in bytes.
fn dictionary_size(property: u8) -> u64 {
    (2 + u64::from(property & 1)) << (u32::from(property >> 1) + 11)
}

/// `dec_vli()`. Returns the number and the place behind it; `None` if the bytes end before it does.
fn dec_vli(bytes: &[u8], from: usize) -> KernelResult<Option<(u64, usize)>> {
    let mut number = 0;
    for (byte, index) in bytes.get(from..).unwrap_or_default().iter().zip(0..) {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            ensure(*byte != 0 || index == 0)?;
            return Ok(Some((number, from + index + 1)));
        }
        ensure(index < 8)?;
    }
    Ok(None)
}

impl<'a> Decoder<'a> {
    fn new(bytes: &'a [u8], lacking: &'a [&'a str], decodes: bool) -> Self {
        let needs = KernelNeeds::default();
        let (contents, claim, blocks) = (Vec::new(), Claim::default(), Vec::new());
        Self { bytes, at: 0, check: CHECK_NONE, lacking, decodes, contents, claim, blocks, needs }
    }

    /// `dec_main()`.
    fn run(&mut self) -> KernelResult<()> {
        let header = self.fill(HEADER)?;
        self.dec_stream_header(header)?;
        loop {
            match self.bytes.get(self.at) {
                None => return Err(cut_short()),
                Some(0) => break,
                Some(words) => {
                    let header = self.fill((usize::from(*words) + 1) * 4)?;
                    let header = self.dec_block_header(header)?;
                    self.dec_block(&header)?;
                }
            }
        }
        let size = self.dec_index()?;
        let footer = self.fill(HEADER)?;
        self.dec_stream_footer(footer, size)
    }

    /// The next bytes.
    fn fill(&mut self, size: usize) -> KernelResult<&'a [u8]> {
        let end = self.at.saturating_add(size);
        let bytes = self.bytes.get(self.at..end).ok_or_else(cut_short)?;
        self.at = end;
        Ok(bytes)
    }

    /// Skips padding up to a multiple of four bytes since `start`.
    fn pad(&mut self, start: usize) -> KernelResult<()> {
        while !(self.at - start).is_multiple_of(4) {
            ensure(self.fill(1)? == [0])?;
        }
        Ok(())
    }

    /// `crc32_validate()`: it compares byte by byte.
    fn crc32_validate(&mut self, crc: u32) -> KernelResult<()> {
        crc.to_le_bytes().iter().try_for_each(|byte| ensure(self.fill(1)? == [*byte]))
    }

    fn dec_stream_header(&mut self, header: &[u8]) -> KernelResult<()> {
        let flags = header.get(MAGIC..MAGIC + 2).unwrap_or_default();
        ensure(header.ends_with(&crc32(flags).to_le_bytes()))?;
        match *flags {
            [0, check @ (CHECK_NONE | CHECK_CRC32)] => {
                self.check = check;
                Ok(())
            }
            [0, check @ ..=15] => {
                let name = match check {
                    4 => Cow::from("CRC64"),
                    10 => "SHA-256".into(),
                    other => format!("of type {other}").into(),
                };
                options_error(format!("has an integrity check {name}, and the kernel knows only CRC32 and none"))
            }
            _ => options_error("is of a version that the kernel does not know"),
        }
    }

    fn dec_block_header(&mut self, header: &[u8]) -> KernelResult<BlockHeader> {
        let (header, crc) = header.split_last_chunk().ok_or_else(data_error)?;
        ensure(crc32(header) == u32::from_le_bytes(*crc))?;
        let flags = header.get(1).copied().unwrap_or_default();
        if flags & 0x3e != 0 {
            return options_error("uses more filters than the kernel takes");
        }
        let mut at = 2;
        let mut size = |given: bool| -> KernelResult<Option<u64>> {
            if !given {
                return Ok(None);
            }
            let (number, end) = dec_vli(header, at)?.ok_or_else(data_error)?;
            at = end;
            Ok(Some(number))
        };
        let compressed = size(flags & 0x40 != 0)?;
        let uncompressed = size(flags & 0x80 != 0)?;
        let mut fields = header.get(at..).unwrap_or_default();
        let mut filter = None;
        if flags & 1 != 0 {
            let [number, properties, rest @ ..] = fields else { return options_error("has a malformed header") };
            filter = Some(self.xz_dec_bcj_reset(*number)?);
            if *properties != 0 {
                return options_error("has a filter with an offset, which the kernel does not know");
            }
            fields = rest;
        }
        let [number, properties, rest @ ..] = fields else { return Err(data_error()) };
        if *number != LZMA2 {
            return options_error(unknown_filter(*number));
        }
        if *properties != 1 {
            return options_error("has a malformed header");
        }
        let [dictionary, padding @ ..] = rest else { return Err(data_error()) };
        if *dictionary > 39 {
            return options_error("has a dictionary of 4 GiB, which the kernel does not take");
        }
        self.needs.memory = self.needs.memory.max(dictionary_size(*dictionary));
        if padding.iter().any(|byte| *byte != 0) {
            return options_error("has a malformed header");
        }
        Ok(BlockHeader { size: header.len() + crc.len(), compressed, uncompressed, filter, dictionary: *dictionary })
    }

    fn xz_dec_bcj_reset(&mut self, number: u8) -> KernelResult<AddFilter> {
        let Some((_, option, name, add)) = BCJ.iter().find(|filter| filter.0 == number) else {
            return options_error(unknown_filter(number));
        };
        if self.lacking.contains(option) {
            return options_error(format!("uses the filter {name}, and CONFIG_{option} is not set"));
        }
        if !self.needs.options.contains(option) {
            self.needs.options.push(option);
        }
        Ok(*add)
    }

    /// `dec_block()`, with the padding and the check behind it.
    fn dec_block(&mut self, header: &BlockHeader) -> KernelResult<()> {
        let start = self.at;
        let before = self.contents.len();
        let (announced, end) = self.chunks();
        let uncompressed = if self.decodes {
            self.decode(header, announced)?;
            (self.contents.len() - before) as u64
        } else {
            self.at = end.ok_or_else(data_error)?;
            announced
        };
        let compressed = (self.at - start) as u64;
        ensure(header.compressed.is_none_or(|size| size == compressed))?;
        ensure(header.uncompressed.is_none_or(|size| size == uncompressed))?;
        self.pad(start)?;
        let mut unpadded = header.size as u64 + compressed;
        if self.check == CHECK_CRC32 {
            unpadded += 4;
            if self.decodes {
                let crc = crc32(self.contents.get(before..).unwrap_or_default());
                self.crc32_validate(crc)?;
            } else {
                self.fill(4)?;
            }
        }
        self.blocks.push((unpadded, uncompressed));
        Ok(())
    }

    /// The size that the chunks of LZMA2 data say they have when decompressed, and the end of the data if they are complete.
    fn chunks(&self) -> (u64, Option<usize>) {
        let mut at = self.at;
        let mut size: u64 = 0;
        loop {
            let chunk = self.bytes.get(at..).unwrap_or_default();
            match *chunk {
                [0, ..] => return (size, Some(at + 1)),
                [1 | 2, high, low, ..] => {
                    let length = usize::from(u16::from_be_bytes([high, low])) + 1;
                    size += length as u64;
                    at += 3 + length;
                }
                [control @ 0x80..=0xff, high, low, compressed_high, compressed_low, ..] => {
                    size += (u64::from(control & 0x1f) << 16) + u64::from(u16::from_be_bytes([high, low])) + 1;
                    let header = if control >= 0xc0 { 6 } else { 5 };
                    at += header + usize::from(u16::from_be_bytes([compressed_high, compressed_low])) + 1;
                }
                _ => return (size, None),
            }
        }
    }

    /// Decompresses LZMA2 data, which decompresses to at most `announced` bytes.
    fn decode(&mut self, header: &BlockHeader, announced: u64) -> KernelResult<()> {
        let before = self.contents.len();
        // One byte more, so that the end of the data is read, too.
        let room = usize::try_from(announced).ok().and_then(|size| before.checked_add(size)?.checked_add(1));
        let room = room.filter(|size| *size <= DECOMPRESSED_LIMIT).ok_or(KernelDecompressFault::Limit)?;
        // A dictionary that is larger than the contents makes no difference but for the memory that it takes.
        let is_enough = |property: &u8| dictionary_size(*property) >= announced;
        let dictionary = (0..header.dictionary).find(is_enough).unwrap_or(header.dictionary);
        let mut filters = Filters::new();
        if let Some(add) = header.filter {
            add(&mut filters);
        }
        let added = filters.lzma2_properties(&[dictionary]).and_then(|filters| Stream::new_raw_decoder(filters));
        let mut stream = added.map_err(|_| KernelDecompressFault::Limit)?;
        self.claim.grow_to(room)?;
        self.contents.resize(room, 0);
        let mut written = before;
        let outcome = loop {
            let input = self.bytes.get(self.at..).unwrap_or_default();
            let output = self.contents.get_mut(written..).unwrap_or_default();
            let (read, wrote) = (stream.total_in(), stream.total_out());
            let status = stream.process(input, output, Action::Run);
            let read = usize::try_from(stream.total_in() - read).unwrap_or_default();
            let wrote = usize::try_from(stream.total_out() - wrote).unwrap_or_default();
            self.at += read;
            written += wrote;
            match status {
                Ok(Status::StreamEnd) => break Ok(()),
                Ok(Status::Ok | Status::GetCheck) if read > 0 || wrote > 0 => {}
                Ok(_) => break Err(cut_short()),
                Err(liblzma::stream::Error::Mem | liblzma::stream::Error::MemLimit) => {
                    break Err(KernelDecompressFault::Limit);
                }
                Err(_) => break Err(data_error()),
            }
        };
        self.contents.truncate(written);
        outcome
    }

    /// `dec_index()`, with the padding and the check behind it. Returns the size of the index without its check.
    fn dec_index(&mut self) -> KernelResult<usize> {
        let start = self.at;
        self.at += 1;
        let blocks = std::mem::take(&mut self.blocks);
        ensure(self.index_number()? == blocks.len() as u64)?;
        let mut is_equal = true;
        for (unpadded, uncompressed) in blocks {
            is_equal &= self.index_number()? == unpadded;
            is_equal &= self.index_number()? == uncompressed;
        }
        self.pad(start)?;
        ensure(is_equal)?;
        let index = self.bytes.get(start..self.at).unwrap_or_default();
        self.crc32_validate(crc32(index))?;
        Ok(index.len())
    }

    fn index_number(&mut self) -> KernelResult<u64> {
        let (number, end) = dec_vli(self.bytes, self.at)?.ok_or_else(cut_short)?;
        self.at = end;
        Ok(number)
    }

    fn dec_stream_footer(&self, footer: &[u8], index: usize) -> KernelResult<()> {
        let [c0, c1, c2, c3, fields @ ..] = footer else { return Err(data_error()) };
        let Some((fields, FOOTER_MAGIC)) = fields.split_at_checked(6) else { return Err(data_error()) };
        ensure(crc32(fields) == u32::from_le_bytes([*c0, *c1, *c2, *c3]))?;
        let [s0, s1, s2, s3, 0, check] = *fields else { return Err(data_error()) };
        ensure(u32::from_le_bytes([s0, s1, s2, s3]) as usize == index / 4 && check == self.check)
    }
}

fn unknown_filter(number: u8) -> String {
    match number {
        3 => "uses the filter delta, which the kernel does not know".to_owned(),
        _ => match BCJ.iter().find(|filter| filter.0 == number) {
            Some((.., name, _)) => format!("uses the filter {name} where the kernel takes LZMA2 only"),
            None => format!("uses the filter {number:#x}, which the kernel does not know"),
        },
    }
}
