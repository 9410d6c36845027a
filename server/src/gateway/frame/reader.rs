//! Frames of a client, as they come off the socket in pieces of any size.

use std::ops::ControlFlow::{self, Continue};

use super::{CONTROL_LEN_MAX, Opcode, Violation, close_code_ok};

/// One message of a client, where it lies in the buffer it was read into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text, checked.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
    /// To be answered by a pong with the same payload.
    Ping(&'a [u8]),
    /// The answer to a ping, or unasked for.
    Pong(&'a [u8]),
    /// The last message: the reader ignores whatever follows it.
    Close {
        /// Why, if the client says so.
        code: Option<u16>,
        /// Why, in words; may be empty.
        reason: &'a str,
    },
}

/// The reader of one connection.
#[derive(Debug)]
pub struct Reader {
    /// What was incomplete when the last read ended; nothing for a connection that is idle.
    held: Option<Box<Held>>,
    message_len_max: u32,
    ended: bool,
}

#[derive(Debug, Default)]
struct Held {
    /// Bytes that are not read yet: the beginning of a frame, or what a caller paused before.
    unread: Vec<u8>,
    fragments: Option<Fragments>,
}

/// A message whose last frame has not come.
#[derive(Debug)]
struct Fragments {
    opcode: Opcode,
    payload: Vec<u8>,
}

/// What the beginning of a buffer turned out to be.
enum Step<B> {
    /// A frame of `used` bytes, dealt with.
    Frame { used: usize, flow: ControlFlow<B> },
    /// The beginning of a frame: nothing can be said before there are this many bytes.
    Need(usize),
}

impl Reader {
    /// A reader that takes messages of up to so many bytes, in one frame or in many.
    pub fn new(message_len_max: u32) -> Reader {
        Reader { held: None, message_len_max, ended: false }
    }

    /// Reads what came from the socket and hands out every message that it completes.
    ///
    /// The bytes are unmasked where they lie. When `on` breaks, the rest is kept for the next
    /// call, which may bring no new bytes: so a session stops reading without losing any. What is
    /// kept is at most a frame and a message of the largest size, or one read, whichever is more.
    ///
    /// # Errors
    /// [`Violation`]; from then on, as after a close frame, everything is ignored.
    pub fn feed<B>(
        &mut self,
        input: &mut [u8],
        mut on: impl FnMut(Message<'_>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, Violation> {
        if self.ended {
            return Ok(Continue(()));
        }
        let mut held = self.held.take().map_or_else(Held::default, |held| *held);
        let read = self.read(&mut held, input, &mut on);
        self.ended |= read.is_err();
        if !self.ended && (!held.unread.is_empty() || held.fragments.is_some()) {
            self.held = Some(Box::new(held));
        }
        read
    }

    /// Whether the peer's close frame or a violation was read.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Whether nothing is kept: neither a part of a frame nor a part of a message.
    pub fn is_idle(&self) -> bool {
        self.held.is_none()
    }

    fn read<B>(
        &mut self,
        held: &mut Held,
        mut input: &mut [u8],
        on: &mut impl FnMut(Message<'_>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, Violation> {
        let Held { unread, fragments } = held;
        // First what was kept: it takes from the input no more than completes its last frame.
        let (mut at, mut flow) = (0, Continue(()));
        while at < unread.len() && flow.is_continue() && !self.ended {
            match self.step(fragments, &mut unread[at..], on)? {
                Step::Frame { used, flow: now } => (at, flow) = (at + used, now),
                Step::Need(len) => {
                    let missing = len - (unread.len() - at);
                    let (head, rest) = input.split_at_mut(missing.min(input.len()));
                    unread.extend_from_slice(head);
                    input = rest;
                    if head.len() < missing {
                        break;
                    }
                }
            }
        }
        unread.drain(..at);
        // Then the input where it lies, unless something still stands before it.
        let mut at = 0;
        while unread.is_empty() && at < input.len() && flow.is_continue() && !self.ended {
            match self.step(fragments, &mut input[at..], on)? {
                Step::Frame { used, flow: now } => (at, flow) = (at + used, now),
                Step::Need(_) => break,
            }
        }
        if unread.is_empty() {
            // Not into the old vector: one large message must not cost its size for ever.
            *unread = input[at..].to_vec();
        } else {
            unread.extend_from_slice(&input[at..]);
        }
        Ok(flow)
    }

    fn step<B>(
        &mut self,
        fragments: &mut Option<Fragments>,
        bytes: &mut [u8],
        on: &mut impl FnMut(Message<'_>) -> ControlFlow<B>,
    ) -> Result<Step<B>, Violation> {
        let header = match Header::parse(bytes, fragments.as_ref(), self.message_len_max)? {
            Parsed::Header(header) => header,
            Parsed::Need(len) => return Ok(Step::Need(len)),
        };
        let used = header.len + header.payload_len;
        if bytes.len() < used {
            return Ok(Step::Need(used));
        }
        let payload = &mut bytes[header.len..used];
        unmask(payload, header.mask);
        let flow = self.take(fragments, &header, payload, on)?;
        Ok(Step::Frame { used, flow })
    }

    /// Deals with one frame whose header was accepted.
    fn take<B>(
        &mut self,
        fragments: &mut Option<Fragments>,
        header: &Header,
        payload: &[u8],
        on: &mut impl FnMut(Message<'_>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, Violation> {
        let flow = match header.opcode {
            Opcode::Ping => on(Message::Ping(payload)),
            Opcode::Pong => on(Message::Pong(payload)),
            Opcode::Close => {
                let close = close(payload)?;
                self.ended = true;
                on(close)
            }
            opcode if header.fin && opcode != Opcode::Continuation => on(data(opcode, payload)?),
            opcode => {
                let begun = || Fragments { opcode, payload: Vec::new() };
                let message = fragments.get_or_insert_with(begun);
                message.payload.extend_from_slice(payload);
                match fragments.take_if(|_| header.fin) {
                    Some(message) => on(data(message.opcode, &message.payload)?),
                    None => Continue(()),
                }
            }
        };
        Ok(flow)
    }
}

fn data(opcode: Opcode, payload: &[u8]) -> Result<Message<'_>, Violation> {
    match opcode {
        Opcode::Text => text(payload).map(Message::Text),
        _ => Ok(Message::Binary(payload)),
    }
}

fn close(payload: &[u8]) -> Result<Message<'_>, Violation> {
    match payload {
        [] => Ok(Message::Close { code: None, reason: "" }),
        [_] => Err(Violation::Protocol("half a close code")),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !close_code_ok(code) {
                return Err(Violation::Protocol("a close code that is not for the wire"));
            }
            Ok(Message::Close { code: Some(code), reason: text(reason)? })
        }
    }
}

fn text(bytes: &[u8]) -> Result<&str, Violation> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| Violation::NotUtf8)
}

struct Header {
    fin: bool,
    opcode: Opcode,
    mask: [u8; 4],
    /// Of the header itself.
    len: usize,
    payload_len: usize,
}

enum Parsed {
    Header(Header),
    Need(usize),
}

impl Header {
    /// Refuses what is wrong as soon as it can be seen: before the payload has come, so that
    /// nobody makes the server keep what it will not take.
    fn parse(
        bytes: &[u8],
        fragments: Option<&Fragments>,
        message_len_max: u32,
    ) -> Result<Parsed, Violation> {
        let [first, second, rest @ ..] = bytes else { return Ok(Parsed::Need(2)) };
        let (fin, opcode) = kind(*first, fragments.is_some())?;
        if second & 0x80 == 0 {
            return Err(Violation::Protocol("a client's frame without a mask"));
        }
        let short = second & 0x7f;
        if opcode.is_control() && usize::from(short) > CONTROL_LEN_MAX {
            return Err(Violation::Protocol("a control frame of more than 125 bytes"));
        }
        let (payload_len, len_len) = match (short, rest) {
            (126, [a, b, ..]) => (u64::from(u16::from_be_bytes([*a, *b])), 2),
            (126, _) => return Ok(Parsed::Need(4)),
            (127, [a, b, c, d, e, f, g, h, ..]) => {
                (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), 8)
            }
            (127, _) => return Ok(Parsed::Need(10)),
            (short, _) => (u64::from(short), 0),
        };
        let shortest = match payload_len {
            0..=125 => 0,
            126..=0xffff => 2,
            _ => 8,
        };
        if len_len != shortest || payload_len >> 63 == 1 {
            return Err(Violation::Protocol("a length that is not written as short as possible"));
        }
        let before = if opcode.is_control() { 0 } else { fragments.map_or(0, |f| f.payload.len()) };
        if payload_len > u64::from(message_len_max).saturating_sub(before as u64) {
            return Err(Violation::TooLarge);
        }
        let Some((mask, _)) = rest[len_len..].split_first_chunk::<4>() else {
            return Ok(Parsed::Need(2 + len_len + 4));
        };
        Ok(Parsed::Header(Header {
            fin,
            opcode,
            mask: *mask,
            len: 2 + len_len + 4,
            payload_len: payload_len as usize,
        }))
    }
}

/// The first byte: the last frame of a message or not, and what it is.
fn kind(first: u8, fragmented: bool) -> Result<(bool, Opcode), Violation> {
    if first & 0x70 != 0 {
        return Err(Violation::Protocol("a reserved bit is set, no extension was agreed"));
    }
    let fin = first & 0x80 != 0;
    let opcode = Opcode::from_bits(first & 0x0f).ok_or(Violation::Protocol("a reserved opcode"))?;
    match opcode {
        _ if opcode.is_control() && !fin => {
            Err(Violation::Protocol("a control frame in fragments"))
        }
        Opcode::Continuation if !fragmented => {
            Err(Violation::Protocol("a continuation of nothing"))
        }
        Opcode::Text | Opcode::Binary if fragmented => {
            Err(Violation::Protocol("a new message inside an unfinished one"))
        }
        _ => Ok((fin, opcode)),
    }
}

/// XORs with the repeated mask, eight bytes at a time.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}
