//! The name of a symbol that is being resolved.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::image::as_text;

/// A name as messages show it. It is copied only if there is a message about the symbol, and then once for all messages.
pub(in crate::load) struct SymbolName<'a> {
    text: Cow<'a, str>,
    shared: OnceCell<Arc<str>>,
}

impl<'a> SymbolName<'a> {
    /// Takes the name from the bytes of a string table.
    pub fn of_bytes(raw: &'a [u8]) -> Self {
        Self { text: as_text(raw), shared: OnceCell::new() }
    }

    /// The name as a shared copy, for findings and lines.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(self.shared.get_or_init(|| Arc::from(&*self.text)))
    }
}

impl<'a> From<&'a str> for SymbolName<'a> {
    fn from(text: &'a str) -> Self {
        Self { text: Cow::Borrowed(text), shared: OnceCell::new() }
    }
}

impl Deref for SymbolName<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for SymbolName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}
