//! The system call itself: permission, flags, and reading and decompressing the file.

use crate::compression::{
    Compression, KMOD_READS, KernelDecompressFault, KernelNeeds, NotAtOnce, kernel_decompress, kernel_wants,
};
use crate::elf::Elf;
use crate::history::Behaviour;
use crate::image::{AppendedSignature, Bytes, Fault};
use crate::load::busybox::{Reading, busybox, open_zipped};
use crate::load::run::Run;
use crate::load::state::{StageResult, Stop};
use crate::load::{ModuleInitFlags, SystemCall};
use crate::terms::{Class, Errno, Loader};
use crate::verdict::{Cause, Missing};

/// Mirrors `finit_module()` and `init_module()` (kernel/module/main.c) up to the call of `load_module()`.
pub(in crate::load) fn finit_module(run: &mut Run<'_>) -> StageResult {
    if run.call.memo.has_no_modules(run.call.kernel) {
        run.find(Cause::NoModules, None);
        return Err(Stop::Refused(Errno::ENOSYS));
    }
    if let Some(switch) = run.call.cmdline.modules_disabled.clone() {
        run.find(Cause::NotPermitted { switch }, None);
        return Err(Stop::Refused(Errno::EPERM));
    }
    match run.insmod.call {
        SystemCall::InitModule => {
            let is_busybox = busybox(run.call.kernel).is_some();
            if is_busybox && !run.insmod.raw && open_zipped(run.call.kernel, run.image) == Reading::GivesUp {
                return given_up(run, BUSYBOX_GIVES_UP, Errno::ENOMEM);
            }
            copy_module_from_user(run)
        }
        SystemCall::FinitModule => {
            flags(run)?;
            if run.insmod.as_rebuilt && !run.image.contents().is_empty() {
                // A new build is another file: how this one is compressed does not matter.
                return Ok(());
            }
            if let Some(Fault::Broken(what)) = run.image.fault()
                && !run.insmod.raw
            {
                return broken_file(run, what);
            }
            kernel_read_file(run)?;
            if run.insmod.flags.has(ModuleInitFlags::COMPRESSED_FILE) {
                return module_decompress(run);
            }
            if !run.insmod.raw {
                return kmod_module_insert_module(run);
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

/// Mirrors `kernel_read_file()` (fs/kernel_read_file.c): rejects an empty file, and one of more than `INT_MAX` bytes.
fn kernel_read_file(run: &mut Run<'_>) -> StageResult {
    if let Some(Fault::TooLong(what)) = run.image.fault() {
        run.find(Cause::UnreadableFile { what: what.clone() }, None);
        return Err(Stop::Refused(Errno::EFBIG));
    }
    // What a compressed file holds is looked at later.
    if run.bytes().is_empty() && run.image.stored().is_empty() {
        run.find(Cause::UnreadableFile { what: "the file is empty".into() }, None);
        return Err(Stop::Refused(Errno::EINVAL));
    }
    Ok(())
}

/// A compressed file whose data is broken: kmod fails to decompress it, or hands it to the kernel, which finds no module in it.
fn broken_file(run: &mut Run<'_>, what: &str) -> StageResult {
    let damaged = || Cause::UnreadableFile { what: format!("{what}: the file is damaged") };
    kmod_file_open(run)?;
    let Some(compression) = run.image.compression() else {
        run.find(damaged(), None);
        return Err(Stop::Refused(Errno::EINVAL));
    };
    let loader = run.call.kernel.loader();
    // What is wrong, whoever finds that out.
    let is_open = loader.is_none() || run.call.kernel.loader_reads(compression).is_none();
    let may_read = run.call.kernel.module_compression().is_none_or(|known| known == Some(compression));
    let is_damaged = is_open && (!may_read || run.image.contents().is_empty());
    if is_damaged {
        run.find(damaged(), None);
    }
    if !reads(run, compression)? {
        return without_decoder(run, compression);
    }
    let hands_over = match loader {
        Some((loader, _)) if !loader.hands_over() => false,
        loader => decompresses(run, compression)? && (loader.is_some() || !run.ask(Missing::Loader)?),
    };
    if hands_over {
        let read = read_by_kernel(run, compression)?;
        return decompressed(run, compression, read);
    }
    if !is_damaged {
        run.find(damaged(), None);
    }
    Err(Stop::Refused(Errno::EINVAL))
}

/// Mirrors `kmod_file_open()` of kmod (libkmod/libkmod-file.c), which reads the first bytes of any file, compressed or not.
fn kmod_file_open(run: &mut Run<'_>) -> StageResult {
    let length = if run.image.compression().is_some() { run.image.stored().len() } else { run.bytes().len() };
    if length < KMOD_READS {
        let what = format!("kmod takes no file of less than {KMOD_READS} bytes, and this one has {length}");
        return given_up(run, &what, Errno::EINVAL);
    }
    Ok(())
}

/// Mirrors `kmod_module_insert_module()` of kmod (libkmod/libkmod-module.c), which `modprobe`, `insmod` and systemd load modules with.
/// Since kmod 31 it hands a compressed file over if the kernel's own decompressor reads that kind. Earlier it decompressed every
/// file itself, as it still does with the other kinds; the kernel then gets the contents in memory, by `init_module()`.
fn kmod_module_insert_module(run: &mut Run<'_>) -> StageResult {
    kmod_file_open(run)?;
    let Some(compression) = run.image.compression() else {
        return Ok(());
    };
    if !reads(run, compression)? {
        return without_decoder(run, compression);
    }
    if let Some(fault) = run.image.not_at_once()
        && !reads_in_parts(run, fault)?
        && !decompresses(run, compression)?
    {
        return given_up(run, &format!("kmod 34 and later do not decompress {}", fault.file()), Errno::EINVAL);
    }
    let is_alike = run.bytes().len() >= LONGEST_HEADER && !is_signed_and_forced(run) && !cannot_be_forced(run);
    if is_alike && run.image.kernel_needs().is_some_and(is_no_question) {
        // Both read the same contents.
        return Ok(());
    }
    let loader = run.call.kernel.loader();
    if loader.as_ref().is_some_and(|(loader, _)| !loader.hands_over()) || !decompresses(run, compression)? {
        return do_init_module(run);
    }
    let read = read_by_kernel(run, compression)?;
    if is_alike && read.as_ref().is_ok_and(|contents| contents.is_same(run.image.contents())) {
        return Ok(());
    }
    let hands_over = match loader {
        Some((_, evidence)) => {
            run.inferred.extend(evidence);
            true
        }
        None => !run.ask(Missing::Loader)?,
    };
    if hands_over {
        return decompressed(run, compression, read);
    }
    if let Err(Undecompressed { why, line, .. }) = read {
        run.find(decompression(run, compression, why, false), line.map(Into::into));
    }
    do_init_module(run)
}

/// Mirrors `do_init_module()` of kmod, for contents that it has decompressed. `init_module()` has no flags: to force a module, kmod
/// takes its versions or its version magic off (`kmod_elf_strip()`).
fn do_init_module(run: &mut Run<'_>) -> StageResult {
    if cannot_be_forced(run) && !forces_what_has_no_vermagic(run)? {
        let what =
            "kmod decompresses the file itself and, to force the module, removes its version magic, but it has none";
        return given_up(run, what, Errno::ENODATA);
    }
    if is_signed_and_forced(run) {
        run.set_mangled();
        run.inferred.push(FORCED_IN_MEMORY.to_owned());
    }
    copy_module_from_user(run)
}

/// Returns whether the version magic of a module is to be ignored that has none in its `.modinfo`.
fn cannot_be_forced(run: &Run<'_>) -> bool {
    let is_forced = run.insmod.flags.has(ModuleInitFlags::IGNORE_VERMAGIC);
    let elf = run.image.as_announced().filter(|_| is_forced);
    elf.is_some_and(|elf| elf.find_sec(".modinfo").is_some() && elf.modinfo().get("vermagic").is_none())
}

/// Whether kmod goes on where it finds no version magic to remove (`kmod_elf_strip()`). kmod 30 does, kmod 34 gives up.
fn forces_what_has_no_vermagic(run: &Run<'_>) -> StageResult<bool> {
    match run.call.kernel.loader() {
        Some((Loader::Kmod27 | Loader::Kmod30, _)) => Ok(true),
        Some((Loader::Kmod34, _)) => Ok(false),
        _ => run.ask(Missing::LoaderReads("forced-without-vermagic")),
    }
}

const FORCED_IN_MEMORY: &str = "kmod decompresses the file itself and, to force the module, removes its versions or its version magic, so \
                                that no signature fits it: a .ko that is not compressed can be forced";

/// Returns whether the module has a signature and is to be forced.
fn is_signed_and_forced(run: &Run<'_>) -> bool {
    let forced = run.insmod.flags.has(ModuleInitFlags::IGNORE_MODVERSIONS.with(ModuleInitFlags::IGNORE_VERMAGIC));
    forced && matches!(run.image.signature(), AppendedSignature::Marked(_))
}

const BUSYBOX_GIVES_UP: &str = "BusyBox decompresses xz only without filters such as x86 and with a dictionary of up to 64 MiB, and not \
                                what decompresses to nothing: compress the module again with xz --check=crc32 \
                                --lzma2=dict=1MiB, or load the plain .ko";

/// The size of the longer of the two ELF headers, in bytes: what is shorter may be refused before it is looked at.
const LONGEST_HEADER: usize = 64;

/// Whether the program that loads modules reads a kind of compression.
fn reads(run: &mut Run<'_>, compression: Compression) -> StageResult<bool> {
    match run.call.kernel.loader_reads(compression) {
        Some((reads, evidence)) => {
            run.inferred.extend(evidence);
            Ok(reads)
        }
        None => {
            note_damage(run);
            run.ask(Missing::LoaderReads("gzip"))
        }
    }
}

/// Notes that a compressed file is damaged, before something is asked that decides how it is refused.
fn note_damage(run: &mut Run<'_>) {
    if run.image.fault().is_none()
        && let (Some(compression), Some(damage)) = (run.image.compression(), run.image.damage())
    {
        let what = format!("the {compression} data holds no whole module, {damage}: the file is damaged");
        run.find(Cause::UnreadableFile { what }, None);
    }
}

/// Whether the program that loads modules decompresses Zstandard files frame by frame and block by block.
fn reads_in_parts(run: &mut Run<'_>, fault: NotAtOnce) -> StageResult<bool> {
    if let Some((loader, _)) = run.call.kernel.loader() {
        return Ok(loader != Loader::Kmod34);
    }
    note_damage(run);
    run.ask(Missing::LoaderReads(match fault {
        NotAtOnce::WithoutSize => "zstd-without-size",
        NotAtOnce::OtherSize => "zstd-of-other-size",
        NotAtOnce::CutShort => "zstd-cut-short",
    }))
}

/// A file of a kind that kmod is built without. Up to 32 it takes the file for one that is not compressed, and the kernel finds no
/// module in it. Later it lets the kernel decompress the file, or gives up (`kmod_file_load_zlib()` and others).
fn without_decoder(run: &mut Run<'_>, compression: Compression) -> StageResult {
    let is_as_it_is = match run.call.kernel.loader() {
        Some((loader, _)) => matches!(loader, Loader::Kmod27 | Loader::Kmod30 | Loader::Kmod31),
        None if compression == Compression::Gzip => run.ask(Missing::LoaderReads("gzip-as-it-is"))?,
        None => run.ask(Missing::LoaderReads("as-it-is"))?,
    };
    if is_as_it_is {
        run.set_bytes(run.image.stored().clone());
        return Ok(());
    }
    if decompresses(run, compression)? {
        let read = read_by_kernel(run, compression)?;
        return decompressed(run, compression, read);
    }
    let what = format!("kmod is built without the decoder of {compression}, and the kernel does not decompress it");
    given_up(run, &what, Errno::ENOSYS)
}

/// The program that loads modules gives up with an error before it calls the kernel.
fn given_up(run: &mut Run<'_>, what: &str, errno: Errno) -> StageResult {
    run.find(Cause::UnreadableFile { what: what.to_owned() }, None);
    Err(Stop::Refused(errno))
}

/// The memory that the kernel's decoder is taken to get: xz's highest preset wants 64 MiB.
const ALLOCATED: u64 = 256 << 20;

/// Returns whether every kernel that reads the kind can decompress the file.
fn is_no_question(needs: &KernelNeeds) -> bool {
    needs.options.is_empty() && needs.memory <= ALLOCATED
}

/// Returns whether the kernel's own decompressor reads a kind of compression.
fn decompresses(run: &Run<'_>, compression: Compression) -> StageResult<bool> {
    if !run.has(Behaviour::LoadCompressedFlag)? {
        return Ok(false);
    }
    match run.call.kernel.module_compression() {
        Some(known) => Ok(known == Some(compression)),
        None => Ok(run.config("MODULE_DECOMPRESS")? && run.config(compress_option(compression))?),
    }
}

/// The option that makes a kernel's modules, and its decompressor, of this kind.
const fn compress_option(compression: Compression) -> &'static str {
    match compression {
        Compression::Gzip => "MODULE_COMPRESS_GZIP",
        Compression::Xz => "MODULE_COMPRESS_XZ",
        _ => "MODULE_COMPRESS_ZSTD",
    }
}

/// What the kernel prints about a file that is not of its kind.
const fn not_of_kind(compression: Compression) -> &'static str {
    match compression {
        Compression::Gzip => "not a gzip compressed module",
        Compression::Xz => "not an xz compressed module",
        _ => "not a zstd compressed module",
    }
}

/// Why the kernel does not decompress a file of its own kind.
struct Undecompressed {
    errno: Errno,
    why: String,
    line: Option<String>,
}

/// The contents of the file as the kernel's decompressor of this kind reads them.
fn read_by_kernel(run: &Run<'_>, compression: Compression) -> StageResult<Result<Bytes, Undecompressed>> {
    let known = run.image.kernel_needs();
    let wants = known.cloned().unwrap_or_else(|| kernel_wants(compression, run.image.stored().whole()));
    let mut lacking = Vec::new();
    for option in wants.options {
        if !run.config(option)? {
            lacking.push(option);
        }
    }
    if lacking.is_empty() && wants.memory > ALLOCATED && !run.ask(Missing::FreeMemory(wants.memory >> 20))? {
        let why = format!("makes the kernel allocate {} MiB at once, which it does not have", wants.memory >> 20);
        let is_xz = compression == Compression::Xz;
        return Ok(Err(Undecompressed {
            errno: if is_xz { Errno::EINVAL } else { Errno::ENOMEM },
            why,
            line: is_xz.then(|| "decompression failed with status 3".to_owned()),
        }));
    }
    if lacking.is_empty() && known.is_some() {
        return Ok(Ok(run.image.contents().clone()));
    }
    match kernel_decompress(compression, run.image.stored().whole(), &lacking, &run.image.budget()) {
        Ok(contents) if *contents == *run.image.contents().whole() => Ok(Ok(run.image.contents().clone())),
        Ok(contents) => Ok(Ok(contents.into())),
        Err(KernelDecompressFault::Refused { line, why }) => {
            Ok(Err(Undecompressed { errno: Errno::EINVAL, why, line: Some(line) }))
        }
        Err(KernelDecompressFault::Limit) => {
            // The limit is gplok's. What the kernel makes of the file is not known.
            let what = run.image.path().to_string_lossy().into_owned();
            if run.ask(Missing::Unread(what))? {
                return Ok(Ok(run.image.contents().clone()));
            }
            let why = "is larger than gplok decompresses".to_owned();
            Ok(Err(Undecompressed { errno: Errno::EINVAL, why, line: None }))
        }
    }
}

/// Continues with the contents that the kernel has decompressed, or refuses the file.
fn decompressed(run: &mut Run<'_>, compression: Compression, read: Result<Bytes, Undecompressed>) -> StageResult {
    match read {
        Ok(contents) => {
            // ima_post_read_file() (security/integrity/ima/ima_main.c): with appraisal, an empty buffer is an error.
            let is_empty = contents.is_empty();
            run.set_bytes(contents);
            if is_empty && run.has(Behaviour::LoadDecompressedMeasured)? && run.config("IMA_APPRAISE")? {
                run.find(Cause::UnreadableFile { what: "it decompresses to nothing".into() }, None);
                return Err(Stop::Refused(Errno::EACCES));
            }
            Ok(())
        }
        Err(Undecompressed { errno, why, line }) => {
            let cause = decompression(run, compression, why, true);
            run.find(cause, line.clone().map(Into::into));
            if let Some(line) = line {
                run.err(line);
            }
            Err(Stop::Refused(errno))
        }
    }
}

fn decompression(run: &Run<'_>, compression: Compression, why: String, refused: bool) -> Cause {
    let supported = run.call.kernel.module_compression().flatten().map(|known| known.to_string());
    Cause::Decompression { found: compression.to_string(), supported, fault: Some(why), refused }
}

/// Mirrors `module_decompress()` (kernel/module/decompress.c).
fn module_decompress(run: &mut Run<'_>) -> StageResult {
    let known = run.call.kernel.module_compression();
    let is_built = match known {
        Some(known) => known.is_some(),
        None => run.config("MODULE_DECOMPRESS")?,
    };
    let compression = run.image.compression().filter(|_| run.insmod.raw);
    let found = compression.map_or_else(|| "nothing".to_owned(), |found| found.to_string());
    if !is_built {
        run.find(Cause::Decompression { found, supported: Some("nothing".into()), fault: None, refused: true }, None);
        return Err(Stop::Refused(Errno::EOPNOTSUPP));
    }
    let read = match compression {
        Some(compression) if known.flatten().is_none_or(|known| known == compression) => {
            Some((compression, read_by_kernel(run, compression)?))
        }
        _ => None,
    };
    if let Some(kind) = known.flatten() {
        if let Some((compression, read)) = read {
            return decompressed(run, compression, read);
        }
        let line = not_of_kind(kind);
        let supported = Some(kind.to_string());
        run.find(Cause::Decompression { found, supported, fault: None, refused: true }, Some(line.into()));
        run.err(line);
        return Err(Stop::Refused(Errno::EINVAL));
    }
    // Which kind the kernel reads is not known. The reason must hold for each.
    let fault = match read {
        Some((compression, read @ Ok(_))) => {
            if run.config(compress_option(compression))? {
                return decompressed(run, compression, read);
            }
            run.find(Cause::Decompression { found, supported: None, fault: None, refused: true }, None);
            return Err(Stop::Refused(Errno::EINVAL));
        }
        Some((_, Err(fault))) => Some(fault),
        None => None,
    };
    let kind = if run.config("MODULE_COMPRESS_GZIP")? {
        Compression::Gzip
    } else if run.config("MODULE_COMPRESS_XZ")? {
        Compression::Xz
    } else {
        Compression::Zstd
    };
    let (why, line) = fault.map_or((None, None), |fault| (Some(fault.why), fault.line));
    let line = line.filter(|_| compression == Some(kind)).unwrap_or_else(|| not_of_kind(kind).to_owned());
    run.find(Cause::Decompression { found, supported: None, fault: why, refused: true }, None);
    run.err(line);
    Err(Stop::Refused(Errno::EINVAL))
}
