//! BusyBox's `insmod` and `modprobe`, which try several system calls one after another.

use crate::compression::{Compression, XzForBusyBox, xz_for_busybox};
use crate::image::{Fault, Image};
use crate::kernel::Kernel;
use crate::load::{Insmod, ModuleInitFlags, SystemCall};
use crate::terms::Loader;

/// How BusyBox reads a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// As it is stored.
    AsStored,
    /// It decompresses the file.
    Decompressed,
    /// It cannot decompress the file and gives up.
    GivesUp,
    /// Not known, and why.
    Open(&'static str),
}

/// What BusyBox does with a file that the kernel has refused as it is stored (`xmalloc_open_zipped_read_close()`,
/// archival/libarchive/open_transformer.c). Only the first bytes tell how it is compressed, not the name.
pub(super) fn open_zipped(kernel: &Kernel, image: &Image) -> Reading {
    let reads = |compression| kernel.loader_reads(compression).is_none_or(|(reads, _)| reads);
    match image.compression() {
        Some(compression @ (Compression::Gzip | Compression::Xz)) if reads(compression) => {
            if matches!(image.fault(), Some(Fault::Broken(_))) || image.damage().is_some() {
                return Reading::Open(DAMAGED);
            }
            if compression == Compression::Gzip {
                return Reading::Decompressed;
            }
            match xz_for_busybox(image.stored().whole()) {
                XzForBusyBox::Reads if image.contents().is_empty() => Reading::GivesUp,
                XzForBusyBox::Reads => Reading::Decompressed,
                XzForBusyBox::GivesUp => Reading::GivesUp,
                XzForBusyBox::Unknown => Reading::Open(STREAMS),
            }
        }
        _ if OTHERS.iter().any(|magic| image.stored().tail(0, magic.len()).starts_with(magic)) => Reading::Open(OTHER),
        _ if image.path().extension().is_some_and(|extension| extension == "lzma") => Reading::Open(OTHER),
        _ => Reading::AsStored,
    }
}

/// The first bytes of bzip2 and compress, which BusyBox may be built to read.
const OTHERS: [&[u8]; 2] = [b"BZh", &[0x1f, 0x9d]];
const DAMAGED: &str = "the compressed data is damaged, and BusyBox loads as much of it as it can read; take the file from its package \
                       again";
const STREAMS: &str = "it has several xz streams or filters that differ, of which BusyBox may read a part; compress it again with xz \
                       --check=crc32 --lzma2=dict=1MiB";
const OTHER: &str = "BusyBox may be built to decompress such a file, or not; load the plain .ko";

/// The version of BusyBox, if that loads the modules of this kernel.
pub(super) fn busybox(kernel: &Kernel) -> Option<Loader> {
    kernel.loader().map(|(loader, _)| loader).filter(|loader| loader.is_busybox())
}

/// As [`busybox`], for a module that the program loads; `None` if the call is made directly.
pub(super) fn busybox_for(kernel: &Kernel, insmod: &Insmod) -> Option<Loader> {
    let is_direct = insmod.raw || insmod.as_rebuilt || insmod.call != SystemCall::FinitModule;
    if is_direct { None } else { busybox(kernel) }
}

/// The system calls that BusyBox tries, up to the first that loads the module (`bb_init_module()`, modutils/modutils.c); `None` if
/// another program loads it, or if the call is made directly.
pub(super) fn bb_init_module(kernel: &Kernel, image: &Image, insmod: &Insmod) -> Option<Vec<Insmod>> {
    let loader = busybox_for(kernel, insmod)?;
    let as_stored = Insmod { raw: true, flags: ModuleInitFlags::default(), ..insmod.clone() };
    let mut calls = Vec::new();
    let is_ko = image.path().as_os_str().as_encoded_bytes().ends_with(b".ko");
    if loader == Loader::BusyBox137 && !is_ko {
        calls.push(Insmod { flags: ModuleInitFlags::COMPRESSED_FILE, ..as_stored.clone() });
    }
    let is_empty = image.stored().is_empty();
    let init = Insmod {
        call: SystemCall::InitModule,
        raw: open_zipped(kernel, image) == Reading::AsStored,
        ..as_stored.clone()
    };
    calls.push(as_stored);
    if !is_empty {
        calls.push(init);
    }
    Some(calls)
}
