//! The facts of a module file, as text.

use super::printable::Printable;
use crate::image::{Facts, SignatureFacts};
use crate::terms::License;

/// The text of `gplok inspect`: one line for each fact, lists indented.
pub fn inspect(path: &str, facts: &Facts) -> Printable {
    let mut out = Printable::default();
    let name = facts.name.as_deref().unwrap_or("(no name)");
    let arch = facts.arch.map_or_else(|| "unknown architecture".to_owned(), |arch| arch.to_string());
    let compression = facts.compression.map(|compression| format!(", {compression}")).unwrap_or_default();
    out.line(format_args!("{path}: module {name}, {arch}, {} bytes{compression}", facts.size));
    out.line(format_args!("signature: {}", signature(&facts.signature)));
    out.line(format_args!("license: {}", license(facts)));
    out.line("modinfo:");
    for (tag, value) in facts.modinfo.entries() {
        out.line(format_args!("  {tag}={value}"));
    }
    out.line(format_args!("imports ({}), in the order of resolution:", facts.imports.len()));
    for import in &facts.imports {
        let weak = if import.weak { "  weak" } else { "" };
        out.line(format_args!("  {:<10}  {}{weak}", import.crc.as_deref().unwrap_or("-"), import.name));
    }
    let colon = if facts.exports.is_empty() { "" } else { ":" };
    out.line(format_args!("exports ({}){colon}", facts.exports.len()));
    for export in &facts.exports {
        let crc = export.crc.map_or_else(|| "-".to_owned(), |crc| crc.to_string());
        let namespace = export.namespace.as_ref().map(|namespace| format!("  {namespace}")).unwrap_or_default();
        out.line(format_args!("  {crc:<10}  {:<17}  {}{namespace}", export.kind.macro_name(), export.name));
    }
    if !facts.parameters.is_empty() {
        out.line(format_args!("parameters ({}):", facts.parameters.len()));
        for parameter in &facts.parameters {
            out.line(format_args!("  {} ({})", parameter.name, parameter.ops.trim_start_matches("param_ops_")));
        }
    }
    out.line("sections the loader looks for:");
    for section in &facts.sections {
        let flags = [(1, 'W'), (2, 'A'), (4, 'X')].iter().filter(|(bit, _)| section.flags & bit != 0);
        let flags: String = flags.map(|(_, letter)| letter).collect();
        out.line(format_args!("  [{:>2}] {:<28} {:>3} {:#x} bytes", section.index, section.name, flags, section.size));
    }
    out
}

fn signature(signature: &SignatureFacts) -> String {
    match signature {
        SignatureFacts::Unsigned => "none".into(),
        SignatureFacts::Broken => "a marker without a signature before it".into(),
        SignatureFacts::Signed { size, signers } => {
            let mut named = Vec::new();
            for signer in signers {
                let how = [signer.algorithm.as_deref(), signer.digest.as_deref()];
                let how: Vec<_> = how.into_iter().flatten().collect();
                named.push(format!("{} ({})", signer.id, how.join(" with ")));
            }
            format!("PKCS#7, {size} bytes, by {}", named.join("; "))
        }
    }
}

fn license(facts: &Facts) -> String {
    let Some(first) = facts.modinfo.get("license") else {
        return "none, which counts as proprietary".into();
    };
    let judged = if License::new(first).is_gpl_compatible() { "GPL-compatible" } else { "not GPL-compatible" };
    let all_compatible = facts.modinfo.all("license").all(|license| License::new(license).is_gpl_compatible());
    let more = match facts.modinfo.all("license").count() {
        0 | 1 => String::new(),
        tags => {
            let tags = if tags == 2 {
                "another license tag does".to_owned()
            } else {
                format!("{} more license tags do", tags - 1)
            };
            let modpost =
                if all_compatible { "GPL-compatible, too" } else { "proprietary, for not all of them are compatible" };
            format!("; {tags} not count for the loader; modpost looks at all, and takes the module for {modpost}")
        }
    };
    format!("{first:?}, {judged}{more}")
}
