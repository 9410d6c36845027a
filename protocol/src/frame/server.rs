//! What the server sends: the frames as a client reads them, and their writers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tagged;
use crate::{
    Cid, Codec, ErrorBody, ErrorCode, Event, Json, OrgId, Raw, SessionId, Topic, UserId,
    codec::BadValue, event::Ephemeral, limits::Limits, msgpack,
};

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

/// A call that the server hands to the program that answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// Chosen by the server; the answer's `re`.
    pub id: u64,
    /// The operation, one of the program's own.
    pub op: String,
    /// The caller's intent, if it named one. The same intent may come more than once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cid: Option<Cid>,
    /// The arguments.
    #[serde(default)]
    pub args: Json,
    /// Who calls.
    pub caller: Asker,
}

/// Who calls a program: somebody of its own organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asker {
    /// The person or program.
    pub user: UserId,
    /// The organisation.
    pub org: OrgId,
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
    /// A call that the client answers with `ok` or `err`.
    Call(Box<Asked>),
    /// The answer to `ping`.
    Pong {
        /// The server's clock, in milliseconds since the epoch.
        now: i64,
    },
    /// A durable event.
    Ev(Box<Event>),
    /// A durable event, for a listener that answers `ack`.
    Heard(Box<Event>),
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
struct Tag {
    t: String,
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
        let Tag { t } = Raw { codec, bytes }.decode()?;
        Ok(match t.as_str() {
            "welcome" => ServerFrame::Welcome(codec.decode(bytes)?),
            "ok" => {
                let OkBody { re, data } = codec.decode(bytes)?;
                ServerFrame::Ok { re, data }
            }
            "err" => {
                let ErrHead { re } = codec.decode(bytes)?;
                ServerFrame::Err { re, error: codec.decode(bytes)? }
            }
            "call" => ServerFrame::Call(codec.decode(bytes)?),
            "pong" => ServerFrame::Pong { now: codec.decode::<PongBody>(bytes)?.now },
            "ev" => ServerFrame::Ev(codec.decode(bytes)?),
            "heard" => ServerFrame::Heard(codec.decode(bytes)?),
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

/// `call`.
pub fn call(codec: Codec, asked: &Asked) -> Vec<u8> {
    tagged(codec, "call", asked)
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

/// `heard`.
pub fn heard(codec: Codec, event: &Event) -> Vec<u8> {
    tagged(codec, "heard", event)
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
