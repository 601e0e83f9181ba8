//! The dated table of changes of the loader.

use super::behaviour::Behaviour::{self, *};
use crate::terms::{Distribution, KernelVersion};

/// When a behaviour was added or removed.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The behaviour.
    pub behaviour: Behaviour,
    /// The first release that has it; `None` if it existed before the table begins or was never upstream.
    pub from: Option<KernelVersion>,
    /// The first release that no longer has it.
    pub until: Option<KernelVersion>,
    /// The first release that has it again, where its removal was reverted. Stable releases between took the revert, too; when
    /// they did is not listed.
    pub again: Option<KernelVersion>,
    /// The last release before the change whose source was read. Between it and the change the behaviour is unknown. `None` if
    /// the commit dates the change exactly.
    pub after: Option<KernelVersion>,
    /// The stable releases of older series in which the change was found.
    pub backports: &'static [KernelVersion],
    /// Stable releases of older series that are older than the commit, and so lack it.
    pub lacking: &'static [KernelVersion],
    /// The distribution whose kernels all have it.
    pub distribution: Option<Distribution>,
    /// The upstream commit.
    pub commit: Option<&'static str>,
}

const fn v(major: u16, minor: u16, patch: u16) -> KernelVersion {
    KernelVersion::new(major, minor, patch)
}

const fn since(behaviour: Behaviour, from: KernelVersion) -> Row {
    Row {
        behaviour,
        from: Some(from),
        until: None,
        again: None,
        after: None,
        backports: &[],
        lacking: &[],
        distribution: None,
        commit: None,
    }
}

const fn absent(behaviour: Behaviour, until: KernelVersion, again: KernelVersion) -> Row {
    Row { again: Some(again), ..gone(behaviour, until) }
}

const fn gone(behaviour: Behaviour, until: KernelVersion) -> Row {
    Row { from: None, until: Some(until), ..since(behaviour, until) }
}

impl Row {
    const fn after(self, last_without: KernelVersion) -> Self {
        Self { after: Some(last_without), ..self }
    }

    const fn backported(self, backports: &'static [KernelVersion]) -> Self {
        Self { backports, ..self }
    }

    const fn lacking(self, lacking: &'static [KernelVersion]) -> Self {
        Self { lacking, ..self }
    }

    const fn commit(self, commit: &'static str) -> Self {
        Self { commit: Some(commit), ..self }
    }

    /// A behaviour that was never upstream and that only a distribution's kernels have.
    const fn only(behaviour: Behaviour, distribution: Distribution) -> Self {
        Self { from: None, distribution: Some(distribution), ..since(behaviour, v(0, 0, 0)) }
    }
}

/// The first release of which the table is meant to know every difference. Of older ones it knows a few, so that no verdict about
/// them is certain for the rest.
pub const FIRST_KNOWN: KernelVersion = v(4, 18, 0);

/// Every row. A row has its commit if that is known, otherwise a bracket of versions, found by reading the sources at both
/// ends.
pub const TABLE: &[Row] = &[
    // By logs in public reports: 2.6.32 (el6) prints none, 3.10 (el7), 4.4, 4.9, 4.14 to 4.18.15 print 0, 4.19 prints -2.
    since(SymErrnoPrinted, v(3, 10, 0)).after(v(2, 6, 32)),
    since(SigModules, v(3, 7, 0)).commit("106a4ee258d1"),
    since(RiscvKernels, v(4, 15, 0)).commit("fbe934d69eb7"),
    since(ElfRiscvClass, v(5, 19, 0)).commit("59c10c52f573"),
    since(SymErrnoReal, v(4, 19, 0)).after(v(4, 18, 15)),
    // The commit is of February 2018. The last releases of the series have it, those of 2017 cannot.
    since(X86Plt32, v(4, 16, 0))
        .after(v(2, 6, 0))
        .commit("b21ebf2fb4cd")
        .backported(&[v(3, 16, 82), v(4, 4, 302), v(4, 9, 337), v(4, 14, 336)])
        .lacking(&[v(3, 16, 51), v(4, 4, 100), v(4, 9, 65), v(4, 14, 13)]),
    since(TabPrel32, v(4, 19, 0)).commit("7290d5809571"),
    since(SymNamespaces, v(5, 4, 0)).commit("8651ec01daed"),
    since(TabNamespaceField, v(5, 4, 0)).commit("8651ec01daed"),
    since(SigReasons, v(5, 4, 0)).after(v(4, 19, 0)),
    since(SigReasonsPlain, v(5, 10, 0)).after(v(5, 9, 0)).backported(&[v(5, 4, 273)]),
    since(SigLockdown, v(5, 4, 0)).after(v(4, 19, 0)),
    since(Arm64DataRanges, v(5, 3, 0)).after(v(4, 19, 0)).commit("1cf24a2cc3fd"),
    since(X86Pc64, v(5, 4, 0)).after(v(4, 19, 0)),
    since(KlpEarlyRelocations, v(5, 8, 0)).commit("7c8e2bdd5f0d"),
    since(LoadWxCheck, v(5, 8, 0)).after(v(5, 4, 0)),
    since(SymInheritTaint, v(5, 9, 0)).backported(&[v(5, 4, 273)]).commit("262e6ae7081d"),
    since(LoadBlacklistMessage, v(5, 10, 0)).after(v(5, 9, 0)),
    since(LoadWxMessage, v(5, 10, 0)).after(v(5, 9, 0)),
    since(LoadBtf, v(5, 11, 0)).after(v(5, 10, 262)),
    since(BtfFloat, v(5, 13, 0)).after(v(5, 10, 262)).commit("b1828f0b0482"),
    since(BtfDeclTag, v(5, 16, 0)).after(v(5, 10, 262)).commit("b5ea834dde6b"),
    since(BtfLogSpace, v(5, 17, 0)).after(v(5, 11, 11)),
    since(BtfTypeTag, v(5, 17, 0)).after(v(5, 10, 262)).commit("8c42d2fa4eea"),
    since(BtfChains, v(5, 19, 0)).after(v(5, 10, 262)).commit("eb596b090558"),
    since(BtfEnum64, v(6, 0, 0)).after(v(5, 10, 262)).commit("6089fb325cf7"),
    since(BtfQuiet, v(6, 3, 0)).after(v(6, 1, 192)).commit("9cb61e50bf6b"),
    since(BtfDots, v(6, 4, 0)).backported(&[v(5, 10, 262), v(6, 1, 192)]).commit("9724160b3942"),
    since(BtfBase, v(6, 11, 0)).after(v(6, 1, 192)).commit("8646db238997"),
    since(BtfSectionNames, v(6, 12, 0)).after(v(6, 1, 192)),
    since(BtfTagFlag, v(6, 15, 0)).after(v(6, 12, 117)).commit("53ee0d66d7a6"),
    since(BtfFreeTags, v(7, 3, 0)).after(v(6, 12, 117)),
    since(BtfLayout, v(7, 3, 0)).after(v(6, 12, 117)),
    since(BtfStringNewline, v(7, 3, 0)).after(v(6, 12, 117)),
    since(ArmPlaceRelative, v(5, 11, 0)).after(v(5, 10, 262)),
    since(ElfHardened, v(5, 12, 0)).backported(&[v(5, 4, 273), v(5, 10, 262)]).commit("ec2a29593c83"),
    // Queued for stable in March 2021: that is the exact release for 4.14, 4.19 and 5.11, and after 5.4.101 and 5.10.19.
    since(SymIgnoreGot, v(5, 12, 0))
        .backported(&[v(4, 14, 223), v(4, 19, 178), v(5, 4, 273), v(5, 10, 262), v(5, 11, 3)])
        .lacking(&[v(4, 14, 222), v(4, 19, 177), v(5, 4, 101), v(5, 10, 19), v(5, 11, 2)])
        .commit("ebfac7b778fa"),
    since(X86I386Plt32, v(5, 12, 0)).after(v(5, 9, 0)).backported(&[v(5, 4, 273), v(5, 10, 262)]),
    gone(SymGplFutureUnused, v(5, 12, 0)).commit("367948220fce"),
    since(SigEcdsa, v(5, 14, 0)).after(v(5, 12, 0)),
    since(ElfDetailedMessages, v(5, 17, 0)).after(v(5, 15, 0)),
    since(LoadCompressedFlag, v(5, 17, 0)).commit("b1ae6dc41eaa"),
    since(SigIgnoreOnlyMangling, v(5, 17, 0)).after(v(5, 15, 0)),
    since(VermagicPreemptBuild, v(5, 17, 0)).after(v(5, 15, 0)),
    since(ElfEmptyShstrtab, v(5, 19, 0)).after(v(5, 17, 0)),
    since(SymInheritMessageSymbol, v(5, 19, 0)).after(v(5, 17, 0)),
    since(TabCrcImmediate, v(5, 19, 0)).commit("7b4537199a4a"),
    gone(VerRelCrcs, v(5, 19, 0)).commit("7b4537199a4a"),
    since(VermagicRandstruct, v(5, 19, 0)).after(v(5, 17, 0)),
    since(RiscvAdd16, v(6, 0, 0)).after(v(5, 15, 0)),
    since(LoongarchDirect, v(6, 1, 0)).after(v(6, 0, 0)),
    since(ParamBoolTrue, v(5, 19, 0)).after(v(5, 10, 262)).commit("0d6ea3ac94ca"),
    since(KsymNameLen512, v(6, 1, 0)).commit("b8a94bfb3395"),
    since(LoadKlpVmlinuxNewline, v(6, 1, 0)).after(v(5, 10, 262)),
    since(ModpostGplErrors, v(6, 1, 0)).after(v(5, 10, 262)),
    since(LoadTestTaint, v(6, 0, 0)).after(v(5, 19, 0)),
    since(LoadDupEbusy, v(6, 2, 0)).backported(&[v(5, 4, 273), v(5, 10, 262), v(6, 1, 192)]).commit("0254127ab977"),
    since(LoadZstd, v(6, 2, 0)).after(v(6, 1, 0)),
    since(ElfUniqueSections, v(6, 4, 0)).after(v(6, 2, 0)),
    since(ElfModuleArch, v(6, 4, 0)).after(v(6, 2, 0)),
    since(LoadTaintLate, v(6, 4, 0)).after(v(6, 2, 0)),
    since(X86RangeFirst, v(6, 4, 0)).after(v(6, 2, 0)),
    since(LogLongRecord, v(6, 12, 0)).after(v(6, 1, 192)),
    since(LoadSectionAttributesFail, v(6, 12, 0)).after(v(6, 1, 192)),
    since(SigMachineKeyring, v(5, 18, 0)).after(v(5, 17, 0)).commit("d19967764ba8"),
    // The announcements of these stable releases list it; that of 4.19.281, of the same day, lists only its sibling.
    since(SigDataLine, v(6, 3, 0))
        .commit("3584c1dbfffd")
        .backported(&[v(5, 4, 241), v(5, 10, 178), v(5, 15, 108), v(6, 1, 25), v(6, 2, 12)])
        .lacking(&[v(5, 4, 240), v(5, 10, 177), v(5, 15, 107), v(6, 1, 24), v(6, 2, 11)]),
    since(SigSha3, v(6, 7, 0)).after(v(6, 5, 0)),
    gone(SigMd5, v(6, 7, 0)).after(v(6, 5, 0)),
    absent(SigSha1, v(6, 7, 0), v(6, 9, 0)).commit("16ab7cb5825f"),
    since(SigEcdsaP521, v(6, 10, 0)).after(v(6, 8, 0)),
    since(Arm64AlwaysPlts, v(6, 5, 0)).after(v(6, 1, 192)).commit("ea3752ba96d3"),
    since(LoongarchPcrel, v(6, 7, 0)).after(v(6, 5, 0)),
    since(RiscvAllRelocations, v(6, 7, 0)).after(v(6, 5, 0)),
    since(Arm64InitFtraceTrampoline, v(6, 12, 0)).after(v(6, 1, 192)),
    since(Arm64MessagePrefix, v(6, 12, 0)).after(v(6, 1, 192)),
    since(ElfNewOrder, v(6, 13, 0)).after(v(6, 12, 0)).backported(&[v(6, 12, 117)]),
    since(ElfStrtabContent, v(6, 13, 0)).after(v(6, 12, 117)),
    since(SymNamespaceLiteral, v(6, 13, 0)).commit("cdd30ebb1b9f"),
    since(VermagicRtFirst, v(6, 13, 0)).after(v(6, 12, 117)),
    since(ElfExtendedVersions, v(6, 14, 0)).commit("54ac1ac8edeb"),
    since(SymModuleNamespaces, v(6, 16, 0)).after(v(6, 14, 0)),
    since(LoadPercpuRelocs, v(6, 19, 0)).after(v(6, 14, 0)),
    since(LoadAnyTaintShown, v(6, 19, 0)).after(v(6, 14, 0)),
    since(LoadDecompressedMeasured, v(7, 0, 0)).after(v(6, 12, 117)).commit("c200892b46ba"),
    since(SymShndxCheck, v(7, 0, 0)).after(v(6, 19, 0)).backported(&[v(6, 1, 192), v(6, 12, 117)]),
    since(SigMlDsa, v(7, 0, 0)).after(v(6, 19, 0)),
    since(SymKflagstab, v(7, 1, 0)).commit("9743311b4535"),
    since(LoadInitEexistToEbusy, v(7, 1, 0)).after(v(7, 0, 0)),
    since(ModpostGplModuleFirst, v(7, 3, 0)).after(v(7, 2, 13)),
    since(X86TargetNamesSection, v(7, 3, 0)).after(v(6, 12, 117)),
    since(ParamBoolEnable, v(7, 3, 0)).after(v(6, 12, 117)),
    since(ElfStrtabTypes, v(7, 3, 0)).after(v(7, 1, 5)).backported(&[v(6, 12, 117)]),
    Row::only(VerMissingEntryFatal, Distribution::Debian),
    Row::only(SigPlatformKeyring, Distribution::Debian),
];
