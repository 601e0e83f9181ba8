//! What is audited: the code of an object or of a kernel, and what it exports.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::body::{Body, How};
use super::finding::Hop;
use crate::elf::{Relocation, Symbol};
use crate::graph::{AddressSpace, Spot};
use crate::image::{ModuleElf, TABLES, escaped};
use crate::kernel::{Exports, KernelImage};
use crate::terms::{ExportKind, ExportedSymbol, Namespace};

/// An export, with its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// How it is exported.
    pub kind: ExportKind,
    /// Its address in the subject's address space.
    pub address: u64,
}

/// The code of an object or of a kernel that is audited.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Its code and data.
    pub space: AddressSpace<'a>,
    /// What it exports, in order of name.
    pub exports: Vec<Export>,
    /// What its functions do, by address; each is read when it is first needed.
    bodies: RwLock<HashMap<u64, Option<Arc<Body>>>>,
}

impl<'a> Subject<'a> {
    /// The code of a module, or of an object that will be linked into one; `None` when its architecture is unknown.
    pub fn of_object(elf: &'a ModuleElf) -> Option<Self> {
        let space = AddressSpace::of_object(elf)?;
        let mut exports = Vec::new();
        for (export, section, offset) in placed_exports(elf) {
            let address = AddressSpace::address(section, offset);
            exports.push(Export { name: export.name, kind: export.kind, address });
        }
        exports.sort_by(|one, other| one.name.cmp(&other.name));
        Some(Self { exports, space, bodies: RwLock::default() })
    }

    /// The code of a kernel image; `None` when its symbols do not tell where its code lies.
    pub fn of_kernel(image: &'a KernelImage, exports: &Exports) -> Option<Self> {
        let space = AddressSpace::of_kernel(image)?;
        // Of several symbols with one name, a global one counts before a static one, and the first before the others.
        let mut addresses: HashMap<&str, (u64, bool)> = HashMap::with_capacity(space.labels().len());
        for label in space.labels() {
            let known = addresses.entry(&label.name).or_insert((label.address, label.global));
            if label.global && !known.1 {
                *known = (label.address, true);
            }
        }
        let mut placed = Vec::new();
        for row in exports.rows() {
            if let (Some((address, _)), Some(kind)) = (addresses.get(row.name), row.kind) {
                placed.push(Export { name: row.name.to_owned(), kind, address: *address });
            }
        }
        drop(addresses);
        placed.sort_by(|one, other| one.name.cmp(&other.name));
        Some(Self { exports: placed, space, bodies: RwLock::default() })
    }

    /// The hop of a reference at an address, which lies in the function that begins at `function` or in a cold piece of
    /// it.
    pub(super) fn hop(&self, function: u64, at: u64, how: How) -> Hop {
        let start = match self.space.function(function) {
            Some((_, end)) if (function..end).contains(&at) => function,
            _ => self.space.covering(at).map_or(function, |piece| piece.address),
        };
        let function = self.name(Spot::Address(start)).unwrap_or_default().to_owned();
        Hop { function, offset: at.wrapping_sub(start), how }
    }

    /// What the function that begins at an address does; `None` if no known function begins there.
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

    /// The name of the function or data at a spot.
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

/// What a module or an object exports, each with its section and the offset in it.
///
/// Modules have the export tables that the loader reads. Objects have none before modpost (since 6.5, ddb5cdbafaaa):
/// their exports come from the notes in `.export_symbol` that modpost makes the tables of.
pub(super) fn placed_exports(elf: &ModuleElf) -> Vec<(ExportedSymbol, usize, u64)> {
    let layout = elf.announced_layout();
    let tables = layout.into_iter().flat_map(|layout| {
        TABLES.iter().filter_map(move |(kind, ..)| elf.export_table(*kind, layout)).flat_map(|table| table.entries)
    });
    // The kind comes from the export as the loader reads it, because flags may lie outside of the table.
    let listed = tables.zip(elf.exports().iter()).filter_map(|(entry, export)| {
        let (section, offset) = entry.value?;
        Some((export.clone(), section, offset))
    });
    let listed: Vec<_> = listed.collect();
    if listed.is_empty() { noted_exports(elf) } else { listed }
}

/// The exports in `.export_symbol` (include/linux/export.h): at each label `__export_symbol_NAME`, the license as a
/// string, the namespace as a string, and a pointer to the symbol.
fn noted_exports(elf: &ModuleElf) -> Vec<(ExportedSymbol, usize, u64)> {
    let Some(section) = elf.find_sec(".export_symbol") else { return Vec::new() };
    let relocations = elf.relocations_of(section.index);
    let labels = elf.symbols().iter().skip(1).filter(|symbol| usize::from(symbol.shndx) == section.index);
    labels.filter_map(|label| noted_export(elf, elf.contents(section), &relocations, label)).collect()
}

/// The export at one label in `.export_symbol`; `None` if the symbol is no such label, or if its note is broken.
fn noted_export(
    elf: &ModuleElf,
    contents: &[u8],
    relocations: &[Relocation],
    label: &Symbol,
) -> Option<(ExportedSymbol, usize, u64)> {
    let name = elf.symbol_name(label)?.strip_prefix(b"__export_symbol_")?;
    let at = usize::try_from(label.value).ok()?;
    let license = string_at(contents, at)?;
    let namespace = string_at(contents, at.checked_add(license.len() + 1)?)?;
    let pointer = relocations.iter().find(|relocation| relocation.offset >= label.value)?;
    let target = elf.symbols().get(usize::try_from(pointer.symbol).ok()?)?;
    let kind = if license.is_empty() { ExportKind::Plain } else { ExportKind::Gpl };
    let namespace = Namespace::new(&escaped(namespace));
    let offset = target.value.wrapping_add_signed(pointer.addend.unwrap_or_default());
    Some((ExportedSymbol { name: escaped(name), kind, crc: None, namespace }, target.shndx.into(), offset))
}

fn string_at(contents: &[u8], offset: usize) -> Option<&[u8]> {
    let rest = contents.get(offset..)?;
    rest.get(..rest.iter().position(|byte| *byte == 0)?)
}
