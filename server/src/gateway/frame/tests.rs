use std::ops::ControlFlow::{self, Break, Continue};

use super::*;

mod properties;

const LEN_MAX: u32 = 4096;
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A message with its own bytes, to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

impl From<Message<'_>> for Seen {
    fn from(message: Message<'_>) -> Seen {
        match message {
            Message::Text(text) => Seen::Text(text.into()),
            Message::Binary(bytes) => Seen::Binary(bytes.into()),
            Message::Ping(bytes) => Seen::Ping(bytes.into()),
            Message::Pong(bytes) => Seen::Pong(bytes.into()),
            Message::Close { code, reason } => Seen::Close(code, reason.into()),
        }
    }
}

/// One frame as a client writes it.
fn masked(fin: bool, opcode: Opcode, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let unmasked = frame(opcode, payload);
    let header_len = unmasked.len() - payload.len();
    let mut out = unmasked[..header_len].to_vec();
    if !fin {
        out[0] &= 0x7f;
    }
    out[1] |= 0x80;
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

fn whole(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    masked(true, opcode, payload, MASK)
}

fn part(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    masked(fin, opcode, payload, MASK)
}

type Outcome = (Vec<Seen>, Option<Violation>, Reader);

/// What a reader makes of these bytes when they come in pieces of these lengths, again and again.
fn read_in(bytes: &[u8], pieces: &[usize]) -> Outcome {
    let (mut reader, mut seen) = (Reader::new(LEN_MAX), Vec::new());
    let (mut bytes, mut lens) = (bytes.to_vec(), pieces.iter().cycle());
    let mut rest = bytes.as_mut_slice();
    while !rest.is_empty() {
        let len = lens.next().copied().unwrap_or(usize::MAX).clamp(1, rest.len());
        let (piece, after) = rest.split_at_mut(len);
        let on = |message: Message<'_>| -> ControlFlow<()> {
            seen.push(message.into());
            Continue(())
        };
        if let Err(violation) = reader.feed(piece, on) {
            return (seen, Some(violation), reader);
        }
        rest = after;
    }
    (seen, None, reader)
}

fn read(frames: &[Vec<u8>]) -> Outcome {
    read_in(&frames.concat(), &[])
}

fn refusal(bytes: &[u8]) -> u16 {
    read_in(bytes, &[]).1.expect("must be refused").close_code()
}

#[test]
fn a_message_of_any_length_is_read_back() {
    for len in [0, 1, 7, 8, 125, 126, 127, 1000, 4096] {
        let payload = vec![b'x'; len];
        let (seen, violation, reader) = read(&[whole(Opcode::Binary, &payload)]);
        assert_eq!((seen, violation), (vec![Seen::Binary(payload)], None));
        assert!(reader.is_idle());
    }
}

#[test]
fn lengths_are_written_as_rfc_6455_says() {
    assert_eq!(frame(Opcode::Text, b"Hello")[..2], [0x81, 5]);
    assert_eq!(frame(Opcode::Binary, &[0; 126])[..4], [0x82, 126, 0, 126]);
    assert_eq!(frame(Opcode::Binary, &[0; 0x1_0000])[..10], [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
}

#[test]
fn the_examples_of_rfc_6455_are_read() {
    let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(read_in(&hello, &[]).0, [Seen::Text("Hello".into())]);
    let ping = [0x89, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(read_in(&ping, &[]).0, [Seen::Ping(b"Hello".to_vec())]);
}

#[test]
fn a_control_frame_may_come_between_fragments() {
    let frames = [
        part(false, Opcode::Text, "開".as_bytes()),
        whole(Opcode::Ping, b"?"),
        part(false, Opcode::Continuation, &"會".as_bytes()[..1]),
        part(true, Opcode::Continuation, &"會".as_bytes()[1..]),
    ];
    let (seen, violation, reader) = read(&frames);
    assert_eq!(seen, [Seen::Ping(b"?".to_vec()), Seen::Text("開會".into())]);
    assert!(violation.is_none() && reader.is_idle());
}

#[test]
fn what_breaks_the_framing_is_refused_with_1002() {
    let with_first = |first: u8| {
        let mut bytes = whole(Opcode::Text, b"x");
        bytes[0] = first;
        bytes
    };
    for first in [0xc1, 0xa1, 0x91, 0x83, 0x87, 0x8b, 0x8f] {
        assert_eq!(refusal(&with_first(first)), 1002, "first byte {first:#x}");
    }
    assert_eq!(refusal(&frame(Opcode::Text, b"no mask")), 1002);
    assert_eq!(refusal(&part(false, Opcode::Ping, b"")), 1002);
    assert_eq!(refusal(&whole(Opcode::Ping, &[0; 126])), 1002);
    assert_eq!(refusal(&part(true, Opcode::Continuation, b"")), 1002);
    let nested = [part(false, Opcode::Text, b""), whole(Opcode::Text, b"")].concat();
    assert_eq!(refusal(&nested), 1002);
    assert_eq!(refusal(&[0x82, 0x80 | 126, 0, 125]), 1002, "125 in two bytes");
    assert_eq!(refusal(&[0x82, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff]), 1002);
    assert_eq!(refusal(&[0x82, 0x80 | 127, 0x80, 0, 0, 0, 0, 1, 0, 0]), 1002);
}

#[test]
fn text_that_is_not_utf_8_is_refused_with_1007() {
    assert_eq!(refusal(&whole(Opcode::Text, b"\xff")), 1007);
    assert_eq!(refusal(&whole(Opcode::Text, b"\xed\xa0\x80")), 1007, "a surrogate");
    assert_eq!(refusal(&whole(Opcode::Close, b"\x03\xe8\xff")), 1007);
    let cut = [part(false, Opcode::Text, b"\xe9"), part(true, Opcode::Continuation, b"")].concat();
    assert_eq!(refusal(&cut), 1007);
}

#[test]
fn a_message_over_the_limit_is_refused_when_its_header_is_seen() {
    assert_eq!(refusal(&[0x82, 0x80 | 126, 0x10, 0x01]), 1009);
    let huge = [0x82, 0x80 | 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(refusal(&huge), 1009);
    let half = vec![0; 2049];
    let frames =
        [part(false, Opcode::Binary, &half), part(true, Opcode::Continuation, &half)].concat();
    assert_eq!(refusal(&frames), 1009);
}

#[test]
fn a_ping_does_not_count_against_a_message_in_fragments() {
    let full = vec![b'x'; LEN_MAX as usize];
    let frames = [
        part(false, Opcode::Text, &full),
        whole(Opcode::Ping, b"still there"),
        part(true, Opcode::Continuation, b""),
    ];
    assert_eq!(read(&frames).0.len(), 2);
}

#[test]
fn only_close_codes_for_the_wire_are_taken() {
    let close = |code: u16| read(&[whole(Opcode::Close, &code.to_be_bytes())]);
    for code in [1000, 1001, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999] {
        assert_eq!(close(code).0, [Seen::Close(Some(code), String::new())]);
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535] {
        assert_eq!(close(code).1.map(Violation::close_code), Some(1002), "{code}");
    }
    assert_eq!(refusal(&whole(Opcode::Close, b"x")), 1002);
    assert_eq!(read(&[whole(Opcode::Close, b"")]).0, [Seen::Close(None, String::new())]);
}

#[test]
fn nothing_is_read_after_a_close_frame_or_a_violation() {
    let frames = [whole(Opcode::Close, b"\x03\xe8bye"), whole(Opcode::Text, b"late"), vec![0xff]];
    let (seen, violation, mut reader) = read(&frames);
    assert_eq!((seen, violation), (vec![Seen::Close(Some(1000), "bye".into())], None));
    assert!(reader.ended() && reader.is_idle());

    let broken = read_in(&[0xff, 0xff], &[]).2;
    for reader in [&mut reader, &mut { broken }] {
        let on = |_: Message<'_>| -> ControlFlow<()> { panic!("nothing may be handed out") };
        assert_eq!(reader.feed(&mut whole(Opcode::Text, b"x"), on), Ok(Continue(())));
    }
}

#[test]
fn a_paused_reader_goes_on_where_it_stopped() {
    let texts: Vec<String> = (0..5).map(|i| format!("message {i}")).collect();
    let mut bytes: Vec<u8> =
        texts.iter().flat_map(|text| whole(Opcode::Text, text.as_bytes())).collect();
    let (mut reader, mut seen) = (Reader::new(LEN_MAX), Vec::new());
    let cut = bytes.len() - 3;
    let (first, last) = bytes.split_at_mut(cut);
    let mut reads = vec![first, &mut [], &mut [], &mut [], last, &mut []].into_iter();
    while seen.len() < texts.len() {
        let input = reads.next().expect("every read but the cut one brings a message");
        let on = |message: Message<'_>| {
            seen.push(Seen::from(message));
            Break("paused")
        };
        assert_eq!(reader.feed(input, on), Ok(Break("paused")));
    }
    assert_eq!(seen, texts.into_iter().map(Seen::Text).collect::<Vec<_>>());
    assert!(reader.is_idle());
}

#[test]
fn an_idle_reader_is_small_and_holds_nothing() {
    assert!(size_of::<Reader>() <= 16, "{} bytes", size_of::<Reader>());
    assert!(read(&[whole(Opcode::Text, b"x")]).2.is_idle());
}

#[test]
fn a_close_reason_is_cut_between_characters() {
    let bytes = close(4008, &"開".repeat(100));
    assert_eq!(bytes[..4], [0x88, 2 + 41 * 3, 0x0f, 0xa8]);
    assert_eq!(std::str::from_utf8(&bytes[4..]), Ok("開".repeat(41).as_str()));
}
