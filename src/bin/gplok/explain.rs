//! `gplok explain`: the meaning of codes, answers and classes of changes.

use gplok::audit::AuditCode;
use gplok::impact::{Answer, ChangeClass};
use gplok::report::{Page, explain, explain_answer, explain_change, explain_finding, incident_list};
use gplok::verdict::Code;

use crate::arguments::ExplainArguments;
use crate::exit::{CommandError, Exit};
use crate::output::write;

pub fn run(arguments: &ExplainArguments) -> Result<Exit, CommandError> {
    let Some(name) = &arguments.code else {
        let codes = Code::ALL.iter().map(|code| (code.name(), explain(*code)));
        let changes = ChangeClass::ALL.map(|class| (class.name(), explain_change(class)));
        let answers = Answer::ALL.map(|answer| (answer.name(), explain_answer(answer)));
        let found = AuditCode::ALL.iter().map(|code| (code.name(), explain_finding(*code)));
        let list =
            codes.chain(changes).chain(answers).chain(found).map(|(name, page)| format!("{name:<26} {}\n", page.title));
        write(&list.collect::<String>())?;
        return Ok(Exit::Good);
    };
    if name == "incidents" {
        write(&incident_list())?;
        return Ok(Exit::Good);
    }
    if let Some(page) = impact_page(name) {
        write(&format!("{}: {}\n\n{}\n", name.replace('-', "_"), page.title, page.text))?;
        return Ok(Exit::Good);
    }
    if let Some(code) = AuditCode::from_name(name) {
        let page = explain_finding(code);
        write(&format!("{code}: {}\n\n{}\n", page.title, page.text))?;
        return Ok(Exit::Good);
    }
    let code = Code::from_name(name).ok_or_else(|| unknown_code(name))?;
    let page = explain(code);
    write(&format!("{code}: {}\n\n{}\n", page.title, page.text))?;
    Ok(Exit::Good)
}

/// The page of a class of changes or of an answer.
fn impact_page(name: &str) -> Option<Page> {
    let change = ChangeClass::from_name(name).map(explain_change);
    change.or_else(|| Answer::from_name(name).map(explain_answer))
}

/// The error for a name that is no code, with codes that share a part of it.
fn unknown_code(name: &str) -> String {
    let codes = Code::ALL.iter().map(|code| code.name()).chain(AuditCode::ALL.iter().map(|code| code.name()));
    let shares_part = |code: &&str| code.split('-').any(|part| name.contains(part) && part.len() > 2);
    let similar: Vec<_> = codes.filter(shares_part).take(5).collect();
    match similar.as_slice() {
        [] => format!("there is no code {name:?}; `gplok explain` lists all"),
        similar => format!("there is no code {name:?}; did you mean {}?", similar.join(", ")),
    }
}
