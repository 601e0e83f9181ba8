//! `gplok explain`: what a finding means.

use gplok::report::{explain, incident_list};
use gplok::verdict::Code;

use crate::arguments::ExplainArguments;
use crate::output::write;
use crate::{Error, Exit};

pub fn run(arguments: &ExplainArguments) -> Result<Exit, Error> {
    let Some(name) = &arguments.code else {
        let list = Code::ALL.iter().map(|code| format!("{:<26} {}\n", code.name(), explain(*code).title));
        write(&list.collect::<String>())?;
        return Ok(Exit::Good);
    };
    if name == "incidents" {
        write(&incident_list())?;
        return Ok(Exit::Good);
    }
    let code = Code::from_name(name).ok_or_else(|| {
        let letters = |code: &&Code| code.name().split('-').any(|part| name.contains(part) && part.len() > 2);
        let near: Vec<_> = Code::ALL.iter().filter(letters).map(|code| code.name()).take(5).collect();
        match near.as_slice() {
            [] => format!("there is no code {name:?}; `gplok explain` lists all"),
            near => format!("there is no code {name:?}; did you mean {}?", near.join(", ")),
        }
    })?;
    let page = explain(code);
    write(&format!("{code}: {}\n\n{}\n", page.title, page.text))?;
    Ok(Exit::Good)
}
