//! `System.map` and `/proc/kallsyms`: a line `ADDRESS KIND NAME` for each symbol, in `/proc` with `[MODULE]` behind those of
//! modules.

use super::error::SystemMapFault;
use super::exports::Exports;
use super::symvers::VMLINUX;
use super::vmlinux::Kallsyms;
use crate::image::TABLES;
use crate::terms::ExportKind;

/// The symbols of such a file.
#[derive(Debug, Default)]
pub(super) struct SystemMap {
    pub symbols: Kallsyms,
    /// Are all addresses 0, as `/proc/kallsyms` shows them to whoever may not see them?
    pub zeroed: bool,
}

/// Is this the text of one? Its first line tells.
pub(super) fn is_system_map(text: &str) -> bool {
    text.lines().next().and_then(line).is_some()
}

/// Address, kind, name, module.
type Line<'a> = (u64, char, &'a str, Option<&'a str>);

fn line(line: &str) -> Option<Line<'_>> {
    let (address, rest) = line.split_once(' ')?;
    let (kind, rest) = rest.split_once(' ')?;
    let mut letters = kind.chars();
    let (letter, None) = (letters.next()?, letters.next()) else { return None };
    let digits = matches!(address.len(), 8 | 16) && letter.is_ascii_alphabetic();
    let address = u64::from_str_radix(address, 16).ok().filter(|_| digits)?;
    let (name, module) = rest.split_once('\t').map_or((rest, None), |(name, module)| (name, Some(module)));
    Some((address, letter, name, module))
}

impl SystemMap {
    /// Reads the kernel's own symbols; those of modules are not part of it.
    pub fn parse(text: &str) -> Result<Self, SystemMapFault> {
        let own = text.lines().filter_map(line).filter(|(.., module)| module.is_none());
        let mut symbols: Vec<_> = own.collect();
        if symbols.len() < 2 {
            return Err(SystemMapFault::Stub);
        }
        let zeroed = symbols.iter().all(|(address, ..)| *address == 0);
        symbols.sort_by_key(|(address, ..)| *address);
        let mut map = Self { zeroed, ..Self::default() };
        for (address, kind, name, _) in symbols {
            map.symbols.push(address, kind, name);
        }
        Ok(map)
    }

    /// What is exported: a symbol `__ksymtab_NAME` stands for each entry, and lies between the marks of its table. Versions and
    /// namespaces are not in such a file, and with one table for all (since 7.1) kinds are not either.
    pub fn exports(&self) -> Result<Exports, SystemMapFault> {
        let range = |section: &str| {
            let mark = |side: &str| self.symbols.address_of(&format!("__{side}_{section}"));
            Some(mark("start")?..mark("stop")?)
        };
        let flagged = self.symbols.address_of("__start___kflagstab").is_some();
        let tables: Vec<_> = TABLES.iter().filter_map(|(kind, section, _)| Some((*kind, range(section)?))).collect();
        let kind_at = |address: u64| -> Option<ExportKind> {
            let inside = tables.iter().find(|(_, range)| range.contains(&address) && !self.zeroed && !flagged);
            inside.map(|(kind, _)| *kind)
        };
        let versions = TABLES.iter().filter_map(|(.., section)| range(section)).any(|range| !range.is_empty());
        let mut exports = Exports::of_names((!self.zeroed && !tables.is_empty()).then_some(versions));
        for symbol in self.symbols.iter() {
            if let Some(name) = symbol.name.strip_prefix("__ksymtab_") {
                exports.push(None, name, VMLINUX, kind_at(symbol.address), "");
            }
        }
        if exports.rows().len() == 0 { Err(SystemMapFault::NoExports) } else { Ok(exports) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn tables_are_told_apart_by_their_marks() {
        let expected = [("kfree", Some(ExportKind::Plain)), ("kobject_put", Some(ExportKind::Gpl))];
        assert_eq!(kinds(MAP), expected.map(|(name, kind)| (name.to_owned(), kind)));
        let map = SystemMap::parse(MAP).expect("it is one");
        let exports = map.exports().expect("it has exports");
        assert_eq!(exports.modversions(), Some(true));
        assert!(exports.rows().all(|row| row.crc.is_none()));
    }

    #[test]
    fn without_addresses_names_remain() {
        let zeroed: String = MAP.lines().map(|line| format!("{}{}\n", "0".repeat(16), &line[16..])).collect();
        assert!(kinds(&zeroed).iter().all(|(_, kind)| kind.is_none()));
        assert_eq!(SystemMap::parse(&zeroed).expect("it is one").exports().expect("names").modversions(), None);
    }

    #[test]
    fn one_table_for_all_tells_no_kinds() {
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
