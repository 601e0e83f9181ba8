//! What becomes of the need for a symbol when the source is built again: as the headers of both kernels and the module's
//! debug information tell.
//!
//! A module's symbols are not all named in its source: inlines and macros of the kernel's headers bring many in, and those
//! change with the kernel.

use std::collections::BTreeSet;

use super::symbol::{Fate, Prototypes, Replacement, Wanting};
use crate::kernel::{Exports, Form, Kernel, Mention, Mentions};
use crate::verdict::{Cause, Finding, Use};
use crate::why::is_of_compiler;

/// What the headers of two kernels say.
pub(super) struct Headers<'k> {
    before: Option<Mentions>,
    after: Option<Mentions>,
    exports: Option<&'k Exports>,
}

impl<'k> Headers<'k> {
    /// Reads what they say of symbols, and of what brings those in. `uses` are what is known of where modules use them.
    pub(super) fn read(
        from: &Kernel,
        to: &Kernel,
        exports: Option<&'k Exports>,
        symbols: &BTreeSet<&str>,
        uses: &[Use],
    ) -> Self {
        if symbols.is_empty() {
            return Self { before: None, after: None, exports };
        }
        let before = from.mentions(symbols);
        let mut names = symbols.clone();
        let users = symbols.iter().filter_map(|symbol| before.as_ref()?.of(symbol));
        names.extend(users.flat_map(|mention| &mention.used_by).map(|place| place.name.as_str()));
        let frames = uses.iter().flat_map(|place| place.divided().0);
        names.extend(frames.map(|frame| frame.function.as_str()));
        let after = to.mentions(&names);
        Self { before, after, exports }
    }

    /// The inlines and macros that bring a symbol in: those of the chains, else all that name it.
    pub(super) fn through(&self, symbol: &str, uses: &[Use]) -> Vec<String> {
        let called: BTreeSet<&str> = called(uses).into_iter().flatten().collect();
        let users = self.before.as_ref().and_then(|before| before.of(symbol)).map(|mention| &mention.used_by);
        let named = || users.into_iter().flatten().filter(|place| place.name != symbol);
        match (called.is_empty(), has_lines(uses)) {
            (false, _) => called.into_iter().map(str::to_owned).collect(),
            // Inlines would stand in the chains.
            (true, true) => named().filter(is_macro).map(|place| place.name.clone()).collect(),
            (true, false) => named().map(|place| place.name.clone()).collect(),
        }
    }

    /// What becomes of the need for a symbol that the kernel keeps from the module.
    pub(super) fn fate(&self, symbol: &str, blocked: &Finding) -> Fate {
        match &blocked.cause {
            Cause::MissingSymbol { refused_exporter: None, .. } => self.of_missing(symbol, &blocked.uses),
            Cause::GplOnlySymbol { .. } => self.of_hidden(symbol, &blocked.uses),
            _ => Fate::Stays,
        }
    }

    fn of_missing(&self, symbol: &str, uses: &[Use]) -> Fate {
        if is_of_compiler(symbol) {
            return Fate::Replaced(Replacement::Compiler);
        }
        let Some(after) = &self.after else { return Fate::Open { wanting: Wanting::HeadersAfter } };
        if let Some(definition) = defined(after.of(symbol)) {
            return definition;
        }
        // Only the outermost inline of a chain is named by the module's own source.
        let inlines: Option<BTreeSet<&str>> = called(uses).into_iter().collect();
        if let Some(inlines) = inlines.filter(|inlines| !inlines.is_empty()) {
            let all = inlines.iter().all(|name| self.is_there(name));
            return if all { Fate::Replaced(Replacement::Headers) } else { Fate::Stays };
        }
        let Some(before) = &self.before else { return Fate::Open { wanting: Wanting::HeadersBefore } };
        let open = Fate::Open { wanting: Wanting::Source };
        let Some(mention) = before.of(symbol) else { return open };
        // A macro around a function of its own name is that function.
        let users = mention.used_by.iter().filter(|place| place.name != symbol);
        let users = users.filter(|place| is_macro(place) || !has_lines(uses));
        let users: Vec<bool> = users.map(|place| self.is_there(&place.name)).collect();
        let is_declared = !mention.declared.is_empty() || !mention.defined.is_empty();
        match (users.iter().all(|there| *there), users.contains(&true)) {
            // Nothing in the headers names it: the source does.
            _ if users.is_empty() && is_declared => Fate::Stays,
            _ if users.is_empty() => open,
            // What begins with _ is for the headers' own use.
            (true, _) if symbol.starts_with('_') || !is_declared => Fate::Replaced(Replacement::Headers),
            (false, false) => Fate::Stays,
            _ => open,
        }
    }

    fn of_hidden(&self, symbol: &str, uses: &[Use]) -> Fate {
        let Some(after) = &self.after else { return Fate::Stays };
        if let Some(definition) = defined(after.of(symbol)) {
            return definition;
        }
        if called(uses).contains(&None) || uses.is_empty() {
            return Fate::Stays;
        }
        // It came through inlines alone. Where none of them names it any more, another build may do without.
        let users = after.of(symbol).map(|mention| mention.used_by.as_slice()).unwrap_or_default();
        let frames = || uses.iter().flat_map(|place| place.divided().0).map(|frame| frame.function.as_str());
        let still = frames().any(|inline| users.iter().any(|place| place.name == inline));
        match still {
            true => Fate::Stays,
            false if frames().all(|inline| self.is_there(inline)) => Fate::Replaced(Replacement::Headers),
            false => Fate::Open { wanting: Wanting::Source },
        }
    }

    /// Do the later headers, or exports, still have a name?
    fn is_there(&self, name: &str) -> bool {
        let mention = self.after.as_ref().and_then(|after| after.of(name));
        let named = mention.is_some_and(|mention| !mention.declared.is_empty() || !mention.defined.is_empty());
        named || self.exports.is_some_and(|exports| exports.named(name).next().is_some())
    }

    /// The prototypes of a symbol, where the headers of both kernels declare it and no two declarations agree.
    pub(super) fn prototypes(&self, symbol: &str, uses: &[Use]) -> Option<Prototypes> {
        let (before, after) = (self.before.as_ref()?.of(symbol)?, self.after.as_ref()?.of(symbol)?);
        // Where the name is a macro or an inline now, what it declares is not what the source calls.
        if !after.defined.is_empty() {
            return None;
        }
        let same = |one: &crate::kernel::Declaration| after.declared.iter().any(|other| one.same_shape(other));
        if before.declared.iter().any(same) {
            return None;
        }
        let (one, other) = (before.declared.first()?, after.declared.first()?);
        let number = |mention: &Mention| -> BTreeSet<Option<usize>> {
            mention.declared.iter().map(|found| found.parameters.as_ref().map(Vec::len)).collect()
        };
        let own_code = called(uses).contains(&None);
        let in_headers = if has_lines(uses) {
            before.used_by.iter().any(|place| is_macro(&place))
        } else {
            !before.used_by.is_empty()
        };
        let called = !in_headers && (own_code || uses.is_empty());
        Some(Prototypes {
            before: one.text.clone(),
            after: other.text.clone(),
            other_number: number(before).is_disjoint(&number(after)),
            called,
        })
    }
}

/// How the headers define a name themselves.
fn defined(mention: Option<&Mention>) -> Option<Fate> {
    let place = mention?.defined.first()?;
    let (file, line) = (place.file.clone(), place.line);
    Some(Fate::Replaced(Replacement::Definition { is_macro: is_macro(&place), file, line }))
}

fn is_macro(place: &&crate::kernel::Place) -> bool {
    place.form == Form::Macro
}

fn has_lines(uses: &[Use]) -> bool {
    uses.iter().any(|place| place.chain.iter().any(|frame| frame.file.is_some()))
}

/// For each use, the inline of the kernel's headers that the module's own source calls; `None` where its own code uses the
/// symbol, or where that is not known.
fn called(uses: &[Use]) -> Vec<Option<&str>> {
    uses.iter().map(|place| place.divided().0.last().map(|frame| frame.function.as_str())).collect()
}
