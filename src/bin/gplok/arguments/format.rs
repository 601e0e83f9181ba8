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
    /// The warnings of depmod -e, for scripts that read those.
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
