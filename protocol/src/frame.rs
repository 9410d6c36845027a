//! Frames: what one WebSocket message holds. Every one is a map with `t`.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    Cid, Codec, DeviceId, ErrorBody, ErrorCode, Event, Json, OrgId, Raw, SessionId, Topic, UserId,
    codec::BadValue, event::Ephemeral, limits::Limits, msgpack,
};

/// The first frame of a client: who it is and what it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hello {
    /// The version of the protocol.
    pub v: u32,
    /// A bearer token or a ticket, unless it came with the upgrade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The installation.
    pub device: DeviceId,
    /// Tells several windows of one installation apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tab: Option<String>,
    /// What `synced` said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<String>,
    /// What the client can do beyond version 1.
    #[serde(default)]
    pub caps: Vec<String>,
}

/// A command: asks, and gets `ok` or `err`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call<'a> {
    /// Chosen by the caller; the answer's `re`.
    pub id: u64,
    /// The operation.
    pub op: &'a str,
    /// The intent, for operations that take effect once.
    pub cid: Option<Cid>,
    /// The `cid` of the message that this person wrote before in the same conversation.
    pub prev: Option<Cid>,
    /// The arguments, where they lie in the frame.
    pub args: Raw<'a>,
}

/// A frame from a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientFrame<'a> {
    /// The first one.
    Hello(Box<Hello>),
    /// A command.
    Call(Call<'a>),
    /// A sign of life.
    Ping,
    /// A `t` that this version does not know: ignored.
    Unknown,
}

impl<'a> ClientFrame<'a> {
    /// Reads a frame; `args` of a call is neither read nor copied.
    ///
    /// # Errors
    /// `E_BAD_FRAME` with what is wrong.
    pub fn decode(codec: Codec, bytes: &'a [u8]) -> Result<Self, ErrorBody> {
        if !codec.depth_ok(bytes) {
            return Err(bad("values are nested more than 32 deep"));
        }
        let header = match codec {
            Codec::Json => Header::from_json(bytes)?,
            Codec::MsgPack => Header::from_msgpack(bytes)?,
        };
        match header.t.as_ref() {
            "hello" => codec.decode(bytes).map(ClientFrame::Hello).map_err(bad_value),
            "call" => header.call(codec).map(ClientFrame::Call),
            "ping" => Ok(ClientFrame::Ping),
            _ => Ok(ClientFrame::Unknown),
        }
    }
}

fn bad(why: impl Into<String>) -> ErrorBody {
    ErrorBody::new(ErrorCode::BadFrame, why)
}

fn bad_value(bad: BadValue) -> ErrorBody {
    ErrorBody { code: ErrorCode::BadFrame, ..ErrorBody::from(bad) }
}

/// The flat part of a frame.
#[derive(Default, Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    t: Cow<'a, str>,
    #[serde(default)]
    id: Option<u64>,
    #[serde(default, borrow)]
    op: Option<&'a str>,
    #[serde(default)]
    cid: Option<Cid>,
    #[serde(default)]
    prev: Option<Cid>,
    #[serde(default, borrow)]
    args: Option<&'a RawValue>,
    #[serde(skip)]
    packed_args: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    fn from_json(bytes: &'a [u8]) -> Result<Self, ErrorBody> {
        let text = simdutf8::basic::from_utf8(bytes).map_err(|_| bad("the frame is not UTF-8"))?;
        serde_json::from_str(text).map_err(|e| bad(e.to_string()))
    }

    fn from_msgpack(bytes: &'a [u8]) -> Result<Self, ErrorBody> {
        let malformed = |_| bad("the frame is not a MessagePack map with string keys");
        let mut header = Header::default();
        let mut seen_t = false;
        let mut entries = msgpack::entries(bytes).map_err(malformed)?;
        while let Some((key, value)) = entries.next().map_err(malformed)? {
            let wrong = |_| bad(format!("`{key}` has the wrong type"));
            let cid = || -> Result<Option<Cid>, ErrorBody> {
                if value == [0xc0] {
                    return Ok(None);
                }
                let text = msgpack::text(value).map_err(wrong)?;
                text.parse().map(Some).map_err(|e| bad(format!("`{key}`: {e}")))
            };
            match key {
                "t" => {
                    header.t = Cow::Borrowed(msgpack::text(value).map_err(wrong)?);
                    seen_t = true;
                }
                "id" => header.id = Some(msgpack::uint(value).map_err(wrong)?),
                "op" => header.op = Some(msgpack::text(value).map_err(wrong)?),
                "cid" => header.cid = cid()?,
                "prev" => header.prev = cid()?,
                "args" => header.packed_args = Some(value),
                _ => {}
            }
        }
        if seen_t { Ok(header) } else { Err(bad("missing field `t`")) }
    }

    fn call(self, codec: Codec) -> Result<Call<'a>, ErrorBody> {
        let missing = |name: &str| ErrorBody {
            field: Some(name.to_owned()),
            ..bad(format!("missing field `{name}`"))
        };
        let args = match codec {
            Codec::Json => self.args.map_or(&[][..], |raw| raw.get().as_bytes()),
            Codec::MsgPack => self.packed_args.unwrap_or_default(),
        };
        Ok(Call {
            id: self.id.ok_or_else(|| missing("id"))?,
            op: self.op.ok_or_else(|| missing("op"))?,
            cid: self.cid,
            prev: self.prev,
            args: Raw { codec, bytes: args },
        })
    }
}

/// The answer to `hello`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Welcome {
    /// The session that the token belongs to.
    pub session: SessionId,
    /// How often to send `ping`, in milliseconds; the first one at a random time within it.
    pub hb_ms: u64,
    /// The capabilities that are granted, of those that were offered.
    pub caps: Vec<String>,
    /// The bounds that the client should know.
    pub limits: Limits,
    /// The server's clock, in milliseconds since the epoch.
    pub now: i64,
    /// Who the client is.
    pub user: UserId,
    /// The person's organisation.
    pub org: OrgId,
    /// The server's name and version.
    pub server: String,
}

/// One topic in a page of the catch-up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TopicPage {
    /// Which.
    pub topic: Topic,
    /// Its newest position.
    pub head: u64,
    /// Its count of what is worth an unread badge.
    pub n: u64,
    /// How far the person has read; conversations only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_seq: Option<u64>,
    /// How much the person has not read; conversations only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<u64>,
    /// The newest events that the person may see, oldest first.
    pub last: Vec<Event>,
}

/// A frame from the server, as a client reads it.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerFrame {
    /// The answer to `hello`.
    Welcome(Box<Welcome>),
    /// The answer to a call that succeeded.
    Ok {
        /// The call's id.
        re: u64,
        /// The result.
        data: Json,
    },
    /// The answer to a call that did not.
    Err {
        /// The call's id; `None` if the frame had none that could be read.
        re: Option<u64>,
        /// What is wrong.
        error: Box<ErrorBody>,
    },
    /// The answer to `ping`.
    Pong {
        /// The server's clock, in milliseconds since the epoch.
        now: i64,
    },
    /// A durable event.
    Ev(Box<Event>),
    /// Something that matters only now.
    Eph(Ephemeral),
    /// Topics of which events were left out, with the head up to which to read them.
    Dirty(Vec<(Topic, u64)>),
    /// A part of the catch-up.
    Page(Vec<TopicPage>),
    /// The catch-up is complete.
    Synced {
        /// Keep it for the next `hello`.
        sync: String,
    },
    /// The server will close.
    Bye {
        /// The close code.
        code: u16,
        /// When to come back, in milliseconds.
        retry_ms: Option<u64>,
        /// Why.
        reason: String,
    },
    /// A `t` that this version does not know: ignored.
    Unknown,
}

#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(borrow)]
    t: Cow<'a, str>,
}

#[derive(Deserialize)]
struct OkBody {
    re: u64,
    #[serde(default)]
    data: Json,
}

#[derive(Deserialize)]
struct ErrHead {
    #[serde(default)]
    re: Option<u64>,
}

#[derive(Deserialize)]
struct PongBody {
    now: i64,
}

#[derive(Deserialize)]
struct DirtyBody {
    topics: Vec<(Topic, u64)>,
}

#[derive(Deserialize)]
struct PageBody {
    topics: Vec<TopicPage>,
}

#[derive(Deserialize)]
struct SyncedBody {
    sync: String,
}

#[derive(Deserialize)]
struct ByeBody {
    code: u16,
    #[serde(default)]
    retry_ms: Option<u64>,
    #[serde(default)]
    reason: String,
}

impl ServerFrame {
    /// Reads a frame.
    ///
    /// # Errors
    /// [`BadValue`] that names what is missing or wrong.
    pub fn decode(codec: Codec, bytes: &[u8]) -> Result<ServerFrame, BadValue> {
        let why = |e: &dyn std::fmt::Display| BadValue { field: "t".into(), why: e.to_string() };
        let tag: Tag<'_> = match codec {
            Codec::Json => serde_json::from_slice(bytes).map_err(|e| why(&e))?,
            Codec::MsgPack => rmp_serde::from_slice(bytes).map_err(|e| why(&e))?,
        };
        Ok(match tag.t.as_ref() {
            "welcome" => ServerFrame::Welcome(codec.decode(bytes)?),
            "ok" => {
                let OkBody { re, data } = codec.decode(bytes)?;
                ServerFrame::Ok { re, data }
            }
            "err" => {
                let ErrHead { re } = codec.decode(bytes)?;
                ServerFrame::Err { re, error: codec.decode(bytes)? }
            }
            "pong" => ServerFrame::Pong { now: codec.decode::<PongBody>(bytes)?.now },
            "ev" => ServerFrame::Ev(codec.decode(bytes)?),
            "eph" => ServerFrame::Eph(codec.decode(bytes)?),
            "dirty" => ServerFrame::Dirty(codec.decode::<DirtyBody>(bytes)?.topics),
            "page" => ServerFrame::Page(codec.decode::<PageBody>(bytes)?.topics),
            "synced" => ServerFrame::Synced { sync: codec.decode::<SyncedBody>(bytes)?.sync },
            "bye" => {
                let ByeBody { code, retry_ms, reason } = codec.decode(bytes)?;
                ServerFrame::Bye { code, retry_ms, reason }
            }
            _ => ServerFrame::Unknown,
        })
    }
}

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

/// Writers of the server's frames.
pub mod server {
    use super::*;

    /// `welcome`.
    pub fn welcome(codec: Codec, welcome: &Welcome) -> Vec<u8> {
        tagged(codec, "welcome", welcome)
    }

    /// `ok` around a result that is already written in the same codec.
    pub fn ok(codec: Codec, re: u64, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(data.len() + 40);
        match codec {
            Codec::Json => {
                out.extend_from_slice(b"{\"t\":\"ok\",\"re\":");
                out.extend_from_slice(re.to_string().as_bytes());
                out.extend_from_slice(b",\"data\":");
                out.extend_from_slice(data);
                out.push(b'}');
            }
            Codec::MsgPack => {
                msgpack::write_map(&mut out, 3);
                msgpack::write_key(&mut out, "t");
                msgpack::write_key(&mut out, "ok");
                msgpack::write_key(&mut out, "re");
                msgpack::write_uint(&mut out, re);
                msgpack::write_key(&mut out, "data");
                out.extend_from_slice(data);
            }
        }
        out
    }

    #[derive(Serialize)]
    struct Err<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        re: Option<u64>,
        code: ErrorCode,
        msg: &'a str,
        retry: crate::Retry,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_ms: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        field: Option<&'a str>,
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<&'a Json>,
    }

    /// `err`; `re` is absent if the frame had no id that could be read.
    pub fn err(codec: Codec, re: Option<u64>, error: &ErrorBody) -> Vec<u8> {
        let body = Err {
            re,
            code: error.code,
            msg: &error.msg,
            retry: error.retry,
            retry_ms: error.retry_ms,
            field: error.field.as_deref(),
            reference: error.reference.as_deref(),
            data: error.data.as_ref(),
        };
        tagged(codec, "err", &body)
    }

    /// `pong`.
    pub fn pong(codec: Codec, now: i64) -> Vec<u8> {
        #[derive(Serialize)]
        struct Pong {
            now: i64,
        }
        tagged(codec, "pong", &Pong { now })
    }

    /// `ev`.
    pub fn ev(codec: Codec, event: &Event) -> Vec<u8> {
        tagged(codec, "ev", event)
    }

    /// `eph`.
    pub fn eph(codec: Codec, eph: &Ephemeral) -> Vec<u8> {
        tagged(codec, "eph", eph)
    }

    /// `dirty`.
    pub fn dirty(codec: Codec, topics: &[(Topic, u64)]) -> Vec<u8> {
        #[derive(Serialize)]
        struct Dirty<'a> {
            topics: &'a [(Topic, u64)],
        }
        tagged(codec, "dirty", &Dirty { topics })
    }

    /// `page`.
    pub fn page(codec: Codec, topics: &[TopicPage]) -> Vec<u8> {
        #[derive(Serialize)]
        struct Page<'a> {
            topics: &'a [TopicPage],
        }
        tagged(codec, "page", &Page { topics })
    }

    /// `synced`.
    pub fn synced(codec: Codec, sync: &str) -> Vec<u8> {
        #[derive(Serialize)]
        struct Synced<'a> {
            sync: &'a str,
        }
        tagged(codec, "synced", &Synced { sync })
    }

    /// `bye`.
    pub fn bye(codec: Codec, code: crate::CloseCode, retry_ms: Option<u64>) -> Vec<u8> {
        #[derive(Serialize)]
        struct Bye {
            code: u16,
            #[serde(skip_serializing_if = "Option::is_none")]
            retry_ms: Option<u64>,
            reason: &'static str,
        }
        tagged(codec, "bye", &Bye { code: code.number(), retry_ms, reason: code.reason() })
    }
}

/// Writers of the client's frames.
pub mod client {
    use super::*;

    /// `hello`.
    pub fn hello(codec: Codec, hello: &Hello) -> Vec<u8> {
        tagged(codec, "hello", hello)
    }

    /// `call`.
    pub fn call<T: Serialize>(
        codec: Codec,
        id: u64,
        op: &str,
        cid: Option<Cid>,
        prev: Option<Cid>,
        args: &T,
    ) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a, T> {
            id: u64,
            op: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            cid: Option<Cid>,
            #[serde(skip_serializing_if = "Option::is_none")]
            prev: Option<Cid>,
            args: &'a T,
        }
        tagged(codec, "call", &Body { id, op, cid, prev, args })
    }

    /// `ping`.
    pub fn ping(codec: Codec) -> Vec<u8> {
        #[derive(Serialize)]
        struct Ping {}
        tagged(codec, "ping", &Ping {})
    }
}
