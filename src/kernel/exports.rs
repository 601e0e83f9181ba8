//! The export tables of a kernel and of its modules, as `Module.symvers` lists them.

use std::sync::OnceLock;

use super::{ErrorKind, VMLINUX, symvers};
use crate::terms::{Crc, ExportKind, Namespace};

/// One exported symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelExport {
    /// The symbol.
    pub name: Box<str>,
    /// How it is exported; `None` where the source does not say.
    pub kind: Option<ExportKind>,
    /// Its version; 0 without `CONFIG_MODVERSIONS`.
    pub crc: Option<Crc>,
    /// Its namespace.
    pub namespace: Option<Namespace>,
    /// Who exports it: an index for [`Exports::owner`].
    pub owner: u32,
}

/// All exported symbols of one kernel build, found by name.
#[derive(Debug, Default)]
pub struct Exports {
    rows: Vec<KernelExport>,
    owners: Vec<String>,
    by_name: OnceLock<Vec<u32>>,
}

impl Exports {
    /// Reads `Module.symvers`. Empty lines are passed over.
    ///
    /// # Errors
    /// At the first line that is none, with its number.
    pub fn parse(text: &str) -> Result<Self, ErrorKind> {
        let mut exports = Self::default();
        let mut last = (String::new(), 0);
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let (mut export, module) = symvers::parse_line(line.trim_end_matches(['\r', '\n']), index + 1)?;
            if last.0 != module {
                last = (module.to_owned(), exports.intern(module));
            }
            export.owner = last.1;
            exports.rows.push(export);
        }
        Ok(exports)
    }

    fn intern(&mut self, module: &str) -> u32 {
        let known = self.owners.iter().position(|owner| owner == module);
        let index = known.unwrap_or_else(|| {
            self.owners.push(module.to_owned());
            self.owners.len() - 1
        });
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    /// All rows, in the order of the source.
    pub fn rows(&self) -> &[KernelExport] {
        &self.rows
    }

    /// The path (without `.ko`) of the module that exports a row, or [`VMLINUX`].
    pub fn owner(&self, export: &KernelExport) -> &str {
        usize::try_from(export.owner).ok().and_then(|index| self.owners.get(index)).map_or("", String::as_str)
    }

    /// Has any symbol a version?
    pub fn has_crcs(&self) -> bool {
        self.rows.iter().any(|row| row.crc.is_some_and(|crc| crc.0 != 0))
    }

    /// Every row of that name.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a KernelExport> {
        let order = self.by_name.get_or_init(|| {
            let mut order: Vec<u32> = (0..u32::try_from(self.rows.len()).unwrap_or(u32::MAX)).collect();
            order.sort_by_key(|index| self.row(*index).map(|row| &*row.name));
            order
        });
        let start = order.partition_point(|index| self.row(*index).is_some_and(|row| &*row.name < name));
        order.iter().skip(start).filter_map(|index| self.row(*index)).take_while(move |row| &*row.name == name)
    }

    /// The row of that name that `owner` exports.
    pub fn owned_by<'a>(&'a self, owner: &'a str, name: &'a str) -> Option<&'a KernelExport> {
        self.named(name).find(move |row| self.owner(row) == owner)
    }

    /// The row of that name that is built into the kernel.
    pub fn vmlinux<'a>(&'a self, name: &'a str) -> Option<&'a KernelExport> {
        self.owned_by(VMLINUX, name)
    }

    fn row(&self, index: u32) -> Option<&KernelExport> {
        self.rows.get(usize::try_from(index).ok()?)
    }
}
