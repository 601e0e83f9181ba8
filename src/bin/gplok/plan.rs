//! The plan that `simulate` reads: one step a line.

use std::path::{Path, PathBuf};

use gplok::load::{Insmod, ModuleInitFlags, SystemCall};

/// One step.
#[derive(Debug)]
pub enum PlanStep {
    /// Load a file.
    Insmod { path: PathBuf, insmod: Insmod },
    /// Unload by name.
    Rmmod(String),
    /// Load from the kernel's tree by name, with dependencies.
    Modprobe(String),
}

/// A plan could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: line {line}: {what}", path.display())]
pub struct PlanError {
    path: PathBuf,
    line: usize,
    what: String,
}

/// Reads a plan: its steps, each with the number of its line; paths in it are relative to `folder`.
///
/// ```text
/// insmod [--flags N] [--force-vermagic] [--force-modversion] [--init] PATH [param=value …]
/// rmmod NAME
/// modprobe NAME
/// ```
pub fn parse(path: &Path, text: &str, folder: &Path) -> Result<Vec<(usize, PlanStep)>, PlanError> {
    let steps = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let steps = steps.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let fail = |line, what| PlanError { path: path.to_owned(), line, what };
    steps.map(|(number, line)| Ok((number, step(line, folder).map_err(|what| fail(number, what))?))).collect()
}

fn step(line: &str, folder: &Path) -> Result<PlanStep, String> {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let one_name = || match rest.split_whitespace().collect::<Vec<_>>().as_slice() {
        [name] => Ok((*name).to_owned()),
        _ => Err(format!("{word} takes one module name")),
    };
    match word {
        "insmod" => insmod(rest.trim_start(), folder),
        "rmmod" => one_name().map(PlanStep::Rmmod),
        "modprobe" => one_name().map(PlanStep::Modprobe),
        _ => Err(format!("{word:?} is no step: expected insmod, rmmod or modprobe")),
    }
}

fn insmod(mut rest: &str, folder: &Path) -> Result<PlanStep, String> {
    let mut insmod = Insmod::default();
    let mut add = |flags: ModuleInitFlags| insmod.flags = insmod.flags.with(flags);
    let (mut init, mut raw) = (false, false);
    loop {
        let (word, behind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let behind = behind.trim_start();
        rest = match word {
            "--flags" => {
                let (number, behind) = behind.split_once(char::is_whitespace).unwrap_or((behind, ""));
                raw = true;
                add(ModuleInitFlags(number.parse().map_err(|_| format!("{number:?} is no number of flags"))?));
                behind.trim_start()
            }
            "--force-vermagic" => {
                add(ModuleInitFlags::IGNORE_VERMAGIC);
                behind
            }
            "--force-modversion" => {
                add(ModuleInitFlags::IGNORE_MODVERSIONS);
                behind
            }
            "--init" => {
                init = true;
                behind
            }
            "" => return Err("insmod takes a path".into()),
            option if option.starts_with("--") => return Err(format!("unknown option {option}")),
            path => {
                insmod.call = if init { SystemCall::InitModule } else { SystemCall::FinitModule };
                insmod.raw = raw;
                insmod.args = behind.to_owned();
                return Ok(PlanStep::Insmod { path: folder.join(path), insmod });
            }
        };
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
    fn a_bad_step_is_named_with_its_line() {
        let error = parse(Path::new("plan"), "rmmod a\nload b\n", Path::new(".")).expect_err("no such step");
        assert_eq!(
            error.to_string(),
            "cannot read plan: line 2: \"load\" is no step: expected insmod, rmmod or modprobe"
        );
    }
}
