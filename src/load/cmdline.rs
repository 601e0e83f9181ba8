//! The options of the kernel command line that the loader depends on.

/// The options of the kernel command line that the loader depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cmdline {
    /// `module.sig_enforce`.
    pub sig_enforce: bool,
    /// `module_blacklist=`. Names are compared exactly.
    pub blacklist: Vec<String>,
    /// `nomodule` or `sysctl.kernel.modules_disabled=1`, whichever was given.
    pub modules_disabled: Option<String>,
    /// `lockdown=integrity` or `lockdown=confidentiality`.
    pub lockdown: bool,
    /// Whether the mitigations of Spectre v2 are disabled.
    pub no_spectre_v2: bool,
    /// `panic_on_taint=`: the taints that make the kernel panic, as a bit mask.
    pub panic_on_taint: u32,
}

impl Cmdline {
    /// Parses a command line. Options of other parts of the kernel are ignored. `-` and `_` are equal in names.
    pub fn parse(text: &str) -> Self {
        let mut cmdline = Self::default();
        for word in text.split_whitespace() {
            let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
            let yes =
                value.is_none_or(|value| matches!(value.as_bytes().first(), Some(b'y' | b'Y' | b'1')) || value == "on");
            match name.replace('-', "_").as_str() {
                // bool_enable_only: it can be switched on, never off.
                "module.sig_enforce" => cmdline.sig_enforce |= yes,
                "module_blacklist" => {
                    cmdline.blacklist = value
                        .unwrap_or_default()
                        .split(',')
                        .filter(|name| !name.is_empty())
                        .map(str::to_owned)
                        .collect();
                }
                "nomodule" if yes => cmdline.modules_disabled = Some(word.to_owned()),
                "sysctl.kernel.modules_disabled" if yes => cmdline.modules_disabled = Some(word.to_owned()),
                // It can be raised, never lowered.
                "lockdown" => cmdline.lockdown |= matches!(value, Some("integrity" | "confidentiality")),
                "nospectre_v2" => cmdline.no_spectre_v2 = true,
                "spectre_v2" | "mitigations" if value == Some("off") => cmdline.no_spectre_v2 = true,
                "panic_on_taint" => {
                    let number = value.unwrap_or_default().split(',').next().unwrap_or_default();
                    cmdline.panic_on_taint = u32::from_str_radix(number.trim_start_matches("0x"), 16).unwrap_or(0);
                }
                _ => {}
            }
        }
        cmdline
    }
}

#[cfg(test)]
mod tests {
    use crate::load::Cmdline;

    #[test]
    fn the_loaders_switches_are_found_among_others() {
        let cmdline = Cmdline::parse("quiet ro module.sig-enforce module_blacklist=foo,bar_x lockdown=integrity");
        assert!(cmdline.sig_enforce && cmdline.lockdown);
        assert_eq!(cmdline.blacklist, ["foo", "bar_x"]);
        assert!(!Cmdline::parse("module.sig_enforce=0").sig_enforce);
        assert_eq!(Cmdline::parse("panic_on_taint=0x1001,nousertaint").panic_on_taint, 0x1001);
    }
}
