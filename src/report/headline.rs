//! The first line, which is the answer.

use super::wording::{all, count, list, printable};
use super::{Entry, Group, KernelSummary, groups};
use crate::verdict::{Code, Missing, Outcome};

/// Missing facts named in the line; the text below it has them all.
const MISSING_WORDS: usize = 4;

/// The answer for one module in one line, for example
/// `openafs.ko: refused on 5.10.0-46-amd64: ENOENT, 2 GPL-only symbols`.
pub fn headline(entry: &Entry<'_>, kernel: &KernelSummary) -> String {
    printable(&format!("{}: {}", entry.title(), answer(entry, kernel)))
}

/// The headline without the name.
pub(super) fn answer(entry: &Entry<'_>, kernel: &KernelSummary) -> String {
    let (verdict, on) = (entry.verdict, kernel.called());
    match &verdict.outcome {
        Outcome::Loads if !entry.op.loads() => format!("unloads on {on}"),
        Outcome::Loads if verdict.module_taints.is_empty() => format!("loads on {on}"),
        Outcome::Loads => format!("loads on {on}, taints {}", verdict.module_taints),
        Outcome::Refused { errno, stage } => {
            let groups = groups(&verdict.findings);
            let here = |group: &&Group<'_>| {
                group.reached && group.stage == *stage && group.findings.iter().any(|finding| finding.refuses())
            };
            // Groups of one kind, which differ in who exports the symbols, are one reason.
            let mut kinds: Vec<(Code, usize)> = Vec::new();
            for group in groups.iter().filter(here) {
                match kinds.iter_mut().find(|(code, _)| *code == group.code) {
                    Some((_, number)) => *number += group.findings.len(),
                    None => kinds.push((group.code, group.findings.len())),
                }
            }
            let reasons: Vec<String> = kinds.into_iter().map(|(code, number)| kind(code, number)).collect();
            match reasons.as_slice() {
                [] => format!("refused on {on}: {errno} in {stage}"),
                reasons => format!("refused on {on}: {errno}, {}", all(reasons)),
            }
        }
        Outcome::Crash { stage, why } => format!("crashes {on} in {stage}: {why}"),
        Outcome::Undetermined => {
            let words: Vec<String> = verdict.missing.iter().map(Missing::word).collect();
            let depends = list(&words, MISSING_WORDS);
            match verdict.never_loads {
                true => format!("refused on {on} in any case; the errno is undetermined: it depends on {depends}"),
                false => format!("undetermined on {on}: it depends on {depends}"),
            }
        }
    }
}

/// `9 load, 2 refused, 1 undetermined`.
pub(super) fn tally(entries: &[Entry<'_>]) -> String {
    let number = |wanted: fn(&Entry<'_>) -> bool| entries.iter().filter(|entry| wanted(entry)).count();
    let good = number(|entry| entry.op.loads() && entry.verdict.outcome == Outcome::Loads);
    let parts = [
        (good, if good == 1 { "loads" } else { "load" }),
        (number(|entry| !entry.op.loads() && entry.verdict.outcome == Outcome::Loads), "unloaded"),
        (number(|entry| matches!(entry.verdict.outcome, Outcome::Refused { .. })), "refused"),
        (number(|entry| matches!(entry.verdict.outcome, Outcome::Crash { .. })), "would crash the kernel"),
        (number(|entry| entry.verdict.never_loads), "refused in any case"),
        (number(|entry| entry.verdict.outcome == Outcome::Undetermined && !entry.verdict.never_loads), "undetermined"),
    ];
    let said: Vec<String> =
        parts.iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}")).collect();
    if said.is_empty() { "nothing to do".to_owned() } else { said.join(", ") }
}

/// What a group is, in a few words: `2 GPL-only symbols`.
pub(super) fn title(group: &Group<'_>) -> String {
    kind(group.code, group.findings.len())
}

/// So many findings of a kind.
pub(super) fn kind(code: Code, number: usize) -> String {
    let counted = |one, many| count(number, one, many);
    match code {
        Code::NotPermitted => "module loading is switched off".into(),
        Code::UnknownFlags => "unknown flags".into(),
        Code::Decompression => "cannot decompress".into(),
        Code::UnreadableFile => "unreadable file".into(),
        Code::UnsignedRejected => "no signature".into(),
        Code::UnknownKey => "signed by an unknown key".into(),
        Code::UnsupportedSignature => "unsupported signature".into(),
        Code::InvalidSignature => "wrong signature".into(),
        Code::MalformedSignature => "malformed signature".into(),
        Code::LockedDown => "kernel lockdown".into(),
        Code::InvalidElf => "invalid ELF file".into(),
        Code::WrongArchitecture => "wrong architecture".into(),
        Code::NoSymbolTable => "no usable symbol table".into(),
        Code::BadThisModule => "bad .gnu.linkonce.this_module".into(),
        Code::StructModuleSize => "another size of struct module".into(),
        Code::Blacklisted => "blacklisted".into(),
        Code::ModuleLayout => "another version of module_layout".into(),
        Code::NoVersions => "no symbol versions".into(),
        Code::Vermagic => "another version magic".into(),
        Code::NoVermagic => "no version magic".into(),
        Code::LivepatchDisabled => "live patches are not supported".into(),
        Code::AlreadyLoaded => "already loaded".into(),
        Code::WritableExecutable => counted("writable and executable section", "writable and executable sections"),
        Code::ArchSections => "unsuitable architecture sections".into(),
        Code::PercpuSpace => "not enough per-CPU space".into(),
        Code::Constructors => "two kinds of constructors".into(),
        Code::NoExportFlags => "exports without flags".into(),
        Code::ObsoleteExportTable => "obsolete export table".into(),
        Code::NoExportVersions => "exports without versions".into(),
        Code::ImportsModuleNamespace => "import of a module: namespace".into(),
        Code::MissingSymbol => counted("missing symbol", "missing symbols"),
        Code::GplOnlySymbol => counted("GPL-only symbol", "GPL-only symbols"),
        Code::ExporterNotLoaded => counted("symbol of a module not loaded", "symbols of modules not loaded"),
        Code::ExporterNotLive => counted("symbol of a module that is not live", "symbols of a module that is not live"),
        Code::SymbolVersion => counted("symbol of another version", "symbols of other versions"),
        Code::NoSymbolVersion => counted("symbol without a version", "symbols without a version"),
        Code::NamespaceNotImported => {
            counted("symbol of a namespace not imported", "symbols of a namespace not imported")
        }
        Code::InheritedTaint => "proprietary by inheritance".into(),
        Code::GplOnlyWithProprietary => {
            counted("proprietary symbol beside GPL-only ones", "proprietary symbols beside GPL-only ones")
        }
        Code::GplFutureSymbol => counted("symbol soon to be GPL-only", "symbols soon to be GPL-only"),
        Code::UnusedSymbol => counted("symbol soon to be removed", "symbols soon to be removed"),
        Code::CommonSymbol => counted("common symbol", "common symbols"),
        Code::SymbolSection => counted("symbol in no section", "symbols in no section"),
        Code::RelocationOverflow => counted("relocation overflow", "relocation overflows"),
        Code::UnknownRelocation => "unknown relocation type".into(),
        Code::RelocationTarget => "relocation target is not zero".into(),
        Code::RelocationKind => "wrong kind of relocations".into(),
        Code::BadRelocation => counted("bad relocation", "bad relocations"),
        Code::DuplicateExport => counted("duplicate export", "duplicate exports"),
        Code::ReservedName => "reserved name".into(),
        Code::UnknownParameter => counted("unknown parameter", "unknown parameters"),
        Code::InvalidParameter => counted("invalid parameter", "invalid parameters"),
        Code::BuiltinName => "name of something built in".into(),
        Code::SysfsName => "unsuitable name".into(),
        Code::NotLoaded => "not loaded".into(),
        Code::InUse => "in use".into(),
        Code::NoExit => "no exit function".into(),
        Code::DependencyRefused => "a dependency is refused".into(),
        Code::DependencyCycle => "modules that need each other".into(),
        Code::RivalExport => counted("export that another module has, too", "exports that other modules have, too"),
        Code::ShadowedFile => "file of the same name, not used".into(),
    }
}
