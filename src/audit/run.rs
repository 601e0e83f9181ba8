//! Runs an audit. Every module is read twice: first for its exports and imports, then for what its code does. A compressed one is read
//! once if its code fits into memory beside that of the others.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::atomic::AtomicU64;

use super::exposed::exposed;
use super::finding::{Audit, AuditFinding, AuditedObject};
use super::known::{KnownExport, KnownExports, KnownModule, Standing};
use super::lints::lints;
use super::open::{AuditError, ModuleFile, Objects};
use super::reach::Reach;
use super::subject::{Subject, placed_exports};
use super::wrappers::Wrappers;
use crate::check::try_each;
use crate::graph::convention;
use crate::image::{Error, Image, ModuleElf, THIS_MODULE, TOO_MANY_EXPORTS};
use crate::kernel::{Kernel, KernelImage};
use crate::terms::{Claim, ElfMachine, ExportKind, ExportedSymbol, License, ModuleName};

/// The part of the budget that may be kept of compressed modules: a quarter.
const KEPT: u64 = 4;

/// What an audit looks for beyond its usual findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditOptions {
    /// How many calls deep `reaches-gpl-only` looks; `None` to leave it out.
    pub reaches: Option<usize>,
}

/// Audits objects. `kernel` tells how the symbols that they import are exported; their own exports are known without
/// it. `step` reports progress: it is called [`Objects::readings`] times, from several threads.
///
/// # Errors
/// When a file that was named cannot be read, or when the symbols or exports of a kernel among the objects cannot be found.
pub fn audit(
    objects: &Objects,
    kernel: Option<&Kernel>,
    options: &AuditOptions,
    step: impl Fn() + Sync,
) -> Result<Audit, AuditError> {
    let (known, modules) = survey(objects, kernel, &step)?;
    let mut banners = BTreeSet::new();
    // A module tree includes its kernel's image, which may have been named as well.
    let images = objects.kernels.iter().filter_map(Kernel::boot_image).filter(|image| banners.insert(image.banner()));
    let kernels = images.enumerate().map(|(number, image)| audit_kernel(number, image, &known, options));
    let mut audited = kernels.collect::<Result<Vec<_>, _>>()?;
    let before = audited.len();
    let read: Vec<_> = objects.modules.iter().zip(&modules).enumerate().collect();
    let by_code = try_each(&read, |(index, (file, surveyed))| {
        let module = audit_module(before + index, objects, file, surveyed, &known, options);
        step();
        module
    });
    for (result, (_, (file, surveyed))) in by_code.into_iter().zip(&read) {
        audited.push(result.unwrap_or_else(|error| {
            let unread = Some(error.kind.to_string());
            (AuditedObject { unread, ..AuditedObject::of_module(file, surveyed) }, Vec::new())
        }));
    }
    let unread = kernel.map(Kernel::unread).unwrap_or_default();
    let mut audit = Audit { unread, ..Audit::default() };
    for (object, findings) in audited {
        audit.objects.push(object);
        audit.findings.extend(findings);
    }
    sort(&mut audit.findings);
    Ok(audit)
}

/// More users of a symbol than this do not make a finding more important.
const MAX_USERS_COUNTED: usize = 40;

/// How important a finding is: more so the thinner the wrapper is and the more functions of the kernel use the symbol,
/// and above all if the wrapper calls nothing else.
fn worth(finding: &AuditFinding) -> usize {
    let score = finding.thinness.map_or(0, |thinness| thinness.score());
    let users = finding.users.unwrap_or_default().min(MAX_USERS_COUNTED);
    let is_only_call = finding.users.is_some() && finding.thinness.is_some_and(|thinness| thinness.calls == 1);
    let bonus = if is_only_call { 30 } else { 0 };
    usize::from(score) + 2 * users + bonus
}

/// Sorts findings by code, then by importance. Findings that hand out one internal function stay together.
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

/// What the first reading of a module tells.
struct Surveyed {
    name: ModuleName,
    license: Option<String>,
    intree: bool,
    exports: Vec<ExportedSymbol>,
    /// Why it could not be read.
    unread: Option<String>,
    /// What is kept of it, counted in the budget.
    kept: Claim,
    /// The parts of a compressed module in which its code is, as far as there is room for them.
    image: Option<Image>,
}

impl Surveyed {
    /// What the path of a module tells.
    fn of(file: &ModuleFile) -> Self {
        let name = ModuleName::of_file(&file.path).unwrap_or_else(|| file_stem(&file.path));
        Self {
            name,
            license: None,
            intree: false,
            exports: Vec::new(),
            unread: None,
            kept: Claim::default(),
            image: None,
        }
    }
}

/// Reads every module a first time.
fn survey(
    objects: &Objects,
    kernel: Option<&Kernel>,
    step: &(impl Fn() + Sync),
) -> Result<(KnownExports, Vec<Surveyed>), AuditError> {
    let mut known = KnownExports::default();
    if let Some(kernel) = kernel {
        known.add_kernel(kernel);
    }
    for kernel in &objects.kernels {
        if let Some(exports) = kernel.exports() {
            known.add_exports(exports);
        }
        if let Some(symbols) = kernel.symbols() {
            known.add_symbols(symbols);
        }
    }
    let room = AtomicU64::new(objects.budget().limit() / KEPT);
    let surveyed = try_each(&objects.modules, |file| {
        let module = survey_module(objects, file, &room);
        step();
        module
    });
    let mut read = Vec::with_capacity(surveyed.len());
    for (result, file) in surveyed.into_iter().zip(&objects.modules) {
        read.push(match result {
            Err(error) if file.named => return Err(error.into()),
            Err(error) => (Surveyed { unread: Some(error.kind.to_string()), ..Surveyed::of(file) }, Vec::new()),
            Ok(module) => module,
        });
    }
    for (module, _) in &read {
        for export in &module.exports {
            let exporter = module.name.clone();
            let namespace = export.namespace.clone();
            known.add(&export.name, KnownExport { kind: export.kind, exporter, namespace });
        }
    }
    for (module, imports) in &read {
        if module.unread.is_some() {
            // Its license is not known, which does not make it proprietary.
            continue;
        }
        let license = module.license.as_deref().map(License::new);
        let uses_gpl_only = imports.iter().any(|name| known.standing(name) == Standing::GplOnly);
        known.add_module(module.name.clone(), KnownModule { license, uses_gpl_only, intree: module.intree });
    }
    Ok((known, read.into_iter().map(|(module, _)| module).collect()))
}

/// Reads a module a first time. Returns the symbols that it imports as well.
fn survey_module(objects: &Objects, file: &ModuleFile, room: &AtomicU64) -> Result<(Surveyed, Vec<Box<str>>), Error> {
    let mut surveyed = Surveyed::of(file);
    if let Some(why) = &file.unread {
        surveyed.unread = Some(why.clone());
        return Ok((surveyed, Vec::new()));
    }
    let image = objects.open(file)?;
    let Some(elf) = image.as_announced() else {
        surveyed.unread = Some("it is no ELF file".to_owned());
        return Ok((surveyed, Vec::new()));
    };
    // In a truncated file nothing would be found, which must not look like a clean audit.
    if elf.sections().is_empty() {
        surveyed.unread = Some("its section headers do not lie inside the file".to_owned());
    } else if elf.symtab().is_none() {
        surveyed.unread = Some("it has no symbol table".to_owned());
    } else if elf.exports_too_many() {
        surveyed.unread = Some(TOO_MANY_EXPORTS.to_owned());
    }
    surveyed.kept = image.claim_kept(1)?;
    let this_module = elf.find_sec(THIS_MODULE).and_then(|section| elf.this_module_name(section));
    if let Some(own) = this_module.filter(|own| !own.is_empty()) {
        surveyed.name = ModuleName::new(&own);
    }
    surveyed.license = elf.modinfo().get("license").map(str::to_owned);
    surveyed.intree = elf.modinfo().has("intree");
    surveyed.exports = placed_exports(&elf).into_iter().map(|(export, ..)| export).collect();
    let undefined = elf.symbols().iter().skip(1).filter(|symbol| symbol.is_undefined());
    let imports = undefined.map(|symbol| elf.symbol_text(symbol).into()).collect();
    // To decompress a module takes longer than all else.
    if image.compression().is_some()
        && surveyed.unread.is_none()
        && let Some(parts) = image.loaded_parts_within(room)
    {
        drop(elf);
        surveyed.image = Some(image.reduced_to(parts));
    }
    Ok((surveyed, imports))
}

/// The name of an object that is not called like a module.
fn file_stem(path: &Path) -> ModuleName {
    path.file_stem().map(|stem| ModuleName::new(&stem.to_string_lossy())).unwrap_or_default()
}

fn audit_kernel(
    number: usize,
    image: &KernelImage,
    known: &KnownExports,
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
    let mut findings = audit_code(number, &subject, known, options, &mut object);
    findings.extend(exposed(&subject, number));
    Ok((object, findings))
}

fn audit_module(
    number: usize,
    objects: &Objects,
    file: &ModuleFile,
    surveyed: &Surveyed,
    known: &KnownExports,
    options: &AuditOptions,
) -> Result<(AuditedObject, Vec<AuditFinding>), Error> {
    let object = AuditedObject::of_module(file, surveyed);
    if object.unread.is_some() {
        return Ok((object, Vec::new()));
    }
    let audit = |image: &Image| {
        let mut object = object.clone();
        let elf = image.as_announced();
        let findings = elf.map(|elf| audit_elf(number, &surveyed.name, &elf, known, options, &mut object));
        (object, findings.unwrap_or_default())
    };
    if let Some(image) = &surveyed.image {
        let audited = audit(image);
        if !image.lacked() {
            return Ok(audited);
        }
    }
    Ok(audit(&objects.open(file)?))
}

impl AuditedObject {
    /// A module before its code is read.
    fn of_module(file: &ModuleFile, surveyed: &Surveyed) -> Self {
        let mut exports: Vec<_> = surveyed.exports.iter().map(|export| (export.name.clone(), export.kind)).collect();
        exports.sort();
        Self {
            path: file.path.clone(),
            name: surveyed.name.to_string(),
            is_kernel: false,
            license: surveyed.license.clone(),
            exports,
            unread: surveyed.unread.clone(),
            unknown: Vec::new(),
        }
    }
}

fn audit_elf(
    number: usize,
    name: &ModuleName,
    elf: &ModuleElf,
    known: &KnownExports,
    options: &AuditOptions,
    object: &mut AuditedObject,
) -> Vec<AuditFinding> {
    let has_code = object.exports.iter().any(|(_, kind)| is_open(*kind));
    if has_code {
        object.unread = unread(elf.machine());
    }
    let subject = Subject::of_object(elf);
    let mut findings = lints(number, name, elf, subject.as_ref(), known);
    if let Some(subject) = subject.filter(|_| has_code && object.unread.is_none()) {
        findings.extend(audit_code(number, &subject, known, options, object));
    }
    findings
}

/// The findings in the code of a subject's plain exports.
fn audit_code(
    number: usize,
    subject: &Subject<'_>,
    known: &KnownExports,
    options: &AuditOptions,
    object: &mut AuditedObject,
) -> Vec<AuditFinding> {
    let mut wrappers = Wrappers::new(subject, known);
    let mut reach = Reach::new(subject, known);
    let mut findings = Vec::new();
    let mut unknown = BTreeSet::new();
    for export in subject.exports.iter().filter(|export| is_open(export.kind)) {
        let (laundered, symbols) = wrappers.laundered(number, export);
        unknown.extend(symbols);
        if let Some(depth) = options.reaches {
            let reached = reach.of(number, export, depth).into_iter();
            findings.extend(reached.filter(|new| laundered.iter().all(|known| known.symbol != new.symbol)));
        }
        findings.extend(laundered);
    }
    object.unknown = unknown.into_iter().collect();
    findings
}

/// Returns whether modules under any license may use an export.
const fn is_open(kind: ExportKind) -> bool {
    !kind.is_gpl_only()
}

/// Why the code of a machine cannot be read; `None` if it can.
fn unread(machine: Option<ElfMachine>) -> Option<String> {
    match machine {
        Some(machine) if convention(machine).is_some() => None,
        Some(machine) => Some(format!("code of {machine} is not read")),
        None => Some("its machine is not known".to_owned()),
    }
}
