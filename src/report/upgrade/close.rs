//! The last lines: what to do, in words.

use super::called;
use crate::impact::{Answer, ModuleImpact};
use crate::report::KernelSummary;
use crate::report::wording::list;

/// Modules named in one line.
const NAMED: usize = 8;

/// One instruction for each answer, the most pressing first.
pub(super) fn close(modules: &[ModuleImpact<'_>], to: &KernelSummary) -> Vec<String> {
    let of = |answer: Answer| -> Vec<String> {
        modules.iter().filter(|module| module.answer == answer).map(called).collect()
    };
    let mut lines: Vec<String> = Answer::ALL
        .into_iter()
        .rev()
        .map(|answer| (answer, of(answer)))
        .filter(|(_, names)| !names.is_empty())
        .map(|(answer, names)| instruction(answer, &list(&names, NAMED), names.len() == 1, to))
        .collect();
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

fn instruction(answer: Answer, names: &str, one: bool, to: &KernelSummary) -> String {
    let kernel = to.told_apart();
    let pick = |singular, plural| if one { singular } else { plural };
    match answer {
        Answer::RefusedForLicense => format!(
            "stay on the earlier kernel while you need {names}: no rebuild helps; ask the vendor for a version that does without \
             the GPL-only symbols named above"
        ),
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
    }
}
