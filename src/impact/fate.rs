//! What becomes of the need for a symbol when the source is built again: as the headers of both kernels and the module's
//! debug information tell.
//!
//! A module's symbols are not all named in its source: inlines and macros of the kernel's headers bring many in, and those
//! change with the kernel.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::kernels::Kernels;
use super::symbol::{Fate, Prototypes, SymbolReplacement, Wanting};
use crate::headers::{Declaration, DefinitionKind, HeaderDefinition, Mention, Mentions, is_made_by_macros};
use crate::kernel::Exports;
use crate::verdict::{Cause, Use};
use crate::why::is_of_compiler;

/// How many levels of macros and inlines, one in the body of another, are followed.
const LEVELS: usize = 4;

/// What the headers of two kernels say.
pub(super) struct Headers<'k> {
    before: Vec<Mentions>,
    after: Option<Mentions>,
    exports: Option<&'k Exports>,
}

/// Do the later headers still have what used a symbol?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Users {
    /// All of it, or all that uses it in turn.
    There,
    /// Nothing of it.
    Gone,
    /// Some.
    Some,
}

impl Users {
    fn of(there: impl Iterator<Item = Self>) -> Option<Self> {
        there.reduce(|one, other| if one == other { one } else { Self::Some })
    }
}

impl<'k> Headers<'k> {
    /// Reads what they say of symbols: of those that are kept from modules, also of what brings them in; of others only what
    /// they are. `uses` are what is known of where modules use the symbols.
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
            let mention = |name: &String| before.iter().find_map(|mentions| mentions.of(name));
            let users = open.iter().filter_map(mention).flat_map(|mention| &mention.used_by);
            open = users.map(|place| place.name.clone()).filter(|name| !names.contains(name)).collect();
            names.extend(open.iter().cloned());
            if open.is_empty() || level == LEVELS {
                break;
            }
            before.extend(kernels.from.mentions(&texts(&open)));
        }
        let after = kernels.to.mentions(&texts(&names));
        Self { before, after, exports }
    }

    /// What the earlier headers say of a name.
    fn before(&self, name: &str) -> Option<&Mention> {
        self.before.iter().find_map(|mentions| mentions.of(name))
    }

    /// Is an inline gone that the module's own source calls? Where a macro stands in between, that may be there still.
    pub(super) fn is_gone(&self, inline: &str) -> bool {
        let before = self.before(inline).filter(|mention| !mention.defined.is_empty());
        let macros = before.is_some_and(|mention| mention.used_by.iter().any(|place| is_macro(&place)));
        self.after.is_some() && before.is_some() && !macros && !self.is_there(inline)
    }

    /// Is what uses a name still there? What is gone itself, and is for the headers' own use, counts as what uses it in turn.
    /// Each name is looked at once: headers may use one another in every way.
    fn users<'m>(
        &'m self,
        users: &[&'m HeaderDefinition],
        levels: usize,
        known: &mut HashMap<&'m str, Users>,
    ) -> Option<Users> {
        let mut there = Vec::new();
        for name in users.iter().map(|place| place.name.as_str()) {
            let of_user = known.get(name).copied().unwrap_or_else(|| {
                // In a circle nothing holds but what is there itself.
                known.insert(name, Users::Gone);
                let users = self.user(name, levels, known);
                known.insert(name, users);
                users
            });
            there.push(of_user);
        }
        Users::of(there.into_iter())
    }

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

    /// The inlines and macros that bring a symbol in: those of the chains, else all that name it; of those that are gone, what
    /// uses them in turn and is still there.
    pub(super) fn through(&self, symbol: &str, uses: &[Use]) -> Vec<String> {
        let mut found: BTreeSet<String> = called(uses).into_iter().flatten().map(str::to_owned).collect();
        if found.is_empty() {
            // With debug information, inlines would stand in the chains.
            let wanted = |place: &HeaderDefinition| is_macro(&place) || !has_lines(uses);
            self.nearest(symbol, &wanted, LEVELS, &mut HashSet::new(), &mut found);
        }
        found.into_iter().collect()
    }

    /// Adds what uses a name and is still there, at whatever level; what is gone only where nothing above it is there. Is there
    /// anything?
    fn nearest<'m>(
        &'m self,
        name: &str,
        wanted: &dyn Fn(&HeaderDefinition) -> bool,
        levels: usize,
        met: &mut HashSet<&'m str>,
        found: &mut BTreeSet<String>,
    ) -> bool {
        let users = self.before(name).map(|mention| mention.used_by.as_slice()).unwrap_or_default();
        let mut any = false;
        for user in users.iter().filter(|user| user.name != name && wanted(user)) {
            any = true;
            if !met.insert(&user.name) {
                continue;
            }
            let gone = levels > 0 && !self.is_there(&user.name);
            if !gone || !self.nearest(&user.name, &|_| true, levels - 1, met, found) {
                found.insert(user.name.clone());
            }
        }
        any
    }

    /// What becomes of the need for a symbol that the kernel keeps from the module.
    /// `functions` are those of the module that use each of its symbols.
    pub(super) fn fate(
        &self,
        symbol: &str,
        cause: &Cause,
        uses: &[Use],
        functions: &[(String, BTreeSet<String>)],
    ) -> Fate {
        match cause {
            Cause::MissingSymbol { refused_exporter: None, .. } => self.of_missing(symbol, uses, functions),
            Cause::GplOnlySymbol { .. } => self.of_hidden(symbol, uses),
            _ => Fate::Stays,
        }
    }

    fn of_missing(&self, symbol: &str, uses: &[Use], functions: &[(String, BTreeSet<String>)]) -> Fate {
        if is_of_compiler(symbol) {
            return Fate::Replaced(SymbolReplacement::Compiler);
        }
        let Some(after) = &self.after else { return Fate::Open { wanting: Wanting::HeadersAfter } };
        if let Some(definition) = defined(after.of(symbol)) {
            return definition;
        }
        let made_by_macro = is_made_by_macros(symbol);
        if made_by_macro && after.of(symbol).is_some_and(|mention| !mention.declared.is_empty()) {
            return Fate::Replaced(SymbolReplacement::Headers);
        }
        // Only the outermost inline of a chain is named by the module's own source.
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
        // A macro around a function of its own name is that function; and inlines would stand in the chains.
        let users = mention.used_by.iter().filter(|place| place.name != symbol);
        let users: Vec<_> = users.filter(|place| is_macro(place) || !has_lines(uses)).collect();
        let users = self.users(&users, LEVELS, &mut HashMap::new());
        let is_declared = !mention.declared.is_empty() || !mention.defined.is_empty();
        match users {
            // Where debug information shows inlines for some uses, it has lost them for the others.
            None | Some(Users::There) if !inlines.is_empty() => Fate::Replaced(SymbolReplacement::Headers),
            // Nothing in the headers names it: the source does.
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

    /// Without debug information: an inline that is used leaves all that it names beside each other. Is there one that is there
    /// still, and that names something else which every function has that uses the symbol?
    fn leaves_traces(&self, symbol: &str, mention: &Mention, functions: &[(String, BTreeSet<String>)]) -> bool {
        let of = |name: &str| functions.iter().find(|(known, _)| known == name).map(|(_, functions)| functions);
        let Some(own) = of(symbol).filter(|own| !own.is_empty()) else { return false };
        let inlines = mention.used_by.iter().filter(|place| place.name != symbol && self.is_there(&place.name));
        let mut inlines = inlines.filter(|place| place.form == DefinitionKind::Inline);
        inlines.any(|inline| {
            functions.iter().any(|(other, beside)| {
                let named = self.before(other).is_some_and(|mention| mention.used_by.contains(inline));
                other != symbol && named && own.is_subset(beside)
            })
        })
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
            false if frames().all(|inline| self.is_there(inline)) => Fate::Replaced(SymbolReplacement::Headers),
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
        let (before, after) = (self.before(symbol)?, self.after.as_ref()?.of(symbol)?);
        // Where the name is a macro or an inline now, what it declares is not what the source calls.
        if !after.defined.is_empty() {
            return None;
        }
        let same = |one: &Declaration| after.declared.iter().any(|other| one.same_shape(other));
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
        // What only the headers name changes with them, and troubles no source.
        let is_data = before.declared.iter().all(|declared| declared.parameters.is_none());
        let through_inlines = !uses.is_empty() && !own_code;
        if through_inlines || (in_headers && is_data) || is_internal(symbol, before) {
            return None;
        }
        Some(Prototypes {
            before: one.text.clone(),
            after: other.text.clone(),
            other_number: number(before).is_disjoint(&number(after)),
            called,
        })
    }
}

/// Is something there for the headers' own macros and inlines only? Its name says so, or a lock class that only a macro can
/// make, or that it is data of the architecture, which portable sources do not name.
fn is_internal(symbol: &str, mention: &Mention) -> bool {
    let parameters = mention.declared.iter().flat_map(|declared| &declared.parameters).flatten();
    let of_arch = |declared: &Declaration| declared.parameters.is_none() && declared.file.starts_with("arch/");
    let data_of_arch = !mention.declared.is_empty() && mention.declared.iter().all(of_arch);
    is_named_internal(symbol)
        || data_of_arch
        || parameters.into_iter().any(|parameter| parameter.contains("lock_class_key"))
}

/// By the kernel's conventions: a leading `_`, or `_key` behind what takes a lock class.
fn is_named_internal(name: &str) -> bool {
    name.starts_with('_') || name.ends_with("_key")
}

fn texts(names: &BTreeSet<String>) -> BTreeSet<&str> {
    names.iter().map(String::as_str).collect()
}

/// How the headers define a name themselves.
fn defined(mention: Option<&Mention>) -> Option<Fate> {
    let place = mention?.defined.first()?;
    let (file, line) = (place.file.clone(), place.line);
    Some(Fate::Replaced(SymbolReplacement::Definition { is_macro: is_macro(&place), file, line }))
}

fn is_macro(place: &&HeaderDefinition) -> bool {
    place.form == DefinitionKind::Macro
}

fn has_lines(uses: &[Use]) -> bool {
    uses.iter().any(|place| place.chain.iter().any(|frame| frame.file.is_some()))
}

/// For each use, the inline of the kernel's headers that the module's own source calls; `None` where its own code uses the
/// symbol, or where that is not known.
fn called(uses: &[Use]) -> Vec<Option<&str>> {
    uses.iter().map(|place| place.divided().0.last().map(|frame| frame.function.as_str())).collect()
}
