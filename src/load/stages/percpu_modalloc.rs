//! The allocation of per-CPU memory.

use crate::kernel::Config;
use crate::load::run::Run;
use crate::load::state::{StageResult, Stop};
use crate::terms::{ElfMachine, Errno};
use crate::verdict::{Cause, LogLevel};

/// The size of a page in bytes on most kernels, and the smallest one.
const SMALLEST_PAGE: u64 = 4096;
/// The smallest unit of the per-CPU allocator in bytes (mm/percpu.c).
const PCPU_MIN_UNIT_SIZE: u64 = 32 << 10;
/// The smallest alignment and unit of an allocation in bytes.
const PCPU_MIN_ALLOC_SIZE: u64 = 4;

/// Mirrors `percpu_modalloc()` (kernel/module/main.c).
pub(in crate::load) fn percpu_modalloc(run: &mut Run<'_>) -> StageResult {
    let info = run.info()?;
    let Some(section) = info.percpu.and_then(|index| info.elf.sections().get(index)).filter(|s| s.size > 0) else {
        return Ok(());
    };
    let size = section.size;
    let mut align = section.align;
    if !run.config("SMP")? {
        return Err(Stop::Refused(Errno::ENOMEM));
    }
    let name = run.mod_name();
    if align > SMALLEST_PAGE {
        let page = page_size(run)?;
        if align > page {
            run.warn(format!("{name}: per-cpu alignment {align} > {page}"));
            align = page;
        }
    }
    let line = format!("{name}: Could not allocate {size} bytes percpu data");
    // The allocator makes every alignment at least PCPU_MIN_ALLOC_SIZE, and refuses those that are no power of two.
    if size <= PCPU_MIN_UNIT_SIZE && !align.max(PCPU_MIN_ALLOC_SIZE).is_power_of_two() {
        if !run.is_surveying() {
            run.taint_warn();
        }
        run.say(Cause::PercpuAlignment { align }, LogLevel::Warn, line);
        return Err(Stop::Refused(Errno::ENOMEM));
    }
    // PERCPU_MODULE_RESERVE (include/linux/percpu.h) is the size of the chunk that all modules share.
    let profiling = run.call.kernel.config().is_some_and(Config::is_whole) && run.config("MEM_ALLOC_PROFILING")?;
    let reserve = if profiling { 8 << 13 } else { 8 << 10 };
    let used: u64 = run.modules().iter().map(|module| module.percpu).sum();
    if size > reserve || used.next_multiple_of(align.max(1)) + size > reserve {
        pcpu_alloc_fails(run, size, align);
        run.say(Cause::PercpuSpace { size, reserve }, LogLevel::Warn, line);
        return Err(Stop::Refused(Errno::ENOMEM));
    }
    Ok(())
}

/// The size of a page in bytes. The kernels of some architectures are built for one of several.
fn page_size(run: &Run<'_>) -> StageResult<u64> {
    let options: &[(&'static str, u64)] = match run.info()?.arch.machine {
        ElfMachine::Arm64 => &[("ARM64_64K_PAGES", 64), ("ARM64_16K_PAGES", 16)],
        ElfMachine::Ppc64 | ElfMachine::Ppc => &[("PPC_64K_PAGES", 64), ("PPC_256K_PAGES", 256), ("PPC_16K_PAGES", 16)],
        ElfMachine::Loongarch => &[("PAGE_SIZE_16KB", 16), ("PAGE_SIZE_64KB", 64)],
        ElfMachine::Mips => &[("PAGE_SIZE_64KB", 64), ("PAGE_SIZE_32KB", 32), ("PAGE_SIZE_16KB", 16)],
        _ => &[],
    };
    for (option, size) in options {
        if run.config(option)? {
            return Ok(size << 10);
        }
    }
    Ok(SMALLEST_PAGE)
}

/// Mirrors the messages of `pcpu_alloc()` (mm/percpu.c). A size larger than a unit gives a warning that taints W. Any other
/// failure gives a line and a stack dump, ten times a boot.
fn pcpu_alloc_fails(run: &mut Run<'_>, size: u64, align: u64) {
    if run.is_surveying() {
        return;
    }
    if size > PCPU_MIN_UNIT_SIZE {
        run.taint_warn();
        return;
    }
    if run.complains_of_percpu(10) {
        let size = size.next_multiple_of(PCPU_MIN_ALLOC_SIZE);
        let align = align.max(PCPU_MIN_ALLOC_SIZE);
        run.warn(format!(
            "percpu: allocation failed, size={size} align={align} atomic=0, alloc from reserved chunk failed"
        ));
    }
}
