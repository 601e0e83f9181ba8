//! Imports that resolve whatever else is loaded: most imports of most modules.

use crate::image::{LooseSymbol, as_text, escaped, is_plain};
use crate::kernel::Exports;
use crate::load::state::Info;
use crate::terms::{Crc, ExportKind, HashedName};

/// The imports of a module, divided by whether resolving them depends on anything but the file and the kernel.
///
/// A simple import is exported by the kernel itself, plainly or GPL-only, in no namespace, and in the very version that the
/// module wants. It resolves for every module that is not proprietary.
#[derive(Debug, Default)]
pub(crate) struct SimpleImports {
    /// The positions of all loose symbols that are not simple imports, in order.
    pub(in crate::load) others: Vec<usize>,
    /// The first simple import that is GPL-only.
    pub(in crate::load) gpl_only: Option<(usize, String)>,
    /// The positions of the undefined symbols that the kernel itself does not export, in order.
    pub(crate) foreign: Vec<usize>,
}

/// How many names are looked up at the same time.
const AT_ONCE: usize = 16;

impl SimpleImports {
    pub(in crate::load) fn of(info: &Info, exports: &Exports, modversions: bool) -> Self {
        let versions = info.vers_ext.as_ref().or(info.vers.as_ref());
        let is_wanted_version = |name: HashedName<'_>, crc: Option<Crc>| {
            !modversions || versions.zip(crc).is_some_and(|(all, crc)| all.get_hashed(name) == Some(u64::from(crc.0)))
        };
        let is_foreign =
            |loose: &LooseSymbol| info.elf.loose_name(loose).is_some_and(|name| !exports.in_vmlinux(&as_text(name)));
        let mut simple = Self::default();
        let mut position = 0;
        for chunk in info.elf.loose_symbols().chunks(AT_ONCE) {
            let mut names = [&[][..]; AT_ONCE];
            for (name, loose) in names.iter_mut().zip(chunk) {
                let undefined = if loose.is_undefined() { info.elf.loose_name(loose) } else { None };
                *name = undefined.filter(|name| is_plain(name)).unwrap_or_default();
            }
            let names = names.map(HashedName::from);
            exports.look_ahead(&names);
            for (hashed, loose) in names.into_iter().zip(chunk) {
                let mut rows = exports.own_rows(hashed);
                let (first, second) = (rows.next(), rows.next());
                let row = first.filter(|_| second.is_none());
                let simply = row.filter(|row| !row.in_namespace && is_wanted_version(hashed, row.crc));
                match simply.and_then(|row| row.kind) {
                    Some(ExportKind::Plain) => {}
                    Some(ExportKind::Gpl) => {
                        simple.gpl_only.get_or_insert_with(|| (position, escaped(hashed.name)));
                    }
                    _ => {
                        simple.others.push(position);
                        if loose.is_undefined() && first.is_none() && (!hashed.name.is_empty() || is_foreign(loose)) {
                            simple.foreign.push(position);
                        }
                    }
                }
                position += 1;
            }
        }
        simple.others.shrink_to_fit();
        simple.foreign.shrink_to_fit();
        simple
    }
}
