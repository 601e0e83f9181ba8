//! Determines whether a module still needs a symbol when its source is built again, from the headers of both kernels
//! and the module's debug information.
//!
//! A module's source does not name all of its symbols: macros and inline functions of the kernel's headers bring many
//! in, and those change with the kernel. Whether the source itself names a symbol cannot be known here.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::kernels::Kernels;
use super::symbol::{Fate, Prototypes, SymbolReplacement, Wanting};
use crate::headers::{DefinitionKind, HeaderDefinition, Mention, Mentions, is_made_by_macros};
use crate::kernel::Exports;
use crate::verdict::{Cause, Use};
use crate::why::is_of_compiler;

/// How many levels of macros and inline functions, each used in the body of another, are followed.
const LEVELS: usize = 4;

/// What the headers of two kernels say about symbols.
pub(super) struct Headers<'k> {
    before: Vec<Mentions>,
    after: Option<Mentions>,
    exports: Option<&'k Exports>,
}

/// Whether the later headers still have the macros and inline functions that used a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Users {
    /// All of them, or everything that used them in turn.
    There,
    /// None of them.
    Gone,
    /// Some of them.
    Some,
}

impl Users {
    /// Combines the states of all users; `None` if there are none.
    fn of(users: impl Iterator<Item = Self>) -> Option<Self> {
        users.reduce(|one, other| if one == other { one } else { Self::Some })
    }
}

impl<'k> Headers<'k> {
    /// Reads what the headers say about symbols. For `blocked` symbols, which the kernel withholds from modules, this
    /// includes everything that brings them in; for `others` only their own declarations and definitions. `uses` are
    /// the known uses in the modules.
    pub(super) fn read(kernels: Kernels<'k>, blocked: &BTreeSet<&str>, others: &BTreeSet<&str>, uses: &[&Use]) -> Self {
        let exports = kernels.after;
        let mut names: BTreeSet<String> = blocked.union(others).map(|name| (*name).to_owned()).collect();
        if names.is_empty() {
            return Self { before: Vec::new(), after: None, exports };
        }
        let mut before: Vec<_> = kernels.from.mentions(&texts(&names)).into_iter().collect();
        let frames = uses.iter().flat_map(|place| place.divided().0);
        names.extend(frames.map(|frame| frame.function.clone()));
        let mut open: BTreeSet<String> = blocked.iter().map(|name| (*name).to_owned()).collect();
        for level in 1..=LEVELS {
            let mut users = BTreeSet::new();
            for name in &open {
                let mention = before.iter().find_map(|mentions| mentions.of(name));
                users.extend(mention.iter().flat_map(|mention| &mention.used_by).map(|user| user.name.clone()));
            }
            users.retain(|name| !names.contains(name));
            open = users;
            names.extend(open.iter().cloned());
            if open.is_empty() || level == LEVELS {
                break;
            }
            before.extend(kernels.from.mentions(&texts(&open)));
        }
        let after = kernels.to.mentions(&texts(&names));
        Self { before, after, exports }
    }

    /// What the earlier headers say about a name.
    fn before(&self, name: &str) -> Option<&Mention> {
        self.before.iter().find_map(|mentions| mentions.of(name))
    }

    /// Returns whether an inline function that the module's own source calls is gone from the later headers. False if a
    /// macro uses the inline function, because the source may call that macro, which may still exist.
    pub(super) fn is_gone(&self, inline: &str) -> bool {
        let Some(before) = self.before(inline).filter(|mention| !mention.defined.is_empty()) else { return false };
        self.after.is_some() && !before.used_by.iter().any(is_macro) && !self.is_there(inline)
    }

    /// Determines whether the users of a name are still there. A user that is gone and was internal to the headers
    /// counts as its own users do. Each name is visited once, because headers may use one another in circles.
    fn users<'m>(
        &'m self,
        users: &[&'m HeaderDefinition],
        levels: usize,
        known: &mut HashMap<&'m str, Users>,
    ) -> Option<Users> {
        let mut states = Vec::new();
        for name in users.iter().map(|user| user.name.as_str()) {
            if let Some(state) = known.get(name) {
                states.push(*state);
                continue;
            }
            // Within a circle, a name counts only if it is there itself.
            known.insert(name, Users::Gone);
            let state = self.user(name, levels, known);
            known.insert(name, state);
            states.push(state);
        }
        Users::of(states.into_iter())
    }

    /// Determines whether one user of a name, or everything that uses it in turn, is still there.
    fn user<'m>(&'m self, name: &'m str, levels: usize, known: &mut HashMap<&'m str, Users>) -> Users {
        if self.is_there(name) {
            return Users::There;
        }
        let above = self.before(name).filter(|_| levels > 0).and_then(|mention| {
            let users: Vec<_> = mention.used_by.iter().filter(|user| user.name != name).collect();
            self.users(&users, levels - 1, known)
        });
        match above {
            None | Some(Users::Gone) => Users::Gone,
            Some(above) if is_named_internal(name) => above,
            Some(_) => Users::Some,
        }
    }

    /// The inline functions and macros that bring a symbol in: those in the chains, or else all that name it. One that
    /// is gone is replaced by its users that are still there.
    pub(super) fn through(&self, symbol: &str, uses: &[Use]) -> Vec<String> {
        let mut found: BTreeSet<String> = called(uses).into_iter().flatten().map(str::to_owned).collect();
        if found.is_empty() {
            self.nearest(symbol, has_lines(uses), LEVELS, &mut HashSet::new(), &mut found);
        }
        found.into_iter().collect()
    }

    /// Adds the nearest users of a name that are still there, at whatever level; a user that is gone only if no user
    /// above it is there. Returns whether the name has any users.
    ///
    /// With `only_macros`, direct users that are inline functions are skipped: debug information would show them in the
    /// chains.
    fn nearest<'m>(
        &'m self,
        name: &str,
        only_macros: bool,
        levels: usize,
        met: &mut HashSet<&'m str>,
        found: &mut BTreeSet<String>,
    ) -> bool {
        let users = self.before(name).map(|mention| mention.used_by.as_slice()).unwrap_or_default();
        let mut any = false;
        for user in users.iter().filter(|user| user.name != name && (is_macro(user) || !only_macros)) {
            any = true;
            if !met.insert(&user.name) {
                continue;
            }
            let gone = levels > 0 && !self.is_there(&user.name);
            if !gone || !self.nearest(&user.name, false, levels - 1, met, found) {
                found.insert(user.name.clone());
            }
        }
        any
    }

    /// Determines whether a new build still needs a symbol that the kernel withholds from the module. `functions`
    /// holds, for each symbol of the module, the functions that use it.
    pub(super) fn fate(
        &self,
        symbol: &str,
        cause: &Cause,
        uses: &[Use],
        functions: &[(String, BTreeSet<String>)],
    ) -> Fate {
        match cause {
            Cause::MissingSymbol { refused_exporter: None, .. } => self.fate_of_missing(symbol, uses, functions),
            Cause::GplOnlySymbol { .. } => self.fate_of_hidden(symbol, uses),
            _ => Fate::Stays,
        }
    }

    /// The fate of a symbol that the later kernel does not export.
    fn fate_of_missing(&self, symbol: &str, uses: &[Use], functions: &[(String, BTreeSet<String>)]) -> Fate {
        if is_of_compiler(symbol) {
            return Fate::Replaced(SymbolReplacement::Compiler);
        }
        let Some(after) = &self.after else { return Fate::Open { wanting: Wanting::HeadersAfter } };
        if let Some(definition) = definition_fate(after.of(symbol)) {
            return definition;
        }
        let made_by_macro = is_made_by_macros(symbol);
        if made_by_macro && after.of(symbol).is_some_and(|mention| !mention.declared.is_empty()) {
            return Fate::Replaced(SymbolReplacement::Headers);
        }
        // The module's own source names only the outermost inline function of a chain.
        let called = called(uses);
        let inlines: BTreeSet<&str> = called.iter().copied().flatten().collect();
        let are_there = inlines.iter().all(|name| self.is_there(name));
        if !inlines.is_empty() && (!are_there || !called.contains(&None)) {
            return if are_there { Fate::Replaced(SymbolReplacement::Headers) } else { Fate::Stays };
        }
        if self.before.is_empty() {
            return Fate::Open { wanting: Wanting::HeadersBefore };
        }
        let open = Fate::Open { wanting: Wanting::Source };
        let Some(mention) = self.before(symbol) else { return open };
        // A macro that wraps a function under its own name counts as that function; inline functions would appear in
        // the chains.
        let only_macros = has_lines(uses);
        let users: Vec<_> =
            mention.used_by.iter().filter(|user| user.name != symbol && (is_macro(user) || !only_macros)).collect();
        let users = self.users(&users, LEVELS, &mut HashMap::new());
        let is_declared = !mention.declared.is_empty() || !mention.defined.is_empty();
        match users {
            // If debug information shows inline functions for some uses, it lacks them for the others.
            None | Some(Users::There) if !inlines.is_empty() => Fate::Replaced(SymbolReplacement::Headers),
            // Nothing in the headers names the symbol, so the source does.
            None if is_declared && !made_by_macro => Fate::Stays,
            None => open,
            Some(Users::There) if is_internal(symbol, mention) || !is_declared => {
                Fate::Replaced(SymbolReplacement::Headers)
            }
            Some(Users::Gone) => Fate::Stays,
            Some(_) if self.leaves_traces(symbol, mention, functions) => Fate::Replaced(SymbolReplacement::Headers),
            Some(_) => open,
        }
    }

    /// Without debug information: an inline function leaves references to all symbols it names in the function that it
    /// is inlined into. Returns whether some inline function is still there and names another symbol that every user of
    /// `symbol` also refers to.
    fn leaves_traces(&self, symbol: &str, mention: &Mention, functions: &[(String, BTreeSet<String>)]) -> bool {
        let Some((_, own)) = functions.iter().find(|(known, own)| known == symbol && !own.is_empty()) else {
            return false;
        };
        for user in &mention.used_by {
            if user.name == symbol || user.form != DefinitionKind::Inline || !self.is_there(&user.name) {
                continue;
            }
            for (other, users_of_other) in functions.iter().filter(|(other, _)| other != symbol) {
                let names_other = self.before(other).is_some_and(|mention| mention.used_by.contains(user));
                if names_other && own.is_subset(users_of_other) {
                    return true;
                }
            }
        }
        false
    }

    /// The fate of a symbol that the later kernel exports GPL-only.
    fn fate_of_hidden(&self, symbol: &str, uses: &[Use]) -> Fate {
        let Some(after) = &self.after else { return Fate::Stays };
        if let Some(definition) = definition_fate(after.of(symbol)) {
            return definition;
        }
        if called(uses).contains(&None) || uses.is_empty() {
            return Fate::Stays;
        }
        // The symbol came in only through inline functions. If none of them names it any more, a new build may do
        // without.
        let users = after.of(symbol).map(|mention| mention.used_by.as_slice()).unwrap_or_default();
        let mut all_there = true;
        for inline in uses.iter().flat_map(|place| place.divided().0).map(|frame| frame.function.as_str()) {
            if users.iter().any(|user| user.name == inline) {
                return Fate::Stays;
            }
            all_there = all_there && self.is_there(inline);
        }
        if all_there { Fate::Replaced(SymbolReplacement::Headers) } else { Fate::Open { wanting: Wanting::Source } }
    }

    /// Returns whether the later headers or exports still have a name.
    fn is_there(&self, name: &str) -> bool {
        let mention = self.after.as_ref().and_then(|after| after.of(name));
        mention.is_some_and(|mention| !mention.declared.is_empty() || !mention.defined.is_empty())
            || self.exports.is_some_and(|exports| exports.named(name).next().is_some())
    }

    /// The prototypes of a symbol, if the headers of both kernels declare it and no two declarations agree.
    pub(super) fn prototypes(&self, symbol: &str, uses: &[Use]) -> Option<Prototypes> {
        let before = self.before(symbol)?;
        let after = self.after.as_ref()?.of(symbol)?;
        // If the name is a macro or inline function in the later headers, the source does not call what they declare.
        if !after.defined.is_empty() {
            return None;
        }
        if before.declared.iter().any(|one| after.declared.iter().any(|other| one.same_shape(other))) {
            return None;
        }
        let first_before = before.declared.first()?;
        let first_after = after.declared.first()?;
        let own_code = called(uses).contains(&None);
        let in_headers = if has_lines(uses) { before.used_by.iter().any(is_macro) } else { !before.used_by.is_empty() };
        let called = !in_headers && (own_code || uses.is_empty());
        // A symbol that only the headers name changes together with them and breaks no source.
        let is_data = before.declared.iter().all(|declared| declared.parameters.is_none());
        let through_inlines = !uses.is_empty() && !own_code;
        if through_inlines || (in_headers && is_data) || is_internal(symbol, before) {
            return None;
        }
        Some(Prototypes {
            before: first_before.text.clone(),
            after: first_after.text.clone(),
            other_number: numbers_of_parameters(before).is_disjoint(&numbers_of_parameters(after)),
            called,
        })
    }
}

/// The numbers of parameters that a name is declared with; `None` stands for data.
fn numbers_of_parameters(mention: &Mention) -> BTreeSet<Option<usize>> {
    mention.declared.iter().map(|declaration| declaration.parameters.as_ref().map(Vec::len)).collect()
}

/// Returns whether only the headers' own macros and inline functions use a name: its name says so, or it takes a lock
/// class, which only a macro creates, or it is data of the architecture, which portable sources do not name.
fn is_internal(symbol: &str, mention: &Mention) -> bool {
    let mut parameters = mention.declared.iter().flat_map(|declared| &declared.parameters).flatten();
    let is_data_of_arch = !mention.declared.is_empty()
        && mention.declared.iter().all(|declared| declared.parameters.is_none() && declared.file.starts_with("arch/"));
    is_named_internal(symbol) || is_data_of_arch || parameters.any(|parameter| parameter.contains("lock_class_key"))
}

/// Returns whether a name is internal by the kernel's conventions: it begins with `_`, or ends with `_key` and takes a
/// lock class.
fn is_named_internal(name: &str) -> bool {
    name.starts_with('_') || name.ends_with("_key")
}

fn texts(names: &BTreeSet<String>) -> BTreeSet<&str> {
    names.iter().map(String::as_str).collect()
}

/// The fate of a symbol that the later headers define themselves.
fn definition_fate(mention: Option<&Mention>) -> Option<Fate> {
    let definition = mention?.defined.first()?;
    Some(Fate::Replaced(SymbolReplacement::Definition {
        is_macro: is_macro(definition),
        file: definition.file.clone(),
        line: definition.line,
    }))
}

fn is_macro(definition: &HeaderDefinition) -> bool {
    definition.form == DefinitionKind::Macro
}

/// Returns whether debug information gave lines for some use.
fn has_lines(uses: &[Use]) -> bool {
    uses.iter().any(|place| place.chain.iter().any(|frame| frame.file.is_some()))
}

/// For each use, the inline function of the kernel's headers that the module's own source calls; `None` if the module's
/// own code uses the symbol directly, or if that is not known.
fn called(uses: &[Use]) -> Vec<Option<&str>> {
    uses.iter().map(|place| place.divided().0.last().map(|frame| frame.function.as_str())).collect()
}
