//! Why: which line of the module's source, through which inlines of the kernel's headers, needs a symbol.
//!
//! A verdict says that a symbol is missing, hidden, of another version or in a namespace. The module's author often never
//! wrote its name. Here every use is found in the object, and debug information, where there is any, tells the chain. Where
//! there is none, the inline map of the kernel and the incidents of the past name candidates.
//!
//! Nothing here judges: what is found out goes beside a finding, never in its place.

mod candidates;
mod elsewhere;
pub mod incidents;
pub mod inlines;
mod uses;

pub use candidates::is_of_compiler;
pub use elsewhere::{Elsewhere, OptionDifference, SymbolExport, elsewhere};

use serde::Serialize;

use crate::image::{DebugFiles, Error, Image, ModuleElf};
use crate::kernel::Kernel;
use crate::verdict::{Code, DebugInfo, Finding, Origin, Use, Verdict};
use incidents::{IncidentEvidence, known};
use inlines::InlineMap;
pub use uses::Inlined;
use uses::UseFinder;

/// Where the source's side of a module is looked up.
#[derive(Debug, Default)]
pub struct Lookup {
    /// Where debug files are.
    pub debug: DebugFiles,
    /// The inline map of the kernel.
    pub inlines: Option<InlineMap>,
}

/// Fills in, for every finding about a symbol, where the module uses it, what may have brought it in, and which incidents
/// are like it.
///
/// # Errors
/// When a debug file that was asked for cannot be read or is of another build. Broken debug information is no error:
/// [`Verdict::debug_info`] says so then.
pub fn explain(verdict: &mut Verdict, image: &Image, kernel: &Kernel, lookup: &Lookup) -> Result<(), Error> {
    if verdict.findings.iter().all(|finding| finding.symbol().is_none()) {
        return Ok(());
    }
    let Some(elf) = image.as_announced() else { return Ok(()) };
    let file = lookup.debug.of(image, &elf)?;
    verdict.debug_info = UseFinder::with(&elf, file.as_ref(), |source| {
        for finding in &mut verdict.findings {
            annotate(finding, source, kernel, lookup);
        }
    });
    Ok(())
}

fn annotate(finding: &mut Finding, source: &UseFinder<'_>, kernel: &Kernel, lookup: &Lookup) {
    let Some(symbol) = finding.cause.symbol() else { return };
    let mut origin = Origin { uses: source.uses(symbol), ..Origin::default() };
    // Only where a licence or an export is the trouble can an incident be like it.
    if matches!(finding.cause.code(), Code::GplOnlySymbol | Code::MissingSymbol) {
        let functions = candidates::functions(&origin.uses);
        // A chain is evidence only where lines are known: else it holds nothing but the function out of line.
        let lines = origin.uses.iter().any(|place| place.chain.iter().any(|frame| frame.file.is_some()));
        let evidence = IncidentEvidence {
            functions: if lines { &functions } else { &[] },
            arch: kernel.arch(),
            config: kernel.config(),
            version: kernel.version(),
        };
        let incidents = known(symbol, &evidence);
        if !lines {
            origin.candidates = candidates::candidates(symbol, source, lookup.inlines.as_ref(), &incidents);
        }
        origin.incidents = incidents.iter().map(|incident| incident.id).collect();
    }
    finding.origin = Some(Box::new(origin));
}

/// What a module does with one symbol, whatever a kernel says to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SymbolUse {
    /// The symbol.
    pub symbol: String,
    /// How the kernel exports it; `None` where it does not, or is not known to.
    pub export: Option<SymbolExport>,
    /// Where the module uses it.
    pub uses: Vec<Use>,
    /// Where the lines of the source come from.
    pub debug_info: DebugInfo,
}

/// Where a module uses a symbol; `None` where it does not leave that undefined.
///
/// # Errors
/// As [`explain`].
pub fn uses(image: &Image, symbol: &str, kernel: &Kernel, lookup: &Lookup) -> Result<Option<SymbolUse>, Error> {
    let Some(elf) = image.as_announced() else { return Ok(None) };
    if !undefined(&elf).any(|name| name == symbol) {
        return Ok(None);
    }
    let file = lookup.debug.of(image, &elf)?;
    let mut uses = Vec::new();
    let debug_info = UseFinder::with(&elf, file.as_ref(), |source| uses = source.uses(symbol));
    let export = kernel.exports().and_then(|exports| SymbolExport::of(symbol, exports));
    Ok(Some(SymbolUse { symbol: symbol.to_owned(), export, uses, debug_info }))
}

/// What is known of a module's source beyond single symbols.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceFacts {
    /// Where the module uses each of the symbols that were asked about, in their order.
    pub uses: Vec<Vec<Use>>,
    /// The functions that are inlined into its code; `None` without debug information.
    pub inlined: Option<Inlined>,
}

/// Where a module uses several symbols, and what is inlined into it.
///
/// # Errors
/// As [`explain`].
pub fn source_facts(image: &Image, symbols: &[&str], lookup: &Lookup) -> Result<SourceFacts, Error> {
    let mut facts = SourceFacts { uses: vec![Vec::new(); symbols.len()], inlined: None };
    let Some(elf) = image.as_announced() else { return Ok(facts) };
    let file = lookup.debug.of(image, &elf)?;
    UseFinder::with(&elf, file.as_ref(), |source| {
        facts.uses = symbols.iter().map(|symbol| source.uses(symbol)).collect();
        facts.inlined = source.inlined();
    });
    Ok(facts)
}

/// The symbols a module leaves undefined, in the order of its symbol table.
pub fn undefined(elf: &ModuleElf) -> impl Iterator<Item = String> {
    elf.symbols().iter().skip(1).filter(|symbol| symbol.is_undefined()).map(|symbol| elf.symbol_text(symbol))
}
