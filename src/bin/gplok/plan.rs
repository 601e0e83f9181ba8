//! Reads the plan of `simulate`, which has one step per line.

use std::path::{Path, PathBuf};

use gplok::load::{Insmod, ModuleInitFlags, SystemCall};
use gplok::terms::Shown;

/// One step of a plan.
#[derive(Debug)]
pub enum PlanStep {
    /// Loads a file.
    Insmod { path: PathBuf, insmod: Insmod },
    /// Unloads a module by name.
    Rmmod(String),
    /// Loads a module of the kernel's tree by name, with its dependencies.
    Modprobe(String),
}

/// The plan cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: line {line}: {}", Shown::path(path), Shown(what))]
pub struct PlanError {
    path: PathBuf,
    line: usize,
    what: String,
}

/// Reads the steps of a plan, each with its line number. Paths in the plan are relative to `folder`.
///
/// ```text
/// insmod [--flags N] [--force-vermagic] [--force-modversion] [--init] PATH [param=value …]
/// rmmod NAME
/// modprobe NAME
/// ```
pub fn parse(path: &Path, text: &str, folder: &Path) -> Result<Vec<(usize, PlanStep)>, PlanError> {
    let mut steps = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let number = index + 1;
        let step = step(line, folder).map_err(|what| PlanError { path: path.to_owned(), line: number, what })?;
        steps.push((number, step));
    }
    Ok(steps)
}

fn step(line: &str, folder: &Path) -> Result<PlanStep, String> {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    match word {
        "insmod" => insmod(rest.trim_start(), folder),
        "rmmod" => module_name(word, rest).map(PlanStep::Rmmod),
        "modprobe" => module_name(word, rest).map(PlanStep::Modprobe),
        _ => Err(format!("{word:?} is no step: expected insmod, rmmod or modprobe")),
    }
}

/// The single argument of `rmmod` and `modprobe`.
fn module_name(word: &str, rest: &str) -> Result<String, String> {
    let mut names = rest.split_whitespace();
    match (names.next(), names.next()) {
        (Some(name), None) => Ok(name.to_owned()),
        _ => Err(format!("{word} takes one module name")),
    }
}

fn insmod(mut rest: &str, folder: &Path) -> Result<PlanStep, String> {
    let mut insmod = Insmod { call: SystemCall::FinitModule, ..Insmod::default() };
    loop {
        let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        rest = after.trim_start();
        match word {
            "--flags" => {
                let (number, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                rest = after.trim_start();
                let flags = number.parse().map_err(|_| format!("{number:?} is no number of flags"))?;
                insmod.flags = insmod.flags.with(ModuleInitFlags(flags));
                insmod.raw = true;
            }
            "--force-vermagic" => insmod.flags = insmod.flags.with(ModuleInitFlags::IGNORE_VERMAGIC),
            "--force-modversion" => insmod.flags = insmod.flags.with(ModuleInitFlags::IGNORE_MODVERSIONS),
            "--init" => insmod.call = SystemCall::InitModule,
            "" => return Err("insmod takes a path".into()),
            option if option.starts_with("--") => return Err(format!("unknown option {option}")),
            path => {
                insmod.args = rest.to_owned();
                return Ok(PlanStep::Insmod { path: folder.join(path), insmod });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_their_options_are_read() {
        let text = "# a boot\ninsmod --flags 3 a.ko n=1 m=\"x y\"\n\nrmmod a\nmodprobe b\ninsmod --init /x/c.ko\n";
        let steps = parse(Path::new("plan"), text, Path::new("/plans")).expect("a good plan");
        let (lines, steps): (Vec<_>, Vec<_>) = steps.into_iter().unzip();
        let [
            PlanStep::Insmod { path, insmod },
            PlanStep::Rmmod(a),
            PlanStep::Modprobe(b),
            PlanStep::Insmod { path: c, insmod: init },
        ] = steps.as_slice()
        else {
            panic!("four steps: {steps:?}")
        };
        assert_eq!(lines, [2, 4, 5, 6]);
        assert_eq!(
            (path.as_path(), insmod.flags.0, insmod.args.as_str()),
            (Path::new("/plans/a.ko"), 3, "n=1 m=\"x y\"")
        );
        assert_eq!((a.as_str(), b.as_str(), c.as_path()), ("a", "b", Path::new("/x/c.ko")));
        assert_eq!(init.call, SystemCall::InitModule);
    }

    #[test]
    fn the_error_of_a_bad_step_has_its_line() {
        let error = parse(Path::new("plan"), "rmmod a\nload b\n", Path::new(".")).expect_err("no such step");
        assert_eq!(
            error.to_string(),
            "cannot read plan: line 2: \"load\" is no step: expected insmod, rmmod or modprobe"
        );
    }
}
