//! What is to be known of VP8 without decoding it: where frames begin and end in packets (RFC
//! 7741), and what a key frame says of the picture (RFC 6386).

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::order::Packet;

/// A larger frame is not one of a meeting: what does not end is let go.
const FRAME_LEN_MAX: usize = 4 << 20;
/// Payload of a packet: with all headers it fits into any network's packets.
const PAYLOAD_LEN_MAX: usize = 1_150;
const START: u8 = 0x10;
const EXTENDED: u8 = 0x80;

/// Whether a frame can be decoded without the ones before it.
pub fn is_key(frame: &[u8]) -> bool {
    frame.first().is_some_and(|first| first & 1 == 0)
}

/// The width and the height that a key frame says.
pub fn size(frame: &[u8]) -> Option<(u16, u16)> {
    match frame {
        [first, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] if first & 1 == 0 => {
            let side = |low: &u8, high: &u8| u16::from_le_bytes([*low, *high]) & 0x3fff;
            Some((side(w0, w1), side(h0, h1)))
        }
        _ => None,
    }
}

/// A frame in packets; `picture` numbers it within its stream.
pub(super) fn packets(frame: &Bytes, picture: u16) -> Vec<Bytes> {
    let mut packets = Vec::with_capacity(frame.len() / PAYLOAD_LEN_MAX + 1);
    for (i, part) in frame.chunks(PAYLOAD_LEN_MAX).enumerate() {
        let mut packet = BytesMut::with_capacity(part.len() + 4);
        packet.put_u8(if i == 0 { EXTENDED | START } else { EXTENDED });
        // A picture id of 15 bits follows.
        packet.put_u8(0x80);
        packet.put_u16(0x8000 | (picture & 0x7fff));
        packet.put_slice(part);
        packets.push(packet.freeze());
    }
    packets
}

/// Makes frames of packets that come in their order.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    /// The packets of one frame so far, and its timestamp.
    parts: Option<(u32, BytesMut)>,
    /// Every frame since a key frame was whole.
    intact: bool,
}

impl Assembler {
    /// The frame that is whole with this packet, unless it needs one that is missing.
    pub fn push(&mut self, packet: Packet) -> Option<Bytes> {
        let Some((first, payload)) = payload(packet.payload) else {
            self.gap();
            return None;
        };
        if first {
            if self.parts.take().is_some() {
                self.gap();
            }
            self.parts = Some((packet.time, BytesMut::new()));
        }
        match &mut self.parts {
            Some((time, parts))
                if *time == packet.time && parts.len() + payload.len() <= FRAME_LEN_MAX =>
            {
                parts.put_slice(&payload);
            }
            _ => self.gap(),
        }
        let frame = if packet.marker { self.parts.take()?.1.freeze() } else { return None };
        self.intact |= is_key(&frame);
        self.intact.then_some(frame)
    }

    /// Packets are missing: what follows is of use only from a key frame on.
    pub fn gap(&mut self) {
        self.parts = None;
        self.intact = false;
    }

    /// Whether nothing comes of this before a key frame.
    pub fn needs_key(&self) -> bool {
        !self.intact
    }
}

/// The part of a frame that a packet carries, and whether it is the first one.
fn payload(mut packet: Bytes) -> Option<(bool, Bytes)> {
    let descriptor = packet.try_get_u8().ok()?;
    if descriptor & EXTENDED != 0 {
        let extensions = packet.try_get_u8().ok()?;
        if extensions & 0x80 != 0 && packet.try_get_u8().ok()? & 0x80 != 0 {
            packet.try_get_u8().ok()?;
        }
        if extensions & 0x40 != 0 {
            packet.try_get_u8().ok()?;
        }
        if extensions & 0x30 != 0 {
            packet.try_get_u8().ok()?;
        }
    }
    // The first partition of a frame, from its beginning.
    Some((descriptor & START != 0 && descriptor & 0x07 == 0, packet))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(frame: &Bytes, picture: u16, time: u32) -> Vec<Packet> {
        let parts = packets(frame, picture);
        let last = parts.len() - 1;
        let packet = |(i, payload)| Packet { number: i as u16, time, marker: i == last, payload };
        parts.into_iter().enumerate().map(packet).collect()
    }

    fn frame(key: bool, len: usize) -> Bytes {
        let mut bytes = vec![7_u8; len];
        bytes[0] = u8::from(!key);
        bytes.into()
    }

    #[test]
    fn a_frame_comes_out_of_packets_as_it_went_in() {
        let mut assembler = Assembler::default();
        for (picture, len) in [(1, 10), (0x7fff, 1_150), (0, 5_000)] {
            let frame = frame(true, len);
            let mut whole: Vec<Bytes> = Vec::new();
            for packet in sent(&frame, picture, u32::from(picture)) {
                whole.extend(assembler.push(packet));
            }
            assert_eq!(whole, [frame]);
        }
    }

    #[test]
    fn after_a_hole_nothing_comes_before_a_key_frame() {
        let mut assembler = Assembler::default();
        let mut push = |frame: &Bytes, time, skip| {
            let packets = sent(frame, 1, time);
            packets.into_iter().skip(skip).filter_map(|it| assembler.push(it)).count()
        };
        assert_eq!(push(&frame(false, 3_000), 1, 0), 0, "it begins with no key frame");
        assert_eq!(push(&frame(true, 3_000), 2, 0), 1);
        assert_eq!(push(&frame(false, 3_000), 3, 0), 1);
        assert_eq!(push(&frame(false, 3_000), 4, 1), 0, "its beginning is missing");
        assert_eq!(push(&frame(false, 3_000), 5, 0), 0);
        assert_eq!(push(&frame(true, 3_000), 6, 0), 1);
    }

    #[test]
    fn a_key_frame_says_how_large_the_picture_is() {
        let key = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x41];
        assert_eq!(size(&key), Some((640, 360)), "the scaling above is no part of it");
        assert_eq!(size(&[0x11, 0, 0]), None);
    }

    #[test]
    fn a_descriptor_that_ends_early_is_no_packet() {
        for bytes in [&[][..], &[0x90], &[0x90, 0x80], &[0x90, 0x80, 0x81], &[0x90, 0xf0, 1, 2]] {
            assert!(payload(Bytes::copy_from_slice(bytes)).is_none(), "{bytes:?}");
        }
    }
}
