//! What goes over a channel: a header of fixed size, then the payload.
//!
//! | bytes | what |
//! |---|---|
//! | 16 | the node that published it |
//! | 1 | 0: a payload, 1: a probe; others are passed over, for versions to come |
//! | 1 | the part |
//! | 8 | the number, big-endian |
//! | rest | the payload; in a probe, what only its sender understands |
//!
//! The payloads of a node and part are numbered from 1; a probe has the number of the newest.

use bytes::Bytes;
use carillon_protocol::id::Ulid;

use super::BadAddress;
use crate::{NodeId, Part};

const HEADER: usize = 26;
const NAMESPACE_MAX: usize = 64;
/// Slots of a Redis Cluster.
const SLOTS: u16 = 16_384;

/// What stands before a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub node: NodeId,
    pub kind: Kind,
    pub part: Part,
    pub number: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Payload,
    Probe,
}

impl Header {
    /// The bytes that stand before the payload.
    pub fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..16].copy_from_slice(&self.node.0.to_bytes());
        bytes[16..18].copy_from_slice(&[self.kind as u8, self.part.number()]);
        bytes[18..].copy_from_slice(&self.number.to_be_bytes());
        bytes
    }

    /// Takes a frame apart, if it is one.
    pub fn read(frame: &Bytes) -> Option<(Header, Bytes)> {
        let (node, rest) = frame.split_first_chunk::<16>()?;
        let ([kind, part], rest) = rest.split_first_chunk::<2>()?;
        let (number, _) = rest.split_first_chunk::<8>()?;
        let kind = match kind {
            0 => Kind::Payload,
            1 => Kind::Probe,
            _ => return None,
        };
        let node = NodeId(Ulid::from_bytes(*node));
        let part = Part::new(*part)?;
        let header = Header { node, kind, part, number: u64::from_be_bytes(*number) };
        Some((header, frame.slice(HEADER..)))
    }
}

/// The channel of each part: `carillon:NAMESPACE:{TAG}`. On a Cluster the tag decides about the
/// server; tags are chosen so that the slots of the parts are spread evenly.
pub(super) fn channels(namespace: &str) -> Result<Vec<String>, BadAddress> {
    let usable = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if !(1..=NAMESPACE_MAX).contains(&namespace.len()) || !namespace.chars().all(usable) {
        return Err(BadAddress::Namespace);
    }
    Ok(Part::all().map(|part| format!("carillon:{namespace}:{{{}}}", tag(part))).collect())
}

/// The slot of a part on a Cluster.
pub(super) fn slot(part: Part) -> u16 {
    slot_of(&tag(part))
}

/// The first number whose slot lies in the part's own range of 256 slots.
fn tag(part: Part) -> String {
    let range = SLOTS / Part::COUNT as u16;
    (0_u32..)
        .map(|number| number.to_string())
        .find(|tag| slot_of(tag) / range == u16::from(part.number()))
        .expect("a number is found for every range")
}

fn slot_of(tag: &str) -> u16 {
    // CRC-16 as in XMODEM: the rule of Redis Cluster.
    let crc = tag.bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    });
    crc % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_made() {
        let part = Part::new(63).unwrap();
        let node = NodeId(Ulid::from_parts(1_790_000_000_000, 9));
        let header = Header { node, kind: Kind::Payload, part, number: u64::MAX };
        let frame = Bytes::from([&header.to_bytes()[..], b"\0payload"].concat());
        assert_eq!(Header::read(&frame), Some((header, Bytes::from_static(b"\0payload"))));
        assert_eq!(Header::read(&frame.slice(..HEADER - 1)), None);
        for (place, value) in [(16, 2), (17, 64)] {
            let mut other = frame.to_vec();
            other[place] = value;
            assert_eq!(Header::read(&other.into()), None, "byte {place} is {value}");
        }
    }

    #[test]
    fn slots_are_those_of_redis() {
        // From the specification of Redis Cluster, and what `CLUSTER KEYSLOT` says.
        assert_eq!(slot_of("123456789"), 0x31c3);
        assert_eq!(slot_of("foo"), 12_182);
    }

    #[test]
    fn the_slots_of_the_parts_are_spread_evenly() {
        for part in Part::all() {
            assert_eq!(slot(part) / 256, u16::from(part.number()));
        }
    }

    #[test]
    fn a_namespace_cannot_decide_about_the_server() {
        assert_eq!(channels("my.office").unwrap().len(), Part::COUNT);
        for namespace in ["", "{1}", "a b", "a:b", &"x".repeat(65)] {
            assert_eq!(channels(namespace), Err(BadAddress::Namespace));
        }
    }
}
