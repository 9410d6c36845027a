//! Frames: what one WebSocket message holds. Every one is a map with `t`.

use serde::Serialize;

use crate::{Codec, msgpack};

pub mod client;
pub mod server;

pub use client::{Call, ClientFrame, HANDLES_MAX, Hello, LISTENS_MAX};
pub use server::{Asked, Asker, ServerFrame, TopicPage, Welcome};

/// A value under its tag: `{"t": …, …value}`. The value must be a map.
fn tagged<T: Serialize>(codec: Codec, t: &str, value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    match codec {
        Codec::Json => {
            out.extend_from_slice(b"{\"t\":\"");
            out.extend_from_slice(t.as_bytes());
            out.push(b'"');
            let body = out.len();
            codec.encode_into(&mut out, value);
            // The body's own brace becomes the comma between the tag and its first field.
            if out[body..] == *b"{}" {
                out.remove(body);
            } else {
                out[body] = b',';
            }
        }
        Codec::MsgPack => {
            msgpack::write_map(&mut out, 0);
            msgpack::write_key(&mut out, "t");
            msgpack::write_key(&mut out, t);
            let body = out.len();
            codec.encode_into(&mut out, value);
            // A struct of fewer than 15 fields is a fixmap: one entry more stays one.
            let fields = out.remove(body);
            debug_assert!((0x80..0x8f).contains(&fields), "a small struct");
            out[0] = fields + 1;
        }
    }
    out
}
