//! Modules that have the name of one that exports are reserved for (`EXPORT_SYMBOL_FOR_MODULES`).

use std::collections::BTreeMap;

use super::audited::Audited;
use crate::audit::{AuditCode, AuditFinding, Detail};

/// A finding for each list of modules that matches the name of a module from outside the kernel. By its name alone it
/// may use what the kernel reserves for one of its own modules.
pub fn lint(module: &Audited<'_>) -> Vec<AuditFinding> {
    if module.is_intree() {
        return Vec::new();
    }
    let mut lists: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, export) in module.known.exports() {
        let Some(namespace) = &export.namespace else { continue };
        // A list that matches every name reserves nothing, and the exporter itself needs no permission.
        let Some(list) = namespace.module_list().filter(|list| list.split(',').all(|entry| entry != "*")) else {
            continue;
        };
        if export.exporter != module.name && namespace.allows_module(&module.name) {
            *lists.entry(list).or_default() += 1;
        }
    }
    let found = lists.into_iter().map(|(list, exports)| AuditFinding {
        detail: Detail::ModuleList { list: list.to_owned(), exports },
        ..module.finding(AuditCode::ReservedModuleName)
    });
    found.collect()
}
