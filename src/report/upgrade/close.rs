//! The last lines: what to do, in words.

use super::words::called;
use crate::impact::{Answer, ModuleImpact, SymbolImpact};
use crate::report::entry::KernelSummary;
use crate::report::wording::list;
use crate::terms::ExportKind;
use crate::verdict::Code;

/// Modules named in one line.
const NAMED: usize = 8;

/// One instruction for each answer, the most pressing first.
pub(super) fn close(modules: &[ModuleImpact<'_>], to: &KernelSummary) -> Vec<String> {
    let of = |answer: Answer| modules.iter().filter(move |module| module.answer == answer);
    let named = |modules: Vec<&ModuleImpact<'_>>| modules.into_iter().map(called).collect::<Vec<_>>();
    let mut lines = Vec::new();
    let refused: Vec<_> = of(Answer::RefusedForLicense).collect();
    let (before, newly): (Vec<_>, Vec<_>) = refused.into_iter().partition(|module| was_refused(module));
    if !newly.is_empty() {
        lines.push(format!(
            "do not boot {} while you need {}: no rebuild helps; ask the vendor for a version that does without the GPL-only \
             symbols named above",
            to.told_apart(),
            list(&named(newly), NAMED)
        ));
    }
    if !before.is_empty() {
        let pick = |one, several| if before.len() == 1 { one } else { several };
        let (needs, loads) = (pick("needs", "need"), pick("does not load", "do not load"));
        let names = list(&named(before.clone()), NAMED);
        lines.push(format!(
            "{names} {needs} GPL-only symbols on the earlier kernel, too, and {loads} there, either: ask the vendor for a \
             version that does without"
        ));
    }
    let (nameless, unknown): (Vec<_>, Vec<_>) = of(Answer::Unknown)
        .partition(|module| module.missing().is_empty() && module.wanting().is_empty() && !module.inlines_unknown);
    for answer in Answer::ALL.into_iter().rev() {
        let names = named(if answer == Answer::Unknown { unknown.clone() } else { of(answer).collect() });
        if !names.is_empty() {
            lines.extend(instruction(answer, &list(&names, NAMED), names.len() == 1, to));
        }
    }
    if !nameless.is_empty() {
        let names = list(&named(nameless), NAMED);
        lines.push(format!(
            "what stands above keeps {names} from being judged any further: get that right, and ask again"
        ));
    }
    let unsigned: Vec<String> = modules
        .iter()
        .filter(|module| module.needs_signature && module.answer != Answer::LoadsOnceSigned)
        .map(called)
        .collect();
    if !unsigned.is_empty() {
        lines.push(format!(
            "sign {} with a key that {} trusts: it enforces signatures",
            list(&unsigned, NAMED),
            to.told_apart()
        ));
    }
    lines
}

/// Did the earlier kernel keep GPL-only symbols from the module already?
fn was_refused(module: &ModuleImpact<'_>) -> bool {
    let was_hidden = |symbol: &SymbolImpact<'_>| {
        symbol.change.before.as_ref().and_then(|before| before.kind).is_some_and(ExportKind::is_gpl_only)
    };
    module.symbols.iter().any(|symbol| {
        symbol.is_lost()
            && symbol.blocked.as_ref().is_some_and(|b| b.code() == Code::GplOnlySymbol)
            && was_hidden(symbol)
    })
}

fn instruction(answer: Answer, names: &str, one: bool, to: &KernelSummary) -> Option<String> {
    let kernel = to.told_apart();
    let pick = |singular, plural| if one { singular } else { plural };
    Some(match answer {
        // Said apart, for it depends on what the earlier kernel did.
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
            format!("nothing for {names}: {} as {}", pick("it loads", "they load"), pick("it is", "they are"))
        }
    })
}
