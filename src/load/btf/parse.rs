//! The order of the checks.

use super::env::{End, Env, Facts, Parsed};
use super::header::{self, Source};
use super::types::{Base, Types};
use super::{chains, checks, relocate};
use crate::btf::{Record, Width};
use crate::load::state::StageResult;
use crate::terms::Endian;

/// Checks `.BTF` and, if the module has it and the kernel looks at it, `.BTF.base`.
pub(in crate::load) fn btf_parse_module(
    btf: &[u8],
    base: Option<&[u8]>,
    endian: Endian,
    facts: &Facts<'_>,
) -> StageResult<Parsed> {
    let mut env = Env::new(facts);
    let result = parse(&mut env, btf, base, endian);
    env.end(result)
}

/// Checks the header of `.BTF` only: without the kernel's types and without `.BTF.base`, nothing is known of the rest. `len` is
/// its length, and `bytes` returns the bytes between two offsets.
pub(in crate::load) fn btf_parse_hdr<'a>(
    len: u32,
    bytes: &'a dyn Fn(u32, u32) -> &'a [u8],
    endian: Endian,
    facts: &Facts<'_>,
) -> StageResult<Parsed> {
    let mut env = Env::new(facts);
    let result = header::check(&mut env, &Source { len, bytes }, endian, true);
    env.end(result.map(|_| false))
}

/// Returns whether the kernel's types were known.
fn parse(env: &mut Env<'_>, btf: &[u8], base: Option<&[u8]>, endian: Endian) -> Result<bool, End> {
    let distilled = match base {
        Some(bytes) => Some(parse_types(env, bytes, endian, Base::None)?),
        None => None,
    };
    let kernel = env.facts.kernel;
    let base = match (&distilled, kernel) {
        (Some(distilled), _) => Base::Distilled(distilled),
        (None, Some(types)) => Base::Kernel(types.table()),
        (None, None) => {
            header::parse(env, btf, endian, true)?;
            return Ok(false);
        }
    };
    let types = parse_types(env, btf, endian, base)?;
    match (&distilled, kernel) {
        (Some(distilled), Some(own)) => {
            relocate::btf_relocate(env, &types, distilled, own.table(), own.names())?;
            Ok(true)
        }
        (Some(_), None) => Ok(false),
        (None, kernel) => Ok(kernel.is_some()),
    }
}

/// Mirrors `btf_parse_base()`, and the part of `btf_parse_module()` that is like it.
fn parse_types<'a>(env: &mut Env<'_>, bytes: &'a [u8], endian: Endian, base: Base<'a>) -> Result<Types<'a>, End> {
    let parts = header::parse(env, bytes, endian, base.exists())?;
    let mut types = Types::new(parts, base);
    btf_check_all_metas(env, &mut types, parts.types, endian)?;
    chains::check(env, &types)?;
    Ok(types)
}

/// Mirrors `btf_check_all_metas()`.
fn btf_check_all_metas<'a>(
    env: &mut Env<'_>,
    types: &mut Types<'a>,
    mut bytes: &'a [u8],
    endian: Endian,
) -> Result<(), End> {
    env.id = types.first();
    while !bytes.is_empty() {
        let Some(record) = Record::read(bytes, endian, Width::Narrow) else {
            return env.refuse(format!("[{}] meta_left:{} meta_needed:12", env.id, bytes.len()));
        };
        let left = u32::try_from(bytes.len() - Record::LEN).unwrap_or(u32::MAX);
        let (record, rest) = checks::btf_check_meta(env, types, record, left)?;
        types.records.push(record);
        bytes = bytes.get(Record::LEN.saturating_add(rest)..).unwrap_or_default();
        env.id = env.id.saturating_add(1);
    }
    Ok(())
}
