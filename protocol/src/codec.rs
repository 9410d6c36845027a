//! One schema, two codecs: JSON in text frames, MessagePack with named fields in binary ones.

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    ErrorBody, ErrorCode,
    limits::DEPTH_MAX,
    msgpack::{self, Malformed},
};

/// A reader goes deeper than a client may write: in a page of the log, what a client wrote lies
/// below the page, its topic and its event.
const READ_DEPTH_MAX: usize = 2 * DEPTH_MAX;
/// The longest explanation, in bytes: it may quote what the client sent.
const WHY_LEN_MAX: usize = 200;

/// How values are written on a connection; fixed by the WebSocket's subprotocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// `carillon.v1.json`.
    Json,
    /// `carillon.v1.msgpack`: string-keyed maps, never positional.
    MsgPack,
}

impl Codec {
    /// Both, for tests and tables.
    pub const ALL: [Codec; 2] = [Codec::Json, Codec::MsgPack];

    /// The name in `Sec-WebSocket-Protocol`.
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Codec::Json => "carillon.v1.json",
            Codec::MsgPack => "carillon.v1.msgpack",
        }
    }

    /// The codec with this name in `Sec-WebSocket-Protocol`.
    pub fn from_subprotocol(name: &str) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| codec.subprotocol() == name)
    }

    /// Writes a value.
    ///
    /// # Panics
    /// If the type cannot be written, as a map whose keys are not strings: a fault of the type.
    pub fn encode<T: Serialize + ?Sized>(self, value: &T) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        self.encode_into(&mut out, value);
        out
    }

    /// Writes a value after what is there already.
    pub(crate) fn encode_into<T: Serialize + ?Sized>(self, out: &mut Vec<u8>, value: &T) {
        match self {
            Codec::Json => serde_json::to_writer(out, value).expect("wire types are JSON"),
            Codec::MsgPack => {
                rmp_serde::encode::write_named(out, value).expect("wire types are MessagePack");
            }
        }
    }

    /// Reads a value.
    ///
    /// # Errors
    /// [`BadValue`] that names the field which is missing or wrong.
    pub fn decode<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, BadValue> {
        match self {
            Codec::Json => {
                let mut reader = serde_json::Deserializer::from_slice(bytes);
                let value = serde_path_to_error::deserialize(&mut reader).map_err(BadValue::of)?;
                reader.end().map_err(|e| BadValue { field: String::new(), why: e.to_string() })?;
                Ok(value)
            }
            Codec::MsgPack => {
                let whole = msgpack::skip(bytes, READ_DEPTH_MAX);
                let why = match whole {
                    Ok(len) if len == bytes.len() => None,
                    Ok(_) => Some("something follows the value".to_owned()),
                    Err(malformed) => Some(malformed.to_string()),
                };
                if let Some(why) = why {
                    return Err(BadValue { field: String::new(), why });
                }
                let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
                serde_path_to_error::deserialize(&mut reader).map_err(BadValue::of)
            }
        }
    }

    /// Whether values are nested no deeper than [`DEPTH_MAX`]. Text that is not JSON at all, and
    /// bytes that are not MessagePack, may pass: the reader refuses them.
    pub fn depth_ok(self, bytes: &[u8]) -> bool {
        match self {
            Codec::Json => json_depth_ok(bytes),
            Codec::MsgPack => msgpack::skip(bytes, DEPTH_MAX) != Err(Malformed::TooDeep),
        }
    }
}

fn json_depth_ok(bytes: &[u8]) -> bool {
    // Nearly every frame has fewer brackets than may be nested, and counting them is much faster
    // than telling which of them lie in strings.
    if bytes.iter().filter(|&&byte| byte == b'{' || byte == b'[').count() <= DEPTH_MAX {
        return true;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in bytes {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return false;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

/// A value could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct BadValue {
    /// The path of the field, as `body.text`; empty if it is the value as a whole.
    pub field: String,
    /// What is wrong with it.
    pub why: String,
}

impl BadValue {
    fn of<E: std::fmt::Display>(error: serde_path_to_error::Error<E>) -> BadValue {
        let path = error.path().to_string();
        let mut why = error.into_inner().to_string();
        if let Some(at) = why.rfind(" at line ") {
            why.truncate(at);
        }
        why.truncate(why.floor_char_boundary(WHY_LEN_MAX));
        // serde reports a field that is missing or stands twice at its parent: the client wants
        // the name of the field.
        let at_parent = why.strip_prefix("missing").or_else(|| why.strip_prefix("duplicate"));
        let name = at_parent.and_then(|rest| rest.strip_prefix(" field `")?.strip_suffix('`'));
        let parent = if path == "." { "" } else { &path };
        let field = match name {
            Some(name) if parent.is_empty() => name.to_owned(),
            Some(name) => format!("{parent}.{name}"),
            None => parent.to_owned(),
        };
        BadValue { field, why }
    }
}

impl From<BadValue> for ErrorBody {
    fn from(bad: BadValue) -> ErrorBody {
        let field = (!bad.field.is_empty()).then_some(bad.field);
        ErrorBody { field, ..ErrorBody::new(ErrorCode::BadArg, bad.why) }
    }
}

/// A value that has not been read yet, where it lies in the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raw<'a> {
    /// How the bytes are written.
    pub codec: Codec,
    /// The value and nothing else; empty if the frame did not have one.
    pub bytes: &'a [u8],
}

impl Raw<'_> {
    /// Reads the value as a type whose fields are named.
    ///
    /// # Errors
    /// [`BadValue`], also for a list where an object is expected: positions would break as soon as
    /// a field is inserted.
    pub fn decode<T: DeserializeOwned>(self) -> Result<T, BadValue> {
        let empty = match self.codec {
            Codec::Json => b"{}".as_slice(),
            Codec::MsgPack => &[0x80],
        };
        let bytes = if self.bytes.is_empty() { empty } else { self.bytes };
        let named = match self.codec {
            Codec::Json => bytes.trim_ascii_start().first() == Some(&b'{'),
            Codec::MsgPack => msgpack::is_map(bytes[0]),
        };
        if !named {
            let why = "expected an object with named fields".to_owned();
            return Err(BadValue { field: String::new(), why });
        }
        self.codec.decode(bytes)
    }
}
