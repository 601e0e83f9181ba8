//! The words for every code, grouped by stage: its title, its page, why it matters and what to do about it.
//!
//! A new code needs one row below, one constant and one function in the file that the row names, and its page in `explain`.
//! Without the row this file does not compile; nothing else in this room has to change.

mod elf;
mod exports;
mod licenses;
mod modinfo;
mod module_name;
mod parameters;
mod relocation;
mod signature;
mod symbols;
mod system_call;
mod tree;
mod unloading;

pub(super) use licenses::gpl_strings;

use super::topic::{Topic, Wording};
use crate::verdict::{Cause, Code};

/// Each row: the cause with the facts that its sentences mention, its heading, and the function that words it.
macro_rules! findings {
    ($topic:ident: $($file:ident { $($variant:ident $facts:tt => $heading:ident, $function:ident $arguments:tt;)* })*) => {
        /// What to say about findings whose first has this cause.
        pub(super) fn wording(cause: &Cause, $topic: &Topic<'_>) -> Wording {
            match cause {
                $($(Cause::$variant $facts => $file::$function $arguments,)*)*
            }
        }

        /// The title of `number` findings of a code: `2 GPL-only symbols`.
        pub(super) fn title(code: Code, number: usize) -> String {
            match code {
                $($(Code::$variant => $file::$heading.title.of(number),)*)*
            }
        }

        /// The source of the page that explains a code.
        pub(super) const fn page(code: Code) -> &'static str {
            match code {
                $($(Code::$variant => $file::$heading.page,)*)*
            }
        }
    };
}

findings! { topic:
    system_call {
        NoModules {} => NO_MODULES, no_modules();
        NotPermitted { switch } => NOT_PERMITTED, not_permitted(switch);
        UnknownFlags { flags } => UNKNOWN_FLAGS, unknown_flags(*flags);
        Decompression { found, supported, fault, refused } =>
            DECOMPRESSION, decompression(found, supported.as_deref(), fault.as_deref(), *refused);
        UnreadableFile { what } => UNREADABLE_FILE, unreadable_file(what);
    }
    signature {
        UnsignedRejected { by } => UNSIGNED_REJECTED, unsigned_rejected(by);
        UnknownKey { signer, trusted, refused } => UNKNOWN_KEY, unknown_key(signer, trusted, *refused);
        UnsupportedSignature { what, refused } => UNSUPPORTED_SIGNATURE, unsupported_signature(what, *refused);
        InvalidSignature { signer } => INVALID_SIGNATURE, invalid_signature(signer);
        MalformedSignature { what } => MALFORMED_SIGNATURE, malformed_signature(what);
        LockedDown {} => LOCKED_DOWN, locked_down();
    }
    elf {
        InvalidElf { rule, compressed } => INVALID_ELF, invalid_elf(rule, *compressed);
        WrongArchitecture { module, kernel } => WRONG_ARCHITECTURE, wrong_architecture(*module, kernel);
        NoSymbolTable { count } => NO_SYMBOL_TABLE, no_symbol_table(*count);
        BadThisModule { what } => BAD_THIS_MODULE, bad_this_module(what);
        StructModuleSize { module, kernel } => STRUCT_MODULE_SIZE, struct_module_size(topic, *module, *kernel);
        StructModuleLayout { field, module, kernel, refused } =>
            STRUCT_MODULE_LAYOUT, struct_module_layout(topic, field, *module, *kernel, *refused);
        BtfMismatch { what, header, refused } => BTF_MISMATCH, btf_mismatch(topic, what, *header, *refused);
        WritableExecutable { .. } => WRITABLE_EXECUTABLE, writable_executable(topic);
        ArchSections { what } => ARCH_SECTIONS, arch_sections(topic, what);
        PercpuSpace { size, reserve } => PERCPU_SPACE, percpu_space(*size, *reserve);
        PercpuAlignment { align } => PERCPU_ALIGNMENT, percpu_alignment(*align);
        Constructors {} => CONSTRUCTORS, constructors();
    }
    module_name {
        Blacklisted { name } => BLACKLISTED, blacklisted(name);
        AlreadyLoaded { name } => ALREADY_LOADED, already_loaded(name);
        ReservedName { name } => RESERVED_NAME, reserved_name(name);
        BuiltinName { name } => BUILTIN_NAME, builtin_name(name);
        SysfsName { name, what } => SYSFS_NAME, sysfs_name(name, what);
    }
    modinfo {
        ModuleLayout { module, kernel } => MODULE_LAYOUT, module_layout(topic, *module, *kernel);
        NoVersions { forced } => NO_VERSIONS, no_versions(topic, *forced);
        Vermagic { module, kernel, with_release } => VERMAGIC, vermagic(topic, module, kernel, *with_release);
        NoVermagic { forced, by_flag } => NO_VERMAGIC, no_vermagic(topic, *forced, *by_flag);
        LivepatchDisabled {} => LIVEPATCH_DISABLED, livepatch_disabled();
        ImportsModuleNamespace { .. } => IMPORTS_MODULE_NAMESPACE, imports_module_namespace(topic);
    }
    symbols {
        MissingSymbol { symbol, refused_exporter, namesake, absent } =>
            MISSING_SYMBOL, missing_symbol(topic, symbol, refused_exporter.as_deref(), (namesake.as_deref(), absent.as_deref()));
        ExporterNotLoaded { exporter, absent, .. } => EXPORTER_NOT_LOADED, exporter_not_loaded(topic, exporter, absent.as_deref());
        ExporterNotLive { exporter, .. } => EXPORTER_NOT_LIVE, exporter_not_live(topic, exporter);
        SymbolVersion { exporter, module, kernel, .. } => SYMBOL_VERSION, symbol_version(topic, exporter, *module, *kernel);
        NoSymbolVersion { fatal, .. } => NO_SYMBOL_VERSION, no_symbol_version(topic, *fatal);
        NamespaceNotImported { exporter, namespace, imported, quoted, allowed, module_list, .. } =>
            NAMESPACE_NOT_IMPORTED, namespace_not_imported(topic, exporter, &symbols::NamespaceImport {
                namespace, imported, is_quoted: *quoted, is_allowed: *allowed, knows_module_lists: *module_list,
            });
        UnusedSymbol { .. } => UNUSED_SYMBOL, unused_symbol(topic);
        CommonSymbol { .. } => COMMON_SYMBOL, common_symbol(topic);
        SymbolSection { shndx, max, .. } => SYMBOL_SECTION, symbol_section(topic, *shndx, *max);
    }
    licenses {
        GplOnlySymbol { exporter, kind, license, inherited_from, .. } =>
            GPL_ONLY_SYMBOL, gpl_only_symbol(topic, exporter, *kind, license.as_ref(), inherited_from.as_deref());
        SeveralLicenses { first, others } => SEVERAL_LICENSES, several_licenses(topic, first, others);
        InheritedTaint { exporter, license, .. } => INHERITED_TAINT, inherited_taint(topic, exporter, license.as_ref());
        GplOnlyWithProprietary { exporter, license, gpl_only, .. } =>
            GPL_ONLY_WITH_PROPRIETARY, gpl_only_with_proprietary(topic, exporter, license.as_ref(), gpl_only);
        GplFutureSymbol { .. } => GPL_FUTURE_SYMBOL, gpl_future_symbol(topic);
    }
    relocation {
        RelocationOverflow { kind, symbol, .. } => RELOCATION_OVERFLOW, relocation_overflow(topic, *kind, symbol);
        UnknownRelocation { kind, name, .. } => UNKNOWN_RELOCATION, unknown_relocation(topic, *kind, name.as_deref());
        RelocationTarget { kind, offset, .. } => RELOCATION_TARGET, relocation_target(topic, *kind, *offset);
        RelocationKind { .. } => RELOCATION_KIND, relocation_kind(topic);
        LivepatchSymbol { symbol, object, position, found } => LIVEPATCH_SYMBOL,
            livepatch_symbol(topic, symbol, object, *position, *found);
        BadRelocation { section, what } => BAD_RELOCATION, bad_relocation(topic, section, what);
    }
    exports {
        NoExportFlags { count } => NO_EXPORT_FLAGS, no_export_flags(topic, *count);
        ObsoleteExportTable { section, symbols } => OBSOLETE_EXPORT_TABLE, obsolete_export_table(topic, section, symbols);
        NoExportVersions { forced, .. } => NO_EXPORT_VERSIONS, no_export_versions(topic, *forced);
        DuplicateExport { exporter, .. } => DUPLICATE_EXPORT, duplicate_export(topic, exporter);
    }
    parameters {
        UnknownParameter { .. } => UNKNOWN_PARAMETER, unknown_parameter(topic);
        InvalidParameter { parameter, value } => INVALID_PARAMETER, invalid_parameter(topic, parameter, value);
    }
    unloading {
        NotLoaded { name } => NOT_LOADED, not_loaded(name);
        InUse { name, users } => IN_USE, in_use(name, users);
        NoExit { name } => NO_EXIT, no_exit(name);
    }
    tree {
        DependencyRefused { dependency, errno } => DEPENDENCY_REFUSED, dependency_refused(topic, dependency, *errno);
        DependencyCycle { modules } => DEPENDENCY_CYCLE, dependency_cycle(modules);
        RivalExport { module, .. } => RIVAL_EXPORT, rival_export(topic, module);
        ShadowedFile { file, is_certain } => SHADOWED_FILE, shadowed_file(file, *is_certain);
    }
}
