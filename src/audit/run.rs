//! An audit: every object read twice, once for what it exports and imports, once for what its code does.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use rayon::prelude::*;

use super::exposed::exposed;
use super::lints::lints;
use super::open::{AuditError, ModuleFile, Objects};
use super::reach::Reach;
use super::subject::{Subject, placed_exports};
use super::world::{Module, Standing, World, WorldExport};
use super::wrappers::Wrappers;
use super::{Audit, AuditFinding, AuditedObject};
use crate::image::{ModuleElf, THIS_MODULE};
use crate::kernel::{Kernel, KernelImage};
use crate::terms::{ExportKind, ExportedSymbol, License, ModuleName};

/// What is asked for besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditOptions {
    /// How deep `reaches-gpl-only` is followed; `None`: not at all.
    pub reaches: Option<usize>,
}

/// Audits objects. `kernel` says how what they import is exported; what they export themselves is known without. `step` is
/// called [`Objects::readings`] times, from several threads.
///
/// # Errors
/// When a file that was named cannot be read, or a kernel among the objects does not tell its symbols and exports.
pub fn audit(
    objects: &Objects,
    kernel: Option<&Kernel>,
    options: &AuditOptions,
    step: impl Fn() + Sync,
) -> Result<Audit, AuditError> {
    let (world, modules) = survey(objects, kernel, &step)?;
    let mut banners = BTreeSet::new();
    // A tree brings its own image along, which may have been named as well.
    let images = objects.kernels.iter().filter_map(Kernel::boot_image).filter(|image| banners.insert(image.banner()));
    let kernels = images.enumerate().map(|(number, image)| of_kernel(number, image, &world, options));
    let mut audited = kernels.collect::<Result<Vec<_>, _>>()?;
    let before = audited.len();
    let of_file = |(index, (file, surveyed)): (usize, (&ModuleFile, &Surveyed))| {
        let module = of_module(before + index, objects, file, surveyed, &world, options);
        step();
        module
    };
    audited.par_extend(objects.modules.par_iter().zip(&modules).enumerate().map(of_file));
    let mut audit = Audit::default();
    for (object, findings) in audited {
        audit.objects.push(object);
        audit.findings.extend(findings);
    }
    sort(&mut audit.findings);
    Ok(audit)
}

/// Above this, how many functions use a symbol makes no difference.
const MAX_USERS_COUNTED: usize = 40;

/// How much a finding is worth reading: the thinner the wrapper, and the more of the kernel uses what it hands out; above all
/// where the wrapper calls nothing else.
fn worth(finding: &AuditFinding) -> usize {
    let score = finding.thinness.map_or(0, |thinness| thinness.score());
    let alone = finding.users.is_some() && finding.thinness.is_some_and(|thinness| thinness.calls == 1);
    usize::from(score) + 2 * finding.users.unwrap_or_default().min(MAX_USERS_COUNTED) + if alone { 30 } else { 0 }
}

/// Puts findings in order: by code, then what is worth most. What hands out the same internal function stands together.
fn sort(findings: &mut [AuditFinding]) {
    let mut best: HashMap<String, usize> = HashMap::new();
    for finding in findings.iter().filter(|finding| finding.users.is_some()) {
        let known = best.entry(finding.symbol.clone().unwrap_or_default()).or_default();
        *known = worth(finding).max(*known);
    }
    findings.sort_by_cached_key(|finding| {
        let symbol = finding.symbol.clone().unwrap_or_default();
        let group = best.get(&symbol).filter(|_| finding.users.is_some()).map(|best| (Reverse(*best), symbol.clone()));
        let own = (Reverse(worth(finding)), finding.hops.len(), finding.object, finding.export.clone(), symbol);
        (finding.code, group, own)
    });
}

/// What a first reading of a module tells.
struct Surveyed {
    name: String,
    license: Option<String>,
    intree: bool,
    exports: Vec<ExportedSymbol>,
    /// Why it could not be read.
    unread: Option<String>,
}

/// The first reading of everything.
fn survey(
    objects: &Objects,
    kernel: Option<&Kernel>,
    step: &(impl Fn() + Sync),
) -> Result<(World, Vec<Surveyed>), AuditError> {
    let mut world = World::default();
    if let Some(kernel) = kernel {
        world.add_kernel(kernel);
    }
    for kernel in &objects.kernels {
        if let Some(exports) = kernel.exports() {
            world.add_exports(exports);
        }
        if let Some(symbols) = kernel.symbols() {
            world.add_symbols(symbols);
        }
    }
    let read = |file| {
        let module = first(objects, file);
        step();
        module
    };
    let read = objects.modules.par_iter().map(read).collect::<Result<Vec<_>, AuditError>>()?;
    for (module, _) in &read {
        for export in &module.exports {
            let exporter = module.name.as_str().into();
            let (kind, namespace) = (export.kind, export.namespace.clone());
            world.add(&export.name, WorldExport { kind, exporter, namespace });
        }
    }
    for (module, imports) in &read {
        let license = module.license.as_deref().map(License::new);
        let uses_gpl_only = imports.iter().any(|name| world.standing(name) == Standing::GplOnly);
        world.add_module(&module.name, Module { license, uses_gpl_only, intree: module.intree });
    }
    Ok((world, read.into_iter().map(|(module, _)| module).collect()))
}

/// The first reading of a module: what it is, and the symbols that it imports.
fn first(objects: &Objects, file: &ModuleFile) -> Result<(Surveyed, Vec<Box<str>>), AuditError> {
    let name = ModuleName::of_file(&file.path).map(String::from).unwrap_or_else(|| file_stem(&file.path));
    let mut surveyed = Surveyed { name, license: None, intree: false, exports: Vec::new(), unread: None };
    let image = match objects.open(file) {
        Ok(image) => image,
        Err(error) if file.named => return Err(error.into()),
        Err(error) => {
            surveyed.unread = Some(error.kind.to_string());
            return Ok((surveyed, Vec::new()));
        }
    };
    let Some(elf) = image.as_announced() else {
        surveyed.unread = Some("it is no ELF file".to_owned());
        return Ok((surveyed, Vec::new()));
    };
    // What is cut short holds nothing that could be found, and that is no answer.
    let missing = [
        (elf.sections().is_empty(), "its section headers do not lie inside the file"),
        (elf.symtab().is_none(), "it has no symbol table"),
    ];
    surveyed.unread = missing.iter().find(|(is_so, _)| *is_so).map(|(_, what)| (*what).to_owned());
    let this_module = elf.find_sec(THIS_MODULE).and_then(|section| elf.this_module_name(section));
    if let Some(own) = this_module.filter(|own| !own.is_empty()) {
        surveyed.name = own.replace('-', "_");
    }
    surveyed.license = elf.modinfo().get("license").map(str::to_owned);
    surveyed.intree = elf.modinfo().has("intree");
    surveyed.exports = placed_exports(&elf).into_iter().map(|(export, ..)| export).collect();
    let undefined = elf.symbols().iter().skip(1).filter(|symbol| symbol.is_undefined());
    let imports = undefined.map(|symbol| elf.symbol_text(symbol).into()).collect();
    if let Some(fault) = image.fault() {
        surveyed.unread = Some(fault.kind.to_string());
    }
    Ok((surveyed, imports))
}

fn file_stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().replace('-', "_")).unwrap_or_default()
}

fn of_kernel(
    number: usize,
    image: &KernelImage,
    world: &World,
    options: &AuditOptions,
) -> Result<(AuditedObject, Vec<AuditFinding>), AuditError> {
    let path = image.path().to_owned();
    let exports = match image.exports() {
        Ok(exports) => exports,
        Err(why) => return Err(AuditError::NoExports { path, why: why.to_owned() }),
    };
    let mut object = AuditedObject {
        name: image.release().map(|release| release.to_string()).unwrap_or_default(),
        is_kernel: true,
        license: None,
        exports: exports.rows().filter_map(|row| Some((row.name.to_owned(), row.kind?))).collect(),
        unread: unread(image.arch().map(|arch| arch.machine)),
        unknown: Vec::new(),
        path: path.clone(),
    };
    object.exports.sort();
    if object.unread.is_some() {
        return Ok((object, Vec::new()));
    }
    let subject = Subject::of_kernel(image, exports).ok_or(AuditError::NoSymbols(path))?;
    let mut findings = code(number, &subject, world, options, &mut object);
    findings.extend(exposed(&subject, number));
    Ok((object, findings))
}

fn of_module(
    number: usize,
    objects: &Objects,
    file: &ModuleFile,
    surveyed: &Surveyed,
    world: &World,
    options: &AuditOptions,
) -> (AuditedObject, Vec<AuditFinding>) {
    let mut exports: Vec<_> = surveyed.exports.iter().map(|export| (export.name.clone(), export.kind)).collect();
    exports.sort();
    let mut object = AuditedObject {
        path: file.path.clone(),
        name: surveyed.name.clone(),
        is_kernel: false,
        license: surveyed.license.clone(),
        exports,
        unread: surveyed.unread.clone(),
        unknown: Vec::new(),
    };
    if object.unread.is_some() {
        return (object, Vec::new());
    }
    let image = match objects.open(file) {
        Ok(image) => image,
        Err(error) => {
            object.unread = Some(error.kind.to_string());
            return (object, Vec::new());
        }
    };
    let Some(elf) = image.as_announced() else { return (object, Vec::new()) };
    let findings = of_elf(number, &elf, world, options, &mut object);
    if let Some(fault) = image.fault() {
        object.unread = Some(fault.kind.to_string());
    }
    (object, findings)
}

fn of_elf(
    number: usize,
    elf: &ModuleElf,
    world: &World,
    options: &AuditOptions,
    object: &mut AuditedObject,
) -> Vec<AuditFinding> {
    let has_code = object.exports.iter().any(|(_, kind)| is_open(*kind));
    if has_code {
        object.unread = unread(elf.machine());
    }
    let subject = Subject::of_object(elf);
    let mut findings = lints(number, &object.name, elf, subject.as_ref(), world);
    if let Some(subject) = subject.filter(|_| has_code && object.unread.is_none()) {
        findings.extend(code(number, &subject, world, options, object));
    }
    findings
}

/// What the plain exports of a subject hand on.
fn code(
    number: usize,
    subject: &Subject<'_>,
    world: &World,
    options: &AuditOptions,
    object: &mut AuditedObject,
) -> Vec<AuditFinding> {
    let (mut wrappers, mut reach) = (Wrappers::new(subject, world), Reach::new(subject, world));
    let (mut findings, mut unknown) = (Vec::new(), BTreeSet::new());
    for export in subject.exports.iter().filter(|export| is_open(export.kind)) {
        let (laundered, symbols) = wrappers.laundered(number, export);
        unknown.extend(symbols);
        if let Some(depth) = options.reaches {
            let is_new = |finding: &AuditFinding| laundered.iter().all(|known| known.symbol != finding.symbol);
            findings.extend(reach.of(number, export, depth).into_iter().filter(is_new));
        }
        findings.extend(laundered);
    }
    object.unknown = unknown.into_iter().collect();
    findings
}

/// May modules under any licence use it?
const fn is_open(kind: ExportKind) -> bool {
    !kind.is_gpl_only()
}

/// Why code of a machine is not read.
fn unread(machine: Option<crate::terms::ElfMachine>) -> Option<String> {
    match machine {
        Some(machine) if crate::graph::convention(machine).is_some() => None,
        Some(machine) => Some(format!("code of {machine} is not read")),
        None => Some("its machine is not known".to_owned()),
    }
}
