//! Turns arguments that several commands share into values of the library.

use std::path::PathBuf;

use gplok::image::{DebugFiles, is_dir, open_regular};
use gplok::kernel::{Kernel, KernelRequest, KernelRequestError};
use gplok::load::Cmdline;
use gplok::terms::{Budget, Shown};
use gplok::why::Lookup;

use crate::arguments::{KernelArguments, SourceArguments};
use crate::exit::CommandError;
use crate::map::read_map;

impl KernelArguments {
    /// Opens the kernel.
    pub fn open(&self, budget: &Budget) -> Result<Kernel, KernelRequestError> {
        let (paths, release, certificates) = (&self.kernel, self.release.as_deref(), &self.certs);
        KernelRequest { paths, release, certificates, budget: Some(budget) }.open()
    }

    /// The boot command line of the kernel.
    pub fn cmdline(&self, kernel: &Kernel) -> Cmdline {
        booted_with(kernel, &self.cmdline)
    }
}

/// The boot command line: that of a unified kernel image, followed by the given switches.
pub fn booted_with(kernel: &Kernel, given: &str) -> Cmdline {
    Cmdline::parse(&format!("{} {given}", kernel.cmdline().unwrap_or_default()))
}

impl SourceArguments {
    /// Where to find the debug information and inline map for this number of modules.
    pub fn open(&self, kernel: &Kernel, modules: usize) -> Result<Lookup, CommandError> {
        let inlines = self.inlines.as_ref().map(|path| read_map(path, kernel)).transpose()?;
        Ok(Lookup { debug: debug_files(&self.debug)?.among(modules), inlines })
    }
}

/// The debug files and folders that were given. One that cannot be read is an error, also where no module needs it.
pub fn debug_files(given: &[PathBuf]) -> Result<DebugFiles, CommandError> {
    for path in given.iter().filter(|path| !is_dir(path)) {
        open_regular(path).map_err(|error| format!("cannot read {}: {error}", Shown::path(path)))?;
    }
    Ok(DebugFiles::new(given.to_owned()))
}
