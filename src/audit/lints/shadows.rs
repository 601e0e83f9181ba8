//! Symbols that a module defines, under names that others export to GPL modules only.
//!
//! Whoever defines `kasan_flag_enabled` does not import it. Of 4,023 modules of Debian's 6.1, 13 have a static function or
//! variable that happens to bear the name of somebody's GPL-only export, and none has a global one.

use super::audited::Audited;
use crate::audit::{AuditCode, AuditFinding, Detail};
use crate::elf::{Symbol, SymbolKind, SymbolPlace};

/// Global definitions; and of a module that is not compatible with the GPL, which alone has a reason, static ones too.
pub fn lint(module: &Audited<'_>) -> Vec<AuditFinding> {
    let is_gpl_compatible = module.is_gpl_compatible();
    let named = |symbol: &&Symbol| {
        let defined = !symbol.is_undefined() && symbol.shndx != SymbolPlace::ABS;
        defined && matches!(symbol.kind(), SymbolKind::FUNC | SymbolKind::OBJECT | SymbolKind::NOTYPE)
    };
    let seen = |symbol: &&Symbol| !symbol.is_local() || !is_gpl_compatible;
    let mut found: Vec<AuditFinding> = Vec::new();
    for symbol in module.elf.symbols().iter().skip(1).filter(named).filter(seen) {
        let name = module.elf.symbol_text(symbol);
        let Some(export) = module.known.export(&name).filter(|export| export.kind.is_gpl_only()) else { continue };
        let again = || found.iter().any(|finding| finding.symbol.as_deref() == Some(&*name));
        // Its own export, also where others have one of that name, stands in front of nobody's.
        let own = || module.elf.exports().iter().any(|own| own.name == name);
        if *export.exporter == *module.name || own() || again() {
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
