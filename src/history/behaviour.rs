//! The behaviours of the loader that were added or removed since 4.18, and a few older ones, by name.

use std::fmt;

macro_rules! behaviours {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal),* $(,)?) => {
        /// A behaviour of the loader that some kernels have and others do not.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Behaviour { $($(#[doc = $doc])* $variant),* }

        impl Behaviour {
            /// Every behaviour.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// One sentence that says what a kernel with this behaviour does.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),*)),* }
            }
        }
    };
}

behaviours! {
    /// Section headers are checked one by one before use.
    ElfHardened = "elf.hardened",
    /// Every failed ELF check prints a line of its own.
    ElfDetailedMessages = "elf.msgs_detailed",
    /// An empty section name table is refused.
    ElfEmptyShstrtab = "elf.empty_shstrtab",
    /// `this_module`, `.modinfo` and the symbol table must be unique, and `this_module` of the right size.
    ElfUniqueSections = "elf.this_module_size",
    /// The ELF checks run in the order of the rewritten `elf_validity_cache_copy()`.
    ElfNewOrder = "elf.order_new",
    /// The contents of the symbol string table are checked.
    ElfStrtabContent = "elf.strtab_content",
    /// Extended symbol versions are read.
    ElfExtendedVersions = "elf.ext_versions",
    /// The string tables must have type `SHT_STRTAB`.
    ElfStrtabTypes = "elf.strtab_types",
    /// The class in `e_ident` is checked (riscv).
    ElfRiscvClass = "elf.riscv_class",
    /// The ABI level in `e_flags` is checked (powerpc64).
    ElfModuleArch = "elf.module_arch",

    /// modpost goes on after a GPL-only symbol of a module with another license, and lists them all.
    ModpostGplErrors = "modpost.gpl_errors",
    /// modpost names the module first where it uses a GPL-only symbol with another license.
    ModpostGplModuleFirst = "modpost.gpl_module_first",

    /// Section indices of symbols are checked.
    SymShndxCheck = "sym.shndx_check",
    /// An undefined `_GLOBAL_OFFSET_TABLE_` is ignored on x86.
    SymIgnoreGot = "sym.ignore_got",
    /// Using a proprietary module's symbols makes the user proprietary.
    SymInheritTaint = "sym.inherit_taint",
    /// The lines about inherited taint name the symbol.
    SymInheritMessageSymbol = "sym.inherit_msg_has_symbol",
    /// Symbol namespaces exist.
    SymNamespaces = "sym.namespaces",
    /// `module:` namespaces name the modules that may use a symbol.
    SymModuleNamespaces = "sym.module_ns",
    /// The line about an unknown symbol ends in an error number.
    SymErrnoPrinted = "sym.errno_printed",
    /// The error number of a symbol that nothing exports is printed as -2, not as 0.
    SymErrnoReal = "sym.errno_real",
    /// `EXPORT_SYMBOL_GPL_FUTURE` and the unused tables exist.
    SymGplFutureUnused = "sym.gpl_future_unused",
    /// One export table with flags beside it replaces the GPL tables.
    SymKflagstab = "sym.kflagstab",
    /// `MODULE_IMPORT_NS` and `EXPORT_SYMBOL_NS` take a string literal.
    SymNamespaceLiteral = "sym.ns_literal",

    /// CRC tables may hold self-relative references.
    VerRelCrcs = "ver.rel_crcs",
    /// A symbol without an entry in `__versions` is refused.
    VerMissingEntryFatal = "ver.missing_entry_fatal",

    /// Export tables of x86 and arm64 hold 32-bit relative references.
    TabPrel32 = "tab.prel32",
    /// Export tables have a namespace field.
    TabNamespaceField = "tab.ns_field",
    /// The CRC table of a module holds the CRCs themselves.
    TabCrcImmediate = "tab.crc_immediate",

    /// Modules can be signed.
    SigModules = "sig.modules",
    /// A rejected signature is explained in the log, and only three errors are tolerated.
    SigReasons = "sig.enodata_messages",
    /// The reason is printed without the (never known) module name before it.
    SigReasonsPlain = "sig.reasons_plain",
    /// Only the flags that change the module switch off the signature check.
    SigIgnoreOnlyMangling = "sig.ignore_only_mangling_flags",
    /// Lockdown restricts unsigned modules.
    SigLockdown = "sig.lockdown",
    /// The platform keyring is asked too.
    SigPlatformKeyring = "sig.platform_keyring",
    /// A signature that brings its own data is named in a line of its own before it is refused.
    SigDataLine = "sig.data_line",
    /// Keys of the machine's owner can be in a keyring that is asked.
    SigMachineKeyring = "sig.machine_keyring",

    /// A line of the log may have 1021 characters, not 989.
    LogLongRecord = "log.long_record",
    /// ECDSA signatures are understood.
    SigEcdsa = "sig.ecdsa",
    /// MD4 and MD5 digests are understood.
    SigMd5 = "sig.md5",
    /// SHA-1 digests are understood.
    SigSha1 = "sig.sha1",
    /// ML-DSA signatures are understood.
    SigMlDsa = "sig.mldsa",
    /// SHA-3 digests are understood.
    SigSha3 = "sig.sha3",
    /// ECDSA over P-521 is understood.
    SigEcdsaP521 = "sig.ecdsa_p521",

    /// `finit_module` knows `MODULE_INIT_COMPRESSED_FILE`.
    LoadCompressedFlag = "load.compressed_flag",
    /// Integrity measurement sees what the kernel has decompressed, and refuses nothing at all with EACCES.
    LoadDecompressedMeasured = "load.decompressed_measured",
    /// The kernel can undo zstd.
    LoadZstd = "load.zstd",
    /// Taints are set late, when the module is in the list; a module of the same name is looked for early.
    LoadTaintLate = "load.taint_late",
    /// A module of the same name that goes away while being waited for gives EBUSY.
    LoadDupEbusy = "load.dup_ebusy",
    /// A blacklisted module is named in the log.
    LoadBlacklistMessage = "load.blacklist_msg",
    /// Sections both writable and executable are refused.
    LoadWxCheck = "load.wx_check",
    /// The refused section is named.
    LoadWxMessage = "load.wx_message",
    /// Test modules taint.
    LoadTestTaint = "load.test_taint",
    /// Relocations of per-CPU data are applied.
    LoadPercpuRelocs = "load.percpu_relocs",
    /// An init function that returns EEXIST gives EBUSY.
    LoadInitEexistToEbusy = "load.init_eexist_to_ebusy",
    /// Every per-module taint is shown, not only those of modules.
    LoadAnyTaintShown = "load.any_taint_shown",
    /// Type information of modules is read and checked.
    LoadBtf = "load.btf",
    /// Lines of the check of type information begin with `BPF: ` instead of `BPF:`.
    BtfLogSpace = "btf.log_space",
    /// Type information that does not fit, where that is allowed, is reported once, and without the types.
    BtfQuiet = "btf.quiet",
    /// `.BTF.base` holds the names of the kernel's types that a module's type information refers to.
    BtfBase = "btf.base",
    /// Type information may have floating point numbers.
    BtfFloat = "btf.float",
    /// Type information may have tags of declarations.
    BtfDeclTag = "btf.decl_tag",
    /// Type information may have tags of types.
    BtfTypeTag = "btf.type_tag",
    /// Type information may have enumerations of 64-bit values and of signed values.
    BtfEnum64 = "btf.enum64",
    /// Tags in type information may have a flag.
    BtfTagFlag = "btf.tag_flag",
    /// Names of types and functions in type information may have points.
    BtfDots = "btf.dots",
    /// Names of sections in type information may have any characters that can be printed.
    BtfSectionNames = "btf.section_names",
    /// Chains of typedefs and qualifiers in type information are checked.
    BtfChains = "btf.chains",
    /// Tags of types may follow qualifiers in type information.
    BtfFreeTags = "btf.free_tags",
    /// Type information may have a layout, 127 kinds and 16 million members.
    BtfLayout = "btf.layout",
    /// The line about a string of `.BTF.base` that was not found ends with a newline.
    BtfStringNewline = "btf.string_newline",
    /// Names of symbols may have 511 characters instead of 127, also those that type information and live patches refer to.
    KsymNameLen512 = "ksym.name_len_512",
    /// Two sections of one name make the load fail in sysfs.
    LoadSectionAttributesFail = "load.section_attributes_fail",
    /// A boolean parameter may be `true` or `false`.
    ParamBoolTrue = "param.bool_true",
    /// A boolean parameter may be `enable` or `disable`.
    ParamBoolEnable = "param.bool_enable",
    /// A live patch named `vmlinux` is refused with a whole line.
    LoadKlpVmlinuxNewline = "load.klp_vmlinux_newline",
    /// Relocations of a live patch for the kernel itself are applied by the loader, not by `klp_enable_patch()`.
    KlpEarlyRelocations = "klp.early_relocations",

    /// `Invalid relocation target`, after the range check.
    X86RangeFirst = "x86.range_first",
    /// The line about a non-zero target names section and index.
    X86TargetNamesSection = "x86.target_names_section",
    /// `R_X86_64_PLT32`, which binutils write since 2.31, is applied.
    X86Plt32 = "x86.plt32",
    /// `R_X86_64_PC64` is applied.
    X86Pc64 = "x86.pc64",
    /// `R_386_PLT32` is applied.
    X86I386Plt32 = "x86.i386_plt32",
    /// The messages of arm64 carry the prefix `Modules: `.
    Arm64MessagePrefix = "arm64.message_prefix",
    /// arm64 takes 16- and 32-bit data for unsigned when absolute and for signed when relative, not for either.
    Arm64DataRanges = "arm64.data_ranges",
    /// arm64 modules always have PLTs: `CONFIG_ARM64_MODULE_PLTS` is gone.
    Arm64AlwaysPlts = "arm64.always_plts",
    /// arm64 modules need a section `.init.text.ftrace_trampoline`.
    Arm64InitFtraceTrampoline = "arm64.init_ftrace_trampoline",
    /// arm applies place-relative `R_ARM_REL32` and `MOVW`/`MOVT`.
    ArmPlaceRelative = "arm.place_relative",
    /// There are kernels for riscv.
    RiscvKernels = "riscv.kernels",
    /// riscv applies `R_RISCV_ADD16` and `R_RISCV_SUB16`.
    RiscvAdd16 = "riscv.add16",
    /// riscv knows every relocation of its ABI.
    RiscvAllRelocations = "riscv.all_relocations",
    /// LoongArch applies the direct relocations of its second ABI.
    LoongarchDirect = "loongarch.direct_relocations",
    /// LoongArch applies `R_LARCH_32_PCREL` and `R_LARCH_64_PCREL`.
    LoongarchPcrel = "loongarch.pcrel_relocations",

    /// `CONFIG_PREEMPT_BUILD`, not `CONFIG_PREEMPT`, writes `preempt` into vermagic.
    VermagicPreemptBuild = "vermagic.preempt_build",
    /// vermagic says `preempt_rt` before it asks for `preempt`.
    VermagicRtFirst = "vermagic.rt_first",
    /// vermagic says `RANDSTRUCT_`, not `RANDSTRUCT_PLUGIN_`.
    VermagicRandstruct = "vermagic.randstruct_name",
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
