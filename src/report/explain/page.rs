//! The pages, one Markdown file a code.

use crate::verdict::Code;

/// One page. The first line of the file is the title, behind `# `.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The title, without the code.
    pub title: &'static str,
    /// Everything below the title, in Markdown.
    pub text: &'static str,
}

/// The files of a set of words, by word: in a folder here, each named as the word is written.
macro_rules! files {
    ($function:ident($type:ident) in $folder:literal: $($variant:ident = $name:literal),* $(,)?) => {
        const fn $function(of: $type) -> &'static str {
            match of { $($type::$variant => include_str!(concat!($folder, $name, ".md"))),* }
        }
    };
}
pub(super) use files;

files! { source(Code) in "":
    NotPermitted = "not-permitted",
    UnknownFlags = "unknown-flags",
    Decompression = "decompression",
    UnreadableFile = "unreadable-file",
    UnsignedRejected = "unsigned-rejected",
    UnknownKey = "unknown-key",
    UnsupportedSignature = "unsupported-signature",
    InvalidSignature = "invalid-signature",
    MalformedSignature = "malformed-signature",
    LockedDown = "locked-down",
    InvalidElf = "invalid-elf",
    WrongArchitecture = "wrong-architecture",
    NoSymbolTable = "no-symbol-table",
    BadThisModule = "bad-this-module",
    StructModuleSize = "struct-module-size",
    Blacklisted = "blacklisted",
    ModuleLayout = "module-layout",
    NoVersions = "no-versions",
    Vermagic = "vermagic",
    NoVermagic = "no-vermagic",
    LivepatchDisabled = "livepatch-disabled",
    AlreadyLoaded = "already-loaded",
    WritableExecutable = "writable-executable",
    ArchSections = "arch-sections",
    PercpuSpace = "percpu-space",
    Constructors = "constructors",
    NoExportFlags = "no-export-flags",
    ObsoleteExportTable = "obsolete-export-table",
    NoExportVersions = "no-export-versions",
    ImportsModuleNamespace = "imports-module-namespace",
    MissingSymbol = "missing-symbol",
    GplOnlySymbol = "gpl-only-symbol",
    ExporterNotLoaded = "exporter-not-loaded",
    ExporterNotLive = "exporter-not-live",
    SymbolVersion = "symbol-version",
    NoSymbolVersion = "no-symbol-version",
    NamespaceNotImported = "namespace-not-imported",
    InheritedTaint = "inherited-taint",
    GplOnlyWithProprietary = "gpl-only-with-proprietary",
    GplFutureSymbol = "gpl-future-symbol",
    UnusedSymbol = "unused-symbol",
    CommonSymbol = "common-symbol",
    SymbolSection = "symbol-section",
    RelocationOverflow = "relocation-overflow",
    UnknownRelocation = "unknown-relocation",
    RelocationTarget = "relocation-target",
    RelocationKind = "relocation-kind",
    BadRelocation = "bad-relocation",
    DuplicateExport = "duplicate-export",
    ReservedName = "reserved-name",
    UnknownParameter = "unknown-parameter",
    InvalidParameter = "invalid-parameter",
    BuiltinName = "builtin-name",
    SysfsName = "sysfs-name",
    NotLoaded = "not-loaded",
    InUse = "in-use",
    NoExit = "no-exit",
    DependencyRefused = "dependency-refused",
    DependencyCycle = "dependency-cycle",
    RivalExport = "rival-export",
    ShadowedFile = "shadowed-file",
}

/// The page of a code.
pub fn explain(code: Code) -> Page {
    page(source(code))
}

/// The page in a file.
pub(super) fn page(source: &'static str) -> Page {
    let (title, text) = source.split_once('\n').unwrap_or_default();
    Page { title: title.trim_start_matches("# "), text: text.trim_matches('\n') }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_has_a_whole_page_of_its_own() {
        let mut titles = BTreeSet::new();
        for code in Code::ALL {
            let page = explain(*code);
            assert!(source(*code).starts_with("# "), "{code}");
            assert!(titles.insert(page.title), "{code}: {} twice", page.title);
            let lines = source(*code).lines().count();
            assert!((8..=32).contains(&lines), "{code}: {lines} lines");
            for heading in ["The kernel prints:", "Why:", "Fix:", "Example:", "See:"] {
                assert!(page.text.contains(heading), "{code} has no \"{heading}\"");
            }
        }
    }

    /// A page whose code is gone would never be read again.
    #[test]
    fn no_page_is_orphaned() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/report/explain");
        let pages: BTreeSet<String> = std::fs::read_dir(folder)
            .expect("the pages are beside this file")
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".md").map(str::to_owned))
            .collect();
        let codes: BTreeSet<String> = Code::ALL.iter().map(|code| code.name().to_owned()).collect();
        assert_eq!(pages, codes);
    }
}
