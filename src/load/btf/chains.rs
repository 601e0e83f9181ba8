//! Chains of typedefs and qualifiers.

use super::env::{End, Env};
use super::types::{Type, Types};
use crate::btf::Kind;
use crate::history::Behaviour;
use crate::terms::Errno;

/// The longest chain that the kernel follows.
const LIMIT: usize = 32;

/// How the check of all chains ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Fine,
    /// A type refers to one that does not exist.
    NoType,
    TooLong,
    /// A qualifier comes before a tag.
    TagLate,
}

/// Mirrors `btf_check_type_tags()` and, once it no longer looks at tags, `btf_check_modifier_chain_length()`.
pub(super) fn check(env: &mut Env<'_>, types: &Types<'_>) -> Result<(), End> {
    let strict = outcome(types, true);
    let lax = outcome(types, false);
    let outcome = if strict == Outcome::Fine && lax == Outcome::Fine || !env.has(Behaviour::BtfChains)? {
        // Kernels without the check crash or hang where it fails only later, if at all.
        Outcome::Fine
    } else if strict == lax || !env.has(Behaviour::BtfFreeTags)? {
        strict
    } else {
        lax
    };
    match outcome {
        Outcome::Fine => Ok(()),
        Outcome::NoType => Err(End::Invalid(Errno::EINVAL)),
        Outcome::TooLong => {
            env.log("Max chain length or cycle detected");
            Err(End::Invalid(Errno::ELOOP))
        }
        Outcome::TagLate => env.refuse("Type tags don't precede modifiers"),
    }
}

fn outcome(types: &Types<'_>, with_tags: bool) -> Outcome {
    let start = types.first();
    let mut good = start.checked_sub(1);
    for id in start..types.len() {
        let mut current = id;
        let Some(mut at) = types.get(id) else { return Outcome::NoType };
        let mut left = LIMIT;
        let mut in_tags = is_tag(at);
        let mut is_chain = false;
        while is_modifier(at) {
            is_chain = true;
            let Some(less) = left.checked_sub(1) else { return Outcome::TooLong };
            left = less;
            if is_tag(at) && !in_tags && with_tags {
                return Outcome::TagLate;
            }
            in_tags &= is_tag(at);
            if good.is_some_and(|good| current <= good) {
                break;
            }
            let Type::Record(record) = at else { break };
            current = record.size;
            let Some(next) = types.get(current) else { return Outcome::NoType };
            at = next;
        }
        if is_chain {
            good = Some(id);
        }
    }
    Outcome::Fine
}

const fn is_modifier(of: Type<'_>) -> bool {
    matches!(of, Type::Record(record) if record.kind().is_modifier())
}

const fn is_tag(of: Type<'_>) -> bool {
    matches!(of, Type::Record(record) if matches!(record.kind(), Kind::TYPE_TAG))
}
