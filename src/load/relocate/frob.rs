//! The sections that an architecture resizes before the module is laid out, and rejects a module without.

use super::module::{Facts, Judgement};
use crate::elf::SectionType;
use crate::kernel::ConfigOption;
use crate::terms::Errno::ENOEXEC;
use crate::terms::{Arch, Class, ElfMachine};
use crate::verdict::Cause;

/// Mirrors the rejections of `module_frob_arch_sections()` (arch/*/kernel/module.c, module-plts.c, module-sections.c).
///
/// `sections` holds the name and type of every section, with any flags; `name` is `mod->name`.
///
/// # Errors
///
/// The error that `facts` returns if the outcome depends on a fact that it does not know.
pub fn module_frob_arch_sections<E>(
    name: &str,
    arch: Arch,
    sections: &[(&str, u32)],
    facts: &mut Facts<'_, E>,
) -> Result<Judgement, E> {
    // The kernel uses index 0 for "not found".
    let has = |wanted: &str| sections.iter().skip(1).any(|(section, _)| *section == wanted);
    let plts = ["`.plt`", "`.init.plt`"].join(" or ");
    let missing =
        |what: &str, line: String| Judgement::error(ENOEXEC, line, Cause::ArchSections { what: what.to_owned() });
    match arch.machine {
        ElfMachine::Arm64 | ElfMachine::Arm => {
            // The kernel compares these names first, so a section with one of them is never taken as the symbol table.
            let symtab = sections.iter().any(|(section, kind)| {
                *kind == SectionType::SYMTAB && !matches!(*section, ".plt" | ".init.plt" | ".text.ftrace_trampoline")
            });
            let (what, line) = if !has(".plt") || !has(".init.plt") {
                (plts, format!("{name}: module PLT section(s) missing"))
            } else if !symtab {
                ("a symbol table".to_owned(), format!("{name}: module symtab section missing"))
            } else {
                return Ok(Judgement::Applied);
            };
            let option = if arch.machine == ElfMachine::Arm { "ARM_MODULE_PLTS" } else { "ARM64_MODULE_PLTS" };
            // Since 6.5 arm64 has no such option: PLTs are always built in.
            let option_exists =
                arch.machine == ElfMachine::Arm || !(facts.has)(crate::history::Behaviour::Arm64AlwaysPlts)?;
            if option_exists && !(facts.config)(ConfigOption(option))? {
                return Ok(Judgement::Applied);
            }
            Ok(missing(&what, line))
        }
        ElfMachine::Riscv => {
            let absent = [(".plt", "PLT"), (".got", "GOT"), (".got.plt", "GOT.PLT")].into_iter().find(|(s, _)| !has(s));
            match absent {
                Some((section, word)) if (facts.config)(ConfigOption("MODULE_SECTIONS"))? => {
                    Ok(missing(section, format!("{name}: module {word} section(s) missing")))
                }
                _ => Ok(Judgement::Applied),
            }
        }
        ElfMachine::Loongarch => {
            // Kernels without the direct relocation types do not look for a GOT.
            let order = [(".got", "GOT"), (".plt", "PLT"), (".plt.idx", "PLT.IDX")];
            let mut absent = order.into_iter().filter(|(section, _)| !has(section));
            let absent = match absent.next() {
                Some((".got", _)) if !(facts.has)(crate::history::Behaviour::LoongarchDirect)? => absent.next(),
                first => first,
            };
            Ok(absent.map_or(Judgement::Applied, |(section, word)| {
                missing(section, format!("{name}: module {word} section(s) missing"))
            }))
        }
        ElfMachine::Ppc64 if !has(".stubs") => {
            Ok(missing("`.stubs`", format!("module_64: {name}: doesn't contain .stubs.")))
        }
        ElfMachine::Ppc64 if !has(".mygot") && !has(".toc") => {
            // Only a kernel built without a TOC needs `.mygot`.
            Ok(if (facts.config)(ConfigOption("PPC_KERNEL_PCREL"))? {
                missing("`.mygot`", format!("module_64: {name}: doesn't contain .mygot."))
            } else {
                Judgement::Applied
            })
        }
        ElfMachine::Ppc if arch.class == Class::Elf32 && (!has(".plt") || !has(".init.plt")) => {
            Ok(missing(&plts, "module_32: Module doesn't contain .plt or .init.plt sections.".to_owned()))
        }
        _ => Ok(Judgement::Applied),
    }
}
