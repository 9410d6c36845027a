//! What a server writes, cut into frames (RFC 6455): whole ones are given out, the rest waits.

use std::io::{self, Read};

/// A server's answer to the upgrade is short.
const HEAD_LEN_MAX: usize = 4 * 1024;

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// The upgrade was accepted.
    Upgraded,
    /// A text frame.
    Text(Vec<u8>),
    /// The server closes, or does not speak the protocol.
    End,
}

/// The bytes of one connection that are not dealt with yet.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    upgraded: bool,
}

impl Frames {
    /// Reads what is there; answers whether the other side is still there.
    pub fn read(&mut self, from: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
        let len = from.read(buffer)?;
        self.bytes.extend_from_slice(&buffer[..len]);
        Ok(len > 0)
    }

    /// The next whole thing.
    pub fn next(&mut self) -> Option<Heard> {
        if !self.upgraded {
            return self.upgrade();
        }
        let (first, len, header_len) = match self.bytes[..] {
            [first, 126, high, low, ..] => (first, u64::from(u16::from_be_bytes([high, low])), 4),
            [first, 127, ..] => {
                let len = self.bytes.get(2..10)?.try_into().expect("there are eight");
                (first, u64::from_be_bytes(len), 10)
            }
            [first, len, ..] if len < 126 => (first, len.into(), 2),
            // Servers do not mask.
            [_, len, ..] if len > 127 => return Some(Heard::End),
            _ => return None,
        };
        let end = header_len + usize::try_from(len).ok()?;
        let payload = self.bytes.get(header_len..end)?.to_vec();
        self.bytes.drain(..end);
        if self.bytes.is_empty() {
            // Thousands are idle: they keep nothing.
            self.bytes = Vec::new();
        }
        match first & 0x0f {
            1 => Some(Heard::Text(payload)),
            8 => Some(Heard::End),
            _ => self.next(),
        }
    }

    fn upgrade(&mut self) -> Option<Heard> {
        let end = self.bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let Some(end) = end else {
            return (self.bytes.len() > HEAD_LEN_MAX).then_some(Heard::End);
        };
        let accepted = self.bytes.starts_with(b"HTTP/1.1 101 ");
        self.bytes.drain(..end + 4);
        self.upgraded = accepted;
        Some(if accepted { Heard::Upgraded } else { Heard::End })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_whole_however_they_arrive() {
        let long = vec![b'x'; 300];
        let mut bytes = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n".to_vec();
        bytes.extend(b"\x81\x02hi");
        bytes.extend([0x81, 126, 1, 44]);
        bytes.extend(&long);
        bytes.extend(b"\x88\x02\x03\xe8");
        let all = [Heard::Upgraded, Heard::Text(b"hi".to_vec()), Heard::Text(long), Heard::End];
        for step in [1, 7, bytes.len()] {
            let (mut frames, mut heard) = (Frames::default(), Vec::new());
            for mut part in bytes.chunks(step) {
                frames.read(&mut part, &mut [0; 1024]).unwrap();
                heard.extend(std::iter::from_fn(|| frames.next()));
            }
            assert_eq!(heard, all);
            assert_eq!(frames.bytes.capacity(), 0, "nothing is kept");
        }
    }

    #[test]
    fn a_refused_upgrade_is_the_end() {
        let mut frames = Frames::default();
        frames.read(&mut &b"HTTP/1.1 503 Busy\r\n\r\n"[..], &mut [0; 64]).unwrap();
        assert_eq!(frames.next(), Some(Heard::End));
    }
}
