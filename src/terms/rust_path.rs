//! Names that Rust has mangled, as paths.

use std::fmt::{self, Write};

/// The longest path that is written out, in bytes. A hostile name may stand for a path of any length.
const LONGEST: usize = 4096;

/// Text up to [`LONGEST`].
struct Limited(String);

impl Write for Limited {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if self.0.len() + part.len() > LONGEST {
            return Err(fmt::Error);
        }
        self.0.push_str(part);
        Ok(())
    }
}

/// The path of a name that Rust has mangled (v0), without the hashes of crates; `None` for any other name. Names that differ only in
/// such hashes are of one source, built with different compilers.
pub fn rust_path(name: &str) -> Option<String> {
    let path = rustc_demangle::try_demangle(name).ok().filter(|_| name.starts_with("_R"))?;
    let mut text = Limited(String::new());
    write!(text, "{path:#}").ok()?;
    Some(text.0)
}

#[cfg(test)]
mod tests {
    use super::rust_path;

    #[test]
    fn the_hash_of_a_crate_is_no_part_of_a_path() {
        let [one, other] =
            ["bnUg9pXy1Qk", "2lKf6AS60Zg"].map(|hash| format!("_RNvMNtCs{hash}_4core3stre12escape_debug"));
        assert_eq!(rust_path(&one).as_deref(), Some("<str>::escape_debug"));
        assert_eq!(rust_path(&one), rust_path(&other));
        assert_eq!(rust_path("_RNvNtCs1234_7mycrate3foo3bar").as_deref(), Some("mycrate::foo::bar"));
        for name in ["printk", "_R", "_Ragout", "_ZN4core3foo17h0123456789abcdefE"] {
            assert_eq!(rust_path(name), None, "{name}");
        }
    }
}
