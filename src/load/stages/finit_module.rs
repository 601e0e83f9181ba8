//! The system call itself: permission, flags, and reading and decompressing the file.

use crate::compression::Compression;
use crate::elf::Elf;
use crate::history::Behaviour;
use crate::image::{KernelDecompressFault, kernel_decompress};
use crate::load::run::Run;
use crate::load::state::{StageResult, Stop};
use crate::load::{ModuleInitFlags, SystemCall};
use crate::terms::{Class, Errno};
use crate::verdict::Cause;

/// Mirrors `finit_module()` and `init_module()` (kernel/module/main.c) up to the call of `load_module()`.
pub(in crate::load) fn finit_module(run: &mut Run<'_>) -> StageResult {
    if let Some(switch) = run.call.cmdline.modules_disabled.clone() {
        run.find(Cause::NotPermitted { switch }, None);
        return Err(Stop::Refused(Errno::EPERM));
    }
    match run.insmod.call {
        SystemCall::InitModule => copy_module_from_user(run),
        SystemCall::FinitModule => {
            flags(run)?;
            kernel_read_file(run)?;
            if run.insmod.flags.has(ModuleInitFlags::COMPRESSED_FILE) {
                return module_decompress(run);
            }
            Ok(())
        }
    }
}

/// Mirrors `copy_module_from_user()` (kernel/module/main.c): rejects a buffer shorter than an ELF header, and prints nothing.
fn copy_module_from_user(run: &mut Run<'_>) -> StageResult {
    let class = run.call.memo.arch(run.call.kernel).map_or(Class::Elf64, |arch| arch.class);
    let header = Elf::new(&[], class, crate::terms::Endian::Little).header_size();
    if run.bytes().len() < header {
        run.find(Cause::UnreadableFile { what: format!("{} bytes are no ELF header", run.bytes().len()) }, None);
        return Err(Stop::Refused(Errno::ENOEXEC));
    }
    Ok(())
}

/// Rejects flags that this kernel does not know.
fn flags(run: &mut Run<'_>) -> StageResult {
    let old = ModuleInitFlags::IGNORE_MODVERSIONS.with(ModuleInitFlags::IGNORE_VERMAGIC);
    let new = old.with(ModuleInitFlags::COMPRESSED_FILE);
    let flags = run.insmod.flags.0;
    // The kernel's version matters only for the new flag.
    let known = if flags & !old.0 != 0 && run.has(Behaviour::LoadCompressedFlag)? { new } else { old };
    if flags & !known.0 != 0 {
        run.find(Cause::UnknownFlags { flags }, None);
        return Err(Stop::Refused(Errno::EINVAL));
    }
    Ok(())
}

/// Mirrors `kernel_read_file()` (fs/kernel_read_file.c): rejects an empty file.
fn kernel_read_file(run: &mut Run<'_>) -> StageResult {
    if run.bytes().is_empty() {
        run.find(Cause::UnreadableFile { what: "the file is empty".into() }, None);
        return Err(Stop::Refused(Errno::EINVAL));
    }
    Ok(())
}

/// Mirrors `module_decompress()` (kernel/module/decompress.c).
fn module_decompress(run: &mut Run<'_>) -> StageResult {
    if !run.config("MODULE_DECOMPRESS")? {
        let found = run.image.compression().map_or_else(|| "nothing".to_owned(), |found| found.to_string());
        run.find(Cause::Decompression { found, supported: String::new() }, None);
        return Err(Stop::Refused(Errno::EOPNOTSUPP));
    }
    let (supported, line) = if run.config("MODULE_COMPRESS_GZIP")? {
        (Compression::Gzip, "not a gzip compressed module")
    } else if run.config("MODULE_COMPRESS_XZ")? {
        (Compression::Xz, "not an xz compressed module")
    } else {
        (Compression::Zstd, "not a zstd compressed module")
    };
    if run.insmod.raw && run.image.compression() == Some(supported) {
        return match kernel_decompress(supported, run.image.stored().whole()) {
            Ok(contents) => {
                run.set_bytes(contents.into());
                Ok(())
            }
            Err(fault) => {
                // The status is of enum xz_ret (include/linux/xz.h). The messages of the other decompressors depend on where
                // they stop, so they are unknown.
                let line = (supported == Compression::Xz).then_some(match fault {
                    KernelDecompressFault::Truncated => "decompression failed with status 0",
                    KernelDecompressFault::UnsupportedCheck => "decompression failed with status 6",
                    KernelDecompressFault::Broken => "decompression failed with status 7",
                });
                let cause =
                    Cause::Decompression { found: format!("broken {supported}"), supported: supported.to_string() };
                run.find(cause, line.map(Into::into));
                if let Some(line) = line {
                    run.err(line);
                }
                Err(Stop::Refused(Errno::EINVAL))
            }
        };
    }
    let found = run.image.compression().filter(|_| run.insmod.raw);
    let found = found.map_or_else(|| "nothing".to_owned(), |found| found.to_string());
    run.find(Cause::Decompression { found, supported: supported.to_string() }, Some(line.into()));
    run.err(line);
    Err(Stop::Refused(Errno::EINVAL))
}
