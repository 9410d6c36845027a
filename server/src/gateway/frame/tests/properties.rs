//! What holds for any bytes, with tungstenite as the second opinion.

use std::io::{Cursor, Read, Write};

use proptest::prelude::*;
use tungstenite::{
    Error as OracleError, Message as OracleMessage, WebSocket,
    error::ProtocolError,
    protocol::{Role, WebSocketConfig},
};

use super::*;

/// A message as a client may send it: kind, payload, where it is cut into fragments, and a ping
/// between them.
fn frames_of_a_message() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let text = ".{0,300}".prop_map(|text: String| (Opcode::Text, text.into_bytes()));
    let binary = prop::collection::vec(any::<u8>(), 0..600).prop_map(|b| (Opcode::Binary, b));
    let ping = prop::collection::vec(any::<u8>(), 0..125).prop_map(|b| (Opcode::Ping, b));
    let pong = prop::collection::vec(any::<u8>(), 0..125).prop_map(|b| (Opcode::Pong, b));
    let cuts = prop::collection::vec(0_usize..600, 0..4);
    (
        prop_oneof![3 => text, 3 => binary, 1 => ping, 1 => pong],
        cuts,
        any::<[u8; 4]>(),
        any::<bool>(),
    )
        .prop_map(|((opcode, payload), mut cuts, mask, pinged)| {
            if opcode.is_control() {
                return vec![masked(true, opcode, &payload, mask)];
            }
            cuts.iter_mut().for_each(|cut| *cut = (*cut).min(payload.len()));
            cuts.sort_unstable();
            let starts = std::iter::once(0).chain(cuts.iter().copied());
            let ends = cuts.iter().copied().chain([payload.len()]);
            let mut frames = Vec::new();
            for (i, (start, end)) in starts.zip(ends).enumerate() {
                let opcode = if i == 0 { opcode } else { Opcode::Continuation };
                frames.push(masked(i == cuts.len(), opcode, &payload[start..end], mask));
                if pinged && i < cuts.len() {
                    frames.push(masked(true, Opcode::Ping, b"between", mask));
                }
            }
            frames
        })
}

fn bytes_of_a_client() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(frames_of_a_message(), 1..6).prop_map(|m| m.concat().concat())
}

/// A stream that gives the bytes, then nothing, and takes whatever is written.
struct Script(Cursor<Vec<u8>>);

impl Read for Script {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Script {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        Ok(buf.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What tungstenite reads, and whether it refused something.
fn oracle(bytes: &[u8]) -> (Vec<Seen>, bool) {
    let mut config = WebSocketConfig::default();
    config.max_message_size = Some(LEN_MAX as usize);
    config.max_frame_size = Some(LEN_MAX as usize);
    let script = Script(Cursor::new(bytes.to_vec()));
    let mut socket = WebSocket::from_raw_socket(script, Role::Server, Some(config));
    let mut seen = Vec::new();
    loop {
        seen.push(match socket.read() {
            Ok(OracleMessage::Text(text)) => Seen::Text(text.as_str().into()),
            Ok(OracleMessage::Binary(bytes)) => Seen::Binary(bytes.to_vec()),
            Ok(OracleMessage::Ping(bytes)) => Seen::Ping(bytes.to_vec()),
            Ok(OracleMessage::Pong(bytes)) => Seen::Pong(bytes.to_vec()),
            Ok(OracleMessage::Close(close)) => {
                let reason = close.as_ref().map_or("", |close| close.reason.as_str());
                let seen_close =
                    Seen::Close(close.as_ref().map(|c| c.code.into()), reason.to_owned());
                seen.push(seen_close);
                return (seen, false);
            }
            Ok(OracleMessage::Frame(_)) => unreachable!("not handed out when reading"),
            // The script is over: a stream that ends without a close frame.
            Err(OracleError::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                return (seen, false);
            }
            Err(_) => return (seen, true),
        });
    }
}

proptest! {
    // Nothing is written beside the sources: a failure prints its input.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_split_of_the_bytes_gives_the_messages_that_tungstenite_reads(
        bytes in bytes_of_a_client(),
        pieces in prop::collection::vec(1_usize..200, 1..8),
    ) {
        let (seen, violation, reader) = read_in(&bytes, &pieces);
        prop_assert_eq!(violation, None);
        prop_assert!(reader.is_idle());
        let (expected, refused) = oracle(&bytes);
        prop_assert!(!refused);
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn damaged_bytes_give_the_same_end_in_any_split(
        bytes in bytes_of_a_client(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        pieces in prop::collection::vec(1_usize..50, 1..8),
    ) {
        let mut bytes = bytes;
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let (seen, violation, reader) = read_in(&bytes, &[]);
        let (seen_split, violation_split, _) = read_in(&bytes, &pieces);
        prop_assert_eq!(&seen, &seen_split);
        prop_assert_eq!(violation, violation_split);
        // tungstenite looks at text in fragments sooner, and takes lengths in any form: where the
        // two do not agree, one of them stopped earlier.
        let (expected, refused) = oracle(&bytes);
        if refused {
            prop_assert!(violation.is_some() || !reader.is_idle());
        }
        if violation.is_none() && !refused {
            prop_assert_eq!(seen, expected);
        } else {
            prop_assert!(expected.starts_with(&seen) || seen.starts_with(&expected));
        }
    }

    #[test]
    fn tungstenite_reads_what_is_written(payload in prop::collection::vec(any::<u8>(), 0..70_000)) {
        let script = Script(Cursor::new(frame(Opcode::Binary, &payload).to_vec()));
        let mut socket = WebSocket::from_raw_socket(script, Role::Client, None);
        prop_assert_eq!(socket.read().expect("a frame"), OracleMessage::binary(payload));
    }
}

/// Any bytes at all: no panic, a bound on what is kept, and the same outcome however they are cut.
fn fuzz(bytes: &[u8]) {
    let (seen, violation, reader) = read_in(bytes, &[]);
    let piece = bytes.first().map_or(1, |&byte| usize::from(byte % 31) + 1);
    let split = read_in(bytes, &[piece]);
    assert_eq!((seen, violation, reader.is_idle()), (split.0, split.1, split.2.is_idle()));
}

#[test]
fn junk_from_seeds_never_panics() {
    let seeds = [
        whole(Opcode::Text, "seed 開會".as_bytes()),
        whole(Opcode::Close, b"\x03\xe8bye"),
        [
            part(false, Opcode::Text, b"a"),
            whole(Opcode::Ping, b""),
            part(true, Opcode::Continuation, b"b"),
        ]
        .concat(),
        whole(Opcode::Binary, &[7; 300]),
        vec![0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4],
        vec![],
    ];
    // xorshift64: the same bytes in every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..20_000 {
        let mut bytes = seeds[round % seeds.len()].clone();
        bytes.extend((0..random() % 40).map(|_| random() as u8));
        for _ in 0..random() % 6 {
            let at = random() as usize % bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random() as u8;
            }
        }
        bytes.truncate(random() as usize % (bytes.len() + 1));
        fuzz(&bytes);
    }
}
