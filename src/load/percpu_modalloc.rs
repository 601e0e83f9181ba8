//! Per-CPU memory: mirrors `percpu_modalloc()`, kernel/module/main.c.

use super::run::{Run, Step, Stop};
use crate::terms::{Errno, Taint};
use crate::verdict::Cause;

const PAGE_SIZE: u64 = 4096;
/// mm/percpu.c.
const PCPU_MIN_UNIT_SIZE: u64 = 32 << 10;

pub(super) fn percpu_modalloc(run: &mut Run<'_>) -> Step {
    let info = run.info()?;
    let Some(section) = info.percpu.and_then(|index| info.elf.sections().get(index)).filter(|s| s.size > 0) else {
        return Ok(());
    };
    let (size, offset, mut align) = (section.size, section.offset, section.align);
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
    let used: u64 = run.world.state.modules.iter().map(|module| module.percpu).sum();
    if size > reserve || used.next_multiple_of(align.max(1)) + size > reserve {
        let line = format!("{name}: Could not allocate {size} bytes percpu data");
        if size > PCPU_MIN_UNIT_SIZE && !run.surveying {
            // pcpu_alloc() warns of such a size, with a stack dump that taints W.
            run.world.state.tainted.add(Taint::Warn);
        }
        run.find(Cause::PercpuSpace { size, reserve }, Some(line.clone()));
        run.warn(line);
        return Err(Stop::Refused(Errno::ENOMEM));
    }
    // percpu_modcopy() copies the section's bytes from its place in the file, even where it has none.
    let buffer = (run.bytes.len() as u64).next_multiple_of(PAGE_SIZE);
    if offset.saturating_add(size) > buffer {
        return Err(Stop::Crash("per-CPU data without contents is copied from behind the file".into()));
    }
    Ok(())
}
