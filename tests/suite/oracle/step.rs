//! What is done to a kernel: boots made of steps.

use std::fmt;

use crate::ko::{Ko, Profile, fnv};

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `finit_module()`.
    Insmod,
    /// `init_module()`.
    InsmodInit,
    /// `init_module()` with `flags` for its length.
    InsmodShort,
    /// `delete_module()`.
    Rmmod,
    /// `delete_module()` if the step before loaded its module. Written down only when it was anything but a silent success.
    Drop,
    /// `finit_module()` of descriptor -1.
    InsmodNofile,
    /// `finit_module()` of a descriptor opened for writing only.
    InsmodWriteonly,
    /// `finit_module()` of a folder.
    InsmodFolder,
    /// `finit_module()` with a pointer to nowhere for its parameters.
    InsmodBadargs,
    /// `finit_module()` by a user without `CAP_SYS_MODULE`.
    InsmodUnprivileged,
    /// Writes 1 to `kernel.modules_disabled`.
    DisableModules,
}

impl Op {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Insmod => "insmod",
            Self::InsmodInit => "insmod-init",
            Self::InsmodShort => "insmod-short",
            Self::Rmmod => "rmmod",
            Self::Drop => "drop",
            Self::InsmodNofile => "insmod-nofile",
            Self::InsmodWriteonly => "insmod-writeonly",
            Self::InsmodFolder => "insmod-folder",
            Self::InsmodBadargs => "insmod-badargs",
            Self::InsmodUnprivileged => "insmod-unprivileged",
            Self::DisableModules => "disable-modules",
        }
    }
}

/// One thing done to a kernel.
#[derive(Clone)]
pub struct Step {
    /// The case it belongs to; for `rmmod` and `drop` the module's name.
    pub name: String,
    pub op: Op,
    pub flags: u32,
    pub args: String,
    /// The file that is loaded; empty where none is.
    pub module: Vec<u8>,
    /// The module's name by its `struct module`.
    pub module_name: String,
    /// What its init function returns; `None` if it does not.
    pub init: Option<i32>,
}

impl Step {
    pub fn insmod(name: &str, ko: &Ko, profile: &Profile) -> Self {
        Self {
            name: name.to_owned(),
            op: Op::Insmod,
            flags: 0,
            args: String::new(),
            module: ko.build(profile),
            module_name: ko.name().to_owned(),
            init: ko.init_returns(),
        }
    }

    pub fn unload(op: Op, module: &str) -> Self {
        let name = module.to_owned();
        Self {
            name: name.clone(),
            op,
            flags: 0,
            args: String::new(),
            module: Vec::new(),
            module_name: name,
            init: Some(0),
        }
    }
}

/// The step as the transcript names it: operation, case, flags, arguments, checksum of the module.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.op != Op::Insmod {
            write!(f, "{} ", self.op.name())?;
        }
        f.write_str(&self.name)?;
        if self.flags != 0 {
            write!(f, " --flags {}", self.flags)?;
        }
        match self.args.len() {
            0 => {}
            1..60 => write!(f, " [{}]", self.args)?,
            long => write!(f, " [{}… {long} bytes]", self.args.chars().take(20).collect::<String>())?,
        }
        if !self.module.is_empty() {
            let hash = fnv(&self.module);
            write!(f, " {hash:08x}")?;
        }
        Ok(())
    }
}

/// One start of a machine.
#[derive(Clone)]
pub struct Boot {
    pub name: String,
    pub cmdline: String,
    pub steps: Vec<Step>,
}
