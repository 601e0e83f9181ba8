//! What is audited: code, with what it exports.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::body::{Body, How};
use super::finding::Hop;
use crate::elf::Symbol;
use crate::graph::{AddressSpace, Spot};
use crate::image::{ModuleElf, TABLES, escaped};
use crate::kernel::{Exports, KernelImage};
use crate::terms::{ExportKind, ExportedSymbol, Namespace};

/// An export of what is audited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// How it is exported.
    pub kind: ExportKind,
    /// Where it begins.
    pub address: u64,
}

/// An object, or a kernel, that is audited.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Its code and data.
    pub space: AddressSpace<'a>,
    /// What it exports and where that is.
    pub exports: Vec<Export>,
    /// What its functions do, as far as it was asked for.
    bodies: RwLock<HashMap<u64, Option<Arc<Body>>>>,
}

impl<'a> Subject<'a> {
    /// A module, or an object that is to become one; `None` when its architecture is not known.
    pub fn of_object(elf: &'a ModuleElf) -> Option<Self> {
        let space = AddressSpace::of_object(elf)?;
        let mut exports: Vec<_> = placed_exports(elf)
            .into_iter()
            .map(|(export, section, offset)| Export {
                name: export.name,
                kind: export.kind,
                address: AddressSpace::address(section, offset),
            })
            .collect();
        exports.sort_by(|one, other| one.name.cmp(&other.name));
        Some(Self { exports, space, bodies: RwLock::default() })
    }

    /// A kernel image; `None` when its symbols do not tell where its code lies.
    pub fn of_kernel(image: &'a KernelImage, exports: &Exports) -> Option<Self> {
        let space = AddressSpace::of_kernel(image)?;
        let mut addresses: HashMap<&str, (u64, bool)> = HashMap::with_capacity(space.labels().len());
        for label in space.labels() {
            let known = addresses.entry(&label.name).or_insert((label.address, label.global));
            if label.global && !known.1 {
                *known = (label.address, true);
            }
        }
        let export = |row: crate::kernel::KernelExport<'_>| {
            let (address, _) = addresses.get(row.name)?;
            Some(Export { name: row.name.to_owned(), kind: row.kind?, address: *address })
        };
        let mut exports: Vec<_> = exports.rows().filter_map(export).collect();
        exports.sort_by(|one, other| one.name.cmp(&other.name));
        drop(addresses);
        Some(Self { exports, space, bodies: RwLock::default() })
    }

    /// A reference at an address, in a function or a piece of one that stands elsewhere.
    pub(super) fn hop(&self, function: u64, at: u64, how: How) -> Hop {
        let start = match self.space.function(function) {
            Some((_, end)) if (function..end).contains(&at) => function,
            _ => self.space.covering(at).map_or(function, |piece| piece.address),
        };
        let function = self.name(Spot::Address(start)).unwrap_or_default().to_owned();
        Hop { function, offset: at.wrapping_sub(start), how }
    }

    /// What the function does that begins at an address; read when it is first asked for. `None` where no function is known to.
    pub(super) fn body(&self, address: u64) -> Option<Arc<Body>> {
        if let Some(known) = self.bodies.read().unwrap_or_else(PoisonError::into_inner).get(&address) {
            return known.clone();
        }
        let body = Body::read(&self.space, address).map(Arc::new);
        self.bodies.write().unwrap_or_else(PoisonError::into_inner).insert(address, body.clone());
        body
    }

    /// The export of that name.
    pub fn export(&self, name: &str) -> Option<&Export> {
        let index = self.exports.binary_search_by(|export| (*export.name).cmp(name)).ok()?;
        self.exports.get(index)
    }

    /// The name of what lies at a spot.
    pub fn name(&self, spot: Spot) -> Option<&str> {
        match spot {
            Spot::Address(address) => {
                let label = self.space.names(address).last().or_else(|| self.space.covering(address));
                label.map(|label| &*label.name)
            }
            Spot::Undefined(index) => self.space.undefined().get(index).map(String::as_str),
        }
    }
}

/// What a module or an object exports, each with its section and the offset there: by its tables as the loader takes them, or,
/// before modpost has made those (since 6.5, ddb5cdbafaaa), by the notes that it makes them of.
pub(super) fn placed_exports(elf: &ModuleElf) -> Vec<(ExportedSymbol, usize, u64)> {
    let layout = elf.announced_layout();
    let tables = layout.into_iter().flat_map(|layout| {
        TABLES.iter().filter_map(move |(kind, ..)| elf.export_table(*kind, layout)).flat_map(|table| table.entries)
    });
    // Their kinds as the loader takes them: flags may stand beside the table.
    let listed = tables.zip(elf.exports().iter()).filter_map(|(entry, export)| {
        let (section, offset) = entry.value?;
        Some((export.clone(), section, offset))
    });
    let listed: Vec<_> = listed.collect();
    if listed.is_empty() { noted_exports(elf) } else { listed }
}

/// `.export_symbol` (include/linux/export.h): under a label `__export_symbol_NAME` the licence as a string, the namespace as
/// another, and a pointer to the symbol.
fn noted_exports(elf: &ModuleElf) -> Vec<(ExportedSymbol, usize, u64)> {
    const LABEL: &[u8] = b"__export_symbol_";
    let Some(section) = elf.find_sec(".export_symbol") else { return Vec::new() };
    let contents = elf.contents(section);
    let string = |offset: usize| {
        let rest = contents.get(offset..)?;
        rest.get(..rest.iter().position(|byte| *byte == 0)?)
    };
    let relocations = elf.relocations_of(section.index);
    let noted = |symbol: &Symbol| {
        let name = elf.symbol_name(symbol)?.strip_prefix(LABEL)?;
        let at = (usize::from(symbol.shndx) == section.index).then(|| usize::try_from(symbol.value).ok()).flatten()?;
        let license = string(at)?;
        let namespace = string(at.checked_add(license.len() + 1)?)?;
        let pointer = relocations.iter().find(|relocation| relocation.offset >= symbol.value)?;
        let target = elf.symbols().get(usize::try_from(pointer.symbol).ok()?)?;
        let kind = if license.is_empty() { ExportKind::Plain } else { ExportKind::Gpl };
        let namespace = Namespace::new(&escaped(namespace));
        let offset = target.value.wrapping_add_signed(pointer.addend.unwrap_or_default());
        Some((ExportedSymbol { name: escaped(name), kind, crc: None, namespace }, target.shndx.into(), offset))
    };
    elf.symbols().iter().skip(1).filter_map(noted).collect()
}
