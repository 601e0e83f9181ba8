//! `gplok exports`: the exports of a kernel, its symbols, and the evidence about it.

use gplok::kernel::{ExportFilter, Kernel, KernelExport, UnreadFile};
use gplok::report::{
    KernelSummary, Printable, counts_document, export_notes, exports_document, facts_document, human_counts,
    human_exports, human_facts, no_exports, no_symbols, printable_json, symbols_document, symvers, system_map,
};
use gplok::terms::Budget;

use crate::arguments::{ExportKindArgument, ExportsArguments, ExportsFormat};
use crate::exit::{CommandError, Exit};
use crate::output::{self, palette, write};

pub fn run(arguments: &ExportsArguments, budget: &Budget) -> Result<Exit, CommandError> {
    if arguments.format == Some(ExportsFormat::Symvers)
        && (arguments.count || arguments.evidence || arguments.system_map)
    {
        return Err(
            "numbers, evidence and a System.map have no form as Module.symvers: give --format human or json".into()
        );
    }
    let kernel = arguments.kernel.open(budget)?;
    let summary = KernelSummary::from(&kernel);
    if arguments.evidence {
        write(&match arguments.format {
            Some(ExportsFormat::Json) => printable_json(&facts_document(&kernel, &summary))?,
            _ => human_facts(&kernel, &summary, &palette()),
        })?;
        return Ok(Exit::Good);
    }
    if arguments.system_map {
        let symbols = kernel.symbols().ok_or_else(|| no_symbols(&summary))?;
        write(&match arguments.format {
            Some(ExportsFormat::Json) => printable_json(&symbols_document(symbols, &summary))?,
            _ => system_map(symbols),
        })?;
        return Ok(Exit::Good);
    }
    print(&kernel, &summary, arguments)
}

fn print(kernel: &Kernel, summary: &KernelSummary, arguments: &ExportsArguments) -> Result<Exit, CommandError> {
    let exports = kernel.all_exports().ok_or_else(|| no_exports(kernel, summary))?;
    let filter = ExportFilter {
        symbols: arguments.symbols.clone(),
        kinds: arguments.kind.iter().copied().map(ExportKindArgument::kind).collect(),
        modules: arguments.module.clone(),
        namespaces: arguments.namespace.clone(),
    };
    let rows = exports.select(&filter);
    // Files that were not read do not matter if all that was asked for is found.
    let unread = if filter.is_met_by(&rows) { Vec::new() } else { kernel.unread() };
    write(&text(&rows, summary, arguments, &unread)?)?;
    for note in export_notes(&rows, &exports, &filter, kernel, &unread) {
        output::note(format_args!("note: {note}"));
    }
    Ok(match (rows.is_empty(), unread.is_empty()) {
        (_, false) => Exit::Undetermined,
        (true, true) => Exit::Refused,
        (false, true) => Exit::Good,
    })
}

fn text(
    rows: &[KernelExport<'_>],
    kernel: &KernelSummary,
    arguments: &ExportsArguments,
    unread: &[UnreadFile],
) -> Result<Printable, CommandError> {
    Ok(match (arguments.format, arguments.count) {
        (Some(ExportsFormat::Json), true) => printable_json(&counts_document(rows, kernel, unread))?,
        (Some(ExportsFormat::Json), false) => printable_json(&exports_document(rows, kernel, unread))?,
        (_, true) => human_counts(rows, kernel),
        (Some(ExportsFormat::Human), false) => human_exports(rows, kernel, &palette()),
        (None | Some(ExportsFormat::Symvers), false) => symvers(rows),
    })
}
