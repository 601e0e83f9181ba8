//! The kernel's zstd decoder: `module_zstd_decompress()` (kernel/module/decompress.c) and lib/zstd.

use zstd::zstd_safe::{self, DCtx, DParameter, InBuffer, OutBuffer};

use super::outcome::{KernelDecompressFault, KernelNeeds, KernelResult};
use crate::compression::decoder::DECOMPRESSED_LIMIT;
use crate::terms::{Budget, CountedBytes};

/// `ZSTD_WINDOWLOG_LIMIT_DEFAULT`: the binary logarithm of the largest window that a decoder takes.
const WINDOW_LOG: u32 = 27;
/// `ZSTD_WINDOWLOG_MAX`: the largest window that a header may have.
const WINDOW_LOG_MAX: u32 = 31;
/// `ZSTD_error_frameParameter_windowTooLarge`.
const WINDOW_TOO_LARGE: i32 = 16;
/// The step in which the output grows.
const STEP: usize = 1 << 20;

/// The kernel reads what user space reads if the file is one frame.
pub(super) fn needs(stored: &[u8]) -> Option<KernelNeeds> {
    let memory = window(stored).filter(|size| *size <= 1 << WINDOW_LOG)?;
    let frame = zstd_safe::find_frame_compressed_size(stored).ok()?;
    (frame == stored.len()).then_some(KernelNeeds { options: Vec::new(), memory })
}

/// Mirrors `zstd_get_frame_header()`: the size of the window; `None` if the header is incomplete or not valid.
fn window(stored: &[u8]) -> Option<u64> {
    let descriptor = *stored.get(4)?;
    let is_single_segment = descriptor & 0x20 != 0;
    let dictionary = [0, 1, 2, 4].get(usize::from(descriptor & 3))?;
    let content = match descriptor >> 6 {
        0 => usize::from(is_single_segment),
        code => 1 << code,
    };
    let fields = stored.get(5..5 + usize::from(!is_single_segment) + dictionary + content)?;
    if descriptor & 8 != 0 {
        return None;
    }
    if !is_single_segment {
        let byte = *fields.first()?;
        let log = u32::from(byte >> 3) + 10;
        let size = 1_u64 << log;
        return (log <= WINDOW_LOG_MAX).then_some(size + (size >> 3) * u64::from(byte & 7));
    }
    let mut number = [0; 8];
    number.get_mut(..content)?.copy_from_slice(fields.get(*dictionary..)?);
    let number = u64::from_le_bytes(number);
    Some(if content == 2 { number + 256 } else { number })
}

pub(super) fn decompress(stored: &[u8], budget: &Budget) -> KernelResult<CountedBytes> {
    let Some(window) = window(stored) else {
        let line = "ZSTD-compressed data has an incomplete frame header".to_owned();
        return Err(KernelDecompressFault::Refused { line, why: "has a header that the kernel does not take".into() });
    };
    if window > (1 << WINDOW_LOG) + 1 {
        return Err(failed(WINDOW_TOO_LARGE, "has a window of more than 128 MiB, which the kernel does not take"));
    }
    let mut decoder = DCtx::create();
    decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG)).map_err(|_| KernelDecompressFault::Limit)?;
    let mut input = InBuffer::around(stored);
    let mut contents: Vec<u8> = Vec::new();
    let mut claim = budget.hold(0);
    loop {
        let before = (contents.len(), input.pos());
        claim.grow_to(contents.len() + STEP)?;
        contents.reserve(STEP);
        let mut output = OutBuffer::around_pos(&mut contents, before.0);
        let hint = decoder.decompress_stream(&mut output, &mut input);
        match hint {
            Ok(0) => return Ok(CountedBytes::new(contents, claim)),
            Ok(_) if contents.len() > DECOMPRESSED_LIMIT => return Err(KernelDecompressFault::Limit),
            // A frame that is cut short is no error: the kernel takes what there is.
            Ok(_) if (contents.len(), input.pos()) == before => return Ok(CountedBytes::new(contents, claim)),
            Ok(_) => {}
            Err(code) => {
                let status = i32::try_from(0_usize.wrapping_sub(code)).unwrap_or_default();
                return Err(failed(status, "is damaged"));
            }
        }
    }
}

fn failed(status: i32, why: &str) -> KernelDecompressFault {
    let line = format!("ZSTD-decompression failed with status {status}");
    KernelDecompressFault::Refused { line, why: why.to_owned() }
}
