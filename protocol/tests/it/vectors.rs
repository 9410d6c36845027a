//! The files of `vectors/`.

use std::{fs, path::PathBuf};

use carillon_protocol::Codec;
use serde::{Deserialize, Serialize};

/// A golden frame.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// What it is; of a call or a result the operation, and more after a comma.
    pub name: String,
    /// Who sends it.
    pub direction: Direction,
    /// When it is sent.
    pub meaning: String,
    /// The exact text.
    pub json: String,
    /// The exact bytes, in hexadecimal digits; absent until `fill` has written them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msgpack: Option<String>,
}

/// Who sends a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// A client.
    Client,
    /// The server.
    Server,
}

impl Vector {
    /// The frame as it travels.
    pub fn bytes(&self, codec: Codec) -> Vec<u8> {
        match codec {
            Codec::Json => self.json.clone().into_bytes(),
            Codec::MsgPack => {
                unhex(self.msgpack.as_deref().unwrap_or_else(|| {
                    panic!("{}: no msgpack yet; see vectors/README.md", self.name)
                }))
            }
        }
    }
}

/// A frame that a server must refuse.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bad {
    /// What is wrong with it.
    pub name: String,
    /// The text, if it is wrong in JSON.
    pub json: Option<String>,
    /// The bytes of a text that is not UTF-8, in hexadecimal digits.
    pub json_hex: Option<String>,
    /// The bytes, if it is wrong in MessagePack.
    pub msgpack: Option<String>,
    /// The code of the error.
    pub code: String,
    /// The field that the error names.
    pub field: Option<String>,
    /// The `re` of the error.
    pub re: Option<u64>,
}

impl Bad {
    /// The frames as they travel.
    pub fn frames(&self) -> Vec<(Codec, Vec<u8>)> {
        let text = self.json.as_ref().map(|text| text.clone().into_bytes());
        let json = text.or_else(|| self.json_hex.as_deref().map(unhex));
        let msgpack = self.msgpack.as_deref().map(unhex);
        json.map(|bytes| (Codec::Json, bytes))
            .into_iter()
            .chain(msgpack.map(|bytes| (Codec::MsgPack, bytes)))
            .collect()
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors/v1")
}

/// The files of golden frames, in the order of their names.
pub fn files() -> Vec<(PathBuf, Vec<Vector>)> {
    let entries = fs::read_dir(folder()).expect("the folder of the vectors");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.retain(|path| path.file_name().is_some_and(|name| name != "bad.json"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a file of vectors");
        let vectors = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path, vectors)
    };
    paths.into_iter().map(read).collect()
}

/// Every golden frame.
pub fn all() -> Vec<Vector> {
    files().into_iter().flat_map(|(_, vectors)| vectors).collect()
}

/// Every frame that a server must refuse.
pub fn bad() -> Vec<Bad> {
    let text = fs::read_to_string(folder().join("bad.json")).expect("bad.json");
    serde_json::from_str(&text).expect("a list of bad frames")
}

/// Writes the MessagePack of vectors that have none yet; the others stay as they are.
#[test]
#[ignore = "writes into vectors/: run it by hand after adding a vector"]
fn fill() {
    for (path, mut vectors) in files() {
        let mut missing = vectors.iter_mut().filter(|vector| vector.msgpack.is_none()).peekable();
        if missing.peek().is_none() {
            continue;
        }
        for vector in missing {
            let mut text = serde_json::Deserializer::from_str(&vector.json);
            let mut bytes = Vec::new();
            serde_transcode::transcode(&mut text, &mut rmp_serde::Serializer::new(&mut bytes))
                .unwrap_or_else(|error| panic!("{}: {error}", vector.name));
            vector.msgpack = Some(hex(&bytes));
        }
        let text = serde_json::to_string_pretty(&vectors).expect("vectors are JSON");
        fs::write(path, text + "\n").expect("the folder can be written");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Vec<u8> {
    assert!(digits.len().is_multiple_of(2), "an even number of digits: {digits}");
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}
