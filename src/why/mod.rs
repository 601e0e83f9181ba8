//! Finds the line of a module's source, and the inline functions of the kernel's headers, that need a symbol.
//!
//! A verdict says that a symbol is missing, hidden, of another version or in a namespace. The module's author often
//! never wrote the name of that symbol. This room finds every use in the object file, and the debug information, if
//! there is any, gives the chain of inlined calls. Without it, the inline map of the kernel and the known incidents
//! give candidates.
//!
//! Nothing here judges: the results are attached to a finding and never replace it.
//!
//! [`explain()`] fills in [`Finding::origin`]. Lines count from 1, offsets are in bytes from the beginning of a section. It fails
//! where a file that has to be read once more cannot be, or where a debug file that the user named is unfit.
//!
//! ```
//! use std::sync::Arc;
//!
//! use gplok::check::check;
//! use gplok::image::Image;
//! use gplok::kernel::Kernel;
//! use gplok::load::{Cmdline, Insmod};
//! use gplok::why::{Lookup, explain};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/founding");
//! let kernel = Arc::new(Kernel::open(&[format!("{folder}/linux-4.18-rc")])?);
//! let images = [Image::open(format!("{folder}/openafs.ko"))?];
//! let mut verdicts = check(&kernel, &Cmdline::default(), &images, &Insmod::default())?;
//! explain(&mut verdicts[0], &images[0], &kernel, &Lookup::default())?;
//! let origin = verdicts[0].findings[0].origin.as_ref().ok_or("no origin")?;
//! assert!(origin.uses[0].chain.iter().any(|frame| frame.function == "put_page"));
//! # Ok(())
//! # }
//! ```

mod candidates;
mod elsewhere;
#[cfg(not(feature = "unstable"))]
pub(crate) mod incidents;
#[cfg(feature = "unstable")]
pub mod incidents;
#[cfg(not(feature = "unstable"))]
pub(crate) mod inlines;
#[cfg(feature = "unstable")]
pub mod inlines;
mod uses;

unstable!(candidates::is_of_compiler);
pub use elsewhere::{Elsewhere, OptionDifference, SymbolExport, elsewhere};

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::check::try_each;
use crate::image::{DebugFiles, Error, Image, ModuleElf};
use crate::kernel::Kernel;
use crate::verdict::{Code, DebugInfo, Finding, Origin, Use, Verdict};
use incidents::{IncidentEvidence, known};
pub use inlines::Inline;
use inlines::InlineMap;
pub use uses::Inlined;
use uses::UseFinder;

/// Where to find debug information and the inline map.
#[derive(Debug, Default)]
pub struct Lookup {
    /// Where debug files are found.
    pub debug: DebugFiles,
    /// The inline map of the kernel.
    #[cfg_attr(not(feature = "unstable"), doc(hidden))]
    pub inlines: Option<InlineMap>,
}

/// Fills in, for every finding about a symbol, where the module uses the symbol, what may have brought it in, and which
/// incidents are similar.
///
/// # Errors
/// When the module has to be read once more and cannot be, or when a debug file that the user named cannot be read or belongs
/// to another build. Broken debug information is not an error: [`Verdict::debug_info`] reports it.
pub fn explain(verdict: &mut Verdict, image: &Image, kernel: &Kernel, lookup: &Lookup) -> Result<(), Error> {
    if verdict.findings.iter().all(|finding| finding.symbol().is_none()) {
        return Ok(());
    }
    let completed = image.completed()?;
    let image = completed.as_ref().unwrap_or(image);
    let Some(elf) = image.as_announced() else { return Ok(()) };
    let file = lookup.debug.of(image, &elf)?;
    verdict.debug_info = UseFinder::with(&elf, file.as_ref(), |source| {
        for finding in &mut verdict.findings {
            annotate(finding, source, kernel, lookup);
        }
    });
    Ok(())
}

/// Explains many verdicts, as [`explain`] does, on all threads. A module for which there is no memory keeps its verdict, which says so
/// in [`Verdict::debug_info`].
///
/// # Errors
/// As [`explain`].
#[cfg_attr(not(feature = "unstable"), doc(hidden))]
pub fn explain_all(verdicts: &mut [Verdict], images: &[Image], kernel: &Kernel, lookup: &Lookup) -> Result<(), Error> {
    let all: Vec<_> = verdicts.iter_mut().map(Mutex::new).zip(images).collect();
    let explained = try_each(&all, |(verdict, image)| {
        let mut verdict = verdict.lock().unwrap_or_else(PoisonError::into_inner);
        explain(&mut verdict, image, kernel, lookup)
    });
    drop(all);
    for ((verdict, image), result) in verdicts.iter_mut().zip(images).zip(explained) {
        match result {
            Err(error) if error.is_about_memory() => {
                verdict.debug_info = without_memory(image, &error);
            }
            result => result?,
        }
    }
    Ok(())
}

/// What stands for the debug information of a module for which there is no memory.
pub(crate) fn without_memory(image: &Image, error: &Error) -> DebugInfo {
    DebugInfo::Unusable { file: image.path().to_string_lossy().into_owned(), what: error.kind.to_string() }
}

fn annotate(finding: &mut Finding, source: &UseFinder<'_>, kernel: &Kernel, lookup: &Lookup) {
    let Some(symbol) = finding.cause.symbol() else { return };
    let mut origin = Origin { uses: source.uses(symbol), ..Origin::default() };
    // An incident can only be similar if the finding is about a license or a missing export.
    if matches!(finding.cause.code(), Code::GplOnlySymbol | Code::MissingSymbol) {
        let functions = candidates::functions(&origin.uses);
        // A chain is evidence only if lines are known. Otherwise it holds nothing but the out-of-line function.
        let has_lines = origin.uses.iter().any(|place| place.chain.iter().any(|frame| frame.file.is_some()));
        let evidence = IncidentEvidence {
            functions: if has_lines { &functions } else { &[] },
            arch: kernel.arch(),
            config: kernel.config(),
            version: kernel.version(),
        };
        let incidents = known(symbol, &evidence);
        if !has_lines {
            origin.candidates = candidates::candidates(symbol, source, lookup.inlines.as_ref(), &incidents);
        }
        origin.incidents = incidents.iter().map(|incident| incident.id).collect();
    }
    finding.origin = Some(Box::new(origin));
}

/// How a module uses one symbol, independent of any verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SymbolUse {
    /// The symbol.
    pub symbol: String,
    /// How the kernel exports it; `None` if it does not, or if that is not known.
    pub export: Option<SymbolExport>,
    /// Where the module uses it.
    pub uses: Vec<Use>,
    /// Where the source lines come from.
    pub debug_info: DebugInfo,
}

/// Finds where a module uses a symbol; `None` if the module does not leave the symbol undefined.
///
/// # Errors
/// As [`explain`].
pub fn uses(image: &Image, symbol: &str, kernel: &Kernel, lookup: &Lookup) -> Result<Option<SymbolUse>, Error> {
    let completed = image.completed()?;
    let image = completed.as_ref().unwrap_or(image);
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

/// What a module's object and debug information show about its source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceFacts {
    /// Where the module uses each of the requested symbols, in the same order.
    pub uses: Vec<Vec<Use>>,
    /// The functions inlined into its code; `None` without debug information.
    pub inlined: Option<Inlined>,
}

/// Finds where a module uses several symbols, and which functions are inlined into it.
///
/// # Errors
/// As [`explain`].
pub fn source_facts(image: &Image, symbols: &[&str], lookup: &Lookup) -> Result<SourceFacts, Error> {
    let mut facts = SourceFacts { uses: vec![Vec::new(); symbols.len()], inlined: None };
    if image.as_announced().is_none() {
        return Ok(facts);
    }
    let completed = image.completed()?;
    let image = completed.as_ref().unwrap_or(image);
    let Some(elf) = image.as_announced() else { return Ok(facts) };
    let file = lookup.debug.of(image, &elf)?;
    UseFinder::with(&elf, file.as_ref(), |source| {
        facts.uses = symbols.iter().map(|symbol| source.uses(symbol)).collect();
        facts.inlined = source.inlined();
    });
    Ok(facts)
}

/// The symbols that a module leaves undefined, in the order of its symbol table.
pub fn undefined(elf: &ModuleElf) -> impl Iterator<Item = String> {
    elf.symbols().iter().skip(1).filter(|symbol| symbol.is_undefined()).map(|symbol| elf.symbol_text(symbol))
}
