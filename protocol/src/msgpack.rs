//! Just enough of MessagePack (<https://github.com/msgpack/msgpack/blob/master/spec.md>) to find
//! where a value ends without reading it: `args` stays untouched until its type is known.

use crate::limits::DEPTH_MAX;

/// The bytes are not one MessagePack value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    Truncated,
    TooDeep,
    NotExpected,
}

/// What follows a marker.
enum Body {
    /// So many bytes.
    Bytes(usize),
    /// So many values.
    Values(usize),
}

/// The length in bytes of the value at the start of `bytes`.
pub(crate) fn skip(bytes: &[u8]) -> Result<usize, Malformed> {
    // Values still to come at each level. A container of n values needs n bytes at least, so a
    // forged length ends in `Truncated` after as many steps as there are bytes.
    let mut left = [0_usize; DEPTH_MAX + 1];
    let mut depth = 0;
    left[0] = 1;
    let mut at = 0;
    loop {
        while left[depth] == 0 {
            if depth == 0 {
                return Ok(at);
            }
            depth -= 1;
        }
        left[depth] -= 1;
        let (header, body) = marker(bytes.get(at..).ok_or(Malformed::Truncated)?)?;
        at += header;
        match body {
            Body::Bytes(len) => at = at.checked_add(len).ok_or(Malformed::Truncated)?,
            Body::Values(count) => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(Malformed::TooDeep);
                }
                left[depth] = count;
            }
        }
        if at > bytes.len() {
            return Err(Malformed::Truncated);
        }
    }
}

/// The length of the marker with its length field, and what follows.
fn marker(bytes: &[u8]) -> Result<(usize, Body), Malformed> {
    let first = *bytes.first().ok_or(Malformed::Truncated)?;
    let sized = |width: usize, plus: usize| -> Result<(usize, Body), Malformed> {
        Ok((1 + width, Body::Bytes(length(bytes, width)? + plus)))
    };
    let counted = |width: usize, each: usize| -> Result<(usize, Body), Malformed> {
        let values = length(bytes, width)?.checked_mul(each).ok_or(Malformed::Truncated)?;
        Ok((1 + width, Body::Values(values)))
    };
    match first {
        0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => Ok((1, Body::Bytes(0))),
        0x80..=0x8f => Ok((1, Body::Values(2 * usize::from(first & 0x0f)))),
        0x90..=0x9f => Ok((1, Body::Values(usize::from(first & 0x0f)))),
        0xa0..=0xbf => Ok((1, Body::Bytes(usize::from(first & 0x1f)))),
        0xc1 => Err(Malformed::NotExpected),
        0xc4 | 0xd9 => sized(1, 0),
        0xc5 | 0xda => sized(2, 0),
        0xc6 | 0xdb => sized(4, 0),
        0xc7 => sized(1, 1),
        0xc8 => sized(2, 1),
        0xc9 => sized(4, 1),
        0xcc | 0xd0 => Ok((1, Body::Bytes(1))),
        0xcd | 0xd1 => Ok((1, Body::Bytes(2))),
        0xca | 0xce | 0xd2 => Ok((1, Body::Bytes(4))),
        0xcb | 0xcf | 0xd3 => Ok((1, Body::Bytes(8))),
        0xd4..=0xd8 => Ok((1, Body::Bytes(1 + (1 << (first - 0xd4))))),
        0xdc => counted(2, 1),
        0xdd => counted(4, 1),
        0xde => counted(2, 2),
        0xdf => counted(4, 2),
    }
}

/// The big-endian length of `width` bytes after the marker.
fn length(bytes: &[u8], width: usize) -> Result<usize, Malformed> {
    let field = bytes.get(1..1 + width).ok_or(Malformed::Truncated)?;
    Ok(field.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)))
}

/// Splits a map into its keys and the bytes of their values, in order.
pub(crate) fn entries(bytes: &[u8]) -> Result<Entries<'_>, Malformed> {
    match marker(bytes)? {
        (header, Body::Values(values)) if matches!(bytes[0], 0x80..=0x8f | 0xde | 0xdf) => {
            Ok(Entries { rest: &bytes[header..], left: values / 2 })
        }
        _ => Err(Malformed::NotExpected),
    }
}

/// The entries of a map; after the last one the iterator checks that nothing follows.
pub(crate) struct Entries<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Entries<'a> {
    /// The next key and value; `None` after the last one.
    pub(crate) fn next(&mut self) -> Result<Option<(&'a str, &'a [u8])>, Malformed> {
        if self.left == 0 {
            return if self.rest.is_empty() { Ok(None) } else { Err(Malformed::NotExpected) };
        }
        self.left -= 1;
        let key = text(self.take()?)?;
        let value = self.take()?;
        Ok(Some((key, value)))
    }

    fn take(&mut self) -> Result<&'a [u8], Malformed> {
        let (value, rest) = self.rest.split_at(skip(self.rest)?);
        self.rest = rest;
        Ok(value)
    }
}

/// The text that a string value holds.
pub(crate) fn text(value: &[u8]) -> Result<&str, Malformed> {
    let (header, body) = marker(value)?;
    match (value[0], body) {
        (0xa0..=0xbf | 0xd9..=0xdb, Body::Bytes(len)) => {
            simdutf8::basic::from_utf8(&value[header..header + len])
                .map_err(|_| Malformed::NotExpected)
        }
        _ => Err(Malformed::NotExpected),
    }
}

/// The unsigned number that an integer value holds.
pub(crate) fn uint(value: &[u8]) -> Result<u64, Malformed> {
    let mut reader = value;
    rmp::decode::read_int(&mut reader).map_err(|_| Malformed::NotExpected)
}

/// Writes the header of a map of `len` entries, fewer than 16.
pub(crate) fn write_map(out: &mut Vec<u8>, len: u8) {
    debug_assert!(len < 16);
    out.push(0x80 | len);
}

/// Writes a key, shorter than 32 bytes.
pub(crate) fn write_key(out: &mut Vec<u8>, key: &str) {
    debug_assert!(key.len() < 32);
    out.push(0xa0 | key.len() as u8);
    out.extend_from_slice(key.as_bytes());
}

/// Writes an unsigned number.
pub(crate) fn write_uint(out: &mut Vec<u8>, number: u64) {
    rmp::encode::write_uint(out, number).expect("a Vec takes any byte");
}
