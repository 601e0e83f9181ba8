//! `System.map` and `/proc/kallsyms`: one line `ADDRESS KIND NAME` a symbol; in `/proc/kallsyms` a module's symbol is followed
//! by `[MODULE]`.

use std::ops::Range;

use super::error::SystemMapFault;
use super::exports::Exports;
use super::symvers::VMLINUX;
use super::vmlinux::Kallsyms;
use crate::image::TABLES;

/// The kernel's own symbols in a `System.map` or `/proc/kallsyms`.
#[derive(Debug, Default)]
pub(super) struct SystemMap {
    pub symbols: Kallsyms,
    /// Whether all addresses are 0, as an unprivileged user sees them in `/proc/kallsyms`.
    pub zeroed: bool,
}

/// Returns whether the first line of a text is a line of `System.map`.
pub(super) fn is_system_map(text: &str) -> bool {
    text.lines().next().and_then(line).is_some()
}

/// One line.
struct MapLine<'a> {
    address: u64,
    kind: char,
    name: &'a str,
    /// Whether the symbol belongs to a module.
    is_of_module: bool,
}

fn line(line: &str) -> Option<MapLine<'_>> {
    let (address, rest) = line.split_once(' ')?;
    let (kind, rest) = rest.split_once(' ')?;
    let kind: char = kind.parse().ok()?;
    if !matches!(address.len(), 8 | 16) || !kind.is_ascii_alphabetic() {
        return None;
    }
    let address = u64::from_str_radix(address, 16).ok()?;
    let (name, is_of_module) = match rest.split_once('\t') {
        Some((name, _)) => (name, true),
        None => (rest, false),
    };
    Some(MapLine { address, kind, name, is_of_module })
}

impl SystemMap {
    /// Reads the kernel's own symbols. Symbols of modules are skipped.
    pub fn parse(text: &str) -> Result<Self, SystemMapFault> {
        let mut symbols: Vec<_> = text.lines().filter_map(line).filter(|line| !line.is_of_module).collect();
        if symbols.len() < 2 {
            return Err(SystemMapFault::Stub);
        }
        let zeroed = symbols.iter().all(|symbol| symbol.address == 0);
        symbols.sort_by_key(|symbol| symbol.address);
        let mut map = Self { zeroed, ..Self::default() };
        for symbol in symbols {
            map.symbols.push(symbol.address, symbol.kind, symbol.name);
        }
        Ok(map)
    }

    /// The exports: each has a symbol `__ksymtab_NAME`, which lies between the symbols `__start_…` and `__stop_…` of its table.
    ///
    /// Such a file gives neither versions nor namespaces. It does not give kinds either if one table holds all exports (since
    /// 7.1).
    pub fn exports(&self) -> Result<Exports, SystemMapFault> {
        let flagged = self.symbols.address_of("__start___kflagstab").is_some();
        let tables: Vec<_> =
            TABLES.iter().filter_map(|(kind, section, _)| Some((*kind, self.range(section)?))).collect();
        let gives_kinds = !self.zeroed && !flagged;
        let versions = TABLES.iter().filter_map(|(.., section)| self.range(section)).any(|range| !range.is_empty());
        let mut exports = Exports::of_names((!self.zeroed && !tables.is_empty()).then_some(versions));
        for symbol in self.symbols.iter() {
            if let Some(name) = symbol.name.strip_prefix("__ksymtab_") {
                let table = tables.iter().find(|(_, range)| gives_kinds && range.contains(&symbol.address));
                exports.push(None, name, VMLINUX, table.map(|(kind, _)| *kind), "");
            }
        }
        if exports.rows().len() == 0 { Err(SystemMapFault::NoExports) } else { Ok(exports) }
    }

    /// The addresses of a section, from the symbols that the linker places around it.
    fn range(&self, section: &str) -> Option<Range<u64>> {
        let start = self.symbols.address_of(&format!("__start_{section}"))?;
        let stop = self.symbols.address_of(&format!("__stop_{section}"))?;
        Some(start..stop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::ExportKind;

    const MAP: &str = "0000000000000000 D percpu\nffffffff81000000 T _text\n\
                       ffffffff82000000 R __start___ksymtab\nffffffff82000000 r __ksymtab_kfree\n\
                       ffffffff8200000c R __start___ksymtab_gpl\nffffffff8200000c R __stop___ksymtab\n\
                       ffffffff8200000c r __ksymtab_kobject_put\nffffffff82000018 R __start___kcrctab\n\
                       ffffffff82000018 R __stop___ksymtab_gpl\nffffffff82000020 R __stop___kcrctab\n";

    fn kinds(text: &str) -> Vec<(String, Option<ExportKind>)> {
        let map = SystemMap::parse(text).expect("it is one");
        let exports = map.exports().expect("it has exports");
        exports.rows().map(|row| (row.name.to_owned(), row.kind)).collect()
    }

    #[test]
    fn an_address_tells_the_table_of_an_export() {
        let expected = [("kfree", Some(ExportKind::Plain)), ("kobject_put", Some(ExportKind::Gpl))];
        assert_eq!(kinds(MAP), expected.map(|(name, kind)| (name.to_owned(), kind)));
        let map = SystemMap::parse(MAP).expect("it is one");
        let exports = map.exports().expect("it has exports");
        assert_eq!(exports.modversions(), Some(true));
        assert!(exports.rows().all(|row| row.crc.is_none()));
    }

    #[test]
    fn zeroed_addresses_give_names_only() {
        let zeroed: String = MAP.lines().map(|line| format!("{}{}\n", "0".repeat(16), &line[16..])).collect();
        assert!(kinds(&zeroed).iter().all(|(_, kind)| kind.is_none()));
        assert_eq!(SystemMap::parse(&zeroed).expect("it is one").exports().expect("names").modversions(), None);
    }

    #[test]
    fn a_single_table_gives_no_kinds() {
        let flagged = format!("{MAP}ffffffff82000030 R __start___kflagstab\n");
        assert!(kinds(&flagged).iter().all(|(_, kind)| kind.is_none()));
    }

    #[test]
    fn stubs_are_recognised() {
        let stub = "ffffffffffffffff B The real System.map is in the linux-image-6.1.0-56-amd64-dbg package\n";
        assert!(is_system_map(stub));
        assert_eq!(SystemMap::parse(stub).map(drop), Err(SystemMapFault::Stub));
        let none = "0000000000000000 T _text\n0000000000000000 T a\n0000000000000000 t b\t[ext4]\n";
        assert_eq!(SystemMap::parse(none).expect("it is one").exports().map(drop), Err(SystemMapFault::NoExports));
    }
}
