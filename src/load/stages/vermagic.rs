//! The vermagic string of the kernel.

use std::borrow::Cow;

use crate::history::Behaviour;
use crate::kernel::Config;
use crate::load::run::Run;
use crate::load::state::StageResult;
use crate::terms::ElfMachine;

/// Mirrors `VERMAGIC_STRING` (include/linux/vermagic.h). Returns `None` if the files do not tell it.
///
/// The string is `UTS_RELEASE` and one blank, a token with a trailing blank for each feature, and the tokens of the
/// architecture.
pub(in crate::load) fn vermagic<'a>(run: &Run<'a>) -> StageResult<Option<Cow<'a, str>>> {
    let kernel = run.call.kernel;
    if let Some(known) = kernel.vermagic() {
        return Ok(Some(known.into()));
    }
    let Some(release) = kernel.release() else { return Ok(None) };
    let Some(arch) = run.call.memo.arch(kernel) else { return Ok(None) };
    if !kernel.config().is_some_and(Config::is_whole) {
        return Ok(None);
    }
    let Some(architecture) = architecture(run, arch.machine)? else { return Ok(None) };
    let mut text = format!("{release} ");
    if run.config("SMP")? {
        text.push_str("SMP ");
    }
    text.push_str(preempt(run)?);
    if run.config("MODULE_UNLOAD")? {
        text.push_str("mod_unload ");
    }
    if run.modversions()? {
        text.push_str("modversions ");
    }
    text.push_str(&architecture);
    if run.config("RANDSTRUCT")? || run.config("GCC_PLUGIN_RANDSTRUCT")? {
        // This token ends with a hash that only the build knows.
        return Ok(None);
    }
    Ok(Some(text.into()))
}

/// The token of the preemption model.
fn preempt(run: &Run<'_>) -> StageResult<&'static str> {
    let rt = run.config("PREEMPT_RT")?;
    if rt && run.has(Behaviour::VermagicRtFirst)? {
        return Ok("preempt_rt ");
    }
    let preempt = if run.has(Behaviour::VermagicPreemptBuild)? { "PREEMPT_BUILD" } else { "PREEMPT" };
    if run.config(preempt)? {
        return Ok("preempt ");
    }
    Ok(if rt { "preempt_rt " } else { "" })
}

/// Mirrors `MODULE_ARCH_VERMAGIC` (asm/vermagic.h of each architecture). Returns `None` if the configuration does not tell it.
fn architecture(run: &Run<'_>, machine: ElfMachine) -> StageResult<Option<String>> {
    Ok(match machine {
        ElfMachine::X86_64 | ElfMachine::S390 => Some(String::new()),
        ElfMachine::Arm64 => Some("aarch64".into()),
        ElfMachine::Riscv => run.has(Behaviour::RiscvKernels)?.then(|| "riscv".into()),
        ElfMachine::Arm => {
            let v7 = run.config("CPU_32v7")?;
            let v6 = run.config("CPU_32v6")?;
            let version = match (v7, v6) {
                (true, _) => "ARMv7 ",
                (false, true) => "ARMv6 ",
                (false, false) => return Ok(None),
            };
            let thumb = if run.config("THUMB2_KERNEL")? { "thumb2 " } else { "" };
            let patched = if run.config("ARM_PATCH_PHYS_VIRT")? { "p2v8 " } else { "" };
            Some(format!("{version}{thumb}{patched}"))
        }
        ElfMachine::I386 => {
            const FAMILIES: [(&str, &str); 8] = [
                ("M486", "486 "),
                ("M586", "586 "),
                ("M586TSC", "586TSC "),
                ("M686", "686 "),
                ("MPENTIUM4", "PENTIUM4 "),
                ("MCORE2", "CORE2 "),
                ("MATOM", "ATOM "),
                ("MGEODE_LX", "GEODE "),
            ];
            let mut token = None;
            for (option, name) in FAMILIES {
                if run.config(option)? {
                    token = Some(name.to_owned());
                }
            }
            token
        }
        ElfMachine::Mips => mips(run)?,
        _ => None,
    })
}

/// Mirrors arch/mips/include/asm/vermagic.h, up to 5.7 in asm/module.h: the first option that is set names the processor. Those whose
/// words have changed (Loongson), or of which only a few releases have a word, are left out.
fn mips(run: &Run<'_>) -> StageResult<Option<String>> {
    const FAMILIES: [(&str, &str); 16] = [
        ("CPU_BMIPS", "BMIPS"),
        ("CPU_MIPS32_R1", "MIPS32_R1"),
        ("CPU_MIPS32_R2", "MIPS32_R2"),
        ("CPU_MIPS32_R6", "MIPS32_R6"),
        ("CPU_MIPS64_R1", "MIPS64_R1"),
        ("CPU_MIPS64_R2", "MIPS64_R2"),
        ("CPU_MIPS64_R6", "MIPS64_R6"),
        ("CPU_R3000", "R3000"),
        ("CPU_R4X00", "R4X00"),
        ("CPU_TX49XX", "TX49XX"),
        ("CPU_R5000", "R5000"),
        ("CPU_NEVADA", "NEVADA"),
        ("CPU_R10000", "R10000"),
        ("CPU_RM7000", "RM7000"),
        ("CPU_SB1", "SB1"),
        ("CPU_CAVIUM_OCTEON", "OCTEON"),
    ];
    // Up to 3.15 a third word says this.
    if run.config("MIPS_MT_SMTC")? {
        return Ok(None);
    }
    let kind = match (run.config("32BIT")?, run.config("64BIT")?) {
        (true, _) => "32BIT",
        (false, true) => "64BIT",
        (false, false) => return Ok(None),
    };
    for (option, family) in FAMILIES {
        if run.config(option)? {
            return Ok(Some(format!("{family} {kind} ")));
        }
    }
    Ok(None)
}
