//! What the first bytes of a payload say about the picture that they begin.

use crate::adapter::{Codec, Packet};

/// Units of H264 (RFC 6184 5.2, 5.4): the parameters of a sequence, which a key frame begins with,
/// and packets that hold several units or a part of one.
const H264_PARAMETERS: u8 = 7;
const H264_SEVERAL: u8 = 24;
const H264_PART: u8 = 28;

/// How large a picture is; 0 if unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Size {
    pub(crate) width: u16,
    pub(crate) height: u16,
}

/// The picture that a packet begins, if a decoder can begin with it.
pub(crate) fn key(packet: &Packet) -> Option<Size> {
    match packet.codec {
        Codec::Opus => None,
        Codec::Vp8 => vp8_key(&packet.payload),
        Codec::H264 => h264_key(&packet.payload).then(Size::default),
    }
}

/// RFC 7741 4.2 and RFC 6386 9.1.
fn vp8_key(payload: &[u8]) -> Option<Size> {
    let first = *payload.first()?;
    let starts = first & 0x10 != 0 && first & 0x07 == 0;
    if !starts {
        return None;
    }
    let mut at = 1;
    if first & 0x80 != 0 {
        let has = *payload.get(at)?;
        at += 1;
        if has & 0x80 != 0 {
            at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
        }
        at += usize::from(has & 0x40 != 0) + usize::from(has & 0x30 != 0);
    }
    let frame = payload.get(at..at + 10)?;
    let key = frame[0] & 1 == 0 && frame[3..6] == [0x9d, 0x01, 0x2a];
    let side = |at: usize| u16::from_le_bytes([frame[at], frame[at + 1]]) & 0x3fff;
    key.then(|| Size { width: side(6), height: side(8) })
}

fn h264_key(payload: &[u8]) -> bool {
    let Some(first) = payload.first() else { return false };
    match first & 0x1f {
        H264_PARAMETERS => true,
        H264_SEVERAL => payload.get(3).is_some_and(|unit| unit & 0x1f == H264_PARAMETERS),
        H264_PART => {
            payload.get(1).is_some_and(|part| part & 0x80 != 0 && part & 0x1f == H264_PARAMETERS)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_frame_of_vp8_says_how_large_it_is() {
        let frame = [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01];
        let size = Some(Size { width: 640, height: 360 });
        let plain = [&[0x10][..], &frame].concat();
        assert_eq!(vp8_key(&plain), size);
        let long = [&[0x90, 0xf0, 0x81, 0x02, 0x03, 0x20][..], &frame].concat();
        assert_eq!(vp8_key(&long), size);
        let short = [&[0x90, 0x80, 0x11][..], &frame].concat();
        assert_eq!(vp8_key(&short), size);

        let mut between = plain.clone();
        between[1] |= 1;
        let second = [&[0x00][..], &frame].concat();
        for other in [&between[..], &second, &plain[..5], &[]] {
            assert_eq!(vp8_key(other), None);
        }
    }

    #[test]
    fn a_key_frame_of_h264_begins_with_its_parameters() {
        for key in [&[0x67, 0x42][..], &[0x78, 0x00, 0x02, 0x67, 0x42], &[0x7c, 0x87]] {
            assert!(h264_key(key), "{key:?}");
        }
        for other in [&[0x41][..], &[0x65], &[0x78, 0x00, 0x02, 0x41, 0x42], &[0x7c, 0x07], &[]] {
            assert!(!h264_key(other), "{other:?}");
        }
    }
}
