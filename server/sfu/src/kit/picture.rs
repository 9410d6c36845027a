//! Pictures that no encoder made: VP8 payloads (RFC 7741) whose headers are true and whose rest is
//! the sender's.

/// What a VP8 packet says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    /// Whether the frame is a key frame.
    pub key: bool,
    /// Whether the packet is the first of its frame.
    pub first: bool,
    /// The number of the frame, 15 bits.
    pub id: u16,
    /// The number among frames of the lowest temporal layer.
    pub tl0: u8,
    /// The size of a key frame.
    pub size: (u16, u16),
}

/// A packet as it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pictured<'a> {
    /// What it says of itself; the size is known of key frames only.
    pub picture: Picture,
    /// The sender's own bytes.
    pub rest: &'a [u8],
}

/// X, and S for the first packet.
const EXTENDED: u8 = 0x80;
const START: u8 = 0x10;
/// I, L and T: a picture id, a tl0 index and a temporal layer follow. There is no L without T.
const NUMBERED: u8 = 0xE0;
/// Before the size in a key frame (RFC 6386, 9.1).
const START_CODE: [u8; 3] = [0x9D, 0x01, 0x2A];

impl Picture {
    /// The payload with these bytes in it.
    pub fn payload(&self, rest: &[u8]) -> Vec<u8> {
        let mut payload = Vec::with_capacity(16 + rest.len());
        let start = if self.first { START } else { 0 };
        payload.extend([EXTENDED | start, NUMBERED]);
        payload.extend((self.id | 0x8000).to_be_bytes());
        payload.extend([self.tl0, 0]);
        if self.first {
            // The frame tag: bit 0 is clear in key frames; shown.
            payload.extend([if self.key { 0x10 } else { 0x11 }, 0, 0]);
            if self.key {
                payload.extend(START_CODE);
                payload.extend(self.size.0.to_le_bytes());
                payload.extend(self.size.1.to_le_bytes());
            }
        }
        payload.extend(rest);
        payload
    }

    /// Reads what [`Picture::payload`] wrote; nothing of what is something else.
    pub fn read(payload: &[u8]) -> Option<Pictured<'_>> {
        let (&[flags, more, high, low, tl0, _], rest) = payload.split_first_chunk()?;
        if flags & EXTENDED == 0 || more != NUMBERED || high & 0x80 == 0 {
            return None;
        }
        let id = u16::from_be_bytes([high, low]) & 0x7FFF;
        let mut picture = Picture { key: false, first: flags & START != 0, id, tl0, size: (0, 0) };
        if !picture.first {
            return Some(Pictured { picture, rest });
        }
        let (tag, rest) = rest.split_first_chunk::<3>()?;
        picture.key = tag[0] & 1 == 0;
        if !picture.key {
            return Some(Pictured { picture, rest });
        }
        let (header, rest) = rest.split_first_chunk::<7>()?;
        let [_, _, _, w0, w1, h0, h1] = *header;
        picture.size = (u16::from_le_bytes([w0, w1]), u16::from_le_bytes([h0, h1]));
        Some(Pictured { picture, rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_read_as_it_was_written() {
        for (key, first) in [(true, true), (false, true), (false, false)] {
            let size = if key { (640, 360) } else { (0, 0) };
            let picture = Picture { key, first, id: 0x7FFF, tl0: 255, size };
            let payload = picture.payload(b"rest");
            assert_eq!(Picture::read(&payload), Some(Pictured { picture, rest: b"rest" }));
        }
        assert_eq!(Picture::read(&[0x10, 0, 0, 0, 0]), None);
        assert_eq!(Picture::read(&[]), None);
    }
}
