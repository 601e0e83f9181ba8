//! The comparison of symbol versions.

use std::borrow::Cow;

use crate::history::Behaviour;
use crate::kernel::VMLINUX;
use crate::load::run::Run;
use crate::load::stages::symbol_name::SymbolName;
use crate::load::state::{Once, StageResult, Stop};
use crate::terms::{Crc, Errno};
use crate::verdict::{Cause, LineText, LogLevel, Missing, OfSymbol};

/// Whether a symbol passes the comparison of versions.
pub(in crate::load) enum Versioned {
    Good,
    Bad,
}

/// Mirrors `check_modstruct_version()` (kernel/module/version.c).
pub(in crate::load) fn check_modstruct_version(run: &mut Run<'_>) -> StageResult {
    if !run.modversions()? {
        return Ok(());
    }
    let Some(crc) = run.call.kernel.module_layout() else {
        if run.ask(Missing::Crc("module_layout".into()))? {
            return Ok(());
        }
        return Err(Stop::Refused(Errno::ENOEXEC));
    };
    match check_version(run, &SymbolName::from("module_layout"), VMLINUX, Some(crc))? {
        Versioned::Good => Ok(()),
        Versioned::Bad => Err(Stop::Refused(Errno::ENOEXEC)),
    }
}

/// Mirrors `check_version()` (kernel/module/version.c): compares the version that the module wants with the exporter's.
/// `crc` is `None` if the exporter has no CRC table.
pub(in crate::load) fn check_version(
    run: &mut Run<'_>,
    symbol: &SymbolName<'_>,
    exporter: &str,
    crc: Option<Crc>,
) -> StageResult<Versioned> {
    let Some(crc) = crc.filter(|_| !run.insmod.as_rebuilt) else { return Ok(Versioned::Good) };
    if !run.modversions()? {
        return Ok(Versioned::Good);
    }
    let info = run.info()?;
    if let Some(versions) = info.vers_ext.clone() {
        return match versions.get(symbol.as_bytes()) {
            Some(version) => compare(run, symbol, exporter, version, crc),
            None => {
                no_extended_version(run, symbol);
                Ok(Versioned::Good)
            }
        };
    }
    let Some(versions) = info.vers.clone() else {
        // The kernel tries it for each symbol. One finding says that there are no versions.
        let is_known = run.findings.iter().any(|known| matches!(known.cause, Cause::NoVersions { .. }));
        let forced = run.try_to_force_load(symbol, |forced| (!is_known).then_some(Cause::NoVersions { forced }));
        return match forced {
            Ok(()) => Ok(Versioned::Good),
            Err(Stop::Refused(_)) => Ok(Versioned::Bad),
            Err(stop) => Err(stop),
        };
    };
    match versions.get(symbol.as_bytes()) {
        Some(version) => compare(run, symbol, exporter, version, crc),
        None => no_version(run, symbol),
    }
}

/// Compares the version that the module wants (`module`) with the exporter's (`kernel`).
fn compare(
    run: &mut Run<'_>,
    symbol: &SymbolName<'_>,
    exporter: &str,
    module: u64,
    kernel: Crc,
) -> StageResult<Versioned> {
    if module == u64::from(kernel.0) {
        return Ok(Versioned::Good);
    }
    let line = LineText::of_symbol(run.info_name(), OfSymbol::Disagrees, symbol.shared());
    let cause = if &**symbol == "module_layout" {
        Cause::ModuleLayout { module, kernel }
    } else {
        let exporter = if exporter == VMLINUX { Cow::Borrowed(VMLINUX) } else { exporter.to_owned().into() };
        Cause::SymbolVersion { symbol: symbol.shared(), exporter, module, kernel }
    };
    run.say(cause, LogLevel::Warn, line);
    Ok(Versioned::Bad)
}

/// The module has no version for the symbol.
fn no_version(run: &mut Run<'_>, symbol: &SymbolName<'_>) -> StageResult<Versioned> {
    let fatal = run.has(Behaviour::VerMissingEntryFatal)?;
    // The upstream kernel prints the line once a boot. Kernels that reject the module print it every time.
    let printed = if fatal { !run.is_surveying() } else { run.once(Once::NoSymbolVersion) };
    let line = format!("{}: no symbol version for {symbol}", run.info_name());
    run.find(Cause::NoSymbolVersion { symbol: symbol.shared(), fatal }, printed.then(|| line.clone().into()));
    if printed {
        run.warn(line);
    }
    Ok(if fatal { Versioned::Bad } else { Versioned::Good })
}

/// The module has extended versions, but none for the symbol.
fn no_extended_version(run: &mut Run<'_>, symbol: &SymbolName<'_>) {
    let printed = run.once(Once::NoExtendedSymbolVersion);
    let line = format!("{}: no extended symbol version for {symbol}", run.info_name());
    run.find(Cause::NoSymbolVersion { symbol: symbol.shared(), fatal: false }, printed.then(|| line.clone().into()));
    if printed {
        run.warn(line);
    }
}
