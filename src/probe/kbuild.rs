//! Finds out how this kernel compiles a module, by letting kbuild compile an empty one.
//!
//! kbuild writes the command it ran beside the object, with every flag of the configuration, architecture and compiler.
//! The probe is compiled with that command and a few more flags, without the second that each run of `make` takes.

use std::io::ErrorKind;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::{ProbeError, tail};
use super::scratch::{Builds, Scratch};
use crate::image::read_regular_text;

/// The name of the empty module.
const MODULE: &str = "empty";

/// Marks the line of output with the directory in which the command was run. Since Linux 6.13 that is no longer the
/// kernel's.
const DIRECTORY: &str = "gplok directory: ";

/// Prefixes of flags that are left out: those that write down which headers were read, that put debugging information
/// into another file or compress it, or that delay compilation until linking.
const LEFT_OUT: [&str; 5] = ["-Wp,-MMD,", "-Wp,-MD,", "-gsplit-dwarf", "-gz", "-flto"];

/// The compiler command, as kbuild runs it.
pub(super) struct Compiler {
    /// The directory in which it is run.
    directory: PathBuf,
    /// The shell words before the file names.
    command: String,
    /// The directory for temporary files, which is removed however the program ends.
    temporary: PathBuf,
    builds: Builds,
}

/// The output of a command.
pub(super) struct Output {
    pub(super) is_ok: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Compiler {
    /// Asks kbuild for the compiler command. `make` are further arguments, such as `ARCH=arm64`.
    pub(super) fn ask(kdir: &Path, make: &[String], scratch: &Scratch) -> Result<Self, ProbeError> {
        if !kdir.join("Makefile").is_file() {
            return Err(ProbeError::NotATree { path: kdir.to_owned() });
        }
        for missing in ["include/generated/autoconf.h", "include/config/auto.conf"] {
            if !kdir.join(missing).is_file() {
                return Err(ProbeError::NotConfigured { path: kdir.to_owned(), missing });
            }
        }
        let makefile = format!("obj-m := {MODULE}.o\nOBJECT_FILES_NON_STANDARD := y\n$(info {DIRECTORY}$(CURDIR))\n");
        scratch.write("kbuild/Makefile", &makefile)?;
        scratch.write(&format!("kbuild/{MODULE}.c"), "extern int gplok_nothing;\n")?;
        let folder = scratch.file("kbuild");
        let mut command = Command::new("make");
        command
            .arg("-C")
            .arg(kdir)
            .arg(format!("M={}", folder.to_string_lossy()))
            .args(make)
            .arg(format!("{MODULE}.o"));
        let output = run(&mut command, scratch.path(), &scratch.builds())?;
        if !output.is_ok {
            return Err(missing_program(&output.stderr).unwrap_or_else(|| ProbeError::Failed {
                command: format!("make -C {} M={} {MODULE}.o", kdir.to_string_lossy(), folder.to_string_lossy()),
                tail: tail(&(output.stdout + &output.stderr)),
            }));
        }
        let directory = output.stdout.lines().find_map(|line| line.strip_prefix(DIRECTORY));
        let path = folder.join(format!(".{MODULE}.o.cmd"));
        let left = read_regular_text(&path).map_err(ProbeError::io(&path))?;
        let command = compiling(&left).ok_or(ProbeError::NoCommand { path })?;
        let directory = directory.map_or_else(|| kdir.to_owned(), PathBuf::from);
        Ok(Self { directory, command, temporary: scratch.path().to_owned(), builds: scratch.builds() })
    }

    /// A command that takes the place of a compiler.
    #[cfg(test)]
    pub(super) fn of_command(command: String) -> Self {
        Self { directory: "/".into(), command, temporary: std::env::temp_dir(), builds: Builds::default() }
    }

    /// Runs the compiler with further arguments.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<Output, ProbeError> {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("exec {} \"$@\"", self.command)).arg("sh").args(arguments);
        run(command.current_dir(&self.directory), &self.temporary, &self.builds)
    }

    /// The path of a file that the command names.
    pub(super) fn resolve(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    /// The directories in which it finds headers, as the command names them.
    pub(super) fn includes(&self) -> Vec<&str> {
        let mut words = self.command.split_whitespace();
        let mut found = Vec::new();
        while let Some(word) = words.next() {
            if let Some(folder) = word.strip_prefix("-I") {
                found.extend(if folder.is_empty() { words.next() } else { Some(folder) });
            }
        }
        found
    }

    /// The flag that makes clang report all errors instead of twenty. gcc has no such flag.
    pub(super) fn unlimited(&self) -> &'static [&'static str] {
        let is_clang = self.command.split_whitespace().next().is_some_and(|name| name.contains("clang"));
        if is_clang { &["-ferror-limit=0"] } else { &[] }
    }
}

/// Runs a command in a process group of its own, which is ended with the program.
fn run(command: &mut Command, temporary: &Path, builds: &Builds) -> Result<Output, ProbeError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => ProbeError::NotInstalled { program: name.clone(), package: name.clone() },
        _ => ProbeError::Io { path: name.clone().into(), source },
    };
    command.env("LC_ALL", "C").env("TMPDIR", temporary).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(failed)?;
    let group = child.id();
    builds.begun(group);
    let output = child.wait_with_output();
    builds.ended(group);
    let output = output.map_err(failed)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Output { is_ok: output.status.success(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
}

/// Reads a shell's message about a program it cannot find: `/bin/sh: 1: gcc-12: not found`.
fn missing_program(stderr: &str) -> Option<ProbeError> {
    let name = stderr.lines().find_map(|line| {
        let line = line.strip_suffix(": command not found").or_else(|| line.strip_suffix(": not found"))?;
        line.rsplit(": ").next().filter(|name| !name.contains(char::is_whitespace))
    })?;
    Some(ProbeError::NotInstalled { program: name.to_owned(), package: name.to_owned() })
}

/// Reads the compiler command from `cmd_DIR/empty.o := gcc … -c -o DIR/empty.o DIR/empty.c ; objtool …`, and removes
/// the quoting of make.
fn compiling(left: &str) -> Option<String> {
    let (_, command) = left.lines().next()?.split_once(":=")?;
    let (command, _) = command.split_once(" -c -o ")?;
    let command = command.replace("$(pound)", "#").replace("\\#", "#").replace("$$", "$");
    let mut words: Vec<&str> = command.split(' ').filter(|word| !word.is_empty()).collect();
    words.retain(|word| !LEFT_OUT.iter().any(|prefix| word.starts_with(prefix)));
    Some(words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_read_without_its_files() {
        let left = "savedcmd_/t/empty.o :=  gcc-12 -Wp,-MMD,/t/.empty.o.d -I./include -flto -DNAME='\"a\\#$$\"'  -c -o /t/empty.o /t/empty.c  ; objtool x\n\nsource := x\n";
        let command = compiling(left).expect("it is one");
        assert_eq!(command, "gcc-12 -I./include -DNAME='\"a#$\"'");
        let compiler = Compiler {
            command: "gcc -I./include -I /s/include -include x.h".into(),
            ..Compiler::of_command(String::new())
        };
        assert_eq!(compiler.includes(), ["./include", "/s/include"]);
    }

    #[test]
    fn a_compiler_that_is_missing_is_named() {
        let error = missing_program("/bin/sh: 1: gcc-14: not found\nmake[1]: *** Error 127\n").expect("it is one");
        assert_eq!(error.to_string(), "gcc-14 is not installed, and kbuild needs it (install gcc-14)");
        assert!(missing_program("make: *** no rule\n").is_none());
    }
}
