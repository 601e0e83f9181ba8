//! A kernel's configuration, as far as the loader depends on it.

use std::fmt;
use std::ops::Range;

use super::name_index::NameIndex;
use crate::terms::{Arch, Class, ElfMachine, Endian};

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Config {
    text: String,
    /// Where in the text the settings stand: the name and behind it, up to the end of the line, `=` and the value.
    settings: Vec<Range<usize>>,
    index: NameIndex,
}

impl Config {
    /// Reads a `.config`, or the `auto.conf` of a headers directory.
    ///
    /// `CONFIG_X=value` sets, `# CONFIG_X is not set` unsets; other lines say nothing. `None` when no line sets anything.
    pub fn parse(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let (mut settings, mut index) = (Vec::new(), NameIndex::with_capacity(text.len() / 30));
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            if let Some((name, _)) = line.strip_prefix("CONFIG_").and_then(|setting| setting.split_once('=')) {
                index.push(name);
                settings.push(start + "CONFIG_".len()..start + line.len());
            }
            start += line.len();
        }
        (!settings.is_empty()).then_some(Self { text, settings, index })
    }

    /// How many lines set something.
    pub const fn settings(&self) -> usize {
        self.settings.len()
    }

    /// The names of what is set, without `CONFIG_`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.settings.iter().filter_map(|setting| self.text.get(setting.clone())?.split('=').next())
    }

    /// Is it `y` (or `m`)?
    pub fn is_set(&self, option: ConfigOption) -> bool {
        self.last_setting(option.0).is_some_and(|value| matches!(value, "y\n" | "m\n") || trimmed(value) != "n")
    }

    /// The value, without quotes.
    pub fn value(&self, option: ConfigOption) -> Option<&str> {
        self.value_named(option.0)
    }

    /// The value of an option by its name: of the last line that sets it, as in a shell.
    pub fn value_named(&self, name: &str) -> Option<&str> {
        self.last_setting(name).map(trimmed)
    }

    /// The architecture it is for.
    pub fn arch(&self) -> Option<Arch> {
        let set = |name| self.is_set(ConfigOption(name));
        let class = if set("64BIT") { Class::Elf64 } else { Class::Elf32 };
        let endian = |big| if big { Endian::Big } else { Endian::Little };
        let (machine, class, endian) = if set("X86_64") {
            (ElfMachine::X86_64, Class::Elf64, Endian::Little)
        } else if set("X86_32") {
            (ElfMachine::I386, Class::Elf32, Endian::Little)
        } else if set("ARM64") {
            (ElfMachine::Arm64, Class::Elf64, endian(set("CPU_BIG_ENDIAN")))
        } else if set("ARM") {
            (ElfMachine::Arm, Class::Elf32, endian(set("CPU_BIG_ENDIAN")))
        } else if set("RISCV") {
            (ElfMachine::Riscv, class, Endian::Little)
        } else if set("PPC64") {
            (ElfMachine::Ppc64, Class::Elf64, endian(!set("CPU_LITTLE_ENDIAN")))
        } else if set("PPC") {
            (ElfMachine::Ppc, Class::Elf32, Endian::Big)
        } else if set("S390") {
            (ElfMachine::S390, Class::Elf64, Endian::Big)
        } else if set("LOONGARCH") {
            (ElfMachine::Loongarch, class, Endian::Little)
        } else if set("MIPS") {
            (ElfMachine::Mips, class, endian(!set("CPU_LITTLE_ENDIAN")))
        } else {
            return None;
        };
        Some(Arch { machine, class, endian })
    }

    /// The value as it stands in the last line that sets it, to the end of the line.
    fn last_setting(&self, name: &str) -> Option<&str> {
        let settings =
            self.index.candidates(name.as_bytes()).filter_map(|index| self.text.get(self.settings.get(index)?.clone()));
        let mut values = settings.filter_map(|setting| setting.strip_prefix(name)?.strip_prefix('='));
        values.next()
    }
}

fn trimmed(value: &str) -> &str {
    value.trim().trim_matches('"')
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
