//! The search for the kernel's types that `.BTF.base` names. Mirrors `btf_relocate()` (tools/lib/bpf/btf_relocate.c), which
//! the kernel compiles, too.

use std::collections::{BTreeMap, BTreeSet};

use super::env::{End, Env, Line, LineKind};
use super::types::{Type, Types};
use crate::btf::{Kind, NameIndex, Record, Table};
use crate::image::escaped;
use crate::load::state::Stop;
use crate::terms::Errno;
use crate::verdict::LogLevel;

/// What a type of `.BTF.base` was found to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mapped {
    No,
    /// Not yet; it lies in a structure of the module, so its size counts: `BTF_IS_EMBEDDED`.
    Embedded,
    To(u32),
}

/// `struct btf_name_info`: a type of `.BTF.base`, to be found by name and size.
struct Sought<'a> {
    name: &'a [u8],
    size: u32,
    id: u32,
}

/// The kernel keeps 31 bits of a size.
const SIZE: u32 = u32::MAX >> 1;

struct Relocate<'e, 'k, 'a> {
    env: &'e mut Env<'k>,
    split: &'e Types<'a>,
    distilled: &'e Types<'a>,
    kernel: Table<'a>,
    names: &'e NameIndex,
    ids: Vec<Mapped>,
    /// The strings of `.BTF.base` that were found in the kernel, with their offsets there.
    strings: BTreeMap<u32, u32>,
    /// Whether the kernel has several structures or unions of a name, by its offset.
    namesakes: BTreeMap<u32, bool>,
}

/// Checks that each type and each string of `.BTF.base` has a counterpart in the kernel.
pub(super) fn btf_relocate<'a>(
    env: &mut Env<'_>,
    split: &Types<'a>,
    distilled: &Types<'a>,
    kernel: Table<'a>,
    names: &NameIndex,
) -> Result<(), End> {
    let ids = vec![Mapped::No; usize::try_from(distilled.len()).unwrap_or(0)];
    let mut relocate =
        Relocate { env, split, distilled, kernel, names, ids, strings: BTreeMap::new(), namesakes: BTreeMap::new() };
    relocate.validate_distilled_base()?;
    relocate.map_distilled_base()?;
    relocate.rewrite()
}

impl<'a> Relocate<'_, '_, 'a> {
    /// Mirrors `btf_relocate_validate_distilled_base()`.
    fn validate_distilled_base(&mut self) -> Result<(), End> {
        for (id, record) in (1..).zip(&self.distilled.records) {
            let kind = record.kind();
            let is_expected = matches!(kind, Kind::INT | Kind::FLOAT | Kind::ENUM | Kind::FWD) || kind.is_composite();
            if is_expected && record.name != 0 {
                continue;
            }
            let what = if is_expected {
                format!("type [{id}], kind [{}] is invalid for distilled base BTF; it is anonymous", kind.0)
            } else {
                format!("type [{id}] in distilled based BTF has unexpected kind [{}]", kind.0)
            };
            self.env.warn(what);
            return Err(End::Invalid(Errno::EINVAL));
        }
        Ok(())
    }

    /// Mirrors `btf_relocate_map_distilled_base()`.
    fn map_distilled_base(&mut self) -> Result<(), End> {
        let sought = self.sought();
        let mut walks = 0;
        let mut followed = vec![0; usize::try_from(self.split.len()).unwrap_or(0)];
        for record in &self.split.records {
            self.mark_embedded(*record, &mut walks, &mut followed)?;
        }
        // The kernel looks at all of its types in order; only those of these names make a difference.
        let names: BTreeSet<&[u8]> = sought.iter().map(|one| one.name).collect();
        let like = names.iter().flat_map(|name| self.names.like(name));
        let candidates: BTreeSet<u32> = like.collect();
        for id in candidates {
            self.map_to(&sought, id)?;
        }
        for (id, mapped) in (0_u32..).zip(&self.ids).skip(1) {
            if matches!(mapped, Mapped::To(_)) {
                continue;
            }
            let name = self.distilled_name(id);
            self.env.warn(format!("distilled base BTF type '{}' [{id}] is not mapped to base BTF id", escaped(name)));
            return Err(End::Invalid(Errno::EINVAL));
        }
        Ok(())
    }

    /// The types of `.BTF.base`, sorted by name, and of one name from the largest to the smallest. `void` is among them.
    fn sought(&self) -> Vec<Sought<'a>> {
        let size = |id| match self.distilled.get(id) {
            Some(Type::Record(record)) => record.size & SIZE,
            _ => 0,
        };
        let one = |id| Sought { name: self.distilled_name(id), size: size(id), id };
        let mut all: Vec<_> = (0..self.distilled.len()).map(one).collect();
        all.sort_by(|one, other| one.name.cmp(other.name).then(other.size.cmp(&one.size)));
        all
    }

    fn distilled_name(&self, id: u32) -> &'a [u8] {
        match self.distilled.get(id) {
            Some(Type::Record(record)) => self.distilled.string(record.name).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Mirrors `btf_mark_embedded_composite_type_ids()`. A type that was followed before is not followed again: `followed` has
    /// the number of the walk for each.
    fn mark_embedded(&mut self, record: Record<'_>, walks: &mut u32, followed: &mut [u32]) -> Result<(), End> {
        if !record.kind().is_composite() {
            return Ok(());
        }
        for member in record.members() {
            let mut next = member.of;
            *walks = walks.saturating_add(1);
            while next != 0 {
                let Some(Type::Record(record)) = self.split.get(next) else {
                    return Err(crash(format!("type {next} in .BTF does not exist, and the kernel reads it")));
                };
                let index = usize::try_from(next).unwrap_or(usize::MAX);
                match followed.get_mut(index) {
                    Some(walk) if *walk == *walks => {
                        return Err(crash("types in .BTF contain themselves, and the kernel follows them for ever"));
                    }
                    Some(walk) if *walk == 0 => *walk = *walks,
                    _ => break,
                }
                next = match record.kind() {
                    kind if kind.is_modifier() => record.size,
                    Kind::ARRAY => record.word(0),
                    kind => {
                        if kind.is_composite()
                            && let Some(mapped) = self.ids.get_mut(index)
                        {
                            *mapped = Mapped::Embedded;
                        }
                        0
                    }
                };
            }
        }
        Ok(())
    }

    /// Maps the types of `.BTF.base` that this type of the kernel is a counterpart of.
    fn map_to(&mut self, sought: &[Sought<'a>], id: u32) -> Result<(), End> {
        let Some(base) = self.kernel.get(id) else { return Ok(()) };
        let Some(name) = self.kernel.string(base.name) else { return Ok(()) };
        let needs_size = match base.kind() {
            Kind::INT | Kind::FLOAT | Kind::ENUM | Kind::ENUM64 => true,
            kind if kind.is_composite() => self.has_namesake(base, name),
            _ => false,
        };
        let first = sought.partition_point(|one| one.name < name);
        let named = sought.get(first..).unwrap_or_default().iter().take_while(|one| one.name == name);
        for one in named.filter(|one| !needs_size || one.size == base.size & SIZE) {
            let Some(Type::Record(distilled)) = self.distilled.get(one.id) else {
                self.env.warn(format!("base BTF id [{id}] maps to invalid distilled base BTF id [{}]", one.id));
                return Err(End::Invalid(Errno::EINVAL));
            };
            let Some(mapped) = usize::try_from(one.id).ok().and_then(|id| self.ids.get_mut(id)) else { continue };
            if !is_compatible(distilled, base, *mapped) {
                continue;
            }
            if let Mapped::To(other) = *mapped {
                let text = format!(
                    "distilled base BTF type '{}' [{}], size {} has multiple candidates of the same size (ids [{id}, {other}]) \
                     in base BTF",
                    escaped(name),
                    one.id,
                    base.size
                );
                self.env.warn(text);
                return Err(End::Invalid(Errno::EINVAL));
            }
            *mapped = Mapped::To(id);
            self.strings.insert(distilled.name, base.name);
        }
        Ok(())
    }

    /// Returns whether the kernel has another structure or union of this name, compared by the offset of the name.
    fn has_namesake(&mut self, base: Record<'_>, name: &[u8]) -> bool {
        let known = self.namesakes.get(&base.name).copied();
        known.unwrap_or_else(|| {
            let others = self.names.like(name).filter_map(|id| self.kernel.get(id));
            let mut others = others.filter(|other| other.kind().is_composite() && other.name == base.name);
            let has = others.nth(1).is_some();
            self.namesakes.insert(base.name, has);
            has
        })
    }

    /// Mirrors `btf_relocate_rewrite_type_id()` and `btf_relocate_rewrite_strs()`, which write the kernel's numbers and offsets
    /// into the module's types.
    fn rewrite(&mut self) -> Result<(), End> {
        let len = self.split.len();
        for record in &self.split.records {
            // The kernel reads its list of numbers beyond the end.
            if ids(*record).any(|id| id >= len) {
                (self.env.facts.read_around)()?;
                break;
            }
        }
        let own = self.distilled.strings_len();
        for record in &self.split.records {
            for offset in strings(*record).filter(|offset| *offset != 0 && *offset < own) {
                // A string of the kernel at offset 0 would count as none.
                if self.strings.get(&offset).is_none_or(|found| *found == 0) {
                    let text = format!("string '' [offset {offset}] is not mapped to base BTF");
                    self.env.lines.push(Line { level: LogLevel::Warn, text, kind: LineKind::RelocateString });
                    return Err(End::Invalid(Errno::ENOENT));
                }
            }
        }
        Ok(())
    }
}

/// Returns whether a type of `.BTF.base` can be this type of the kernel.
fn is_compatible(distilled: Record<'_>, base: Record<'_>, mapped: Mapped) -> bool {
    let kind = base.kind();
    match distilled.kind() {
        Kind::FWD => match kind {
            Kind::FWD => distilled.flag() == base.flag(),
            // The kernel compares the flag, which says something else of these.
            Kind::STRUCT => !base.flag(),
            Kind::UNION => base.flag(),
            _ => false,
        },
        Kind::INT => kind == Kind::INT && (base.word(0) ^ distilled.word(0)) >> 24 & 0xf == 0,
        Kind::FLOAT => kind == Kind::FLOAT,
        Kind::ENUM => matches!(kind, Kind::ENUM | Kind::ENUM64),
        Kind::STRUCT | Kind::UNION => mapped != Mapped::Embedded || base.size == distilled.size,
        _ => false,
    }
}

/// The numbers of the types that a type refers to. Mirrors `btf_field_iter_init()` (tools/lib/bpf/btf_iter.c).
fn ids<'a>(record: Record<'a>) -> impl Iterator<Item = u32> + 'a {
    let kind = record.kind();
    let own = match kind {
        Kind::INT | Kind::FLOAT | Kind::ENUM | Kind::ENUM64 | Kind::DATASEC | Kind::STRUCT | Kind::UNION => None,
        Kind::ARRAY => Some([record.word(0), record.word(1)]),
        _ => Some([record.size, 0]),
    };
    let parts = parts(record);
    let member = move |index: usize| match kind {
        Kind::STRUCT | Kind::UNION => record.word(index * 3 + 1),
        Kind::FUNC_PROTO => record.word(index * 2 + 1),
        Kind::DATASEC => record.word(index * 3),
        _ => 0,
    };
    own.into_iter().flatten().chain((0..parts).map(member))
}

/// The offsets of the names of a type and its members.
fn strings<'a>(record: Record<'a>) -> impl Iterator<Item = u32> + 'a {
    let kind = record.kind();
    let parts = if kind == Kind::DATASEC { 0 } else { parts(record) };
    let words = if matches!(kind, Kind::ENUM | Kind::FUNC_PROTO) { 2 } else { 3 };
    std::iter::once(record.name).chain((0..parts).map(move |index| record.word(index * words)))
}

/// The number of members, for the kinds that have any.
fn parts(record: Record<'_>) -> usize {
    let has_parts = matches!(
        record.kind(),
        Kind::STRUCT | Kind::UNION | Kind::ENUM | Kind::ENUM64 | Kind::FUNC_PROTO | Kind::DATASEC
    );
    if has_parts { usize::try_from(record.members_len()).unwrap_or(0) } else { 0 }
}

fn crash(why: impl Into<String>) -> End {
    End::Stop(Stop::Crash(why.into()))
}
