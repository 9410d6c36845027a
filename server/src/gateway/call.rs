//! A call on its way from a shard to the main runtime, and its answer on the way back.

use std::borrow::Cow;

use bytes::Bytes;
use carillon_plugin::{Request, Result};
use carillon_protocol::{Cid, Codec, Command, Raw, frame::server, presence::Watch};

use super::{ConnId, Hub, delivery::framed, shard::Cmd};

/// A call on its way to the main runtime.
#[derive(Debug)]
pub(super) struct OwnedCall {
    pub(super) id: u64,
    pub(super) op: Cow<'static, str>,
    pub(super) cid: Option<Cid>,
    pub(super) prev: Option<Cid>,
    pub(super) args: Bytes,
    pub(super) codec: Codec,
}

impl OwnedCall {
    pub(super) fn request(&self) -> Request<'_> {
        let args = Raw { codec: self.codec, bytes: &self.args };
        Request { op: &self.op, cid: self.cid, prev: self.prev, args }
    }
}

impl Hub {
    /// Sends an answer to the connection that asked.
    pub(super) async fn reply(&self, conn: ConnId, call: &OwnedCall, result: Result<Vec<u8>>) {
        let body = match result {
            Ok(answer) if call.op == Watch::OP => return self.follow(conn, call, &answer).await,
            Ok(data) => server::ok(call.codec, call.id, &data),
            Err(error) => server::err(call.codec, Some(call.id), error.body()),
        };
        let frame = framed(call.codec, &body);
        self.send(conn.shard, Cmd::Reply { conn, frame }).await;
    }
}
