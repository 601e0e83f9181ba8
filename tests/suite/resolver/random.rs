//! Kernels and modules that look random, and are the same for the same seed.

use super::model::{Export, Import, Kernel, Kind, Module, Tables, Version};

/// Few names, so that they meet; some begin as others do, because tables are searched by halves.
const SYMBOLS: [&str; 10] = ["a", "aa", "ab", "b", "b_", "c", "kick", "kick_gpl", "z", "_GLOBAL_OFFSET_TABLE_"];
const NAMES: [&str; 6] = ["foo", "bar", "kvm_amd", "kvm-intel", "fo", "vmm"];
const NAMESPACES: [&str; 8] =
    ["NS", "ns", "module:foo", "module:kvm-amd,bar", "module:kvm_*", "module:", "module:,*", "OTHER"];
const LICENSES: [&str; 8] =
    ["GPL", "GPL", "GPL v2", "Dual BSD/GPL", "Proprietary", "Proprietary", "GPL-2.0", "Dual MPL/GPL"];
const RELEASES: [(u32, u32); 15] = [
    (5, 3),
    (5, 5),
    (5, 8),
    (5, 9),
    (5, 11),
    (5, 12),
    (5, 17),
    (5, 19),
    (6, 3),
    (6, 4),
    (6, 12),
    (6, 14),
    (6, 19),
    (7, 0),
    (7, 1),
];

/// A kernel, and the modules of a few boots.
pub struct Scene {
    pub kernel: Kernel,
    pub boots: Vec<Vec<Module>>,
}

/// xorshift64*.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit as u64) as usize
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Some of the symbols, in any order.
    fn symbols(&mut self, most: usize) -> Vec<&'static str> {
        let mut symbols = SYMBOLS.to_vec();
        let count = self.below(most + 1);
        (0..count).map(|_| symbols.swap_remove(self.below(symbols.len()))).collect()
    }
}

impl Scene {
    pub fn new(seed: u64) -> Self {
        let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let release = numbers.pick(&RELEASES);
        let mut kernel = Kernel {
            release,
            modversions: numbers.one_in(2),
            force_load: numbers.one_in(2),
            allow_missing: release >= (5, 4) && numbers.one_in(6),
            unused_symbols: release <= (5, 11) && numbers.one_in(2),
            exports: Vec::new(),
            elsewhere: Vec::new(),
        };
        kernel.exports = exports(&mut numbers, &kernel, &[], 5);
        kernel.elsewhere = exports(&mut numbers, &kernel, &[], 2);
        let own = &kernel.exports;
        kernel.elsewhere.retain(|export| own.iter().all(|other| other.symbol != export.symbol));
        let boots = (0..6).map(|_| boot(&mut numbers, &kernel)).collect();
        Self { kernel, boots }
    }
}

fn boot(numbers: &mut Numbers, kernel: &Kernel) -> Vec<Module> {
    let mut names = NAMES.to_vec();
    let count = 1 + numbers.below(5);
    (0..count)
        .map(|_| {
            let name = names.swap_remove(numbers.below(names.len()));
            module(numbers, kernel, name)
        })
        .collect()
}

fn module(numbers: &mut Numbers, kernel: &Kernel, name: &str) -> Module {
    let imported = numbers.symbols(5);
    let versions = [Version::Right, Version::Right, Version::Right, Version::Right, Version::Wrong, Version::Absent];
    let imports = imported.iter().map(|symbol| Import {
        symbol,
        weak: numbers.one_in(4),
        version: if kernel.modversions { numbers.pick(&versions) } else { Version::Right },
    });
    let imports = imports.collect();
    let namespaces = numbers.below(3);
    Module {
        // `struct module` has the name with underscores.
        name: name.replace('-', "_"),
        license: numbers.pick(&LICENSES),
        imports,
        import_ns: (0..namespaces).map(|_| namespace(numbers)).collect(),
        exports: exports(numbers, kernel, &imported, 3),
        tables: match numbers.below(8) {
            _ if !kernel.modversions => Tables::Basic,
            0 => Tables::None,
            1 | 2 => Tables::Both,
            _ => Tables::Basic,
        },
    }
}

fn exports(numbers: &mut Numbers, kernel: &Kernel, imported: &[&str], most: usize) -> Vec<Export> {
    let mut symbols = numbers.symbols(most);
    // A module defines what it exports, so it does not import it; nobody exports the other one.
    symbols.retain(|symbol| !imported.contains(symbol) && *symbol != "_GLOBAL_OFFSET_TABLE_");
    let kinds: &[Kind] = match kernel.release <= (5, 11) {
        true => &[Kind::Plain, Kind::Plain, Kind::Gpl, Kind::GplFuture, Kind::Unused, Kind::UnusedGpl],
        false => &[Kind::Plain, Kind::Gpl],
    };
    let export = |symbol| Export {
        symbol,
        kind: numbers.pick(kinds),
        namespace: if kernel.release >= (5, 4) && numbers.one_in(3) { namespace(numbers) } else { "" },
    };
    symbols.into_iter().map(export).collect()
}

/// Namespaces of ordinary names are the more frequent ones.
fn namespace(numbers: &mut Numbers) -> &'static str {
    let among = if numbers.one_in(3) { NAMESPACES.len() } else { 2 };
    numbers.pick(&NAMESPACES[..among])
}
