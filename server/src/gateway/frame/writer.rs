//! Frames of the server: no mask, one frame a message.

use bytes::Bytes;

use super::{CONTROL_LEN_MAX, Opcode};

/// The longest header of a frame without a mask.
const HEADER_LEN_MAX: usize = 10;

/// Appends one whole message to what is about to be written.
pub fn append(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    const FIN: u8 = 0x80;
    out.push(FIN | opcode as u8);
    match payload.len() {
        len @ 0..=125 => out.push(len as u8),
        len @ 126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

/// One whole message, ready for every socket that is to have it.
pub fn frame(opcode: Opcode, payload: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(HEADER_LEN_MAX + payload.len());
    append(&mut out, opcode, payload);
    Bytes::from(out)
}

/// A close frame. A reason that does not fit is cut between two characters.
pub fn close(code: u16, reason: &str) -> Bytes {
    let reason = &reason[..reason.floor_char_boundary(CONTROL_LEN_MAX - 2)];
    let mut payload = Vec::with_capacity(CONTROL_LEN_MAX);
    payload.extend_from_slice(&code.to_be_bytes());
    payload.extend_from_slice(reason.as_bytes());
    frame(Opcode::Close, &payload)
}

/// A ping. The payload must fit a control frame.
pub fn ping(payload: &[u8]) -> Bytes {
    debug_assert!(payload.len() <= CONTROL_LEN_MAX, "a control frame is short");
    frame(Opcode::Ping, payload)
}

/// The answer to a ping, with the ping's own payload.
pub fn pong(payload: &[u8]) -> Bytes {
    debug_assert!(payload.len() <= CONTROL_LEN_MAX, "a control frame is short");
    frame(Opcode::Pong, payload)
}
