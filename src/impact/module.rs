//! The outcome for one module: what the later kernel does with the file, and with a build of its source.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Answer, Fate, SymbolImpact, Wanting};
use crate::history::Behaviour;
use crate::image::{Error, Image};
use crate::kernel::Contest;
use crate::load::Cmdline;
use crate::terms::License;
use crate::verdict::{Missing, Outcome, Verdict};
use crate::why::inlines::{Inline, InlineChanges};
use crate::why::{Lookup, SourceFacts, source_facts};

/// The boot, debug information and inline maps that a comparison uses besides the exports.
#[derive(Debug, Default)]
pub struct Circumstances {
    /// The command line of the later kernel.
    pub cmdline: Cmdline,
    /// Where to find the modules' debug information.
    pub lookup: Lookup,
    /// How the inline functions of the headers changed; `None` without the maps of both kernels.
    #[cfg_attr(not(feature = "unstable"), doc(hidden))]
    pub inlines: Option<InlineChanges>,
    /// The modules given of which it is not known whether they or other files of their name count. The verdict on such a module
    /// holds for all of its files; what it says of symbols and lines, for the file that was given.
    #[cfg_attr(not(feature = "unstable"), doc(hidden))]
    pub contests: Vec<Arc<Contest>>,
}

/// The outcome for one module on the later kernel.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ModuleImpact<'a> {
    /// The module file.
    pub path: PathBuf,
    /// The module's licenses. The loader looks only at the first one, modpost at all of them.
    pub licenses: Vec<License>,
    /// The namespaces that the module imports.
    pub imports: Vec<String>,
    /// The outcome as one answer.
    pub answer: Answer,
    /// The later kernel's verdict on the file as it is.
    pub binary: Verdict,
    /// The later kernel's verdict on a new build of the same source; `None` if the file loads as it is.
    pub rebuilt: Option<Verdict>,
    /// The symbols the module needs that changed or that the kernel withholds, sorted by name.
    pub symbols: Vec<SymbolImpact<'a>>,
    /// Changed loader rules without which the verdict on the file would be another.
    pub rules: Vec<Behaviour>,
    /// Inline functions that the module uses and that now need symbols the module does not get.
    pub inlines: Vec<Inline>,
    /// Inline functions of the earlier kernel's headers that the module's own source calls and that the later headers
    /// do not have.
    pub gone_inlines: Vec<String>,
    /// Whether some inline functions became restricted, and no debug information tells if the module uses them.
    pub inlines_unknown: bool,
    /// Whether a build for the later kernel has to be signed with a key that the kernel trusts.
    pub needs_signature: bool,
    /// Whether both kernels have CRCs, which show the symbols that are unchanged.
    pub(super) versioned: bool,
}

impl ModuleImpact<'_> {
    /// The license that the loader looks at, which is the first one.
    pub fn license(&self) -> Option<&License> {
        self.licenses.first()
    }

    /// Returns whether the file, as it is, certainly does not load.
    pub fn is_refused_as_it_is(&self) -> bool {
        matches!(self.binary.outcome, Outcome::Refused { .. } | Outcome::Crash { .. }) || self.binary.never_loads
    }

    /// The missing facts that the answer depends on.
    pub fn missing(&self) -> &[Missing] {
        let verdicts = self.rebuilt.iter().chain([&self.binary]);
        let mut undetermined = verdicts.filter(|verdict| verdict.outcome == Outcome::Undetermined);
        undetermined.next().map_or(&[], |verdict| &verdict.missing)
    }

    /// What would show the fate of the symbols whose fate is open.
    pub fn wanting(&self) -> BTreeSet<Wanting> {
        let open = self.symbols.iter().filter_map(|symbol| match symbol.fate {
            Fate::Open { wanting } => Some(wanting),
            _ => None,
        });
        open.collect()
    }
}

impl ModuleImpact<'_> {
    /// Nothing, for a module that there is no memory for.
    pub(super) fn without_facts(&self) -> SourceFacts {
        SourceFacts { uses: vec![Vec::new(); self.questioned().len()], inlined: None }
    }

    /// Finds where the module uses the symbols in question, and which functions are inlined into it.
    pub(super) fn facts(&self, image: &Image, circumstances: &Circumstances) -> Result<SourceFacts, Error> {
        if self.rebuilt.is_none() {
            return Ok(SourceFacts::default());
        }
        let symbols: Vec<&str> = self.questioned().iter().map(|symbol| symbol.change.symbol.as_ref()).collect();
        source_facts(image, &symbols, &circumstances.lookup)
    }
}
