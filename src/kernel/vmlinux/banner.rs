//! The banner, the version magic and the embedded configuration of a kernel image.

use memchr::memmem::{find, find_iter};

use crate::compression::{Compression, decompress_payload};
use crate::kernel::config::Config;
use crate::terms::{Budget, KernelRelease};

/// The longest line that is read.
const MAX_LINE: usize = 1024;

/// The beginning of every banner.
pub(super) const BEGINNING: &[u8] = b"Linux version ";

/// `linux_banner` (init/version-timestamp.c): `Linux version RELEASE (who@where) (compiler) #N …`.
pub(super) fn banner(bytes: &[u8]) -> Option<&str> {
    find_iter(bytes, BEGINNING).find_map(|at| {
        let line = line_at(bytes, at)?;
        let release = release_of(line)?;
        (release.version().is_some() && line.contains(" #")).then_some(line)
    })
}

/// The release in a banner.
pub(super) fn release_of(banner: &str) -> Option<KernelRelease> {
    banner.strip_prefix("Linux version ")?.split(' ').next().map(KernelRelease::new)
}

/// The stable version in the banner of a distribution whose release strings do not give it: `Debian 6.1.192-2` at the end.
pub(super) fn stable_version(banner: &str) -> Option<KernelRelease> {
    let (_, version) = banner.split_once(" #")?.1.split_once(" Debian ")?;
    version.split(['-', ' ', '~', '+']).next().map(KernelRelease::new)
}

/// `vermagic` (kernel/module/main.c): the only string that is the release, a space and then words. `None` if two such strings
/// differ.
pub(super) fn vermagic(bytes: &[u8], release: &KernelRelease) -> Option<String> {
    let beginning = format!("{release} ");
    let mut found = find_iter(bytes, beginning.as_bytes()).filter_map(|at| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        if before.is_some_and(|byte| byte.is_ascii_graphic() || *byte == b' ') {
            return None;
        }
        let line = line_at(bytes, at)?;
        let mut words = line.get(beginning.len()..)?.bytes();
        words
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b' ' | b'-' | b'.' | b'='))
            .then_some(line)
    });
    let first = found.next()?;
    found.all(|other| other == first).then(|| first.to_owned())
}

/// The longest configuration: 16 MiB. Real ones have less than 400 KiB.
const CONFIG_LIMIT: u64 = 16 << 20;

/// The configuration between `IKCFG_ST` and `IKCFG_ED` (`CONFIG_IKCONFIG`, kernel/configs.c).
pub(super) fn config(bytes: &[u8]) -> Option<Config> {
    const START: &[u8] = b"IKCFG_ST";
    find_iter(bytes, START).find_map(|at| {
        let rest = bytes.get(at + START.len()..)?;
        let packed = rest.get(..find(rest, b"IKCFG_ED")?)?;
        if Compression::of(packed) != Some(Compression::Gzip) {
            return None;
        }
        let text = decompress_payload(Compression::Gzip, packed, None, &Budget::new(CONFIG_LIMIT)).ok()?;
        Config::parse_embedded(String::from_utf8(text.to_vec()).ok()?)
    })
}

fn line_at(bytes: &[u8], at: usize) -> Option<&str> {
    let rest = bytes.get(at..)?;
    let rest = rest.get(..MAX_LINE).unwrap_or(rest);
    let line = rest.get(..rest.iter().position(|byte| matches!(byte, 0 | b'\n'))?)?;
    std::str::from_utf8(line).ok()
}
