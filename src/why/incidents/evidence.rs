//! Selects the incidents that match a symbol.

use super::{Incident, incidents};
use crate::history::has_reached;
use crate::kernel::Config;
use crate::terms::{Arch, KernelVersion};

/// The evidence about a symbol. Empty or `None` means not known.
#[derive(Clone, Copy, Debug, Default)]
pub struct IncidentEvidence<'a> {
    /// The functions in the chains of inlined calls that lead to the symbol.
    pub functions: &'a [&'a str],
    /// The kernel's architecture.
    pub arch: Option<Arch>,
    /// The kernel's configuration.
    pub config: Option<&'a Config>,
    /// The kernel's version.
    pub version: Option<KernelVersion>,
}

/// The incidents that match: they name the symbol, and no evidence contradicts them. If an incident is limited to
/// architectures or configurations that are not known, the chain must contain its inline function.
///
/// The caller has found that the symbol is GPL-only on the kernel in question. A kernel that is newer than the fix of
/// an incident therefore has the problem again, or still.
pub fn known(symbol: &str, evidence: &IncidentEvidence<'_>) -> Vec<&'static Incident> {
    let concerned = incidents().iter().filter(|incident| incident.symbols.iter().any(|own| own == symbol));
    concerned.filter(|incident| incident.matches(evidence)).collect()
}

impl Incident {
    fn matches(&self, evidence: &IncidentEvidence<'_>) -> bool {
        let shown = self.inlines.iter().any(|inline| evidence.functions.contains(&inline.as_str()));
        (shown || self.may_be_unseen(evidence.functions))
            && (self.arch.is_empty() || evidence.arch.map_or(shown, |arch| self.arch.contains(&arch.to_string())))
            && (self.config.is_empty() || evidence.config.map_or(shown, |config| self.is_configured(config)))
            && evidence.version.is_none_or(|version| self.is_reached_by(version))
    }

    /// Returns whether the incident can be the cause although none of its inline functions is among those found.
    fn may_be_unseen(&self, functions: &[&str]) -> bool {
        let leaves_no_frame = functions.is_empty() || self.inlines.is_empty() || self.inferred || self.frameless;
        leaves_no_frame && !self.symbols_inferred
    }

    fn is_configured(&self, config: &Config) -> bool {
        self.config.iter().all(|options| options.split('|').any(|condition| holds(config, condition)))
    }

    fn is_reached_by(&self, version: KernelVersion) -> bool {
        self.since.as_ref().is_none_or(|since| has_reached(version, since, &self.also_in))
    }
}

/// Returns whether a configuration meets a condition: an option that is set, or after `!` one that is not.
fn holds(config: &Config, condition: &str) -> bool {
    let is_set = |option: &str| config.value_named(option).is_some_and(|value| value != "n");
    match condition.strip_prefix('!') {
        Some(option) => !is_set(option),
        None => is_set(condition),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::{Class, ElfMachine, Endian};

    const NONE: [u32; 0] = [];

    fn ids(symbol: &str, evidence: IncidentEvidence<'_>) -> Vec<u32> {
        known(symbol, &evidence).iter().map(|incident| incident.id).collect()
    }

    fn at(major: u16, minor: u16, patch: u16) -> IncidentEvidence<'static> {
        IncidentEvidence { version: Some(KernelVersion::new(major, minor, patch)), ..IncidentEvidence::default() }
    }

    fn config(text: &str) -> Config {
        Config::parse(text).expect("a configuration")
    }

    #[test]
    fn the_symbol_alone_is_enough_for_an_incident_without_conditions() {
        assert_eq!(ids("devmap_managed_key", IncidentEvidence::default()), [1]);
        assert_eq!(ids("bio_associate_blkg", IncidentEvidence::default()), [3]);
        assert_eq!(ids("printk", IncidentEvidence::default()), NONE);
        assert_eq!(ids("devmap_managed_ke", IncidentEvidence::default()), NONE);
    }

    #[test]
    fn a_kernel_older_than_the_incident_does_not_match() {
        assert_eq!(ids("devmap_managed_key", at(4, 17, 0)), NONE);
        assert_eq!(ids("devmap_managed_key", at(4, 18, 0)), [1]);
        assert_eq!(ids("devmap_managed_key", at(5, 4, 0)), [1]);
        assert_eq!(ids("__rcu_read_lock", IncidentEvidence { functions: &["pfn_valid"], ..at(6, 6, 14) }), NONE);
        assert_eq!(ids("__rcu_read_lock", IncidentEvidence { functions: &["pfn_valid"], ..at(6, 6, 15) }), [17]);
        assert_eq!(ids("rcu_read_unlock_strict", at(5, 4, 0)), [18]);
        assert_eq!(ids("rcu_read_unlock_strict", at(5, 15, 0)), [18, 19]);
    }

    #[test]
    fn a_chain_must_contain_the_inline_function() {
        let through =
            |functions| ids("devmap_managed_key", IncidentEvidence { functions, ..IncidentEvidence::default() });
        assert_eq!(through(&["page_is_devmap_managed", "put_page", "afs_read"]), [1]);
        assert_eq!(through(&["page_is_devmap_managed", "release_pages"]), NONE);
    }

    #[test]
    fn a_macro_leaves_no_trace_in_a_chain() {
        assert_eq!(
            ids("bio_associate_blkg", IncidentEvidence { functions: &["vdev_submit"], ..IncidentEvidence::default() }),
            [3]
        );
    }

    #[test]
    fn no_chain_contradicts_an_inferred_way() {
        let evidence = IncidentEvidence { functions: &["cpu_feature_enabled"], ..IncidentEvidence::default() };
        assert_eq!(ids("alternatives_patched", evidence), [30]);
    }

    #[test]
    fn an_inferred_symbol_needs_the_chain() {
        let through = |functions| ids("kvfree_call_rcu", IncidentEvidence { functions, ..IncidentEvidence::default() });
        assert_eq!(through(&[]), NONE);
        assert_eq!(through(&["something_else"]), NONE);
        assert_eq!(through(&["posix_acl_release"]), [31]);
    }

    #[test]
    fn an_architecture_must_be_known_or_shown_by_the_chain() {
        let ppc64 = |endian| Arch { machine: ElfMachine::Ppc64, class: Class::Elf64, endian };
        let on = |arch, functions| {
            ids("mmu_feature_keys", IncidentEvidence { arch, functions, ..IncidentEvidence::default() })
        };
        assert_eq!(on(Some(ppc64(Endian::Little)), &[]), [7]);
        assert_eq!(on(Some(ppc64(Endian::Big)), &[]), NONE);
        assert_eq!(on(Some(Arch::X86_64), &["get_user"]), NONE);
        assert_eq!(on(None, &[]), NONE);
        assert_eq!(on(None, &["mmu_has_feature"]), [7]);
    }

    #[test]
    fn a_configuration_must_be_known_or_shown_by_the_chain() {
        let shown = &["radix_tree_preload_end"];
        let with = |text: &str, functions: &[&str]| {
            let config = Config::parse(text);
            ids(
                "radix_tree_preloads",
                IncidentEvidence { config: config.as_ref(), functions, ..IncidentEvidence::default() },
            )
        };
        assert_eq!(with("CONFIG_PREEMPT=y\n", &[]), [24]);
        assert_eq!(with("CONFIG_PREEMPT=y\nCONFIG_DEBUG_PREEMPT=y\n", shown), NONE);
        assert_eq!(with("CONFIG_PREEMPT=n\n", &[]), NONE);
        assert_eq!(with("", &[]), NONE);
        assert_eq!(with("", shown), [24]);
    }

    #[test]
    fn one_of_several_options_is_enough() {
        let with = |text| {
            ids("mutex_lock_nested", IncidentEvidence { config: Some(&config(text)), ..IncidentEvidence::default() })
        };
        assert_eq!(with("CONFIG_PROVE_RCU=y\n"), [21]);
        assert_eq!(with("CONFIG_SMP=y\n"), NONE);
    }

    #[test]
    fn an_option_that_the_symbol_proves_is_not_required() {
        let reduced = config("CONFIG_SMP=y\n");
        assert_eq!(ids("devmap_managed_key", IncidentEvidence { config: Some(&reduced), ..at(4, 18, 0) }), [1]);
    }
}
