//! A kernel's configuration.

use std::cell::Cell;
use std::fmt;
use std::ops::Range;

use super::name_index::NameIndex;
use crate::terms::{Arch, Class, ElfMachine, Endian, KernelVersion, name_hash};

/// A configuration option that the loader's behaviour depends on, by its name without `CONFIG_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigOption(pub &'static str);

impl fmt::Display for ConfigOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CONFIG_{}", self.0)
    }
}

/// The options that a `.config` file sets.
///
/// kconfig writes a `.config` with every option that has a value or is visible (`conf_write()`, scripts/kconfig/confdata.c), and an
/// `auto.conf` with every option that is set. So an option that such a file does not name is off. What people write, or
/// `make savedefconfig`, is a fragment: it names some options only, and says nothing about all others. See [`Config::is_whole`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Config {
    text: String,
    /// The range in the text of each setting: name, `=`, value and the end of the line.
    settings: Vec<Range<usize>>,
    index: NameIndex,
    is_whole: bool,
}

/// The comment that kconfig begins each of its files with, in the words of 4.18 and later, and of 2.6.
const HEADS: [&str; 2] = ["# Automatically generated file", "# Automatically generated make config"];

/// How many lines are looked through for the head.
const HEAD: usize = 8;

impl Config {
    /// Reads a `.config`, or the `auto.conf` of a headers directory.
    ///
    /// `CONFIG_X=value` sets an option; every other line is ignored, also `# CONFIG_X is not set`. `None` if no line sets an
    /// option.
    pub fn parse(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let is_cut_short = is_cut_short(&text);
        let is_whole = has_head(&text) && !is_cut_short;
        let mut settings = Vec::new();
        let mut index = NameIndex::with_capacity(text.len() / 30);
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            if let Some((name, _)) = line.strip_prefix("CONFIG_").and_then(|setting| setting.split_once('=')) {
                index.push(name);
                settings.push(start + "CONFIG_".len()..start + line.len());
            }
            start += line.len();
        }
        let mut config = (!settings.is_empty()).then_some(Self { text, settings, index, is_whole })?;
        config.is_whole |= config.last_setting("CC_VERSION_TEXT").is_some() && !is_cut_short;
        Some(config)
    }

    /// Reads the configuration that a kernel was built with and holds in itself. It is whole.
    pub(super) fn parse_embedded(text: String) -> Option<Self> {
        Some(Self { is_whole: true, ..Self::parse(text)? })
    }

    /// Returns whether these are all options that are set.
    ///
    /// They are if the file begins as kconfig's own files do, or if it sets `CONFIG_CC_VERSION_TEXT`, which has no prompt and the
    /// compiler's own value, so that only kconfig writes it: such a file may have lost its comments, but sets all that is set. No file
    /// is whole whose end is missing.
    pub const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Returns whether a file that kconfig wrote has lost its end, so that it says nothing of the options that it does not name.
    pub(super) fn is_cut_short(&self) -> bool {
        !self.is_whole
            && (has_head(&self.text) || self.last_setting("CC_VERSION_TEXT").is_some())
            && is_cut_short(&self.text)
    }

    /// Returns whether an option is set; `None` if a fragment does not name it.
    pub fn state(&self, option: ConfigOption) -> Option<bool> {
        match self.is_set(option) {
            true => Some(true),
            false => (self.is_whole || self.is_named_unset(option)).then_some(false),
        }
    }

    /// The number of lines that set an option.
    pub const fn settings(&self) -> usize {
        self.settings.len()
    }

    /// The names of the options that are set, without `CONFIG_`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.settings.iter().filter_map(|setting| self.text.get(setting.clone())?.split('=').next())
    }

    /// Returns whether an option is set to anything but `n`. In a fragment, an option that is not set may be set elsewhere.
    pub fn is_set(&self, option: ConfigOption) -> bool {
        self.last_setting(option.0).is_some_and(|value| matches!(value, "y\n" | "m\n") || trimmed(value) != "n")
    }

    /// Returns whether the configuration says that an option is not set. A part of a configuration says nothing about the
    /// options that it does not name.
    pub(crate) fn is_named_unset(&self, option: ConfigOption) -> bool {
        !self.is_set(option) && (self.last_setting(option.0).is_some() || self.is_said_off(option.0))
    }

    /// Returns whether an option that has no value is off: a whole configuration does not set it, a fragment says so.
    pub(super) fn is_off(&self, name: &str) -> bool {
        self.is_whole || self.is_said_off(name)
    }

    /// Returns whether a comment says that an option is off.
    fn is_said_off(&self, name: &str) -> bool {
        let line = format!("# CONFIG_{name} is not set");
        self.text.lines().any(|other| other.trim_end() == line)
    }

    /// The value of an option, without quotes.
    pub fn value(&self, option: ConfigOption) -> Option<&str> {
        self.value_named(option.0)
    }

    /// The value of an option by its name without `CONFIG_`. The last line that sets it counts, as in a shell.
    pub fn value_named(&self, name: &str) -> Option<&str> {
        self.last_setting(name).map(trimmed)
    }

    /// The version in the first lines, which kbuild writes: `# Linux/mips 4.14.151 Kernel Configuration`, and up to 2.6.37
    /// `# Linux kernel version: 2.6.32`.
    pub fn version(&self) -> Option<KernelVersion> {
        self.text.lines().take(HEAD).find_map(version_in)
    }

    /// The architecture that the kernel is configured for; `None` for one that gplok cannot name, and in a fragment where an option
    /// decides that it does not name.
    pub fn arch(&self) -> Option<Arch> {
        // Whether an option decides that is not known.
        let is_open = Cell::new(false);
        let set = |name| self.is_set(ConfigOption(name));
        let decides = |name| {
            let state = self.state(ConfigOption(name));
            is_open.set(is_open.get() || state.is_none());
            state == Some(true)
        };
        let class = || if decides("64BIT") { Class::Elf64 } else { Class::Elf32 };
        let endian = |big| if big { Endian::Big } else { Endian::Little };
        let (machine, class, endian) = if set("X86_64") {
            (ElfMachine::X86_64, Class::Elf64, Endian::Little)
        } else if set("X86_32") {
            (ElfMachine::I386, Class::Elf32, Endian::Little)
        } else if set("ARM64") {
            (ElfMachine::Arm64, Class::Elf64, endian(decides("CPU_BIG_ENDIAN")))
        } else if set("ARM") {
            (ElfMachine::Arm, Class::Elf32, endian(decides("CPU_BIG_ENDIAN")))
        } else if set("RISCV") {
            (ElfMachine::Riscv, class(), Endian::Little)
        } else if set("PPC64") {
            (ElfMachine::Ppc64, Class::Elf64, endian(!decides("CPU_LITTLE_ENDIAN")))
        } else if set("PPC") && !decides("PPC64") {
            (ElfMachine::Ppc, Class::Elf32, Endian::Big)
        } else if set("S390") {
            (ElfMachine::S390, Class::Elf64, Endian::Big)
        } else if set("LOONGARCH") {
            (ElfMachine::Loongarch, class(), Endian::Little)
        } else if set("MIPS") {
            (ElfMachine::Mips, class(), endian(!decides("CPU_LITTLE_ENDIAN")))
        } else {
            return self.named_arch(class()).filter(|_| !is_open.get());
        };
        Some(Arch { machine, class, endian }).filter(|_| !is_open.get())
    }

    /// An architecture that gplok can name, but does not model. Where the compiler decides the byte order and no option tells
    /// it, it is the usual one.
    fn named_arch(&self, class: Class) -> Option<Arch> {
        const NAMED: [(&str, ElfMachine, Endian); 14] = [
            ("ALPHA", ElfMachine::Alpha, Endian::Little),
            ("ARC", ElfMachine::Arc, Endian::Little),
            ("CSKY", ElfMachine::Csky, Endian::Little),
            ("HEXAGON", ElfMachine::Hexagon, Endian::Little),
            ("IA64", ElfMachine::Ia64, Endian::Little),
            ("M68K", ElfMachine::M68k, Endian::Big),
            ("MICROBLAZE", ElfMachine::Microblaze, Endian::Little),
            ("NIOS2", ElfMachine::Nios2, Endian::Little),
            ("OPENRISC", ElfMachine::Openrisc, Endian::Big),
            ("PARISC", ElfMachine::Parisc, Endian::Big),
            ("SUPERH", ElfMachine::Sh, Endian::Little),
            ("SPARC64", ElfMachine::Sparc64, Endian::Big),
            ("SPARC", ElfMachine::Sparc, Endian::Big),
            ("XTENSA", ElfMachine::Xtensa, Endian::Little),
        ];
        let set = |name| self.is_set(ConfigOption(name));
        let (_, machine, usual) = NAMED.into_iter().find(|(option, ..)| set(option))?;
        let endian = if self.state(ConfigOption("CPU_BIG_ENDIAN"))? { Endian::Big } else { usual };
        Some(Arch { machine, class, endian })
    }

    /// The text after `=` in the last line that sets an option, the end of the line included.
    fn last_setting(&self, name: &str) -> Option<&str> {
        self.index.candidates(name_hash(name.as_bytes())).find_map(|index| {
            let setting = self.text.get(self.settings.get(index)?.clone())?;
            setting.strip_prefix(name)?.strip_prefix('=')
        })
    }
}

/// Returns whether the end of a configuration is missing: it ends within a line; or it says where menus end, as later versions of
/// kconfig do, and lacks the last one, which all kernels have.
fn is_cut_short(text: &str) -> bool {
    !text.ends_with('\n') || (text.contains("\n# end of ") && !text.contains("\n# end of Kernel hacking"))
}

/// Returns whether a text begins as a file of kconfig does.
fn has_head(text: &str) -> bool {
    let is_head = |line: &str| HEADS.iter().any(|head| line.starts_with(head)) || version_in(line).is_some();
    text.lines().take(HEAD).any(is_head)
}

/// The version in a line of the head.
fn version_in(line: &str) -> Option<KernelVersion> {
    let words: Vec<_> = line.split_whitespace().take(6).collect();
    match words.as_slice() {
        ["#", system, version, "Kernel", "Configuration", ..] if system.starts_with("Linux/") => version.parse().ok(),
        ["#", "Linux", "kernel", "version:", version, ..] => version.parse().ok(),
        _ => None,
    }
}

fn trimmed(value: &str) -> &str {
    value.trim().trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_tells_the_version() {
        let version = |head: &str| Config::parse(format!("{head}\nCONFIG_A=y\n")).and_then(|config| config.version());
        let found =
            version("#\n# Automatically generated file; DO NOT EDIT.\n# Linux/mips 4.14.151 Kernel Configuration\n#");
        assert_eq!(found, Some(KernelVersion::new(4, 14, 151)));
        assert_eq!(version("# Linux kernel version: 2.6.32-5"), Some(KernelVersion::new(2, 6, 32)));
        assert_eq!(version("# Linux is here"), None);
    }

    #[test]
    fn options_are_found_by_whole_lines() {
        let config =
            Config::parse("# x\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_AB=m\nCONFIG_S=\"a b\"\nCONFIG_N=n\n");
        let config = config.expect("a configuration");
        let set = |name| config.is_set(ConfigOption(name));
        assert!(set("A") && set("AB") && !set("B") && !set("N") && !set("CONFIG_A"));
        assert_eq!(config.value(ConfigOption("S")), Some("a b"));
        let unset = |name| config.is_named_unset(ConfigOption(name));
        assert!(unset("B") && unset("N") && !unset("A") && !unset("NOT_NAMED"));
        assert_eq!(Config::parse("# nothing is set"), None);
    }

    #[test]
    fn only_a_whole_configuration_leaves_options_off_by_silence() {
        let state = |text: &str, name| Config::parse(text).and_then(|config| config.state(ConfigOption(name)));
        let fragment = "CONFIG_A=y\n# CONFIG_B is not set\n";
        let head = "#\n# Automatically generated file; DO NOT EDIT.\n";
        for (text, c) in [
            (fragment.to_owned(), None),
            (format!("# our options\n{fragment}"), None),
            (format!("{head}{fragment}"), Some(false)),
            (format!("#\n# Linux/x86 6.1.0 Kernel Configuration\n#\n{fragment}"), Some(false)),
            (format!("CONFIG_CC_VERSION_TEXT=\"gcc (Debian 12)\"\n{fragment}"), Some(false)),
            // It is cut short, within a line or behind one.
            (format!("{head}{fragment}CONFIG_"), None),
            (format!("CONFIG_CC_VERSION_TEXT=\"gcc (Debian 12)\"\n{fragment}CONFIG_"), None),
            (format!("{head}{fragment}# end of General setup\n"), None),
            (format!("{head}{fragment}# end of General setup\n# end of Kernel hacking\n"), Some(false)),
        ] {
            let states = ["A", "B", "C"].map(|name| state(&text, name));
            assert_eq!(states, [Some(true), Some(false), c], "{text}");
        }
    }

    #[test]
    fn a_fragment_tells_an_architecture_only_if_no_other_option_decides() {
        let arch = |text: &str| Config::parse(text).and_then(|config| config.arch()).map(|arch| arch.machine);
        assert_eq!(arch("CONFIG_X86_64=y\n"), Some(ElfMachine::X86_64));
        for unclear in ["CONFIG_RISCV=y\n", "CONFIG_ARM64=y\n", "CONFIG_MIPS=y\n", "CONFIG_PPC=y\n", "CONFIG_SMP=y\n"] {
            assert_eq!(arch(unclear), None, "{unclear}");
        }
        assert_eq!(arch("CONFIG_RISCV=y\nCONFIG_64BIT=y\n"), Some(ElfMachine::Riscv));
        assert_eq!(arch("CONFIG_ARM64=y\n# CONFIG_CPU_BIG_ENDIAN is not set\n"), Some(ElfMachine::Arm64));
    }
}
