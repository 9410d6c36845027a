//! Frames: what one WebSocket message holds. Every one is a map with `t`.

use serde::Serialize;

use crate::{Codec, msgpack};

pub mod client;
pub mod server;

pub use client::{Call, ClientFrame, Hello};
pub use server::{ServerFrame, TopicPage, Welcome};

/// A value under its tag: `{"t": …, …value}`. The value must be a map.
fn tagged<T: Serialize>(codec: Codec, t: &str, value: &T) -> Vec<u8> {
    match codec {
        Codec::Json => {
            let body = codec.encode(value);
            let mut out = Vec::with_capacity(body.len() + t.len() + 8);
            out.extend_from_slice(b"{\"t\":\"");
            out.extend_from_slice(t.as_bytes());
            out.push(b'"');
            if body.len() > 2 {
                out.push(b',');
            }
            out.extend_from_slice(&body[1..]);
            out
        }
        Codec::MsgPack => {
            let body = codec.encode(value);
            // A struct of fewer than 15 fields is a fixmap: one entry more stays one.
            debug_assert!((0x80..0x8f).contains(&body[0]), "a small struct");
            let mut out = Vec::with_capacity(body.len() + t.len() + 3);
            out.push(body[0] + 1);
            msgpack::write_key(&mut out, "t");
            msgpack::write_key(&mut out, t);
            out.extend_from_slice(&body[1..]);
            out
        }
    }
}
