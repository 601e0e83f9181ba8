//! Known incidents in words: one sentence each, for findings and for `gplok explain incidents`.

use super::printable::Printable;
use super::wording::all;
use crate::why::incidents::{Incident, incidents};

/// `known since 5.0 (ZFS, through bio_set_dev()); ZFS has a macro of its own instead`: a sentence without full stop, to
/// follow a colon or to be a line of its own.
pub(super) fn note(incident: &Incident) -> String {
    let mut text = format!("known{}{}{} ({})", when(incident), place(incident), setting(incident), way(incident));
    for (word, known) in [
        ("caused by commit", &incident.caused_by),
        ("fixed by commit", &incident.fixed_by),
        ("fixed in", &incident.fixed_in),
    ] {
        text += &known.as_ref().map(|known| format!(", {word} {known}")).unwrap_or_default();
    }
    text + &incident.workaround.as_ref().map(|workaround| format!("; {workaround}")).unwrap_or_default()
}

/// Every incident, one line each with its number and symbols: the text of `gplok explain incidents`.
pub fn incident_list() -> Printable {
    let mut text = Printable::default();
    for incident in incidents() {
        text.line(format_args!("{:>2}. {}: {}", incident.id, all(&incident.symbols), note(incident)));
    }
    text
}

/// `since 6.7.3 and in 6.6.15`, `from 5.0 to at least 5.4`.
fn when(incident: &Incident) -> String {
    let series = match (&incident.since, &incident.until) {
        (Some(since), Some(until)) => Some(format!("from {since} to at least {until}")),
        (Some(since), None) => Some(format!("since {since}")),
        (None, Some(until)) => Some(format!("up to at least {until}")),
        (None, None) => None,
    };
    let elsewhere = (!incident.also_in.is_empty()).then(|| format!("in {}", all(&incident.also_in)));
    match (series, elsewhere) {
        (Some(series), Some(elsewhere)) => format!(" {series} and {elsewhere}"),
        (series, elsewhere) => series.or(elsewhere).map(|when| format!(" {when}")).unwrap_or_default(),
    }
}

fn place(incident: &Incident) -> String {
    if incident.arch.is_empty() { String::new() } else { format!(" on {}", all(&incident.arch)) }
}

/// The configuration options: first those that must be on, then those that must be off.
fn setting(incident: &Incident) -> String {
    let options: Vec<_> = incident.config_of_symbol.iter().chain(&incident.config).collect();
    let either = if options.len() > 1 { "either " } else { "" };
    let mut with = Vec::new();
    let mut without = Vec::new();
    for option in options {
        if option.starts_with('!') {
            without.push(config(option.trim_start_matches('!')));
        } else if option.contains('|') {
            with.push(format!("{either}{}", any(option.split('|').map(config))));
        } else {
            with.push(config(option));
        }
    }
    match (with.as_slice(), without.as_slice()) {
        ([], []) => String::new(),
        (with, []) => format!(" with {}", all(with)),
        ([], without) => format!(" without {}", all(without)),
        (with, without) => format!(" with {} but without {}", all(with), all(without)),
    }
}

fn config(option: &str) -> String {
    format!("CONFIG_{option}")
}

/// The modules that it happened to, and the inlines that brought the symbols in.
fn way(incident: &Incident) -> String {
    let modules = all(&incident.modules);
    if incident.inlines.is_empty() {
        return modules;
    }
    let through = if incident.inferred { "probably through" } else { "through" };
    format!("{modules}, {through} {}", any(incident.inlines.iter().map(|inline| format!("{inline}()"))))
}

/// `a`, `a or b`, `a, b or c`.
fn any(names: impl Iterator<Item = String>) -> String {
    let names: Vec<_> = names.collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::why::incidents::incidents;

    #[test]
    fn every_incident_has_a_note_that_reads_well() {
        let notes: Vec<_> = incidents().iter().map(|incident| format!("{} {}", incident.id, note(incident))).collect();
        insta::assert_snapshot!(notes.join("\n"), @r"
        1 known since 4.18-rc with CONFIG_DEV_PAGEMAP_OPS (OpenAFS and ZFS, through put_page()), fixed by commit 31c5bda3a656
        2 known since 4.19-rc on x86_64 and i386 with CONFIG_PARAVIRT (ZFS), fixed by commit 8af1909580595a30
        3 known since 5.0 (ZFS, through bio_set_dev()); ZFS has a macro of its own instead
        4 known since 5.2 (ZFS), caused by commit 19343b5bdd; ZFS calls wait_on_page_bit() instead
        5 known since 5.5 with CONFIG_PREEMPT_RCU and CONFIG_BLK_CGROUP (ZFS, through blkg_tryget()), caused by commit 9e8d42a0f; ZFS has its own copy of the function
        6 known from 5.0 to at least 5.4 on arm64 with CONFIG_BLK_CGROUP and either CONFIG_PREEMPTION or CONFIG_PREEMPT (ZFS, through preempt_enable_notrace()); ZFS redefines preempt_schedule_notrace() as preempt_schedule()
        7 known since 5.12 and in 5.10.0-8 on ppc64le (ZFS, through get_user(), __copy_from_user_inatomic() or mmu_has_feature()), caused by commit 7613f5a66bec; ZFS as Debian and Ubuntu build it calls copy_from_user() instead
        8 known from 4.7 to at least 6.1 on ppc and ppc64 with CONFIG_JUMP_LABEL_FEATURE_CHECKS (ZFS, through cpu_has_feature()); ZFS overrides it with early_cpu_has_feature()
        9 known since 7.0 on ppc, ppc64 and ppc64le (ZFS, through __copy_from_user_inatomic()), caused by commit 6bc9c0a90522; ZFS dropped the check that failed, as not needed
        10 known since 5.9 on ppc64le (ZFS, probably through is_shared_processor() or vcpu_is_preempted())
        11 known from 6.2 to at least 6.3 on riscv64 (ZFS, through flush_dcache_page()), caused by commit d33deda095d3; ZFS overrides it with a macro that leaves the call out
        12 known since 6.10 on s390x (ZFS), fixed in 6.11
        13 known since 6.6 on loongarch64 (ZFS, through virt_to_page()); the maintainer of the architecture agreed to change the exports
        14 known since 6.18 on arm64 with CONFIG_KASAN_HW_TAGS (ZFS, through kasan_enabled()); ZFS defines a symbol of that name itself
        15 known on mips32, mips32el, mips64 and mips64el (ZFS, through ZERO_PAGE()); ZFS allocates a zero page of its own
        16 known from 5.9 to at least 6.1 with CONFIG_PREEMPT_RT (ZFS, through kmap_atomic(), kunmap_atomic() or spin_unlock())
        17 known since 6.7.3 and in 6.6.15 with CONFIG_PREEMPT_RCU (NVIDIA, through pfn_valid()); a newer driver or a newer kernel is free of it
        18 known in 6.1.0-18 (NVIDIA, probably through pfn_valid()); NVIDIA's drivers from 535.183.08 on are free of it
        19 known since 5.10 (OpenAFS, through rcu_read_unlock()), caused by commit aa40c138cc8f; OpenAFS's configure test calls both rcu_read_lock() and rcu_read_unlock()
        20 known since 2.6.29 (OpenAFS, through rcu_read_lock()); OpenAFS does without it
        21 known with CONFIG_DEBUG_LOCK_ALLOC, CONFIG_PROVE_LOCKING or CONFIG_PROVE_RCU (OpenAFS, ZFS and NI, through mutex_lock() or current_euid()); such kernels are left out, and NVIDIA reads the user's number through a macro of its own
        22 known since 6.1-rc2 (Broadcom wl, through INIT_WORK())
        23 known since 4.2 (Broadcom wl); all that was suggested is to change the license the module declares
        24 known from 5.8 to at least 5.9 with CONFIG_PREEMPT but without CONFIG_DEBUG_PREEMPT (nvidia-uvm, through radix_tree_preload_end())
        25 known since 6.15 (NVIDIA, nvidia-drm and gdrdrv, through vm_flags_set() or vma_start_write()); NVIDIA wraps what it does to vm_flags
        26 known in 5.14.0-162.el9_1 (gdrdrv, probably through pgprot_decrypted()); gdrdrv is free of it in later versions
        27 known (NVIDIA, through pci_set_consistent_dma_mask()); NVIDIA's configure test looks for sme_active(), and the call is left out
        28 known since 4.13 (nvidia-drm); nvidia-drm redefines both before it includes the headers of DRM
        29 known since 3.7-rc1 (ZFS), caused by commit d8e794dfd51c
        30 known since 5.2 (ZFS, probably through static_cpu_has())
        31 known (ZFS, through posix_acl_release()); ZFS had a release function of its own until 2024
        32 known since 2.6.36 (ZFS); ZFS sets the fields of the queue itself
        33 known up to at least 5.8 (ZFS, through DEFINE_EVENT()); ZFS has no tracepoints when it is built under the CDDL
        ");
    }
}
