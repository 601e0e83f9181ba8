//! `gplok explain`: what a finding means.

use gplok::audit::AuditCode;
use gplok::impact::{Answer, ChangeClass};
use gplok::report::{Page, explain, explain_answer, explain_change, explain_finding, incident_list};
use gplok::verdict::Code;

use crate::arguments::ExplainArguments;
use crate::output::write;
use crate::{CommandError, Exit};

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
    if let Some(page) = of_impact(name) {
        write(&format!("{}: {}\n\n{}\n", name.replace('-', "_"), page.title, page.text))?;
        return Ok(Exit::Good);
    }
    if let Some(code) = AuditCode::from_name(name) {
        let page = explain_finding(code);
        write(&format!("{code}: {}\n\n{}\n", page.title, page.text))?;
        return Ok(Exit::Good);
    }
    let code = Code::from_name(name).ok_or_else(|| {
        let names = Code::ALL.iter().map(|code| code.name()).chain(AuditCode::ALL.iter().map(|code| code.name()));
        let letters = |code: &&str| code.split('-').any(|part| name.contains(part) && part.len() > 2);
        let near: Vec<_> = names.filter(letters).take(5).collect();
        match near.as_slice() {
            [] => format!("there is no code {name:?}; `gplok explain` lists all"),
            near => format!("there is no code {name:?}; did you mean {}?", near.join(", ")),
        }
    })?;
    let page = explain(code);
    write(&format!("{code}: {}\n\n{}\n", page.title, page.text))?;
    Ok(Exit::Good)
}

/// The page of a class of changes, or of an answer.
fn of_impact(name: &str) -> Option<Page> {
    let change = ChangeClass::from_name(name).map(explain_change);
    change.or_else(|| Answer::from_name(name).map(explain_answer))
}
