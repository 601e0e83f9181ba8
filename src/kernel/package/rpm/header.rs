//! The headers of RPM packages: values under numeric tags.

use std::io::{Read, Result};

use crate::compression::stream::{array, broken, read_into};

/// The most values, which is rpm's own limit, and the most bytes of data, a quarter of rpm's limit: 64 MiB. Real headers stay
/// below 16 MiB.
const VALUES_LIMIT: u32 = 0xffff;
const DATA_LIMIT: u32 = 64 << 20;

/// The tag of a value (rpm's `enum rpmTag_e`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct RpmTag(pub u32);

impl RpmTag {
    pub(super) const NAME: Self = Self(1000);
    pub(super) const VERSION: Self = Self(1001);
    pub(super) const RELEASE: Self = Self(1002);
    pub(super) const ARCH: Self = Self(1022);
    pub(super) const FILESIZES: Self = Self(1028);
    pub(super) const FILEMODES: Self = Self(1030);
    pub(super) const FILEDEVICES: Self = Self(1095);
    pub(super) const FILEINODES: Self = Self(1096);
    pub(super) const DIRINDEXES: Self = Self(1116);
    pub(super) const BASENAMES: Self = Self(1117);
    pub(super) const DIRNAMES: Self = Self(1118);
    pub(super) const PAYLOADFORMAT: Self = Self(1124);
    pub(super) const LONGFILESIZES: Self = Self(5008);
}

/// A header: an index of values, and their data.
pub(super) struct RpmHeader {
    values: Vec<RpmValue>,
    data: Vec<u8>,
}

struct RpmValue {
    tag: RpmTag,
    kind: u32,
    offset: u32,
    count: u32,
}

impl RpmHeader {
    /// Reads a header: the magic with the version, 4 reserved bytes; u32 number of values, u32 size of the data; u32 tag, kind,
    /// offset and count of each value; the data. Numbers are big-endian.
    pub(super) fn read(input: &mut impl Read) -> Result<Self> {
        let mut word = || array(input).map(u32::from_be_bytes);
        if word()? != 0x8ead_e801 {
            return Err(broken("not the magic of a header"));
        }
        word()?;
        let count = word()?;
        let size = word()?;
        if count > VALUES_LIMIT || size > DATA_LIMIT {
            return Err(broken("a header too large to be one"));
        }
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(RpmValue { tag: RpmTag(word()?), kind: word()?, offset: word()?, count: word()? });
        }
        let mut data = Vec::new();
        read_into(input, u64::from(size), &mut data)?;
        Ok(Self { values, data })
    }

    /// The number of bytes of data.
    pub(super) const fn size(&self) -> u64 {
        self.data.len() as u64
    }

    /// The kind of a value, the number of its items, and the data from the first item on.
    fn value(&self, tag: RpmTag) -> Option<(u32, usize, &[u8])> {
        let value = self.values.iter().find(|value| value.tag == tag)?;
        let data = self.data.get(usize::try_from(value.offset).ok()?..)?;
        Some((value.kind, usize::try_from(value.count).ok()?, data))
    }

    /// The strings of a value.
    pub(super) fn strings(&self, tag: RpmTag) -> impl Iterator<Item = &[u8]> {
        let value = self.value(tag).filter(|(kind, ..)| matches!(kind, 6 | 8 | 9));
        value.into_iter().flat_map(|(_, count, data)| data.split(|byte| *byte == 0).take(count))
    }

    /// The integers of a value, of 16, 32 or 64 bits.
    pub(super) fn numbers(&self, tag: RpmTag) -> impl Iterator<Item = u64> {
        let value = self.value(tag).and_then(|(kind, count, data)| {
            let size = match kind {
                3 => 2,
                4 => 4,
                5 => 8,
                _ => return None,
            };
            Some(data.chunks_exact(size).take(count))
        });
        value.into_iter().flatten().map(|bytes| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}
