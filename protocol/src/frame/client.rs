//! What a client sends: the frames as the server reads them, and their writers.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::tagged;
use crate::{Cid, Codec, DeviceId, ErrorBody, ErrorCode, Raw, codec::BadValue, msgpack};

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
