//! The resolver of symbols a second time, as simply as its rules can be written: `simplify_symbols()`, `resolve_symbol()`,
//! `check_version()` and `verify_exported_symbols()` of kernels from 5.3 to 7.1. It knows nothing of gplok's.

const ENOENT: i32 = 2;
const EPERM: i32 = 1;
const ENOEXEC: i32 = 8;
const EINVAL: i32 = 22;

/// Which table an export is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Plain,
    Gpl,
    GplFuture,
    Unused,
    UnusedGpl,
}

#[derive(Clone, Debug)]
pub struct Export {
    pub symbol: &'static str,
    pub kind: Kind,
    /// Empty for none.
    pub namespace: &'static str,
}

/// What a module states as the version of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Right,
    Wrong,
    Absent,
}

#[derive(Clone, Debug)]
pub struct Import {
    pub symbol: &'static str,
    pub weak: bool,
    pub version: Version,
}

/// The tables of versions that a module carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    None,
    Basic,
    /// The extended ones (6.14) besides.
    Both,
}

#[derive(Clone, Debug)]
pub struct Module {
    pub name: String,
    pub license: &'static str,
    pub imports: Vec<Import>,
    pub import_ns: Vec<&'static str>,
    pub exports: Vec<Export>,
    pub tables: Tables,
}

#[derive(Clone, Debug)]
pub struct Kernel {
    /// Major and minor number; the third is 0.
    pub release: (u32, u32),
    pub modversions: bool,
    pub force_load: bool,
    pub allow_missing: bool,
    pub unused_symbols: bool,
    pub exports: Vec<Export>,
    /// What modules of its tree export that are never loaded: nobody can resolve it.
    pub elsewhere: Vec<Export>,
}

/// What loading a module comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 0 if it loads.
    pub errno: i32,
    /// What the resolver prints.
    pub lines: Vec<String>,
    /// Whether the loaded module is tainted as proprietary.
    pub proprietary: bool,
}

/// A loaded module.
struct Live {
    name: String,
    proprietary: bool,
    exports: Vec<Export>,
}

/// One boot.
pub struct Boot<'k> {
    kernel: &'k Kernel,
    live: Vec<Live>,
    said_no_version: bool,
    said_no_extended_version: bool,
}

/// A module on its way in.
struct Loading {
    proprietary: bool,
    using_gplonly_symbols: bool,
    lines: Vec<String>,
}

impl Kernel {
    /// The tables that this kernel searches, in order.
    fn tables(&self) -> Vec<Kind> {
        let mut tables = vec![Kind::Plain, Kind::Gpl];
        if self.release <= (5, 11) {
            tables.push(Kind::GplFuture);
            if self.unused_symbols {
                tables.extend([Kind::Unused, Kind::UnusedGpl]);
            }
        }
        tables
    }

    /// An object's exports as the kernel goes through them: table by table, each in order of name. Since 7.1 there is one table.
    fn in_order<'a>(&self, exports: &'a [Export]) -> Vec<&'a Export> {
        let tables = self.tables();
        let mut seen: Vec<&Export> = exports.iter().filter(|export| tables.contains(&export.kind)).collect();
        seen.sort_by_key(|export| ((self.release < (7, 1)).then_some(export.kind), export.symbol));
        seen
    }

    fn has_module_namespaces(&self) -> bool {
        self.release >= (6, 19)
    }
}

impl<'k> Boot<'k> {
    pub fn new(kernel: &'k Kernel) -> Self {
        Self { kernel, live: Vec::new(), said_no_version: false, said_no_extended_version: false }
    }

    pub fn load(&mut self, module: &Module) -> Answer {
        let mut loading = Loading {
            proprietary: !is_gpl_compatible(module.license),
            using_gplonly_symbols: false,
            lines: Vec::new(),
        };
        let errno = self.load_module(module, &mut loading);
        if errno == 0 {
            let live =
                Live { name: module.name.clone(), proprietary: loading.proprietary, exports: module.exports.clone() };
            self.live.push(live);
        }
        Answer { errno, lines: loading.lines, proprietary: errno == 0 && loading.proprietary }
    }

    fn load_module(&mut self, module: &Module, loading: &mut Loading) -> i32 {
        // The version of `module_layout`: a module without any table is loaded by force, or not.
        if self.kernel.modversions && module.tables == Tables::None && !self.kernel.force_load {
            return ENOEXEC;
        }
        if self.kernel.has_module_namespaces() {
            for namespace in &module.import_ns {
                if namespace.starts_with("module:") {
                    loading
                        .lines
                        .push(format!("{}: module tries to import module namespace: {namespace}", module.name));
                    return EPERM;
                }
            }
        }
        let mut errno = 0;
        for import in &module.imports {
            let result = match self.resolve_symbol(module, import, loading) {
                Ok(true) => continue,
                Ok(false) if import.weak || self.is_ignored(import.symbol) => continue,
                Ok(false) => ENOENT,
                Err(errno) => errno,
            };
            loading.lines.push(format!("{}: Unknown symbol {} (err -{result})", module.name, import.symbol));
            errno = result;
        }
        if errno != 0 {
            return errno;
        }
        for export in self.kernel.in_order(&module.exports) {
            if let Some((owner, _)) = self.find_symbol(export.symbol, true) {
                let owner = owner.map_or("kernel", |live| &live.name);
                let symbol = export.symbol;
                loading.lines.push(format!("{}: exports duplicate symbol {symbol} (owned by {owner})", module.name));
                return ENOEXEC;
            }
        }
        0
    }

    /// The owner of an export, `None` for the kernel itself, and the export.
    fn find_symbol(&self, symbol: &str, gplok: bool) -> Option<(Option<&Live>, &Export)> {
        let kernel = [(None, &self.kernel.exports)];
        let modules = self.live.iter().rev().map(|live| (Some(live), &live.exports));
        for (owner, exports) in kernel.into_iter().chain(modules) {
            for export in self.kernel.in_order(exports) {
                let is_hidden = !gplok && matches!(export.kind, Kind::Gpl | Kind::UnusedGpl);
                if export.symbol == symbol && !is_hidden {
                    return Some((owner, export));
                }
            }
        }
        None
    }

    /// Whether there is such a symbol for the module; else the errno.
    fn resolve_symbol(&mut self, module: &Module, import: &Import, loading: &mut Loading) -> Result<bool, i32> {
        let (name, symbol) = (&module.name, import.symbol);
        let Some((owner, export)) = self.find_symbol(symbol, !loading.proprietary) else { return Ok(false) };
        let export = export.clone();
        if export.kind == Kind::GplFuture && loading.proprietary {
            loading.lines.push(format!(
                "Symbol {symbol} is being used by a non-GPL module, which will not be allowed in the future"
            ));
        }
        if matches!(export.kind, Kind::Unused | Kind::UnusedGpl) {
            loading.lines.push(format!("Symbol {symbol} is marked as UNUSED, however this module is using it."));
            loading.lines.push("This symbol will go away in the future.".to_owned());
            loading.lines.push(
                "Please evaluate if this is the right api to use and if it really is, submit a report to the linux kernel \
                 mailing list together with submitting your code for inclusion."
                    .to_owned(),
            );
        }
        if matches!(export.kind, Kind::Gpl | Kind::UnusedGpl) {
            loading.using_gplonly_symbols = true;
        }
        if let Some(owner) = owner.filter(|owner| owner.proprietary && self.kernel.release >= (5, 9)) {
            let symbols =
                if self.kernel.release >= (5, 19) { format!("symbols {symbol}") } else { "symbols".to_owned() };
            let owner = &owner.name;
            if loading.using_gplonly_symbols {
                let line =
                    format!("{name}: module using GPL-only symbols uses {symbols} from proprietary module {owner}.");
                loading.lines.push(line);
                return Ok(false);
            }
            if !loading.proprietary {
                let line = format!("{name}: module uses {symbols} from proprietary module {owner}, inheriting taint.");
                loading.lines.push(line);
                loading.proprietary = true;
            }
        }
        self.check_version(module, import, loading)?;
        self.verify_namespace(module, &export, loading)?;
        Ok(true)
    }

    fn check_version(&mut self, module: &Module, import: &Import, loading: &mut Loading) -> Result<(), i32> {
        if !self.kernel.modversions || module.tables == Tables::None {
            return Ok(());
        }
        let is_extended = module.tables == Tables::Both && self.kernel.release >= (6, 14);
        match import.version {
            Version::Right => Ok(()),
            Version::Wrong => {
                loading.lines.push(format!("{}: disagrees about version of symbol {}", module.name, import.symbol));
                Err(EINVAL)
            }
            Version::Absent => {
                let (said, kind) = match is_extended {
                    true => (&mut self.said_no_extended_version, "extended symbol"),
                    false => (&mut self.said_no_version, "symbol"),
                };
                if !std::mem::replace(said, true) {
                    loading.lines.push(format!("{}: no {kind} version for {}", module.name, import.symbol));
                }
                Ok(())
            }
        }
    }

    fn verify_namespace(&self, module: &Module, export: &Export, loading: &mut Loading) -> Result<(), i32> {
        let namespace = export.namespace;
        if self.kernel.release < (5, 4) || namespace.is_empty() {
            return Ok(());
        }
        let names = namespace.strip_prefix("module:").filter(|_| self.kernel.has_module_namespaces());
        if names.is_some_and(|names| names.split(',').any(|pattern| is_for(pattern, &module.name))) {
            return Ok(());
        }
        if module.import_ns.contains(&namespace) {
            return Ok(());
        }
        loading.lines.push(format!(
            "{}: module uses symbol ({}) from namespace {namespace}, but does not import it.",
            module.name, export.symbol
        ));
        if self.kernel.allow_missing { Ok(()) } else { Err(EINVAL) }
    }

    fn is_ignored(&self, symbol: &str) -> bool {
        symbol == "_GLOBAL_OFFSET_TABLE_" && self.kernel.release >= (5, 12)
    }
}

fn is_gpl_compatible(license: &str) -> bool {
    ["GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"].contains(&license)
}

/// Whether a pattern of a namespace such as `module:foo,bar-*` is for a module. `-` and `_` are equal.
fn is_for(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.replace('-', "_"), name.replace('-', "_"));
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => !pattern.is_empty() && name == pattern,
    }
}
