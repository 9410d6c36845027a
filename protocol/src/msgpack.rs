//! Just enough of MessagePack (<https://github.com/msgpack/msgpack/blob/master/spec.md>) to find
//! where a value ends without reading it: `args` stays untouched until its type is known.

use crate::limits::DEPTH_MAX;

/// The bytes are not one MessagePack value that JSON could hold as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("the value ends too early")]
    Truncated,
    #[error("values are nested too deep")]
    TooDeep,
    #[error("expected another type")]
    NotExpected,
    #[error("keys of maps must be strings")]
    NotNamed,
    #[error("what JSON cannot hold: binary, an extension, or a float that is not finite")]
    NotJson,
}

/// What follows a marker.
enum Body {
    /// So many bytes.
    Bytes(usize),
    /// So many values.
    Values(usize),
}

/// The most levels that [`skip`] can follow.
const LEVELS_MAX: usize = 2 * DEPTH_MAX;

/// The length in bytes of the value at the start of `bytes`, in which containers are nested at
/// most `depth_max` deep.
pub(crate) fn skip(bytes: &[u8], depth_max: usize) -> Result<usize, Malformed> {
    match marker(bytes)? {
        (header, Body::Bytes(len)) => end(header, len, bytes),
        (header, Body::Values(left)) => skip_values(bytes, header, left, depth_max.min(LEVELS_MAX)),
    }
}

/// The length of a container whose `left` values begin at `at`.
///
/// A container of n values needs n bytes at least, so a forged length ends in `Truncated` after
/// as many steps as there are bytes.
fn skip_values(
    bytes: &[u8],
    mut at: usize,
    left: usize,
    depth_max: usize,
) -> Result<usize, Malformed> {
    if depth_max == 0 {
        return Err(Malformed::TooDeep);
    }
    // What is still to come at each level, and whether it is a map: there every other value, an
    // even number from its end, is a key.
    let mut levels = [(0_usize, false); LEVELS_MAX];
    let mut depth = 0;
    levels[0] = (left, is_map(bytes[0]));
    loop {
        while levels[depth].0 == 0 {
            if depth == 0 {
                return Ok(at);
            }
            depth -= 1;
        }
        let rest = bytes.get(at..).ok_or(Malformed::Truncated)?;
        let (header, body) = marker(rest)?;
        let (left, map) = &mut levels[depth];
        if *map && left.is_multiple_of(2) && !is_text(rest[0]) {
            return Err(Malformed::NotNamed);
        }
        *left -= 1;
        match body {
            Body::Bytes(len) => at += end(header, len, rest)?,
            Body::Values(left) => {
                at += header;
                depth += 1;
                if depth == depth_max {
                    return Err(Malformed::TooDeep);
                }
                levels[depth] = (left, is_map(rest[0]));
            }
        }
    }
}

/// Where `len` bytes after the header end, if they are all there.
fn end(header: usize, len: usize, bytes: &[u8]) -> Result<usize, Malformed> {
    let end = header.checked_add(len).filter(|&end| end <= bytes.len());
    end.ok_or(Malformed::Truncated)
}

/// Whether a value that starts like this is a map.
pub(crate) const fn is_map(first: u8) -> bool {
    matches!(first, 0x80..=0x8f | 0xde | 0xdf)
}

const fn is_text(first: u8) -> bool {
    matches!(first, 0xa0..=0xbf | 0xd9..=0xdb)
}

/// The length of the marker with its length field, and what follows.
fn marker(bytes: &[u8]) -> Result<(usize, Body), Malformed> {
    let first = *bytes.first().ok_or(Malformed::Truncated)?;
    let sized = |width: usize| -> Result<(usize, Body), Malformed> {
        Ok((1 + width, Body::Bytes(length(bytes, width)?)))
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
        0xd9 => sized(1),
        0xda => sized(2),
        0xdb => sized(4),
        0xc4..=0xc9 | 0xd4..=0xd8 => Err(Malformed::NotJson),
        0xcc | 0xd0 => Ok((1, Body::Bytes(1))),
        0xcd | 0xd1 => Ok((1, Body::Bytes(2))),
        0xce | 0xd2 => Ok((1, Body::Bytes(4))),
        0xcf | 0xd3 => Ok((1, Body::Bytes(8))),
        0xca => finite(f32::from_be_bytes(fixed(bytes)?).is_finite(), 4),
        0xcb => finite(f64::from_be_bytes(fixed(bytes)?).is_finite(), 8),
        0xdc => counted(2, 1),
        0xdd => counted(4, 1),
        0xde => counted(2, 2),
        0xdf => counted(4, 2),
    }
}

/// JSON has no infinity, and no number that is none.
fn finite(is_finite: bool, len: usize) -> Result<(usize, Body), Malformed> {
    if is_finite { Ok((1, Body::Bytes(len))) } else { Err(Malformed::NotJson) }
}

/// The bytes after the marker.
fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Malformed> {
    bytes[1..].first_chunk().copied().ok_or(Malformed::Truncated)
}

/// The big-endian length of `width` bytes after the marker.
fn length(bytes: &[u8], width: usize) -> Result<usize, Malformed> {
    let field = bytes.get(1..1 + width).ok_or(Malformed::Truncated)?;
    Ok(field.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)))
}

/// Splits a map, in which containers are nested at most `depth_max` deep with itself, into its
/// keys and the bytes of their values, in order.
pub(crate) fn entries(bytes: &[u8], depth_max: usize) -> Result<Entries<'_>, Malformed> {
    match marker(bytes)? {
        (header, Body::Values(values)) if is_map(bytes[0]) => {
            Ok(Entries { rest: &bytes[header..], left: values / 2, depth_max: depth_max - 1 })
        }
        _ => Err(Malformed::NotExpected),
    }
}

/// The entries of a map; after the last one the iterator checks that nothing follows.
pub(crate) struct Entries<'a> {
    rest: &'a [u8],
    left: usize,
    depth_max: usize,
}

impl<'a> Entries<'a> {
    /// The next key and value; `None` after the last one.
    pub(crate) fn next(&mut self) -> Result<Option<(&'a str, &'a [u8])>, Malformed> {
        if self.left == 0 {
            return if self.rest.is_empty() { Ok(None) } else { Err(Malformed::NotExpected) };
        }
        self.left -= 1;
        let key = text(self.take()?).map_err(|_| Malformed::NotNamed)?;
        let value = self.take()?;
        Ok(Some((key, value)))
    }

    fn take(&mut self) -> Result<&'a [u8], Malformed> {
        let (value, rest) = self.rest.split_at(skip(self.rest, self.depth_max)?);
        self.rest = rest;
        Ok(value)
    }
}

/// The text that a string value holds.
pub(crate) fn text(value: &[u8]) -> Result<&str, Malformed> {
    let (header, body) = marker(value)?;
    match (value[0], body) {
        (first, Body::Bytes(len)) if is_text(first) => {
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

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, test_runner::RngSeed};
    use serde::{Deserialize, de::IgnoredAny};

    use super::*;

    /// How many bytes a full reader takes.
    fn read(bytes: &[u8]) -> Option<usize> {
        let mut reader = rmp_serde::Deserializer::new(std::io::Cursor::new(bytes));
        IgnoredAny::deserialize(&mut reader).ok()?;
        Some(reader.position() as usize)
    }

    /// Bytes that are often MessagePack: markers are as likely as anything else.
    fn likely() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            4 => 0x00..=0x7f_u8,
            2 => 0x80..=0x84_u8,
            2 => 0x90..=0x94_u8,
            4 => 0xa0..=0xa5_u8,
            1 => any::<u8>(),
        ];
        proptest::collection::vec(byte, 0..40)
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            rng_seed: RngSeed::Fixed(20_261_121),
            failure_persistence: None,
            cases: 2_000,
            ..ProptestConfig::default()
        })]

        #[test]
        fn what_is_skipped_is_what_a_full_reader_takes(bytes in likely()) {
            match skip(&bytes, DEPTH_MAX) {
                Ok(len) => prop_assert_eq!(read(&bytes), Some(len)),
                Err(Malformed::Truncated) => prop_assert_eq!(read(&bytes), None),
                Err(_) => {}
            }
        }

        #[test]
        fn no_bytes_make_it_panic_or_run_past_the_end(bytes: Vec<u8>) {
            if let Ok(len) = skip(&bytes, DEPTH_MAX) {
                prop_assert!(len <= bytes.len());
            }
        }
    }

    #[test]
    fn depth_is_counted_with_the_outermost_container() {
        let nested = |levels: usize| [vec![0x91; levels - 1], vec![0x90]].concat();
        assert_eq!(skip(&nested(3), 3), Ok(3));
        assert_eq!(skip(&nested(4), 3), Err(Malformed::TooDeep));
        assert_eq!(skip(&nested(LEVELS_MAX), usize::MAX), Ok(LEVELS_MAX));
        assert_eq!(skip(&nested(LEVELS_MAX + 1), usize::MAX), Err(Malformed::TooDeep));
    }

    #[test]
    fn floats_are_finite() {
        for bytes in [&b"\xcb\x7f\xf0\0\0\0\0\0\0"[..], b"\xca\x7f\xc0\0\0"] {
            assert_eq!(skip(bytes, DEPTH_MAX), Err(Malformed::NotJson));
        }
        assert_eq!(skip(b"\xca\x3f\x80\0\0", DEPTH_MAX), Ok(5));
        assert_eq!(skip(b"\xcb\x3f", DEPTH_MAX), Err(Malformed::Truncated));
    }
}
