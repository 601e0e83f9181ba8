//! Why: which line of the module's source, through which inlines of the kernel's headers, needs a symbol.
//!
//! A verdict says that a symbol is missing, hidden, of another version or in a namespace. The module's author often never
//! wrote its name. Here every use is found in the object, and debug information, where there is any, tells the chain.

pub mod incidents;
mod uses;

pub use uses::Source;

use crate::image::{DebugFiles, Error, Image};
use crate::verdict::Verdict;

/// Fills in, for every finding about a symbol, where the module uses it.
///
/// # Errors
/// When a debug file that was asked for cannot be read or belongs to no module at hand. Broken debug information is no
/// error: [`Verdict::debug_info`] says so then.
pub fn explain(verdict: &mut Verdict, image: &Image, debug: &DebugFiles) -> Result<(), Error> {
    if verdict.findings.iter().all(|finding| finding.symbol().is_none()) {
        return Ok(());
    }
    let Some(elf) = image.as_announced() else { return Ok(()) };
    let file = debug.of(image, &elf)?;
    verdict.debug_info = Source::with(&elf, file.as_ref(), |source| {
        for finding in &mut verdict.findings {
            let Some(symbol) = finding.cause.symbol() else { continue };
            finding.uses = source.uses(symbol);
        }
    });
    Ok(())
}
