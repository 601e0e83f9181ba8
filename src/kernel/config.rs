//! A kernel's configuration, as far as the loader depends on it.

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
    /// Begins with a newline, so that every line does.
    text: String,
}

impl Config {
    /// Reads a `.config`, or the `auto.conf` of a headers directory.
    ///
    /// `CONFIG_X=value` sets, `# CONFIG_X is not set` unsets; other lines say nothing. `None` when no line sets anything.
    pub fn parse(text: &str) -> Option<Self> {
        let sets = |line: &str| line.starts_with("CONFIG_") && line.contains('=');
        text.lines().any(sets).then(|| Self { text: format!("\n{text}") })
    }

    /// Is it `y` (or `m`)?
    pub fn is_set(&self, option: ConfigOption) -> bool {
        self.value(option).is_some_and(|value| value != "n")
    }

    /// The value, without quotes.
    pub fn value(&self, option: ConfigOption) -> Option<&str> {
        self.value_named(option.0)
    }

    /// The value of an option by its name: of the last line that sets it, as in a shell.
    pub fn value_named(&self, name: &str) -> Option<&str> {
        let line = format!("\nCONFIG_{name}=");
        let start = memchr::memmem::rfind(self.text.as_bytes(), line.as_bytes())? + line.len();
        Some(self.text.get(start..)?.lines().next().unwrap_or_default().trim().trim_matches('"'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_found_by_whole_lines() {
        let config =
            Config::parse("# x\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_AB=m\nCONFIG_S=\"a b\"\nCONFIG_N=n\n");
        let config = config.expect("a configuration");
        let set = |name| config.is_set(ConfigOption(name));
        assert!(set("A") && set("AB") && !set("B") && !set("N") && !set("CONFIG_A"));
        assert_eq!(config.value(ConfigOption("S")), Some("a b"));
        assert_eq!(Config::parse("# nothing is set"), None);
    }
}
