//! What becomes of modules on another kernel: the file as it stands, and its source when it is built again.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{Answer, Fate, SymbolImpact, Wanting};
use crate::history::Behaviour;
use crate::image::{Error, Image};
use crate::load::Cmdline;
use crate::terms::License;
use crate::verdict::{Missing, Outcome, Verdict};
use crate::why::inlines::{Inline, InlineChanges};
use crate::why::{Lookup, SourceFacts, source_facts};

/// What is known beyond the kernels' exports.
#[derive(Debug, Default)]
pub struct Circumstances {
    /// How the later kernel is booted.
    pub cmdline: Cmdline,
    /// Where modules' debug information is.
    pub lookup: Lookup,
    /// What became of the inlines of the headers, if both maps are at hand.
    pub inlines: Option<InlineChanges>,
}

/// What becomes of one module.
#[derive(Clone, Debug)]
pub struct ModuleImpact<'a> {
    /// Its file.
    pub path: PathBuf,
    /// Its licences; the loader looks at the first, modpost at all.
    pub licenses: Vec<License>,
    /// The namespaces it imports.
    pub imports: Vec<String>,
    /// In one word.
    pub answer: Answer,
    /// What the later kernel does with the file as it is.
    pub binary: Verdict,
    /// What it would do with another build of the same source; `None` where the file loads as it is.
    pub rebuilt: Option<Verdict>,
    /// The symbols it needs that have changed or are kept from it, in order of name.
    pub symbols: Vec<SymbolImpact<'a>>,
    /// Rules that have changed and without which the answer for the file would be another.
    pub rules: Vec<Behaviour>,
    /// Inlines of the headers that the module uses and that need symbols now which it does not get.
    pub inlines: Vec<Inline>,
    /// Inlines of the earlier kernel's headers that the module's own source calls, and that the later ones do not have.
    pub gone_inlines: Vec<String>,
    /// Is it unknown, for want of debug information, which of the inlines that became restricted it uses?
    pub inlines_unknown: bool,
    /// Of two builds, has each to be signed with a key that the later kernel trusts?
    pub needs_signature: bool,
    /// Do versions tell which symbols are the same on both kernels?
    pub(super) versioned: bool,
}

impl ModuleImpact<'_> {
    /// The licence that the loader looks at.
    pub fn license(&self) -> Option<&License> {
        self.licenses.first()
    }

    /// Is it certain that the file as it is does not load?
    pub fn is_refused_as_it_is(&self) -> bool {
        matches!(self.binary.outcome, Outcome::Refused { .. } | Outcome::Crash { .. }) || self.binary.never_loads
    }

    /// The facts that are not at hand and that the answer depends on.
    pub fn missing(&self) -> &[Missing] {
        let undetermined = |verdict: &&Verdict| verdict.outcome == Outcome::Undetermined;
        let rebuilt = self.rebuilt.as_ref().filter(undetermined);
        rebuilt.or(Some(&self.binary).filter(undetermined)).map_or(&[], |verdict| &verdict.missing)
    }

    /// What would tell what becomes of symbols of which that is not known.
    pub fn wanting(&self) -> BTreeSet<Wanting> {
        let open = self.symbols.iter().filter_map(|symbol| match symbol.fate {
            Fate::Open { wanting } => Some(wanting),
            _ => None,
        });
        open.collect()
    }
}

impl ModuleImpact<'_> {
    /// Where the module uses the symbols that are in question, and what is inlined into it.
    pub(super) fn facts(&self, image: &Image, circumstances: &Circumstances) -> Result<SourceFacts, Error> {
        let symbols: Vec<&str> = self.questioned().iter().map(|symbol| symbol.change.symbol.as_ref()).collect();
        if self.rebuilt.is_none() {
            return Ok(SourceFacts::default());
        }
        source_facts(image, &symbols, &circumstances.lookup)
    }
}
