//! The facts about a kernel: each in short, with its source, or with the argument that supplies it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::entry::KernelSummary;
use super::exports::exporters;
use super::missing::add_image;
use super::missing::remedy;
use super::palette::Palette;
use super::printable::Printable;
use super::wording::{count, fact_title, list};
use crate::history::struct_module_size;
use crate::kernel::{Config, ConfigOption, Exports, Fact, Kernel, KernelExport, KernelImage};
use crate::terms::KernelRelease;
use crate::verdict::Missing;

/// How many certificates a line names.
const NAMES: usize = 3;

/// The facts about a kernel, as a document of the schema.
#[derive(Clone, Debug, Serialize)]
pub struct FactsDocument<'a> {
    schema: &'static str,
    kernel: &'a KernelSummary,
    facts: Vec<FactLine>,
}

/// One fact.
#[derive(Clone, Debug, Serialize)]
struct FactLine {
    fact: Fact,
    value: Option<String>,
    source: Option<String>,
    remedy: Option<String>,
}

/// The document of `exports --evidence`.
pub fn facts_document<'a>(kernel: &Kernel, summary: &'a KernelSummary) -> FactsDocument<'a> {
    FactsDocument { schema: super::json::SCHEMA, kernel: summary, facts: lines(kernel, summary) }
}

/// The facts as text, one line each.
pub fn human_facts(kernel: &Kernel, summary: &KernelSummary, palette: &Palette) -> Printable {
    let lines = lines(kernel, summary);
    let known = lines.iter().filter(|line| line.value.is_some()).count();
    let all = count(lines.len(), "fact", "facts");
    let mut text = Printable::from_line(format_args!("{}: {known} of {all} are known", summary.called()));
    for FactLine { fact, value, source, remedy } in lines {
        let is_given = value.is_some() && matches!(fact, Fact::Release | Fact::Version | Fact::Arch);
        let title = format!("{:<20}", fact_title(fact));
        text.text("  ").painted(palette, palette.label, title).text("  ");
        match value {
            Some(value) => text.text(value),
            None => {
                let remedy = remedy.unwrap_or_default();
                text.painted(palette, palette.answer_unknown, "not known").text(format_args!(": {remedy}"))
            }
        };
        if let Some(source) = source.or_else(|| is_given.then(|| "as given".to_owned())) {
            text.painted(palette, palette.dim, format_args!("  [{source}]"));
        }
        text.end();
    }
    text
}

fn lines(kernel: &Kernel, summary: &KernelSummary) -> Vec<FactLine> {
    // Most kernels have no modules from outside, and nothing has to be supplied then.
    let is_listed = |fact: &Fact| *fact != Fact::OutsideExports || kernel.outside_exports().next().is_some();
    Fact::ALL.into_iter().filter(is_listed).map(|fact| FactLine::new(fact, kernel, summary)).collect()
}

impl FactLine {
    fn new(fact: Fact, kernel: &Kernel, summary: &KernelSummary) -> Self {
        let value = value(fact, kernel);
        let sources: Vec<_> = kernel.sources(fact).iter().map(|source| source.to_string_lossy().into_owned()).collect();
        let source = value.as_ref().filter(|_| !sources.is_empty()).map(|_| sources.join(", "));
        let remedy = value.is_none().then(|| supply(fact, kernel, summary));
        Self { fact, value, source, remedy }
    }
}

/// The value of a fact in short; `None` if it is not known.
fn value(fact: Fact, kernel: &Kernel) -> Option<String> {
    let exports = kernel.exports();
    match fact {
        Fact::Release => kernel.release().map(KernelRelease::to_string),
        Fact::Version => kernel.version().map(|version| version.to_string()),
        Fact::Arch => kernel.arch().map(|arch| match arch.machine.is_modelled() {
            true => arch.to_string(),
            false => format!("{arch}, whose kernels are not modelled"),
        }),
        Fact::Config => kernel.config().map(|config| {
            let set = count(config.settings(), "option is set", "options are set");
            if config.is_whole() { set } else { format!("{set}; a fragment, which says nothing of other options") }
        }),
        Fact::Modversions => kernel.modversions().map(|checked| if checked { "checked" } else { "not checked" }.into()),
        Fact::Exports => {
            let rows: Vec<_> = exports?.rows().collect();
            Some(format!("{}: {}", count(rows.len(), "symbol", "symbols"), exporters(&rows)))
        }
        Fact::OutsideExports => {
            let rows: Vec<_> = kernel.outside_exports().flat_map(Exports::rows).collect();
            Some(format!("{}: {}", count(rows.len(), "symbol", "symbols"), exporters(&rows)))
        }
        Fact::Kinds => of_rows(exports?, |row| row.kind.is_some()),
        Fact::Crcs if exports?.modversions() == Some(true) => of_rows(exports?, |row| row.crc.is_some()),
        Fact::Crcs => {
            let config = kernel.config().filter(|config| config.state(ConfigOption("MODVERSIONS")) == Some(false));
            config.map(|_| "symbols have none".into())
        }
        Fact::Namespaces => {
            let known = exports.filter(|exports| !exports.is_names_only())?;
            let rows = known.rows().filter_map(|row| row.namespace).collect::<Vec<_>>();
            let names = rows.iter().collect::<BTreeSet<_>>();
            let symbols = count(rows.len(), "symbol", "symbols");
            Some(if rows.is_empty() {
                "no symbol is in one".into()
            } else {
                format!("{symbols} in {}", count(names.len(), "namespace", "namespaces"))
            })
        }
        Fact::Modules => modules(kernel),
        Fact::Licenses => Some(format!("in the files of {}", modules(kernel)?)),
        Fact::Builtin => kernel.builtin().map(|names| count(names.len(), "name", "names")),
        Fact::Vermagic => kernel.vermagic().map(|vermagic| vermagic.trim_end().to_owned()),
        Fact::StructModuleSize => {
            if let Some(size) = kernel.struct_module_size() {
                return Some(format!("{size} bytes"));
            }
            let size = struct_module_size(kernel.release()?, kernel.arch()?, kernel.module_layout())?;
            Some(format!("{size} bytes, as measured on this build"))
        }
        Fact::Certificates => {
            let certificates = kernel.certificates()?;
            let names: Vec<_> = certificates.iter().map(ToString::to_string).collect();
            Some(format!("{}: {}", count(names.len(), "certificate", "certificates"), list(&names, NAMES)))
        }
        Fact::Symbols => kernel.symbols().map(|symbols| count(symbols.len(), "symbol", "symbols")),
        Fact::Image => kernel.boot_image().map(image),
        Fact::Headers => kernel.has_headers().then(|| count(kernel.header_files(), "file", "files")),
        Fact::Packages => Some(kernel.packages().join(", ")).filter(|packages| !packages.is_empty()),
    }
}

/// `2500 modules`: the kernel's own modules.
fn modules(kernel: &Kernel) -> Option<String> {
    Some(count(kernel.tree()?.modules().len(), "module", "modules"))
}

/// `of 12 of 30 symbols`: for how many exports something is known; `None` if for none.
fn of_rows(exports: &Exports, known: impl Fn(&KernelExport<'_>) -> bool) -> Option<String> {
    let number = exports.rows().filter(known).count();
    let all = exports.rows().len();
    match number {
        0 => None,
        _ if number == all => Some(format!("of all {}", count(all, "symbol", "symbols"))),
        _ => Some(format!("of {number} of {}", count(all, "symbol", "symbols"))),
    }
}

/// The containers of an image, the outermost first, and the size of the kernel in them.
fn image(image: &KernelImage) -> String {
    let containers: Vec<_> = image.containers().iter().map(ToString::to_string).collect();
    let form = if containers.is_empty() { String::new() } else { format!("{}: ", containers.join(", ")) };
    format!("{form}{} bytes of kernel", image.size())
}

/// The argument that supplies a fact.
fn supply(fact: Fact, kernel: &Kernel, summary: &KernelSummary) -> String {
    let missing = match fact {
        Fact::Release | Fact::Version => Missing::Release,
        Fact::Arch => Missing::Arch,
        Fact::Config | Fact::Modversions => Missing::Config(ConfigOption("MODVERSIONS")),
        Fact::Kinds if kernel.exports().is_some() => Missing::ExportKind(String::new()),
        Fact::Exports | Fact::OutsideExports | Fact::Kinds | Fact::Crcs | Fact::Namespaces => Missing::Exports,
        Fact::Modules | Fact::Licenses | Fact::Builtin | Fact::StructModuleSize => Missing::StructModuleSize,
        Fact::Vermagic if kernel.config().is_some_and(Config::is_whole) && kernel.release().is_some() => {
            return "put together of release and configuration as far as they tell it; the kernel's own modules show it".into();
        }
        Fact::Vermagic => Missing::Vermagic,
        Fact::Certificates => Missing::Certificates,
        Fact::Headers => return "add its headers, -k linux-headers-….deb or their directory".into(),
        Fact::Packages => return "add the package files, -k linux-image-….deb".into(),
        Fact::Symbols | Fact::Image => return add_image(summary),
    };
    // The remedy names the fact, then a colon and the argument.
    let remedy = remedy(&missing, summary);
    remedy.split_once(": ").map_or_else(|| remedy.clone(), |(_, supply)| supply.to_owned())
}
