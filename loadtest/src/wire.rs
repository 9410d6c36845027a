//! The bytes of the load client: the upgrade, masked frames, and stamps found in any protocol.

/// What a stamp begins with; it stands in no frame of the protocol by chance.
const STAMP_MARK: &[u8] = b"@ns";
const STAMP_DIGITS: usize = 19;
/// How long a stamp is, and so the shortest payload that carries one.
pub const STAMP_LEN: usize = STAMP_MARK.len() + STAMP_DIGITS;
/// Any mask will do: it only has to be one.
const MASK: [u8; 4] = [0x5a, 0xa5, 0x3c, 0xc3];

/// The request that begins every connection.
pub fn upgrade(host: &str, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: carillon.v1.json\r\n\r\n"
    )
}

/// Appends a text frame as a client writes it.
pub fn append_masked(out: &mut Vec<u8>, payload: &[u8]) {
    const TEXT: u8 = 0x81;
    const MASKED: u8 = 0x80;
    let len = u16::try_from(payload.len()).expect("a load test writes short frames");
    match len {
        0..=125 => out.extend_from_slice(&[TEXT, MASKED | len as u8]),
        _ => {
            out.extend_from_slice(&[TEXT, MASKED | 126]);
            out.extend_from_slice(&len.to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// A text of this length that begins with when it was written.
pub fn stamped(now_ns: u64, len: usize) -> String {
    let stamp = format!("@ns{now_ns:019}");
    format!("{stamp:x<len$}")
}

/// Calls `on` with every whole stamp.
pub fn stamps(bytes: &[u8], mut on: impl FnMut(u64)) {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&byte| byte == STAMP_MARK[0]) {
        let Some(stamp) = rest[at..].first_chunk::<STAMP_LEN>() else { return };
        match stamp.strip_prefix(STAMP_MARK).and_then(number) {
            Some(ns) => {
                on(ns);
                rest = &rest[at + STAMP_LEN..];
            }
            None => rest = &rest[at + 1..],
        }
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |sum: u64, byte| {
        byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0'))
    })
}

/// How often a text stands in the bytes.
pub fn occurrences(bytes: &[u8], text: &[u8]) -> u32 {
    bytes.windows(text.len()).filter(|window| *window == text).count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_found_wherever_it_lies() {
        let bytes =
            format!("{{\"@n@{}}}{}", stamped(1_790_000_000_000_000_123, 40), stamped(7, 22));
        let mut found = Vec::new();
        stamps(bytes.as_bytes(), |ns| found.push(ns));
        assert_eq!(found, [1_790_000_000_000_000_123, 7]);
        assert_eq!(stamped(7, 200).len(), 200);
    }

    #[test]
    fn half_a_stamp_is_none() {
        stamps(&stamped(7, 22).as_bytes()[..21], |_| panic!("there is no whole one"));
    }

    #[test]
    fn masked_frames_are_those_of_rfc_6455() {
        let mut frame = Vec::new();
        append_masked(&mut frame, &[b'x'; 200]);
        assert_eq!(frame[..4], [0x81, 0x80 | 126, 0, 200]);
        assert_eq!(frame[8] ^ MASK[0], b'x');
        assert_eq!(frame.len(), 208);
    }
}
