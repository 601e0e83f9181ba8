//! `gplok explain`: the meaning of codes, answers and classes of changes.

use gplok::audit::AuditCode;
use gplok::impact::{Answer, ChangeClass};
use gplok::report::{
    Page, Printable, explain, explain_answer, explain_change, explain_finding, incident_list, program_text,
};
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
        let mut list = Printable::default();
        for (name, page) in codes.chain(changes).chain(answers).chain(found) {
            list.append(&Printable::from_line(format_args!("{name:<26} {}", page.title)));
        }
        write(&list)?;
        return Ok(Exit::Good);
    };
    if name == "incidents" {
        write(&incident_list())?;
        return Ok(Exit::Good);
    }
    if let Some(page) = impact_page(name) {
        write(&text(&name.replace('-', "_"), &page))?;
        return Ok(Exit::Good);
    }
    if let Some(code) = AuditCode::from_name(name) {
        write(&text(code.name(), &explain_finding(code)))?;
        return Ok(Exit::Good);
    }
    let code = Code::from_name(name).ok_or_else(|| unknown_code(name))?;
    write(&text(code.name(), &explain(code)))?;
    Ok(Exit::Good)
}

/// A page below its name and title.
fn text(name: &str, page: &Page) -> Printable {
    let mut text = Printable::from_line(format_args!("{name}: {}", page.title));
    text.append(&program_text("\n"));
    text.append(&program_text(page.text));
    text.append(&program_text("\n"));
    text
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
