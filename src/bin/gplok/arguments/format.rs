//! The formats that commands print in. The doc comments are the help text of the program.

use clap::ValueEnum;

/// How to print the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AnswerFormat {
    /// For people.
    Human,
    /// For machines: schema gplok/1.
    Json,
    /// Only the lines of the kernel log.
    Dmesg,
}

/// How to print what was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people.
    Human,
    /// For machines: schema gplok/1.
    Json,
    /// Only the lines of the kernel log.
    Dmesg,
    /// What depmod -n -e -E Module.symvers prints, for scripts that read that. depmod compares names and versions alone, takes a
    /// symbol without a version for one of version 0, and does not know extended versions; a cycle may begin with another module.
    /// The exit code is that of the other formats, and 1 where anything is printed.
    Depmod,
}

/// How to print facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FactsFormat {
    /// For people.
    Human,
    /// For machines.
    Json,
}

/// How to print exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportsFormat {
    /// As modpost reads it: CRC, symbol, module, kind, namespace, as in kernels since 5.6.
    Symvers,
    /// For people.
    Human,
    /// For machines: schema gplok/1.
    Json,
}
