//! One value of every cause, for tests.

use crate::terms::{Crc, Errno, ExportKind, License, Namespace};
use crate::verdict::{Cause, Finding, Stage};

/// A cause of every code.
pub(super) fn causes() -> Vec<Cause> {
    vec![
        Cause::NotPermitted { switch: "nomodule".into() },
        Cause::UnknownFlags { flags: 8 },
        Cause::Decompression { found: "xz".into(), supported: "zstd only".into() },
        Cause::UnreadableFile { what: "a plain description".into() },
        Cause::UnsignedRejected { by: "CONFIG_MODULE_SIG_FORCE".into() },
        Cause::UnknownKey {
            signer: "CN=Build key 17, serial 2a".into(),
            trusted: vec!["one".into(), "two".into()],
            refused: true,
        },
        Cause::UnsupportedSignature { what: "a plain description".into(), refused: true },
        Cause::InvalidSignature { signer: "CN=Build key 17, serial 2a".into() },
        Cause::MalformedSignature { what: "a plain description".into() },
        Cause::LockedDown,
        Cause::InvalidElf { rule: "e_shoff lies beyond the end of the file".into() },
        Cause::WrongArchitecture { module: 183, kernel: "x86_64".into() },
        Cause::NoSymbolTable { count: 1 },
        Cause::BadThisModule { what: "a plain description".into() },
        Cause::StructModuleSize { module: 896, kernel: Some(1280) },
        Cause::Blacklisted { name: "foo".into() },
        Cause::ModuleLayout { module: 896, kernel: Crc(0x1234_5678) },
        Cause::NoVersions { forced: true },
        Cause::Vermagic {
            module: "6.1.0-1 SMP mod_unload ".into(),
            kernel: "6.1.0-2 SMP preempt mod_unload ".into(),
            with_release: true,
        },
        Cause::NoVermagic { forced: true, by_flag: true },
        Cause::LivepatchDisabled,
        Cause::AlreadyLoaded { name: "foo".into() },
        Cause::WritableExecutable { section: ".text".into(), index: 2 },
        Cause::ArchSections { what: "a plain description".into() },
        Cause::PercpuSpace { size: 9000, reserve: 8192 },
        Cause::Constructors,
        Cause::NoExportFlags { count: 1 },
        Cause::ObsoleteExportTable { section: "__ksymtab_gpl".into(), symbols: vec!["one".into(), "two".into()] },
        Cause::NoExportVersions { section: ".text".into(), forced: true },
        Cause::ImportsModuleNamespace { namespace: "module:kvm".into() },
        Cause::MissingSymbol { symbol: "bar".into(), refused_exporter: None },
        Cause::GplOnlySymbol {
            symbol: "bar".into(),
            exporter: "vmlinux".into(),
            kind: ExportKind::Gpl,
            namespace: None,
            license: Some(License::new("CDDL")),
            inherited_from: None,
        },
        Cause::ExporterNotLoaded { symbol: "bar".into(), exporter: "vmlinux".into() },
        Cause::ExporterNotLive { symbol: "bar".into(), exporter: "vmlinux".into() },
        Cause::SymbolVersion {
            symbol: "bar".into(),
            exporter: "vmlinux".into(),
            module: 896,
            kernel: Crc(0x1234_5678),
        },
        Cause::NoSymbolVersion { symbol: "bar".into(), fatal: true },
        Cause::NamespaceNotImported {
            symbol: "bar".into(),
            exporter: "vmlinux".into(),
            namespace: Namespace::new("DMA_BUF").expect("not empty"),
            imported: vec!["one".into(), "two".into()],
            quoted: true,
            allowed: true,
            module_list: true,
        },
        Cause::InheritedTaint { symbol: "bar".into(), exporter: "vmlinux".into(), license: Some(License::new("CDDL")) },
        Cause::GplOnlyWithProprietary {
            symbol: "bar".into(),
            exporter: "vmlinux".into(),
            license: Some(License::new("CDDL")),
            gpl_only: "__symbol_get".into(),
        },
        Cause::GplFutureSymbol { symbol: "bar".into() },
        Cause::UnusedSymbol { symbol: "bar".into() },
        Cause::CommonSymbol { symbol: "bar".into() },
        Cause::SymbolSection { symbol: "bar".into(), shndx: 500, max: 42 },
        Cause::RelocationOverflow { section: ".text".into(), kind: 11, symbol: "bar".into() },
        Cause::UnknownRelocation { section: ".text".into(), kind: 11 },
        Cause::RelocationTarget { section: ".text".into(), kind: 11, offset: 16 },
        Cause::RelocationKind { section: ".text".into() },
        Cause::BadRelocation { section: ".text".into(), what: "a plain description".into() },
        Cause::DuplicateExport { symbol: "bar".into(), owner: "kernel".into() },
        Cause::ReservedName { name: "vmlinux".into() },
        Cause::UnknownParameter { parameter: "debug".into() },
        Cause::InvalidParameter { parameter: "debug".into(), value: "abc".into() },
        Cause::BuiltinName { name: "foo".into() },
        Cause::SysfsName { name: "foo".into(), what: "a plain description".into() },
        Cause::NotLoaded { name: "foo".into() },
        Cause::InUse { name: "foo".into(), users: vec!["one".into(), "two".into()] },
        Cause::NoExit { name: "foo".into() },
        Cause::DependencyRefused { dependency: "spl".into(), errno: Errno::ENOEXEC },
    ]
}

/// A finding of that cause at a stage.
pub(super) fn finding(stage: Stage, cause: Cause) -> Finding {
    Finding { stage, cause, kernel_line: None, reached: true, uses: Vec::new() }
}
