//! Kernel images: small ones of every layout, in every container, read back.

#[cfg(feature = "cli")]
mod beside;
mod containers;
pub mod forms;
mod hostile;
mod judged;
pub mod kallsyms;
mod layouts;
pub mod parts;
mod room;
mod struct_module;
mod type_information;
pub mod types;
pub mod vmlinux;

use std::path::Path;

use gplok::kernel::{Exports, KernelImage};
use gplok::terms::ExportKind;

use vmlinux::Vmlinux;

/// Name, kind, version, namespace.
type Row = (String, ExportKind, u32, String);

/// What a list tells of each export, in order of name.
fn rows(exports: &Exports) -> Vec<Row> {
    let row = |row: gplok::kernel::KernelExport<'_>| {
        let namespace = row.namespace.map_or_else(String::new, |namespace| namespace.as_str().to_owned());
        (row.name.to_owned(), row.kind.expect("a kind"), row.crc.expect("a version").0, namespace)
    };
    let mut rows: Vec<_> = exports.rows().map(row).collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows
}

#[track_caller]
fn read(bytes: Vec<u8>) -> KernelImage {
    KernelImage::from_bytes(Path::new("vmlinuz"), bytes).unwrap_or_else(|error| panic!("{error}"))
}

/// The image of a kernel tells all its exports, and what it calls itself.
#[track_caller]
fn same(kernel: &Vmlinux, bytes: Vec<u8>, what: &str) -> KernelImage {
    let image = KernelImage::from_bytes(Path::new("vmlinuz"), bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
    let exports = image.exports().unwrap_or_else(|error| panic!("{what}: {error}"));
    let (found, wanted) = (rows(exports), kernel.rows());
    assert_eq!(found.len(), wanted.len(), "{what}");
    found.into_iter().zip(wanted).for_each(|(found, wanted)| assert_eq!(found, wanted, "{what}"));
    assert_eq!(exports.modversions(), Some(kernel.crcs != vmlinux::Crcs::None), "{what}");
    assert_eq!(image.release().map(|release| release.to_string()).as_deref(), Some(kernel.release.as_str()), "{what}");
    assert_eq!(image.vermagic(), kernel.vermagic.as_deref(), "{what}");
    assert_eq!(image.arch(), Some(kernel.arch), "{what}");
    image
}
