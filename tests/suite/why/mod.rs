//! Where a module uses a symbol: every way a use may be written down, and every way debug information may be.

mod broken;
pub mod debug_files;
mod lines;
mod split;
mod tables;

use std::sync::OnceLock;

use gplok::image::{DebugFiles, Error, Image};
use gplok::kernel::Kernel;
use gplok::terms::Arch;
use gplok::verdict::{Cause, Declared, Finding, Frame, Outcome, Stage, Use, Verdict};
use gplok::why::{Lookup, explain};

use crate::ko::{Does, Function, Ko, Profile, Source, Unit};

/// The kernel's headers when the module was built.
macro_rules! header {
    ($path:literal) => {
        concat!("/usr/src/linux-headers-6.12-common/", $path)
    };
}
const MM: &str = header!("include/linux/mm.h");
const JUMP_LABEL: &str = header!("arch/x86/include/asm/jump_label.h");
/// Every source file includes it; it lends no code.
const TYPES: &str = header!("include/linux/types.h");

fn x86_64() -> Profile {
    Profile::synthetic(Arch::X86_64)
}

/// A kernel that says nothing: uses do not depend on it.
fn kernel() -> &'static Kernel {
    static KERNEL: OnceLock<Kernel> = OnceLock::new();
    KERNEL.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("release"), "6.12.0\n").expect("a file");
        Kernel::open(&[folder.path()]).expect("a kernel")
    })
}

/// The verdict on a module that lacks these symbols, explained.
pub fn explained(image: &Image, symbols: &[&str], debug: DebugFiles) -> Result<Verdict, Error> {
    let mut verdict = Verdict::new("foo", Outcome::Loads);
    for symbol in symbols {
        let cause =
            Cause::MissingSymbol { symbol: (*symbol).into(), refused_exporter: None, namesake: None, absent: None };
        verdict.findings.push(Finding::new(Stage::SimplifySymbols, cause));
    }
    explain(&mut verdict, image, kernel(), &Lookup { debug, inlines: None })?;
    Ok(verdict)
}

fn verdict_on(bytes: Vec<u8>, symbols: &[&str]) -> Verdict {
    explained(&Image::from_bytes_raw("foo.ko", bytes), symbols, DebugFiles::default()).expect("no file is asked for")
}

fn uses(verdict: &Verdict) -> Vec<String> {
    verdict.findings.iter().flat_map(|finding| finding.uses()).map(told).collect()
}

/// Where a module, built for a kernel of this profile, uses a symbol.
fn uses_of(symbol: &str, ko: &Ko, profile: &Profile) -> Vec<String> {
    uses(&verdict_on(ko.build(profile), &[symbol]))
}

/// A use in a line: `.text+0x48 (__jump_table): put_page include/linux/mm.h:9 < foo_read main.c:12`.
fn told(found: &Use) -> String {
    let place = format!("{}+{:#x}", found.section, found.offset);
    let via = found.via.as_ref().map(|via| format!(" ({via})")).unwrap_or_default();
    let frames: Vec<String> = found.chain.iter().map(frame).collect();
    let inside = match &found.inside {
        Some(inside) if frames.is_empty() => {
            let kind = inside.kind.as_ref().map(|kind| format!("{kind} ")).unwrap_or_default();
            let field = inside.field.clone().unwrap_or_else(|| format!("+{:#x}", inside.offset));
            let declared = inside.declared.as_ref().map(declared).unwrap_or_default();
            format!("{kind}{}{field}{declared}", inside.name)
        }
        _ => String::new(),
    };
    format!("{place}{via}: {}{inside}", frames.join(" < "))
}

fn frame(frame: &Frame) -> String {
    let file = frame.file.as_ref().map(|file| format!(" {file}")).unwrap_or_default();
    let line = frame.line.map(|line| format!(":{line}")).unwrap_or_default();
    format!("{}{file}{line}", frame.function)
}

fn declared(declared: &Declared) -> String {
    let line = declared.line.map(|line| format!(":{line}")).unwrap_or_default();
    format!(" {}{line}", declared.file)
}

/// `foo_read()` lets go of a page in line 12: `put_page()` asks the key, another instruction of line 14 comes between, and
/// calls `__put_page`.
pub fn unit() -> Unit {
    let read = Function::new("foo_read", 10)
        .step(12, &[("arch_static_branch", JUMP_LABEL, 36), ("put_page", MM, 924)], Does::Asks("devmap_key"))
        .step(14, &[], Does::Nothing)
        .step(12, &[("put_page", MM, 926)], Does::Calls("__put_page"));
    Unit::new("/build/foo", "main.c").includes(TYPES).function(read)
}

/// The module of that source file, and of what else it needs.
pub fn module(source: Source) -> Ko {
    Ko::new("foo").uses("devmap_key").uses("__put_page").source(source)
}

/// What [`module`] says of its two symbols when all is well.
const KEY: &str = ".text+0x48 (__jump_table): arch_static_branch arch/x86/include/asm/jump_label.h:36 < \
                   put_page include/linux/mm.h:924 < foo_read main.c:12";
const CALL: &str = ".text+0x59: put_page include/linux/mm.h:926 < foo_read main.c:12";
/// And what without debug information.
const BARE: [&str; 2] = [".text+0x48 (__jump_table): foo_read", ".text+0x59: foo_read"];

/// An object whose local calls nobody decodes would make a map with holes: it is refused.
#[test]
fn an_object_of_an_undecoded_architecture_makes_no_map() {
    const E_MACHINE: usize = 18;
    let mut bytes = std::fs::read(crate::founding::folder().join(crate::founding::OPENAFS)).expect("a fixture");
    bytes[E_MACHINE..E_MACHINE + 2].copy_from_slice(&243_u16.to_le_bytes());
    let image = gplok::image::Image::from_bytes("riscv.o", bytes).expect("it is not compressed");
    let elf = image.as_announced().expect("it is ELF");
    let error = gplok::graph::Program::read(&elf).expect_err("functions share .text");
    assert!(error.to_string().contains("-ffunction-sections"));
}
