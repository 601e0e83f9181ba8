//! The last lines of the page: what to do.

use super::words::called;
use crate::impact::{Answer, ModuleImpact, SymbolImpact};
use crate::report::entry::KernelSummary;
use crate::report::wording::list;
use crate::terms::ExportKind;
use crate::verdict::Code;

/// How many modules one line names.
const NAMED: usize = 8;

/// One instruction for each answer, the most urgent first.
pub(super) fn close(modules: &[ModuleImpact<'_>], to: &KernelSummary) -> Vec<String> {
    let of = |answer: Answer| modules.iter().filter(move |module| module.answer == answer);
    let mut lines = Vec::new();
    let (mixed, refused): (Vec<_>, Vec<_>) = of(Answer::RefusedForLicense).partition(|module| is_mixed(module));
    let (before, newly): (Vec<_>, Vec<_>) = refused.into_iter().partition(|module| was_refused(module));
    if !newly.is_empty() {
        lines.push(format!(
            "do not boot {} while you need {}: no rebuild helps; ask the vendor for a version that does without the GPL-only \
             symbols named above",
            to.told_apart(),
            named(&newly)
        ));
    }
    if !before.is_empty() {
        let (needs, loads) = if before.len() == 1 { ("needs", "does not load") } else { ("need", "do not load") };
        let names = named(&before);
        lines.push(format!(
            "{names} {needs} GPL-only symbols on the earlier kernel, too, and {loads} there, either: ask the vendor for a \
             version that does without"
        ));
    }
    if !mixed.is_empty() {
        let (names, it_uses) = (named(&mixed), if mixed.len() == 1 { "it uses" } else { "they use" });
        lines.push(format!(
            "no rebuild helps {names}: {it_uses} symbols of a proprietary module beside GPL-only ones; do without the one or the other"
        ));
    }
    let (nameless, unknown): (Vec<_>, Vec<_>) = of(Answer::Unknown)
        .partition(|module| module.missing().is_empty() && module.wanting().is_empty() && !module.inlines_unknown);
    for answer in Answer::ALL.into_iter().rev() {
        let concerned: Vec<_> = if answer == Answer::Unknown { unknown.clone() } else { of(answer).collect() };
        if !concerned.is_empty() {
            lines.extend(instruction(answer, &named(&concerned), concerned.len() == 1, to));
        }
    }
    if !nameless.is_empty() {
        let names = named(&nameless);
        lines.push(format!(
            "what stands above keeps {names} from being judged any further: get that right, and ask again"
        ));
    }
    let unsigned: Vec<_> =
        modules.iter().filter(|module| module.needs_signature && module.answer != Answer::LoadsOnceSigned).collect();
    if !unsigned.is_empty() {
        lines.push(format!(
            "sign {} with a key that {} trusts: it enforces signatures",
            named(&unsigned),
            to.told_apart()
        ));
    }
    lines
}

/// The names of modules as a list.
fn named(modules: &[&ModuleImpact<'_>]) -> String {
    let names: Vec<String> = modules.iter().map(|module| called(module)).collect();
    list(&names, NAMED)
}

/// Returns whether the earlier kernel already hides GPL-only symbols from the module.
fn was_refused(module: &ModuleImpact<'_>) -> bool {
    module.symbols.iter().any(|symbol| {
        symbol.is_lost()
            && symbol.blocked.as_ref().is_some_and(|blocked| blocked.code() == Code::GplOnlySymbol)
            && was_hidden(symbol)
    })
}

/// Returns whether only symbols of proprietary modules are hidden from the module, because it uses GPL-only ones.
fn is_mixed(module: &ModuleImpact<'_>) -> bool {
    let mut codes =
        module.symbols.iter().filter(|symbol| symbol.is_lost()).filter_map(|symbol| symbol.blocked.as_ref());
    let mut any = false;
    codes.all(|blocked| {
        any |= blocked.code() == Code::GplOnlyWithProprietary;
        blocked.code() != Code::GplOnlySymbol
    }) && any
        && module.inlines.is_empty()
}

/// Returns whether the earlier kernel exports the symbol GPL-only.
fn was_hidden(symbol: &SymbolImpact<'_>) -> bool {
    symbol.change.before.as_ref().and_then(|before| before.kind).is_some_and(ExportKind::is_gpl_only)
}

/// The instruction for modules with this answer; `one` says whether there is only one.
fn instruction(answer: Answer, names: &str, one: bool, to: &KernelSummary) -> Option<String> {
    let kernel = to.told_apart();
    Some(match answer {
        // `close` words this: it depends on the earlier kernel.
        Answer::RefusedForLicense => return None,
        Answer::NeedsSourceChanges => format!(
            "get a version of {names} made for {kernel} before you upgrade, or change the source as said above; a source that \
             knows both kernels (LINUX_VERSION_CODE, configure) may need no more than a rebuild"
        ),
        Answer::RefusedByKernel => {
            format!("change how {kernel} is configured or booted, or do without {names}")
        }
        Answer::Unknown => format!("supply what is not known about {names}, and ask again"),
        Answer::LoadsAfterRebuild => format!(
            "before you boot {kernel}, rebuild {names}: {} (DKMS does so by itself where the headers are installed). Whether the \
             source compiles only the compiler tells: types and macros leave no trace in a module",
            to.build()
        ),
        Answer::LoadsOnceSigned => {
            format!(
                "sign {names} with a key that {kernel} trusts, or have it trust the signer (mokutil --import CERT.x509)"
            )
        }
        Answer::LoadsAsItIs => {
            let they = if one { "it loads as it is" } else { "they load as they are" };
            format!("nothing for {names}: {they}")
        }
    })
}
