//! Connections that are refused: by an error, by a close frame, by another answer to the upgrade,
//! or by an end without a word. A run names them, however many connections it has.

use std::{collections::BTreeMap, fmt};

/// The longest that is kept of what one connection was told.
pub const SAID_LEN_MAX: usize = 400;
/// So many of them are named; the others are counted.
const NAMED_MAX: usize = 10;
/// Text of JSON cannot hold it: there its quotation marks are escaped.
const ERROR: &[u8] = b"\"t\":\"err\"";
const CODE: &[u8] = b"\"code\":\"";
const HTTP: &[u8] = b"HTTP/1.1 ";
/// The first byte of a close frame (RFC 6455, 5.5.1), which has no more than 125 bytes behind two.
const CLOSE: u8 = 0x88;
const CLOSE_LEN_MAX: usize = 127;

/// Connections that were refused, or are over.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// How many, by the code of an error or of a close frame, or by how they broke.
    pub counts: BTreeMap<String, u32>,
    /// The first ones by their numbers, and what they were told.
    pub first: Vec<(usize, String)>,
}

impl Refusals {
    /// Of what each connection was told: nothing if it was not refused.
    pub fn of<'a>(told: impl Iterator<Item = &'a [u8]>) -> Refusals {
        let mut refusals = Refusals::default();
        for (number, said) in told.enumerate().filter(|(_, said)| !said.is_empty()) {
            *refusals.counts.entry(code(said)).or_default() += 1;
            if refusals.first.len() < NAMED_MAX {
                refusals.first.push((number, words(said)));
            }
        }
        refusals
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }
}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts.iter().map(|(code, count)| format!("{count} × {code}"));
        let counts: Vec<_> = counts.collect();
        let all: u32 = self.counts.values().sum();
        write!(f, "{all} connections were refused or broken: {}", counts.join(", "))?;
        self.first.iter().try_for_each(|(number, words)| write!(f, "\n  {number}: {words}"))
    }
}

/// Where in what was read just now a refusal begins.
pub fn begins(bytes: &[u8]) -> Option<usize> {
    // The beginning of a connection's first bytes, and of no others.
    if bytes.starts_with(HTTP) && !bytes[HTTP.len()..].starts_with(b"101") {
        return Some(0);
    }
    position(bytes, ERROR).or_else(|| close(bytes))
}

/// A close frame is the last that is read. Its code begins with a byte that no text has.
fn close(bytes: &[u8]) -> Option<usize> {
    let from = bytes.len().saturating_sub(CLOSE_LEN_MAX);
    (from..bytes.len()).find(|&at| match bytes[at..] {
        [CLOSE, 0] => true,
        [CLOSE, len, 3..20, _, ref reason @ ..] => usize::from(len) == reason.len() + 2,
        _ => false,
    })
}

fn position(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}

/// What refusals are counted by.
fn code(said: &[u8]) -> String {
    match *said {
        [CLOSE, _, high, low, ..] => format!("close {}", u16::from_be_bytes([high, low])),
        [CLOSE, ..] => "close without a code".into(),
        _ if said.starts_with(ERROR) => {
            let code = position(said, CODE).map(|at| &said[at + CODE.len()..]);
            let code = code.and_then(|code| code.split(|&byte| byte == b'"').next());
            code.map_or("error without a code".into(), text)
        }
        _ if said.starts_with(HTTP) => text(&said[..said.len().min(HTTP.len() + 3)]),
        // A connection that broke: how, and what it was told before.
        _ => text(said.split(|&byte| byte == b';').next().unwrap_or_default()),
    }
}

fn words(said: &[u8]) -> String {
    match *said {
        [CLOSE, _, _, _, ref reason @ ..] => format!("{} {}", code(said), text(reason)),
        [CLOSE, ..] => code(said),
        _ => text(said),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use carillon_protocol::{Codec, ErrorBody, ErrorCode, frame::server};

    use super::*;

    fn error(code: ErrorCode) -> Vec<u8> {
        server::err(Codec::Json, Some(7), &ErrorBody::new(code, "try again"))
    }

    fn closing(code: u16, reason: &str) -> Vec<u8> {
        let head = [CLOSE, reason.len() as u8 + 2];
        [&head[..], &code.to_be_bytes(), reason.as_bytes()].concat()
    }

    /// What is kept of this.
    fn said(bytes: &[u8]) -> &[u8] {
        begins(bytes).map_or(&[], |at| &bytes[at..])
    }

    #[test]
    fn each_way_to_be_refused_has_a_code_and_words() {
        let cases = [
            (error(ErrorCode::Busy), "E_BUSY", "try again"),
            (closing(4_008, "read faster"), "close 4008", "close 4008 read faster"),
            (closing(1_000, ""), "close 1000", "close 1000"),
            (vec![CLOSE, 0], "close without a code", "close without a code"),
            (b"HTTP/1.1 503 Busy\r\n\r\n".to_vec(), "HTTP/1.1 503", "503 Busy"),
        ];
        for (bytes, code, words) in cases {
            // Also behind an event that came with it; an answer to an upgrade is the first.
            let before: &[u8] = if bytes.starts_with(HTTP) { b"" } else { b"{\"t\":\"ev\"}" };
            let all = [before, &bytes].concat();
            let refusals = Refusals::of([&[], said(&all)].into_iter());
            assert_eq!(refusals.counts.into_iter().collect::<Vec<_>>(), [(code.to_owned(), 1)]);
            assert_eq!(refusals.first[0].0, 1);
            assert!(refusals.first[0].1.contains(words), "{:?}", refusals.first);
        }
    }

    #[test]
    fn what_people_write_is_no_refusal() {
        // Its bytes have the first byte of a close frame, and behind it how many follow.
        let like_a_close = format!("{{\"text\":\"\u{2c88},{}\"}}", "x".repeat(42));
        let quoted = r#"{"text":"{\"t\":\"err\",\"code\":\"E_BUSY\"}"}"#;
        for text in ["HTTP/1.1 101 Switching Protocols", &like_a_close, quoted] {
            assert_eq!(begins(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn all_are_counted_and_the_first_are_named() {
        let (busy, slow) = (error(ErrorCode::Busy), closing(4_008, "slow"));
        let told = (0..5_000).map(|number| match number {
            0..20 => &[],
            20..400 => said(&busy),
            _ => said(&slow),
        });
        let refusals = Refusals::of(told);
        assert_eq!(refusals.first.len(), NAMED_MAX);
        let all = refusals.to_string();
        assert!(all.starts_with(
            "4980 connections were refused or broken: 380 × E_BUSY, 4600 × close 4008\n  20: "
        ));
    }
}
