//! Findings about symbols that the module imports: who exports them, their versions and their namespaces.

use crate::kernel::VMLINUX;
use crate::report::compiler_symbols::{CompilerSymbol, explaining};
use crate::report::topic::{Because, Heading, Topic, Wording};
use crate::report::wording::{NameList, all, count};
use crate::terms::{Crc, Namespace, rust_path};
use crate::verdict::{Absent, Cause};

pub(super) const MISSING_SYMBOL: Heading =
    Heading::counted("missing symbol", "missing symbols", include_str!("../explain/missing-symbol.md"));

pub(super) fn missing_symbol(
    topic: &Topic<'_>,
    symbol: &str,
    refused_exporter: Option<&str>,
    (namesake, absent): (Option<&str>, Option<&Absent>),
) -> Wording {
    let Topic { names, module, .. } = topic;
    if let Some(absent) = explaining(symbol, absent) {
        return absent_exporter(topic, absent);
    }
    if let Some(exporter) = refused_exporter {
        let because = Because::but(
            format!("{names} {} exported by {exporter}", names.is()),
            format!("the kernel refused to load {exporter} before"),
        );
        return Wording::new(
            because,
            format!("first get {exporter} loaded: what the kernel says about {exporter} is the cause of this too"),
        );
    }
    let release = topic.kernel.called();
    let them = names.pick("it", "them");
    if let Some(known) = CompilerSymbol::of(symbol) {
        let because = Because::but(
            format!("{module} needs {names}, {}", known.purpose),
            format!("{release} does not export {them}, and no module does"),
        );
        return Wording::new(because, known.fix);
    }
    let names = in_rust(names);
    if let Some(namesake) = namesake {
        let because = Because::but(
            format!("{module} needs {names}"),
            format!(
                "{release} exports the same {} of a crate of another hash (such as {namesake}): {module} was built with another rustc, \
                 or against another libcore",
                topic.names.pick("path", "paths")
            ),
        );
        let fix = format!(
            "build it with the compiler that CONFIG_RUSTC_VERSION_TEXT in the kernel's configuration names, against the crates in its \
             headers directory: {}",
            topic.kernel.build()
        );
        return Wording::new(because, fix);
    }
    let because = Because::but(
        format!("{module} needs {names}"),
        format!("neither {release} nor a module loaded before exports {them}"),
    );
    Wording::new(
        because,
        format!(
            "load the module that exports {them} first, if there is one; if none does, {release} has dropped or renamed {them}, or \
             has the option that brings {them} switched off: use a version of {module} made for it"
        ),
    )
}

/// The names, with the path behind those that Rust has mangled.
fn in_rust(names: &NameList<'_>) -> String {
    let texts: Vec<String> = names.names().map(with_path).collect();
    all(&texts)
}

/// A name, with the path behind it if Rust has mangled it.
fn with_path(name: &str) -> String {
    rust_path(name).map_or_else(|| name.to_owned(), |path| format!("{name} ({path})"))
}

/// The exporter is a module that the kernel's tree does not give.
fn absent_exporter(topic: &Topic<'_>, absent: &Absent) -> Wording {
    let Topic { names, module, .. } = topic;
    let release = topic.kernel.in_paths();
    let install = format!(
        "install the package of {release} that has it (linux-modules-extra-{release} on Ubuntu, kernel-modules-extra on Fedora and \
         RHEL, the full image instead of a cloud image on Debian), then load {module} again"
    );
    match absent {
        Absent::Shadowed { file, by } => Wording::new(
            Because::but(
                format!("{names} {} exported by {file}", names.is()),
                format!(
                    "modprobe does not load that file: {by} has the same name and counts first, and does not export {}",
                    names.pick("it", "them")
                ),
            ),
            format!("remove {by}, or install all modules of that vendor that belong together, then run depmod"),
        ),
        Absent::NotInstalled { module: exporter, tree } => Wording::new(
            Because::but(
                format!("{names} {} exported by {exporter}, a module of this kernel", names.is()),
                format!("{exporter} is not installed in {tree}"),
            ),
            install,
        ),
        Absent::Damaged { file, damage } => Wording::new(
            Because::but(
                format!("{names} {} exported by {file}", names.is()),
                format!("that file is damaged ({damage}), and the kernel refuses it"),
            ),
            format!("install or build {file} again, then load {module} again"),
        ),
        Absent::PerhapsDamaged { files, first, damage } => {
            let others = match files - 1 {
                0 => "it".to_owned(),
                others => format!("it or another of the {} that are damaged, too,", count(others, "file", "files")),
            };
            Wording::new(
                Because::but(
                    format!("{module} needs {names}"),
                    format!(
                        "neither {} nor a module loaded before exports {}; {first} is damaged ({damage}), and nothing tells whether \
                         {others} exports {}",
                        topic.kernel.called(),
                        names.pick("it", "them"),
                        names.pick("it", "them"),
                    ),
                ),
                format!("install or build {first} again, then load {module} again"),
            )
        }
        Absent::PerhapsNotInstalled { files, first, tree } => Wording::new(
            Because::but(
                format!("{module} needs {names}"),
                format!(
                    "neither {} nor a module of {tree} exports {}; {} that modules.order lists {} not installed, for example {first}",
                    topic.kernel.called(),
                    names.pick("it", "them"),
                    count(*files, "module", "modules"),
                    if *files == 1 { "is" } else { "are" },
                ),
            ),
            format!(
                "if a module that modules.order lists and {tree} lacks exports {}, {install}",
                names.pick("it", "them")
            ),
        ),
    }
}

pub(super) const EXPORTER_NOT_LOADED: Heading = Heading::counted(
    "symbol of a module not loaded",
    "symbols of modules not loaded",
    include_str!("../explain/exporter-not-loaded.md"),
);

pub(super) fn exporter_not_loaded(topic: &Topic<'_>, exporter: &str, absent: Option<&Absent>) -> Wording {
    let Topic { names, module, .. } = topic;
    if let Some(absent) = absent {
        return absent_exporter(topic, absent);
    }
    Wording::new(
        Because::but(format!("{names} {} exported by {exporter}", names.is()), format!("{exporter} is not loaded")),
        format!("load it first: modprobe {exporter} (modprobe {module} does both once depmod has seen the modules)"),
    )
}

pub(super) const EXPORTER_NOT_LIVE: Heading = Heading::counted(
    "symbol of a module that is not live",
    "symbols of a module that is not live",
    include_str!("../explain/exporter-not-live.md"),
);

pub(super) fn exporter_not_live(topic: &Topic<'_>, exporter: &str) -> Wording {
    let names = &topic.names;
    let because = Because::but(
        format!("{names} {} exported by {exporter}", names.is()),
        format!("{exporter} is still starting or already on its way out, and lends no symbols then"),
    );
    Wording::new(
        because,
        format!("wait until {exporter} is Live in /proc/modules, and find out what holds it up if it never is"),
    )
}

pub(super) const SYMBOL_VERSION: Heading = Heading::counted(
    "symbol of another version",
    "symbols of other versions",
    include_str!("../explain/symbol-version.md"),
);

pub(super) fn symbol_version(topic: &Topic<'_>, exporter: &str, wanted: u64, crc: Crc) -> Wording {
    let Topic { names, module, .. } = topic;
    let release = topic.kernel.called();
    let because = if names.one() {
        let place = if exporter == VMLINUX { release.to_owned() } else { format!("{exporter} on {release}") };
        Because::so(
            format!("{names} has version {wanted:#010x} in {module} and {crc} in {place}"),
            "its type, or a type it refers to, has changed since the module was built",
        )
    } else {
        let exporters = NameList::new(exporters(topic), true);
        let symbols = count(names.len(), "symbol", "symbols");
        Because::so(
            format!("{symbols} of {exporters} have another version in {release} than in {module} ({names})"),
            "types they refer to have changed: the module was built against another kernel",
        )
    };
    Wording::new(because, format!("{}; {}", topic.rebuild(), exporters_first(topic)))
}

/// The exporters of symbols whose version differs.
fn exporters<'a>(topic: &Topic<'a>) -> impl Iterator<Item = &'a str> {
    topic.group.iter().filter_map(|finding| match &finding.cause {
        Cause::SymbolVersion { exporter, .. } => Some(&**exporter),
        _ => None,
    })
}

/// What a rebuild needs when the symbols come from modules.
fn exporters_first(topic: &Topic<'_>) -> String {
    let mut modules: Vec<&str> = exporters(topic).filter(|exporter| *exporter != VMLINUX).collect();
    modules.sort_unstable();
    modules.dedup();
    if modules.is_empty() {
        return "forcing it in only moves the failure to run time".to_owned();
    }
    let (are, them) = if modules.len() == 1 { ("is", "it") } else { ("are", "them") };
    format!(
        "if {} {are} not part of the kernel, build {them} first and pass its Module.symvers in KBUILD_EXTRA_SYMBOLS",
        all(&modules)
    )
}

pub(super) const NO_SYMBOL_VERSION: Heading = Heading::counted(
    "symbol without a version",
    "symbols without a version",
    include_str!("../explain/no-symbol-version.md"),
);

pub(super) fn no_symbol_version(topic: &Topic<'_>, fatal: bool) -> Wording {
    let names = &topic.names;
    let why = if fatal {
        format!("{} refuses that (Debian's kernels do; others warn)", topic.kernel.called())
    } else {
        "the kernel warns, once a boot, and goes on without the check".to_owned()
    };
    Wording::new(
        Because::and(format!("{names} {} not in the module's version table", names.is()), why),
        format!("{}; pass the Module.symvers of every other exporter in KBUILD_EXTRA_SYMBOLS", topic.rebuild()),
    )
}

/// A namespace that the module does not import, and how this kernel treats namespaces.
pub(super) struct NamespaceImport<'a> {
    pub namespace: &'a Namespace,
    /// The namespaces that the module imports.
    pub imported: &'a [String],
    /// Whether the kernel wants `MODULE_IMPORT_NS("X")` (since 6.13) instead of `MODULE_IMPORT_NS(X)`.
    pub is_quoted: bool,
    /// Whether the kernel only warns.
    pub is_allowed: bool,
    /// Whether the kernel knows `module:` namespaces.
    pub knows_module_lists: bool,
}

impl NamespaceImport<'_> {
    /// The modules on the list of a `module:` namespace.
    fn module_list(&self) -> Option<&str> {
        self.namespace.module_list().filter(|_| self.knows_module_lists)
    }

    /// Whether the module imports the namespace with the quotes as part of its name.
    fn has_quoted_form(&self) -> bool {
        self.imported.contains(&format!("\"{}\"", self.namespace))
    }

    fn why(&self, module: &str) -> String {
        let namespace = self.namespace;
        if let Some(names) = self.module_list() {
            let names: Vec<&str> = names.split(',').filter(|name| !name.is_empty()).collect();
            return format!("only {} may use it, and this module is {module}", all(&names));
        }
        if self.has_quoted_form() {
            return format!("{module} imports \"{namespace}\" with the quotes as part of the name");
        }
        match self.imported {
            [] => format!("{module} imports no namespace"),
            imported => format!("{module} imports only {}", all(imported)),
        }
    }

    fn fix(&self, topic: &Topic<'_>) -> String {
        let Topic { names, module, .. } = topic;
        let namespace = self.namespace;
        if self.module_list().is_some() {
            return format!(
                "such a namespace cannot be imported: do without {}, or ask the maintainers of the export to name {module} in \
                 its EXPORT_SYMBOL_FOR_MODULES list",
                names.pick("the symbol", "the symbols")
            );
        }
        if self.is_quoted {
            return format!("write MODULE_IMPORT_NS(\"{namespace}\"); in the module's source and rebuild it");
        }
        let also =
            if self.has_quoted_form() { " in place of the quoted form, which is for 6.13 and later" } else { "" };
        format!("write MODULE_IMPORT_NS({namespace}); in the module's source{also} and rebuild it")
    }
}

pub(super) const NAMESPACE_NOT_IMPORTED: Heading = Heading::counted(
    "symbol of a namespace not imported",
    "symbols of a namespace not imported",
    include_str!("../explain/namespace-not-imported.md"),
);

pub(super) fn namespace_not_imported(topic: &Topic<'_>, exporter: &str, import: &NamespaceImport<'_>) -> Wording {
    let names = &topic.names;
    let warns = if import.is_allowed { "; this kernel only warns" } else { "" };
    let because = Because::but(
        format!("{names} {} exported by {exporter} in namespace {}", names.is(), import.namespace),
        import.why(topic.module) + warns,
    );
    Wording::new(because, import.fix(topic))
}

pub(super) const UNUSED_SYMBOL: Heading = Heading::counted(
    "symbol soon to be removed",
    "symbols soon to be removed",
    include_str!("../explain/unused-symbol.md"),
);

pub(super) fn unused_symbol(topic: &Topic<'_>) -> Wording {
    let names = &topic.names;
    let because = Because::and(
        format!("{names} {} exported with EXPORT_UNUSED_SYMBOL", names.is()),
        "the kernel warns that it means to remove the export",
    );
    Wording::new(because, "look for another way: 5.12 removed all such exports")
}

pub(super) const COMMON_SYMBOL: Heading =
    Heading::counted("common symbol", "common symbols", include_str!("../explain/common-symbol.md"));

pub(super) fn common_symbol(topic: &Topic<'_>) -> Wording {
    let names = &topic.names;
    let because = Because::but(
        format!("{names} {} a common symbol, a variable that the compiler left without a place", names.is()),
        "the kernel's loader does not allocate those",
    );
    let them = names.pick("it", "them");
    Wording::new(
        because,
        format!("compile with -fno-common, as the kernel's own make does, or write {them} as static or extern"),
    )
}

pub(super) const SYMBOL_SECTION: Heading =
    Heading::counted("symbol in no section", "symbols in no section", include_str!("../explain/symbol-section.md"));

pub(super) fn symbol_section(topic: &Topic<'_>, shndx: u16, max: usize) -> Wording {
    let names = &topic.names;
    let because = if names.one() {
        Because::but(
            format!("the symbol {names} lies in section {shndx}"),
            format!("the file's last section is {max}: it is damaged, or was edited badly"),
        )
    } else {
        Because::so(
            format!("the symbols {names} lie in sections beyond {max}, the file's last"),
            "the file is damaged, or was edited badly",
        )
    };
    Wording::new(because, "build or fetch the module again")
}
