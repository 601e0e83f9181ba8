//! The list of incidents, read from `incidents.json`.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// One incident: a symbol that people found GPL-only, how it came into their module, and what they did.
///
/// A field is empty if the reports do not give it. Versions are text in the form of the reports: `4.18-rc`, `6.6.15`,
/// `6.1.0-18`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// Its number, which never changes.
    pub id: u32,
    /// The modules it was seen in: product names, or file names if one product has several modules.
    pub modules: Vec<String>,
    /// The GPL-only symbols.
    pub symbols: Vec<String>,
    /// Whether the reports leave the symbols out, so that `symbols` lists what the inline function calls. The incident
    /// then matches only if the chain contains the inline function.
    #[serde(default)]
    pub symbols_inferred: bool,
    /// The inline functions and macros that lead to the symbols; empty if the module calls them itself, or if no report
    /// says. A chain contains at least one of them.
    #[serde(default)]
    pub inlines: Vec<String>,
    /// Whether the way the symbol came in was inferred, not reported. A chain that leads elsewhere is then no evidence
    /// against the incident.
    #[serde(default)]
    pub inferred: bool,
    /// Whether the way can lead through macros alone. Macros leave no frame in a chain, so a chain without any of
    /// `inlines` is no evidence against the incident.
    #[serde(default)]
    pub frameless: bool,
    /// The first release it was seen in. Earlier releases do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Further releases it was seen in: stable backports and vendor kernels.
    #[serde(default)]
    pub also_in: Vec<String>,
    /// The last series that the reports name. Later ones may have it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The architectures that have it, by the names of [`Arch`](crate::terms::Arch); empty if any may.
    #[serde(default)]
    pub arch: Vec<String>,
    /// The configuration it requires, all entries together: `PREEMPT_RT`, `!DEBUG_PREEMPT` for an option that must be
    /// off, and `A|B` if one of both is enough.
    #[serde(default)]
    pub config: Vec<String>,
    /// Options without which a kernel does not have the symbol at all. A finding about the symbol proves them, so they
    /// are reported but not required.
    #[serde(default)]
    pub config_of_symbol: Vec<String>,
    /// The kernel commit that introduced it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caused_by: Option<String>,
    /// The kernel commit that fixed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_by: Option<String>,
    /// The first series with the fix. A later kernel may have the problem again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_in: Option<String>,
    /// The workaround outside of the kernel's code: half a sentence with a subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workaround: Option<String>,
    /// What happened, in one sentence.
    pub summary: String,
    /// The reports: `openzfs#7647` is an issue or pull request, `openzfs commit bd0d24e09b` a commit.
    pub sources: Vec<String>,
}

/// All incidents, in the order of their numbers.
pub fn incidents() -> &'static [Incident] {
    static INCIDENTS: OnceLock<Vec<Incident>> = OnceLock::new();
    INCIDENTS.get_or_init(|| {
        serde_json::from_str(include_str!("incidents.json")).expect("the file is part of the program, and tested")
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::history::has_reached;
    use crate::terms::{Arch, Class, ElfMachine, Endian, KernelVersion};

    /// The symbols of every incident, written down a second time.
    const SYMBOLS: [&str; 33] = [
        "__put_devmap_managed_page devmap_managed_key put_devmap_managed_page",
        "pv_ops",
        "bio_associate_blkg",
        "wait_on_page_writeback",
        "__rcu_read_lock",
        "preempt_schedule_notrace",
        "mmu_feature_keys",
        "cpu_feature_keys",
        "cpu_feature_keys",
        "shared_processor",
        "PageHuge",
        "vm_layout",
        "tlb_virt_to_page dmw_virt_to_page",
        "kasan_flag_enabled",
        "empty_zero_page",
        "migrate_disable migrate_enable",
        "__rcu_read_lock __rcu_read_unlock",
        "rcu_read_unlock_strict",
        "rcu_read_unlock_strict",
        "__rcu_read_lock",
        "mutex_lock_nested lock_is_held_type debug_lockdep_rcu_enabled",
        "__init_work lockdep_init_map_type",
        "flush_workqueue",
        "radix_tree_preloads",
        "__vma_start_write",
        "cc_mkdec",
        "sme_active",
        "refcount_inc refcount_dec_and_test",
        "delayed_work_timer_fn",
        "alternatives_patched",
        "kfree_call_rcu kvfree_call_rcu",
        "blk_queue_flush blk_queue_write_cache",
        "event_triggers_call trace_seq_printf perf_trace_buf_alloc",
    ];

    fn is_identifier(name: &str) -> bool {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        !name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit()) && name.bytes().all(fits)
    }

    #[test]
    fn all_incidents_are_read_in_order() {
        assert!(incidents().iter().map(|incident| incident.id).eq(1..=33));
    }

    #[test]
    fn the_symbols_match_the_reports() {
        for (incident, symbols) in incidents().iter().zip(SYMBOLS) {
            assert_eq!(incident.symbols.join(" "), symbols, "{}", incident.id);
            assert!(
                incident.symbols.iter().chain(&incident.inlines).all(|name| is_identifier(name)),
                "{}",
                incident.id
            );
        }
    }

    #[test]
    fn every_incident_has_modules_summary_and_sources() {
        for Incident { id, modules, summary, sources, workaround, .. } in incidents() {
            assert!(!modules.is_empty() && !sources.is_empty(), "{id}");
            assert!(summary.ends_with('.') && summary.matches(". ").count() == 0, "{id}: one sentence");
            assert!(workaround.as_ref().is_none_or(|text| !text.ends_with('.')), "{id}: half a sentence");
        }
    }

    #[test]
    fn commits_are_hashes() {
        for incident in incidents() {
            for commit in incident.caused_by.iter().chain(&incident.fixed_by) {
                let is_hash = commit.len() >= 9 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
                assert!(is_hash, "{}: {commit}", incident.id);
            }
        }
    }

    #[test]
    fn architectures_have_their_usual_names() {
        let mut known = BTreeSet::new();
        for machine in ElfMachine::ALL {
            for (class, endian) in [
                (Class::Elf32, Endian::Little),
                (Class::Elf32, Endian::Big),
                (Class::Elf64, Endian::Little),
                (Class::Elf64, Endian::Big),
            ] {
                known.insert(Arch { machine, class, endian }.to_string());
            }
        }
        for incident in incidents() {
            assert!(incident.arch.iter().all(|arch| known.contains(arch)), "{}", incident.id);
        }
    }

    #[test]
    fn options_and_versions_can_be_read() {
        let newest = KernelVersion::new(u16::MAX, 0, 0);
        for incident in incidents() {
            let id = incident.id;
            let alternatives = incident.config.iter().flat_map(|option| option.split('|'));
            let mut options = alternatives.chain(incident.config_of_symbol.iter().map(String::as_str));
            assert!(options.all(|option| is_identifier(option.strip_prefix('!').unwrap_or(option))), "{id}");
            let versions =
                incident.since.iter().chain(&incident.also_in).chain(&incident.until).chain(&incident.fixed_in);
            for version in versions {
                assert!(has_reached(newest, version, &[]), "{id}: {version}");
            }
        }
    }

    #[test]
    fn flags_agree_with_the_inline_functions() {
        for incident in incidents() {
            let named = !incident.inlines.is_empty();
            assert!(named || !incident.frameless && !incident.symbols_inferred, "{}", incident.id);
        }
    }
}
