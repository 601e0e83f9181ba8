//! How modules can use the symbols that inline functions need.

use crate::kernel::Exports;
use crate::terms::ExportKind;

/// Symbols that the build of every module provides.
const OF_THE_BUILD: [&str; 2] = ["__this_module", "_GLOBAL_OFFSET_TABLE_"];

/// How modules can use a symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SymbolAccess {
    pub gpl_only: bool,
    pub unexported: bool,
    pub namespaced: bool,
    /// The symbol is defined nowhere, so that it stops builds that use it.
    pub stops: bool,
    /// The build of every module provides the symbol.
    pub provided: bool,
}

impl SymbolAccess {
    pub fn of(name: &str, internal: bool, exports: &Exports) -> Self {
        if internal || OF_THE_BUILD.contains(&name) {
            return Self { stops: internal, provided: !internal, ..Self::default() };
        }
        let mut rows = exports.named(name).peekable();
        let unexported = rows.peek().is_none();
        let mut access = Self { unexported, ..Self::default() };
        for row in rows {
            access.gpl_only |= matches!(row.kind, Some(ExportKind::Gpl | ExportKind::UnusedGpl));
            access.namespaced |= row.namespace.is_some();
        }
        access
    }

    pub const fn is_restricted(self) -> bool {
        self.gpl_only || self.unexported || self.namespaced
    }
}
