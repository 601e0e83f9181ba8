//! Per-CPU memory: mirrors `percpu_modalloc()`, kernel/module/main.c.

use crate::load::run::Run;
use crate::load::state::{StageResult, Stop};
use crate::terms::Errno;
use crate::verdict::{Cause, LogLevel};

const PAGE_SIZE: u64 = 4096;
/// mm/percpu.c.
const PCPU_MIN_UNIT_SIZE: u64 = 32 << 10;

pub(in crate::load) fn percpu_modalloc(run: &mut Run<'_>) -> StageResult {
    let info = run.info()?;
    let Some(section) = info.percpu.and_then(|index| info.elf.sections().get(index)).filter(|s| s.size > 0) else {
        return Ok(());
    };
    let (size, mut align) = (section.size, section.align);
    if !run.config("SMP")? {
        return Err(Stop::Refused(Errno::ENOMEM));
    }
    let name = run.mod_name();
    if align > PAGE_SIZE {
        run.warn(format!("{name}: per-cpu alignment {align} > {PAGE_SIZE}"));
        align = PAGE_SIZE;
    }
    // PERCPU_MODULE_RESERVE (include/linux/percpu.h): one chunk for all modules.
    let profiling = run.call.kernel.config().is_some() && run.config("MEM_ALLOC_PROFILING")?;
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

/// Mirrors what `pcpu_alloc()`, mm/percpu.c, says: of a size beyond reason with a warning that taints W, else ten times a
/// boot with a line and a stack dump.
fn pcpu_alloc_fails(run: &mut Run<'_>, size: u64, align: u64) {
    if run.surveying {
        return;
    }
    if size > PCPU_MIN_UNIT_SIZE {
        run.taint_warn();
        return;
    }
    if run.complains_of_percpu(10) {
        let (size, align) = (size.next_multiple_of(4), align.max(4));
        run.warn(format!(
            "percpu: allocation failed, size={size} align={align} atomic=0, alloc from reserved chunk failed"
        ));
    }
}
