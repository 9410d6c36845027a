//! What a client sends: the frames as the server reads them, and their writers.

use std::{borrow::Cow, fmt};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::tagged;
use crate::{
    Cid, Codec, DeviceId, ErrorBody, ErrorCode, Raw, Topic, VERSION,
    codec::BadValue,
    field,
    id::BadId,
    limits::{DEPTH_MAX, INT_MAX},
    msgpack,
};

/// The most operations that one connection answers.
pub const HANDLES_MAX: usize = 64;

/// The most kinds of events that a program listens to.
pub const LISTENS_MAX: usize = 64;

/// The first frame of a client: who it is and what it has.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    #[serde(default, deserialize_with = "field::or_default")]
    pub caps: Vec<String>,
    /// The operations that it answers, if it is a program: `app.{name}.{verb}`, at most 64.
    #[serde(
        default,
        deserialize_with = "field::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(with = "Option<Vec<String>>", length(max = HANDLES_MAX))]
    pub handles: Vec<String>,
    /// The kinds of events that it is to be told one by one until it has acknowledged each, if it
    /// is a program; at most 64.
    #[serde(
        default,
        deserialize_with = "field::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(with = "Option<Vec<String>>", length(max = LISTENS_MAX))]
    pub listens: Vec<String>,
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
#[derive(Debug, Clone, PartialEq)]
pub enum ClientFrame<'a> {
    /// The first one.
    Hello(Box<Hello>),
    /// A command.
    Call(Call<'a>),
    /// The answer to a call of the server that succeeded.
    Ok {
        /// The call's id.
        re: u64,
        /// The result, where it lies in the frame.
        data: Raw<'a>,
    },
    /// The answer to a call of the server that did not.
    Err {
        /// The call's id.
        re: u64,
        /// What is wrong.
        error: Box<ErrorBody>,
    },
    /// What the server told a listener has been dealt with.
    Ack {
        /// The event's topic.
        topic: Topic,
        /// Its position.
        seq: u64,
    },
    /// A sign of life.
    Ping,
    /// A `t` that this version does not know: ignored.
    Unknown,
}

impl<'a> ClientFrame<'a> {
    /// Reads a frame; `args` of a call is neither read nor copied.
    ///
    /// # Errors
    /// `E_BAD_FRAME` with what is wrong; `E_VERSION` for a `hello` of another version.
    pub fn decode(codec: Codec, bytes: &'a [u8]) -> Result<Self, ErrorBody> {
        let header = Header::read(codec, bytes)?;
        let t = required("t", header.value(header.t))?;
        match text(t) {
            Some("hello") => read_hello(codec, bytes).map(ClientFrame::Hello),
            Some("call") => header.call().map(ClientFrame::Call),
            Some("ping") => Ok(ClientFrame::Ping),
            Some("ack") => {
                let AckBody { topic, seq } = codec.decode(bytes).map_err(bad_value)?;
                Ok(ClientFrame::Ack { topic, seq })
            }
            Some("ok") => {
                let data = header.value(header.data).unwrap_or(Raw { codec, bytes: &[] });
                Ok(ClientFrame::Ok { re: header.re()?, data })
            }
            Some("err") => {
                let error = codec.decode(bytes).map_err(bad_value)?;
                Ok(ClientFrame::Err { re: header.re()?, error })
            }
            Some(_) => Ok(ClientFrame::Unknown),
            None => Err(wrong("t", "expected a plain string")),
        }
    }

    /// The `id` of a frame that [`ClientFrame::decode`] refused, if it can be told: the `re` of
    /// the refusal, so that the caller need not wait for a timeout.
    pub fn id_of_refused(codec: Codec, bytes: &[u8]) -> Option<u64> {
        let header = Header::read(codec, bytes).ok()?;
        header.value(header.id).and_then(id)
    }
}

#[derive(Serialize, Deserialize)]
struct AckBody {
    topic: Topic,
    #[serde(deserialize_with = "field::int")]
    seq: u64,
}

fn read_hello(codec: Codec, bytes: &[u8]) -> Result<Box<Hello>, ErrorBody> {
    /// What a `hello` of every version has.
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    let Version { v } = codec.decode(bytes).map_err(bad_value)?;
    if v != VERSION {
        let why = format!("this server speaks version {VERSION}");
        return Err(ErrorBody::new(ErrorCode::Version, why));
    }
    codec.decode(bytes).map_err(bad_value)
}

/// The flat part of a frame: where the values lie. They are read only when `t` says what they
/// mean, because a frame that this version does not know may use the same names.
struct Header<'a> {
    codec: Codec,
    t: Option<&'a [u8]>,
    id: Option<&'a [u8]>,
    op: Option<&'a [u8]>,
    cid: Option<&'a [u8]>,
    prev: Option<&'a [u8]>,
    args: Option<&'a [u8]>,
    re: Option<&'a [u8]>,
    data: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    fn read(codec: Codec, bytes: &'a [u8]) -> Result<Self, ErrorBody> {
        let mut header = Header {
            codec,
            t: None,
            id: None,
            op: None,
            cid: None,
            prev: None,
            args: None,
            re: None,
            data: None,
        };
        match codec {
            Codec::Json => {
                if !codec.depth_ok(bytes) {
                    return Err(bad("values are nested too deep"));
                }
                let text =
                    simdutf8::basic::from_utf8(bytes).map_err(|_| bad("the frame is not UTF-8"))?;
                let mut reader = serde_json::Deserializer::from_str(text);
                let read = reader.deserialize_map(JsonFields(&mut header));
                read.and_then(|()| reader.end()).map_err(|e| bad(e.to_string()))?;
            }
            Codec::MsgPack => {
                let malformed = |e| bad(format!("not a MessagePack map with string keys: {e}"));
                let mut entries = msgpack::entries(bytes, DEPTH_MAX).map_err(malformed)?;
                while let Some((key, value)) = entries.next().map_err(malformed)? {
                    header.put(key, value).map_err(bad)?;
                }
            }
        }
        Ok(header)
    }

    /// Keeps a value if the header has a place for it.
    fn put(&mut self, key: &str, value: &'a [u8]) -> Result<(), &'static str> {
        let place = match key {
            "t" => &mut self.t,
            "id" => &mut self.id,
            "op" => &mut self.op,
            "cid" => &mut self.cid,
            "prev" => &mut self.prev,
            "args" => &mut self.args,
            "re" => &mut self.re,
            "data" => &mut self.data,
            _ => return Ok(()),
        };
        match place.replace(value) {
            Some(_) => Err("a field of the frame stands twice"),
            None => Ok(()),
        }
    }

    /// A value of this header; `null` is the same as none.
    fn value(&self, field: Option<&'a [u8]>) -> Option<Raw<'a>> {
        let null: &[u8] = match self.codec {
            Codec::Json => b"null",
            Codec::MsgPack => &[0xc0],
        };
        let bytes = field.filter(|&bytes| bytes != null)?;
        Some(Raw { codec: self.codec, bytes })
    }

    /// Which call of the server is answered.
    fn re(&self) -> Result<u64, ErrorBody> {
        let number = required("re", self.value(self.re))?;
        id(number).ok_or_else(|| wrong("re", "expected 0 to 2^53 - 1"))
    }

    fn call(&self) -> Result<Call<'a>, ErrorBody> {
        let number = required("id", self.value(self.id))?;
        let op = required("op", self.value(self.op))?;
        Ok(Call {
            id: id(number).ok_or_else(|| wrong("id", "expected 0 to 2^53 - 1"))?,
            op: text(op).ok_or_else(|| wrong("op", "expected a plain string"))?,
            cid: cid("cid", self.value(self.cid))?,
            prev: cid("prev", self.value(self.prev))?,
            args: self.value(self.args).unwrap_or(Raw { codec: self.codec, bytes: &[] }),
        })
    }
}

/// Reads the fields of a header from a JSON object, and from nothing else: serde's own derive
/// would also take a list of values by position.
struct JsonFields<'h, 'a>(&'h mut Header<'a>);

impl<'a> Visitor<'a> for JsonFields<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `t`")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        /// Borrowed unless it is written with escapes.
        #[derive(Deserialize)]
        struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

        while let Some(Key(key)) = map.next_key()? {
            let value: &RawValue = map.next_value()?;
            self.0.put(&key, value.get().as_bytes()).map_err(de::Error::custom)?;
        }
        Ok(())
    }
}

fn required<'a>(field: &str, value: Option<Raw<'a>>) -> Result<Raw<'a>, ErrorBody> {
    value.ok_or_else(|| wrong(field, "missing"))
}

fn cid(field: &str, value: Option<Raw<'_>>) -> Result<Option<Cid>, ErrorBody> {
    let Some(raw) = value else { return Ok(None) };
    let cid = text(raw).and_then(|text| text.parse().ok());
    cid.map(Some).ok_or_else(|| wrong(field, &BadId.to_string()))
}

/// The text of a string, as it lies in the frame. A JSON string with escapes has none: no name
/// of a frame or an operation, and no id, needs them.
fn text(raw: Raw<'_>) -> Option<&str> {
    match raw.codec {
        Codec::Json => serde_json::from_slice(raw.bytes).ok(),
        Codec::MsgPack => msgpack::text(raw.bytes).ok(),
    }
}

/// A number that can be the `id` of a call.
fn id(raw: Raw<'_>) -> Option<u64> {
    let number = match raw.codec {
        Codec::Json => serde_json::from_slice(raw.bytes).ok(),
        Codec::MsgPack => msgpack::uint(raw.bytes).ok(),
    };
    number.filter(|&id| id <= INT_MAX)
}

fn bad(why: impl Into<String>) -> ErrorBody {
    ErrorBody::new(ErrorCode::BadFrame, why)
}

fn wrong(field: &str, why: &str) -> ErrorBody {
    ErrorBody { field: Some(field.to_owned()), ..bad(format!("`{field}`: {why}")) }
}

fn bad_value(bad: BadValue) -> ErrorBody {
    ErrorBody { code: ErrorCode::BadFrame, ..ErrorBody::from(bad) }
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

/// `ack`.
pub fn ack(codec: Codec, topic: &Topic, seq: u64) -> Vec<u8> {
    tagged(codec, "ack", &AckBody { topic: topic.clone(), seq })
}

/// `ping`.
pub fn ping(codec: Codec) -> Vec<u8> {
    #[derive(Serialize)]
    struct Ping {}
    tagged(codec, "ping", &Ping {})
}
