//! Names of modules that exports are reserved for (`EXPORT_SYMBOL_FOR_MODULES`).

use std::collections::BTreeMap;

use super::audited::Audited;
use crate::audit::{AuditCode, AuditFinding, Detail};

/// A module that is not the kernel's own and that by its name alone may use what the kernel keeps for one of its own: a
/// finding for each list that its name fits.
pub fn lint(module: &Audited<'_>) -> Vec<AuditFinding> {
    if module.is_intree() {
        return Vec::new();
    }
    let mut lists: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, export) in module.known.exports() {
        let Some(namespace) = &export.namespace else { continue };
        // What is open to every name is reserved for none; and the exporter's own name needs no leave.
        let Some(list) = namespace.module_list().filter(|list| list.split(',').all(|entry| entry != "*")) else {
            continue;
        };
        if *export.exporter != *module.name && namespace.allows_module(&module.name) {
            *lists.entry(list).or_default() += 1;
        }
    }
    let found = lists.into_iter().map(|(list, exports)| AuditFinding {
        detail: Detail::ModuleList { list: list.to_owned(), exports },
        ..module.finding(AuditCode::ReservedModuleName)
    });
    found.collect()
}
