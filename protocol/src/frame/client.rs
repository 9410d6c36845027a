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
    Cid, Codec, DeviceId, ErrorBody, ErrorCode, Raw, VERSION,
    codec::BadValue,
    field,
    id::BadId,
    limits::{DEPTH_MAX, INT_MAX},
    msgpack,
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
    #[serde(default, deserialize_with = "field::or_default")]
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
    /// `E_BAD_FRAME` with what is wrong; `E_VERSION` for a `hello` of another version.
    pub fn decode(codec: Codec, bytes: &'a [u8]) -> Result<Self, ErrorBody> {
        if !codec.depth_ok(bytes) {
            return Err(bad("values are nested more than 32 deep"));
        }
        let header = Header::read(codec, bytes)?;
        match text(header.require(T)?) {
            Some("hello") => header.hello(bytes).map(ClientFrame::Hello),
            Some("call") => header.call().map(ClientFrame::Call),
            Some("ping") => Ok(ClientFrame::Ping),
            Some(_) => Ok(ClientFrame::Unknown),
            None => Err(wrong(T, "expected a plain string")),
        }
    }

    /// The `id` of a frame that [`ClientFrame::decode`] refused, if it can be told: the `re` of
    /// the refusal, so that the caller need not wait for a timeout.
    pub fn id_of_refused(codec: Codec, bytes: &[u8]) -> Option<u64> {
        let header = Header::read(codec, bytes).ok()?;
        header.values[ID].and_then(|bytes| id(Raw { codec, bytes }))
    }
}

/// The fields of the flat part of a frame; a header holds each at its place in this table.
const FIELDS: [&str; 6] = ["t", "id", "op", "cid", "prev", "args"];
const T: usize = 0;
const ID: usize = 1;
const OP: usize = 2;
const CID: usize = 3;
const PREV: usize = 4;
const ARGS: usize = 5;

/// The flat part of a frame: where the values lie. They are read only when `t` says what they
/// mean, because a frame that this version does not know may use the same names.
struct Header<'a> {
    codec: Codec,
    values: [Option<&'a [u8]>; FIELDS.len()],
}

impl<'a> Header<'a> {
    fn read(codec: Codec, bytes: &'a [u8]) -> Result<Self, ErrorBody> {
        let mut values = [None; FIELDS.len()];
        match codec {
            Codec::Json => {
                let text =
                    simdutf8::basic::from_utf8(bytes).map_err(|_| bad("the frame is not UTF-8"))?;
                let mut reader = serde_json::Deserializer::from_str(text);
                let read = reader.deserialize_map(JsonFields(&mut values));
                read.and_then(|()| reader.end()).map_err(|e| bad(e.to_string()))?;
            }
            Codec::MsgPack => {
                let malformed = |e| bad(format!("not a MessagePack map with string keys: {e}"));
                let mut entries = msgpack::entries(bytes, DEPTH_MAX).map_err(malformed)?;
                while let Some((key, value)) = entries.next().map_err(malformed)? {
                    put(&mut values, key, value).map_err(bad)?;
                }
            }
        }
        let null = match codec {
            Codec::Json => &b"null"[..],
            Codec::MsgPack => &[0xc0],
        };
        Ok(Header { codec, values: values.map(|value| value.filter(|&bytes| bytes != null)) })
    }

    fn get(&self, field: usize) -> Option<Raw<'a>> {
        self.values[field].map(|bytes| Raw { codec: self.codec, bytes })
    }

    fn require(&self, field: usize) -> Result<Raw<'a>, ErrorBody> {
        self.get(field).ok_or_else(|| wrong(field, "missing"))
    }

    fn cid(&self, field: usize) -> Result<Option<Cid>, ErrorBody> {
        let Some(raw) = self.get(field) else { return Ok(None) };
        let cid = text(raw).and_then(|text| text.parse().ok());
        cid.map(Some).ok_or_else(|| wrong(field, &BadId.to_string()))
    }

    fn call(&self) -> Result<Call<'a>, ErrorBody> {
        Ok(Call {
            id: id(self.require(ID)?).ok_or_else(|| wrong(ID, "expected 0 to 2^53 - 1"))?,
            op: text(self.require(OP)?).ok_or_else(|| wrong(OP, "expected a plain string"))?,
            cid: self.cid(CID)?,
            prev: self.cid(PREV)?,
            args: self.get(ARGS).unwrap_or(Raw { codec: self.codec, bytes: &[] }),
        })
    }

    fn hello(&self, bytes: &[u8]) -> Result<Box<Hello>, ErrorBody> {
        /// What a `hello` of every version has.
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        let Version { v } = self.codec.decode(bytes).map_err(bad_value)?;
        if v != VERSION {
            let why = format!("this server speaks version {VERSION}");
            return Err(ErrorBody::new(ErrorCode::Version, why));
        }
        self.codec.decode(bytes).map_err(bad_value)
    }
}

/// Keeps a value if the header has a place for it.
fn put<'a>(
    values: &mut [Option<&'a [u8]>],
    key: &str,
    value: &'a [u8],
) -> Result<(), &'static str> {
    match FIELDS.iter().position(|&field| field == key) {
        Some(field) if values[field].is_some() => Err("a field of the frame stands twice"),
        Some(field) => {
            values[field] = Some(value);
            Ok(())
        }
        None => Ok(()),
    }
}

/// Reads the fields of a header from a JSON object, and from nothing else: serde's own derive
/// would also take a list of values by position.
struct JsonFields<'v, 'a>(&'v mut [Option<&'a [u8]>]);

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
            put(self.0, &key, value.get().as_bytes()).map_err(de::Error::custom)?;
        }
        Ok(())
    }
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

fn wrong(field: usize, why: &str) -> ErrorBody {
    let field = FIELDS[field];
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

/// `ping`.
pub fn ping(codec: Codec) -> Vec<u8> {
    #[derive(Serialize)]
    struct Ping {}
    tagged(codec, "ping", &Ping {})
}
