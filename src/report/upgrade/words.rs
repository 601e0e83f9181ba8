//! The name of a module on the page, and its answer in words.

use crate::impact::{Answer, ModuleImpact};

/// The name of a module on the page: the name of its file.
pub(super) fn called(module: &ModuleImpact<'_>) -> String {
    match module.path.file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => module.binary.name.clone(),
    }
}

/// The answer for a module in words: for one module, and for several with this answer.
pub(super) fn words(module: &ModuleImpact<'_>) -> (&'static str, &'static str) {
    match module.answer {
        Answer::LoadsAsItIs => ("loads as it is", "load as they are"),
        Answer::LoadsOnceSigned => ("loads once it is signed", "load once they are signed"),
        Answer::LoadsAfterRebuild => ("loads after a rebuild", "load after a rebuild"),
        Answer::Unknown if module.is_refused_as_it_is() => (
            "does not load as it is, and it is not known whether a rebuild is enough",
            "do not load as they are, and it is not known whether a rebuild is enough",
        ),
        Answer::Unknown => ("cannot be known", "cannot be known"),
        Answer::RefusedByKernel => {
            ("will be refused by this kernel's settings", "will be refused by this kernel's settings")
        }
        Answer::NeedsSourceChanges => ("needs source changes", "need source changes"),
        Answer::RefusedForLicense => ("will be refused for its license", "will be refused for their license"),
    }
}
