//! ASN.1 as the kernel's `asn1_ber_decoder()` reads it (lib/asn1_decoder.c).
//!
//! This is not a DER library, because the kernel's decoder is more lenient: it accepts indefinite and non-minimal lengths,
//! unsorted sets and trailing bytes, and it does not check the values of primitive types. The kernel may load what a strict
//! library rejects.

/// Universal BOOLEAN.
pub(crate) const BOOLEAN: u8 = 0x01;
/// Universal INTEGER.
pub(crate) const INTEGER: u8 = 0x02;
/// Universal BIT STRING.
pub(crate) const BIT_STRING: u8 = 0x03;
/// Universal OCTET STRING.
pub(crate) const OCTET_STRING: u8 = 0x04;
/// Universal OBJECT IDENTIFIER.
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
/// UTCTime.
pub(crate) const UTC_TIME: u8 = 0x17;
/// GeneralizedTime.
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
/// SEQUENCE and SEQUENCE OF.
pub(crate) const SEQUENCE: u8 = 0x30;
/// SET and SET OF.
pub(crate) const SET: u8 = 0x31;
/// The bit of a tag whose contents are elements.
const CONSTRUCTED: u8 = 0x20;
/// The low bits of a tag whose number follows in the next bytes.
const LONG_TAG: u8 = 0x1f;
/// The length byte of an element whose contents end at an end-of-contents mark.
const INDEFINITE_LENGTH: usize = 0x80;

/// The constructed context-specific tag `[number]`.
pub(crate) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// The primitive context-specific tag `[number] IMPLICIT`.
pub(crate) const fn context_primitive(number: u8) -> u8 {
    0x80 | number
}

/// Why the decoder stopped, in the kernel's words, and at which offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asn1Fault {
    /// The offset in the reader's data.
    pub(crate) offset: usize,
    /// The decoder's debug message.
    pub(crate) reason: &'static str,
}

/// One element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asn1Value<'a> {
    /// The tag byte.
    pub(crate) tag: u8,
    /// The offset of the tag.
    pub(crate) offset: usize,
    /// The contents.
    pub(crate) bytes: &'a [u8],
    /// The tag, the length and the contents, and the end-of-contents mark where the kernel includes it.
    pub(crate) whole: &'a [u8],
}

/// A constructed element that was entered and not yet left.
#[derive(Debug)]
pub(crate) struct Asn1Scope {
    tag: u8,
    offset: usize,
    start: usize,
    outer_end: usize,
    indefinite: bool,
}

/// A cursor over one encoded message.
#[derive(Debug)]
pub(crate) struct Asn1Reader<'a> {
    data: &'a [u8],
    position: usize,
    end: usize,
}

struct Asn1Header {
    tag: u8,
    offset: usize,
    /// `None` for an indefinite length.
    len: Option<usize>,
}

type Result<T> = std::result::Result<T, Asn1Fault>;

impl<'a> Asn1Reader<'a> {
    /// A cursor at the beginning of `data`.
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data, position: 0, end: data.len() }
    }

    /// The offset of the next byte.
    pub(crate) fn offset(&self) -> usize {
        self.position
    }

    /// ASN1_OP_MATCH of a primitive type.
    pub(crate) fn primitive(&mut self, tag: u8) -> Result<Asn1Value<'a>> {
        match self.optional_primitive(tag)? {
            Some(value) => Ok(value),
            None => Err(self.missing()),
        }
    }

    /// ASN1_OP_MATCH_OR_SKIP of a primitive type.
    pub(crate) fn optional_primitive(&mut self, tag: u8) -> Result<Option<Asn1Value<'a>>> {
        if self.next_is(tag)? { self.any().map(Some) } else { Ok(None) }
    }

    /// ASN1_OP_MATCH_ANY: one element of any type.
    pub(crate) fn any(&mut self) -> Result<Asn1Value<'a>> {
        let header = self.header()?;
        let start = self.position;
        let stop = match header.len {
            Some(len) => start + len,
            None => self.find_indefinite_length()?,
        };
        self.position = stop;
        Ok(Asn1Value {
            tag: header.tag,
            offset: header.offset,
            bytes: self.data.get(start..stop).unwrap_or_default(),
            whole: self.data.get(header.offset..stop).unwrap_or_default(),
        })
    }

    /// ASN1_OP_MATCH_ANY_OR_SKIP.
    pub(crate) fn optional_any(&mut self) -> Result<Option<Asn1Value<'a>>> {
        if self.position == self.end { Ok(None) } else { self.any().map(Some) }
    }

    /// ASN1_OP_MATCH of a constructed type. Reading continues in its contents until `leave`.
    pub(crate) fn enter(&mut self, tag: u8) -> Result<Asn1Scope> {
        match self.optional_enter(tag)? {
            Some(scope) => Ok(scope),
            None => Err(self.missing()),
        }
    }

    /// ASN1_OP_MATCH_OR_SKIP of a constructed type.
    pub(crate) fn optional_enter(&mut self, tag: u8) -> Result<Option<Asn1Scope>> {
        if !self.next_is(tag)? {
            return Ok(None);
        }
        let header = self.header()?;
        let start = self.position;
        let scope = Asn1Scope {
            tag: header.tag,
            offset: header.offset,
            start,
            outer_end: self.end,
            indefinite: header.len.is_none(),
        };
        if let Some(len) = header.len {
            self.end = start + len;
        }
        Ok(Some(scope))
    }

    /// ASN1_OP_END_SEQ and ASN1_OP_END_SET: leaves an element, whose contents must end here.
    pub(crate) fn leave(&mut self, scope: Asn1Scope) -> Result<Asn1Value<'a>> {
        let stop = self.position;
        if scope.indefinite {
            match self.data.get(stop..self.end) {
                Some([0, 0, ..]) => self.position = stop + 2,
                Some([0, _, ..]) => return Err(self.fault("Invalid length EOC")),
                Some([_, _, ..]) => return Err(self.fault("Missing EOC in indefinite len cons")),
                _ => return Err(self.fault("Data overrun error")),
            }
        } else {
            if stop != self.end {
                return Err(self.fault("Cons length error"));
            }
            self.end = scope.outer_end;
        }
        Ok(Asn1Value {
            tag: scope.tag,
            offset: scope.offset,
            bytes: self.data.get(scope.start..stop).unwrap_or_default(),
            whole: self.data.get(scope.offset..stop).unwrap_or_default(),
        })
    }

    /// ASN1_OP_END_SEQ_OF and ASN1_OP_END_SET_OF: returns whether the list has another element. Call it after each element: a
    /// list has at least one, because the kernel's ASN.1 compiler generates no code for an empty list.
    pub(crate) fn more(&self, scope: &Asn1Scope) -> Result<bool> {
        if !scope.indefinite {
            return Ok(self.position < self.end);
        }
        match self.data.get(self.position..self.end) {
            Some([first, _, ..]) => Ok(*first != 0),
            _ => Err(self.fault("Data overrun error")),
        }
    }

    /// Returns whether the innermost element of definite length ends here.
    pub(crate) fn at_end(&self) -> bool {
        self.position == self.end
    }

    /// Returns whether the next tag matches. At the end of the data it does not: optional elements may be missing there.
    pub(crate) fn next_is(&self, wanted: u8) -> Result<bool> {
        if self.position == self.end {
            return Ok(false);
        }
        let tag = self.tag()?;
        // The kernel ignores the constructed bit in the data if the grammar has it set.
        Ok((tag ^ wanted) & !(wanted & CONSTRUCTED) == 0)
    }

    fn tag(&self) -> Result<u8> {
        match self.data.get(self.position..self.end) {
            Some([tag, _, ..]) if tag & LONG_TAG == LONG_TAG => Err(self.fault("Long tag not supported")),
            Some([tag, _, ..]) => Ok(*tag),
            _ => Err(self.fault("Data overrun error")),
        }
    }

    fn byte(&mut self) -> Result<u8> {
        match self.data.get(self.position) {
            Some(byte) if self.position < self.end => {
                self.position += 1;
                Ok(*byte)
            }
            _ => Err(self.fault("Data overrun error")),
        }
    }

    /// Reads a tag and a length, and checks the length against the enclosing element.
    fn header(&mut self) -> Result<Asn1Header> {
        let offset = self.position;
        let tag = self.tag()?;
        self.position += 1;
        let mut len = usize::from(self.byte()?);
        if len == INDEFINITE_LENGTH {
            if tag & CONSTRUCTED == 0 {
                return Err(self.fault("Indefinite len primitive not permitted"));
            }
            if self.end - self.position < 2 {
                return Err(self.fault("Data overrun error"));
            }
            return Ok(Asn1Header { tag, offset, len: None });
        }
        if len > INDEFINITE_LENGTH {
            let count = len - INDEFINITE_LENGTH;
            if count > 2 {
                return Err(self.fault("Unsupported length"));
            }
            len = 0;
            for _ in 0..count {
                len = len << 8 | usize::from(self.byte()?);
            }
        }
        if len > self.end - self.position {
            return Err(self.fault("Data overrun error"));
        }
        Ok(Asn1Header { tag, offset, len: Some(len) })
    }

    /// `asn1_find_indefinite_length()`: the offset after the end-of-contents mark of the element whose contents start at the
    /// cursor.
    fn find_indefinite_length(&self) -> Result<usize> {
        let mut inner = Asn1Reader { data: self.data, position: self.position, end: self.end };
        let mut level = 1_u32;
        loop {
            if inner.position == inner.end {
                return Err(inner.fault("Missing EOC in indefinite len cons"));
            }
            let tag = inner.byte()?;
            if tag == 0 {
                if inner.byte()? != 0 {
                    return Err(inner.fault("Invalid length EOC"));
                }
                level -= 1;
                if level == 0 {
                    return Ok(inner.position);
                }
                continue;
            }
            if tag & LONG_TAG == LONG_TAG {
                while inner.byte()? & 0x80 != 0 {}
            }
            let mut len = usize::from(inner.byte()?);
            if len == INDEFINITE_LENGTH {
                if tag & CONSTRUCTED == 0 {
                    return Err(inner.fault("Indefinite len primitive not permitted"));
                }
                level += 1;
                continue;
            }
            if len > INDEFINITE_LENGTH {
                let count = len - INDEFINITE_LENGTH;
                if count > 7 {
                    return Err(inner.fault("Unsupported length"));
                }
                len = 0;
                for _ in 0..count {
                    len = len.checked_shl(8).unwrap_or(usize::MAX) | usize::from(inner.byte()?);
                }
            }
            if len > inner.end - inner.position {
                return Err(inner.fault("Data overrun error"));
            }
            inner.position += len;
        }
    }

    fn missing(&self) -> Asn1Fault {
        self.fault(if self.position == self.end { "Data overrun error" } else { "Unexpected tag" })
    }

    fn fault(&self, reason: &'static str) -> Asn1Fault {
        Asn1Fault { offset: self.position, reason }
    }
}

/// Mirrors `x509_decode_time()` (crypto/asymmetric_keys/x509_cert_parser.c): the seconds since 1970 of a time.
pub(crate) fn x509_decode_time(tag: u8, value: &[u8]) -> Option<i64> {
    let (year_digits, rest) = match (tag, value.len()) {
        (UTC_TIME, 13) => value.split_at_checked(2)?,
        (GENERALIZED_TIME, 15) => value.split_at_checked(4)?,
        _ => return None,
    };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_i64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
    };
    let mut year = number(year_digits)?;
    if tag == UTC_TIME {
        year += if year >= 50 { 1900 } else { 2000 };
    } else if (1950..=2049).contains(&year) {
        return None;
    }
    let (fields, zone) = rest.split_at_checked(10)?;
    let mut fields = fields.chunks(2).map(number);
    let mut next = || fields.next().flatten();
    let (month, day, hour, minute, second) = (next()?, next()?, next()?, next()?, next()?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_len = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    // The kernel accepts hour 24 and a leap second, as ISO 8601 does.
    let valid = zone == b"Z"
        && year >= 1970
        && (1..=12).contains(&month)
        && (1..=month_len).contains(&day)
        && hour <= 24
        && minute <= 59
        && second <= 60;
    if !valid {
        return None;
    }
    // mktime64(): days since 1970 in the Gregorian calendar, in years that begin in March.
    let (shifted_year, shifted_month) = if month > 2 { (year, month - 2) } else { (year - 1, month + 10) };
    let days = shifted_year / 4 - shifted_year / 100
        + shifted_year / 400
        + 367 * shifted_month / 12
        + day
        + shifted_year * 365
        - 719_499;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// The dotted form of the contents of an OBJECT IDENTIFIER.
pub(crate) fn dotted(oid: &[u8]) -> String {
    // Each byte makes at most four characters.
    let mut text = String::with_capacity(oid.len() * 4);
    let mut arc = 0_u64;
    for byte in oid {
        arc = arc.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if text.is_empty() {
            let first = (arc / 40).min(2);
            push_decimal(&mut text, first);
            arc -= first * 40;
        }
        text.push('.');
        push_decimal(&mut text, arc);
        arc = 0;
    }
    text
}

/// Appends a number. A signature holds some ten identifiers, and `format!` took most of the time of reading it.
fn push_decimal(text: &mut String, number: u64) {
    let mut divisor = 1;
    while number / divisor >= 10 {
        divisor *= 10;
    }
    while divisor > 0 {
        let digit = u8::try_from(number / divisor % 10).unwrap_or_default();
        text.push(char::from(b'0' + digit));
        divisor /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_written_with_dots() {
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2]), "1.2.840.113549.1.7.2");
        assert_eq!(dotted(&[0x88, 0x37, 0, 0x0a, 0x7f]), "2.999.0.10.127");
        assert_eq!(dotted(&[0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), "2.18446744073709551535");
        assert_eq!((dotted(&[]), dotted(&[0x27])), (String::new(), "0.39".to_owned()));
    }

    #[test]
    fn times_are_decoded_as_in_the_kernel() {
        assert_eq!(x509_decode_time(UTC_TIME, b"700101000000Z"), Some(0));
        assert_eq!(x509_decode_time(UTC_TIME, b"240229120000Z"), Some(1_709_208_000));
        assert_eq!(x509_decode_time(GENERALIZED_TIME, b"21250101000000Z"), Some(4_891_363_200));
        for bad in ["230229120000Z", "240229120000+", "2402291200 0Z", "240029120000Z", "690101000000Z"] {
            assert_eq!(x509_decode_time(UTC_TIME, bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(x509_decode_time(GENERALIZED_TIME, b"20240101000000Z"), None);
    }

    /// The kernel reads nested indefinite lengths.
    #[test]
    fn indefinite_lengths() {
        let data = [0x30, 0x80, 0x02, 0x01, 0x05, 0x30, 0x80, 0x30, 0x80, 0, 0, 0, 0, 0, 0, 0xff];
        let mut reader = Asn1Reader::new(&data);
        let scope = reader.enter(SEQUENCE).expect("sequence");
        assert_eq!(reader.primitive(INTEGER).expect("integer").bytes, [5]);
        assert_eq!(reader.any().expect("nested").whole.len(), 8);
        assert_eq!(reader.leave(scope).expect("end mark").bytes.len(), 11);
        assert_eq!(reader.offset(), 15);
    }

    /// A length must not take more than two bytes or exceed its parent.
    #[test]
    fn bad_lengths() {
        for (data, reason) in [
            (&[0x02, 0x83, 0, 0, 1, 5][..], "Unsupported length"),
            (&[0x02, 0x05, 1], "Data overrun error"),
            (&[0x02, 0x80, 1, 0, 0], "Indefinite len primitive not permitted"),
            (&[0x1f, 0x05, 1], "Long tag not supported"),
            (&[0x04, 0x01, 1], "Unexpected tag"),
            (&[0x02], "Data overrun error"),
            (&[], "Data overrun error"),
        ] {
            assert_eq!(Asn1Reader::new(data).primitive(INTEGER).map(|_| ()).unwrap_err().reason, reason, "{data:x?}");
        }
    }

    #[test]
    fn object_identifiers_are_dotted() {
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01]), "1.2.840.113549.1.1.1");
        assert_eq!(dotted(&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01]), "2.16.840.1.101.3.4.2.1");
        assert_eq!(dotted(&[]), "");
    }
}
