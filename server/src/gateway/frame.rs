//! RFC 6455 frames, the server's side, without I/O.
//!
//! A [`Reader`] belongs to one connection and is a pointer and a number while the connection is
//! idle: the shard reads into one buffer that all its connections share, and the reader unmasks
//! and hands out messages where they lie. Only what is incomplete at the end of a read is copied.
//!
//! Frames of the server carry no mask, so the writers make the same bytes for every receiver:
//! a message is framed once, however many members the conversation has.

mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::{Message, Reader};
pub use writer::{append, close, frame, ping, pong};

/// The largest payload of a close, ping or pong frame.
pub const CONTROL_LEN_MAX: usize = 125;

/// What a frame is, as the low four bits of its first byte say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// More of the message that an earlier frame began.
    Continuation = 0x0,
    /// Text, in UTF-8.
    Text = 0x1,
    /// Bytes.
    Binary = 0x2,
    /// The sender ends the connection.
    Close = 0x8,
    /// Are you there.
    Ping = 0x9,
    /// Yes.
    Pong = 0xa,
}

impl Opcode {
    const fn from_bits(bits: u8) -> Option<Opcode> {
        Some(match bits {
            0x0 => Opcode::Continuation,
            0x1 => Opcode::Text,
            0x2 => Opcode::Binary,
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xa => Opcode::Pong,
            _ => return None,
        })
    }

    const fn is_control(self) -> bool {
        self as u8 >= 0x8
    }
}

/// Why a connection cannot go on: the peer broke the rules of RFC 6455 or of this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The bytes are not a sequence of frames of a client.
    #[error("{0}")]
    Protocol(&'static str),
    /// Text, or the reason of a close frame, is not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// The message is larger than this server takes.
    #[error("the message is too large")]
    TooLarge,
}

impl Violation {
    /// The code of the close frame that answers it.
    pub const fn close_code(self) -> u16 {
        match self {
            Violation::Protocol(_) => 1002,
            Violation::NotUtf8 => 1007,
            Violation::TooLarge => 1009,
        }
    }
}

/// Whether a peer may send this code: what RFC 6455 and IANA's registry define for the wire, and
/// the ranges of libraries (3000) and applications (4000). 1004 is reserved; 1005, 1006 and 1015
/// stand for the absence of a close frame.
const fn close_code_ok(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
