//! A kernel's configuration, as far as the loader depends on it.

use std::collections::HashMap;
use std::fmt;

/// A configuration option that the loader's behaviour depends on; the name goes without `CONFIG_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigOption(pub &'static str);

impl fmt::Display for ConfigOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CONFIG_{}", self.0)
    }
}

/// What is set in a `.config` file.
///
/// A file lists every option that is visible in its configuration; one that it does not name is off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    values: HashMap<String, String>,
}

impl Config {
    /// Reads a `.config`, or the `auto.conf` of a headers directory.
    ///
    /// `CONFIG_X=value` sets, `# CONFIG_X is not set` unsets; other lines say nothing. `None` when no line sets anything.
    pub fn parse(text: &str) -> Option<Self> {
        let values: HashMap<String, String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("CONFIG_")?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.trim().trim_matches('"').to_owned()))
            .collect();
        (!values.is_empty()).then_some(Self { values })
    }

    /// Is it `y` (or `m`)?
    pub fn is_set(&self, option: ConfigOption) -> bool {
        self.value(option).is_some_and(|value| value != "n")
    }

    /// The value of an option by its name.
    pub fn value_named(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The value, without quotes.
    pub fn value(&self, option: ConfigOption) -> Option<&str> {
        self.values.get(option.0).map(String::as_str)
    }
}
