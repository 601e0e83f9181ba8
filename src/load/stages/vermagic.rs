//! The kernel's own vermagic string: mirrors `VERMAGIC_STRING`, include/linux/vermagic.h.

use std::borrow::Cow;

use crate::history::Behaviour;
use crate::load::run::Run;
use crate::load::state::StageResult;
use crate::terms::ElfMachine;

/// The string, or `None` when the files do not tell it.
///
/// `UTS_RELEASE` and one blank, then a token with a trailing blank for each feature, then the architecture's.
pub(in crate::load) fn vermagic<'a>(run: &Run<'a>) -> StageResult<Option<Cow<'a, str>>> {
    let kernel = run.call.kernel;
    if let Some(known) = kernel.vermagic() {
        return Ok(Some(known.into()));
    }
    let (Some(release), Some(arch)) = (kernel.release(), run.call.memo.arch(kernel)) else { return Ok(None) };
    let has_config = kernel.config().is_some();
    if !has_config {
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
        // Its token ends with a hash that only the build knows.
        return Ok(None);
    }
    Ok(Some(text.into()))
}

fn preempt(run: &Run<'_>) -> StageResult<&'static str> {
    let rt = run.config("PREEMPT_RT")?;
    if rt && run.has(Behaviour::VermagicRtFirst)? {
        return Ok("preempt_rt ");
    }
    let preempt = if run.has(Behaviour::VermagicPreemptBuild)? { "PREEMPT_BUILD" } else { "PREEMPT" };
    Ok(match (run.config(preempt)?, rt) {
        (true, _) => "preempt ",
        (false, true) => "preempt_rt ",
        (false, false) => "",
    })
}

/// `MODULE_ARCH_VERMAGIC`, asm/vermagic.h of each architecture; `None` where it is not known from the configuration.
fn architecture(run: &Run<'_>, machine: ElfMachine) -> StageResult<Option<String>> {
    Ok(match machine {
        ElfMachine::X86_64 | ElfMachine::S390 => Some(String::new()),
        ElfMachine::Arm64 => Some("aarch64".into()),
        ElfMachine::Riscv => Some("riscv".into()),
        ElfMachine::Arm => {
            let version = match (run.config("CPU_32v7")?, run.config("CPU_32v6")?) {
                (true, _) => "ARMv7 ",
                (false, true) => "ARMv6 ",
                _ => return Ok(None),
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
        _ => None,
    })
}
