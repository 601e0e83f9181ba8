//! The allocation of per-CPU memory.

use crate::kernel::Config;
use crate::load::run::Run;
use crate::load::state::{StageResult, Stop};
use crate::terms::Errno;
use crate::verdict::{Cause, LogLevel};

const PAGE_SIZE: u64 = 4096;
/// The smallest unit of the per-CPU allocator in bytes (mm/percpu.c).
const PCPU_MIN_UNIT_SIZE: u64 = 32 << 10;

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
    if align > PAGE_SIZE {
        run.warn(format!("{name}: per-cpu alignment {align} > {PAGE_SIZE}"));
        align = PAGE_SIZE;
    }
    // PERCPU_MODULE_RESERVE (include/linux/percpu.h) is the size of the chunk that all modules share.
    let profiling = run.call.kernel.config().is_some_and(Config::is_whole) && run.config("MEM_ALLOC_PROFILING")?;
    let reserve = if profiling { 8 << 13 } else { 8 << 10 };
    let used: u64 = run.modules().iter().map(|module| module.percpu).sum();
    if size > reserve || used.next_multiple_of(align.max(1)) + size > reserve {
        let line = format!("{name}: Could not allocate {size} bytes percpu data");
        pcpu_alloc_fails(run, size, align);
        run.say(Cause::PercpuSpace { size, reserve }, LogLevel::Warn, line);
        return Err(Stop::Refused(Errno::ENOMEM));
    }
    Ok(())
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
        let size = size.next_multiple_of(4);
        let align = align.max(4);
        run.warn(format!(
            "percpu: allocation failed, size={size} align={align} atomic=0, alloc from reserved chunk failed"
        ));
    }
}
