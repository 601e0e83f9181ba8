//! Symbols that a module defines under the name of another's GPL-only export.
//!
//! A module that defines `kasan_flag_enabled` does not import it. Of 4,023 modules of Debian's 6.1, 13 have a static
//! function or variable with the name of a GPL-only export of another module, and none has a global one.

use super::audited::Audited;
use crate::audit::{AuditCode, AuditFinding, Detail};
use crate::elf::{Symbol, SymbolKind, SymbolPlace};

/// Reports global definitions. In a module that is not compatible with the GPL, static ones as well: only such a module
/// has a reason to avoid the import.
pub fn lint(module: &Audited<'_>) -> Vec<AuditFinding> {
    let is_gpl_compatible = module.is_gpl_compatible();
    let mut found: Vec<AuditFinding> = Vec::new();
    for symbol in module.elf.symbols().iter().skip(1) {
        if !is_definition(symbol) || (symbol.is_local() && is_gpl_compatible) {
            continue;
        }
        let name = module.elf.symbol_text(symbol);
        let Some(export) = module.known.export(&name).filter(|export| export.kind.is_gpl_only()) else { continue };
        // The module's own export shadows nothing, even if others export the name as well.
        if export.exporter == module.name || module.elf.exports().iter().any(|own| own.name == name) {
            continue;
        }
        if found.iter().any(|finding| finding.symbol.as_deref() == Some(&*name)) {
            continue;
        }
        found.push(AuditFinding {
            symbol_kind: Some(export.kind),
            detail: Detail::Definition { global: !symbol.is_local() },
            symbol: Some(name),
            ..module.finding(AuditCode::ShadowsGplOnly)
        });
    }
    found
}

/// Returns whether a symbol defines a function, a variable or a label.
fn is_definition(symbol: &Symbol) -> bool {
    let is_defined = !symbol.is_undefined() && symbol.shndx != SymbolPlace::ABS;
    is_defined && matches!(symbol.kind(), SymbolKind::FUNC | SymbolKind::OBJECT | SymbolKind::NOTYPE)
}
