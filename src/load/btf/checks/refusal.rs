//! What the kernel prints of a type that it refuses. Mirrors `btf_verifier_log_type()` and its neighbors (kernel/bpf/btf.c).

use super::Check;
use crate::btf::{Kind, Member};
use crate::image::escaped;
use crate::load::btf::env::{End, Line, LineKind};
use crate::terms::Errno;
use crate::verdict::LogLevel;

impl Check<'_, '_, '_> {
    /// Mirrors `btf_verifier_log_type()` in front of EINVAL.
    pub(super) fn refuse<T>(&mut self, text: &str) -> Result<T, End> {
        self.refuse_with(text, Errno::EINVAL, true)
    }

    /// Mirrors `__btf_verifier_log_type()`, which prints every part on its own.
    pub(super) fn refuse_with<T>(&mut self, text: &str, errno: Errno, with_details: bool) -> Result<T, End> {
        let record = self.record;
        let space = if with_details { " " } else { "" };
        let name = self.name(record.name);
        self.split(format!("[{}] {} {name}{space}", self.env.id, kind_name(record.kind())));
        if with_details {
            self.details();
        }
        self.split(" ");
        self.split(text);
        self.split("");
        Err(End::Invalid(errno))
    }

    /// Mirrors `btf_verifier_log_member()`.
    pub(super) fn refuse_member<T>(&mut self, member: Member, text: &str) -> Result<T, End> {
        let record = self.record;
        let name = self.name(member.name);
        let of = member.of;
        let offset = record.bit_offset(member);
        if record.flag() {
            let size = record.bitfield_size(member);
            self.split(format!("\\x09{name} type_id={of} bitfield_size={size} bits_offset={offset}"));
        } else {
            self.split(format!("\\x09{name} type_id={of} bits_offset={offset}"));
        }
        self.split(" ");
        self.split(text);
        self.split("");
        Err(End::Invalid(Errno::EINVAL))
    }

    /// The functions named `log_details` in `struct btf_kind_operations`.
    fn details(&mut self) {
        let record = self.record;
        let size = record.size;
        let count = record.members_len();
        let text = match record.kind() {
            Kind::INT => {
                let data = record.word(0);
                let encoding = match data >> 24 & 0xf {
                    0 => "(none)",
                    1 => "SIGNED",
                    2 => "CHAR",
                    4 => "BOOL",
                    _ => "UNKN",
                };
                let offset = data >> 16 & 0xff;
                let bits = data & 0xff;
                format!("size={size} bits_offset={offset} nr_bits={bits} encoding={encoding}")
            }
            Kind::ARRAY => {
                let [of, index, elements] = [0, 1, 2].map(|word| record.word(word));
                format!("type_id={of} index_type_id={index} nr_elems={elements}")
            }
            Kind::STRUCT | Kind::UNION | Kind::ENUM | Kind::ENUM64 | Kind::DATASEC => {
                format!("size={size} vlen={count}")
            }
            Kind::FWD => if record.flag() { "union" } else { "struct" }.to_owned(),
            Kind::FUNC_PROTO => return self.parameters(),
            Kind::VAR => format!("type_id={size} linkage={}", record.word(0)),
            Kind::FLOAT => format!("size={size}"),
            Kind::DECL_TAG => format!("type={size} component_idx={}", record.word(0).cast_signed()),
            _ => format!("type_id={size}"),
        };
        self.split(text);
    }

    /// Mirrors `btf_func_proto_log()`.
    fn parameters(&mut self) {
        let record = self.record;
        let count = usize::try_from(record.members_len()).unwrap_or(usize::MAX);
        self.split(format!("return={} args=(", record.size));
        match count {
            0 => self.split("void"),
            1 if record.word(1) == 0 => self.split("vararg"),
            _ => {
                for number in 0..count {
                    let comma = if number == 0 { "" } else { ", " };
                    let name = record.word(number.saturating_mul(2));
                    let of = record.word(number.saturating_mul(2) + 1);
                    if of == 0 && number > 0 && number + 1 == count {
                        self.split(", vararg");
                    } else {
                        let name = self.name(name);
                        self.split(format!("{comma}{of} {name}"));
                    }
                }
            }
        }
        self.split(")");
    }

    /// A part that is left out where types with a base are not reported.
    pub(super) fn split(&mut self, text: impl Into<String>) {
        let kind = if self.types.has_base() { LineKind::Split } else { LineKind::Verifier };
        self.env.lines.push(Line { level: LogLevel::Err, text: text.into(), kind });
    }

    /// Mirrors `__btf_name_by_offset()`.
    pub(super) fn name(&self, offset: u32) -> String {
        if offset == 0 {
            return "(anon)".to_owned();
        }
        self.types.string(offset).map_or_else(|| "(invalid-name-offset)".to_owned(), escaped)
    }
}

/// `btf_kind_str`.
const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::INT => "INT",
        Kind::PTR => "PTR",
        Kind::ARRAY => "ARRAY",
        Kind::STRUCT => "STRUCT",
        Kind::UNION => "UNION",
        Kind::ENUM => "ENUM",
        Kind::FWD => "FWD",
        Kind::TYPEDEF => "TYPEDEF",
        Kind::VOLATILE => "VOLATILE",
        Kind::CONST => "CONST",
        Kind::RESTRICT => "RESTRICT",
        Kind::FUNC => "FUNC",
        Kind::FUNC_PROTO => "FUNC_PROTO",
        Kind::VAR => "VAR",
        Kind::DATASEC => "DATASEC",
        Kind::FLOAT => "FLOAT",
        Kind::DECL_TAG => "DECL_TAG",
        Kind::TYPE_TAG => "TYPE_TAG",
        Kind::ENUM64 => "ENUM64",
        _ => "UNKNOWN",
    }
}
