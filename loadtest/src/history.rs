//! What a client did and saw: one file for each device, one JSON object a line.
//!
//! The lines are facts in the order in which they happened on that device. Nothing is judged here:
//! the checker reads them beside the log, later and elsewhere.

use std::{
    fs::File,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::Path,
};

use carillon_protocol::{
    Cid, DeviceId, ErrorCode, Event, EventId, Json, OrgId, Retry, Topic, UserId,
};
use serde::{Deserialize, Serialize};

/// A line. Times are microseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "e", rename_all = "snake_case")]
pub enum Record {
    /// The first line: whose history this is.
    Device { device: DeviceId, user: UserId, org: OrgId },
    /// A connection begins; `sync` is what it resumes from.
    Connect { at: u64, node: usize, sync: Option<String> },
    /// The server says that the catch-up is complete.
    Synced { at: u64, sync: String },
    /// The connection is over.
    Lost { at: u64, why: String },
    /// A call that takes effect once is written to the socket, perhaps again.
    Invoke { at: u64, cid: Cid, op: String, topic: Topic, prev: Option<Cid> },
    /// It is acknowledged.
    Ok { at: u64, cid: Cid, seq: u64, id: Option<EventId>, dup: bool },
    /// It is answered with an error.
    Err { at: u64, cid: Cid, code: ErrorCode, retry: Retry },
    /// No answer came before the connection ended: it may have happened or not.
    Unknown { at: u64, cid: Cid },
    /// A page of the catch-up names a topic and its head; its events follow.
    Page { topic: Topic, head: u64 },
    /// An answer of `log.read` to "what comes after"; its events follow.
    Read { topic: Topic, after: u64, head: u64 },
    /// The server left out events of a topic up to this position.
    Dirty { topic: Topic, head: u64 },
    /// An event arrived.
    Ev {
        at: u64,
        via: Via,
        #[serde(flatten)]
        event: Seen,
    },
    /// A frame held a word that only another organisation's messages have.
    Canary { at: u64, word: String },
    /// Everything has settled: from here on the device asks for everything anew.
    Final { at: u64 },
}

/// How an event arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// As an `ev` of its own.
    Live,
    /// In a page of the catch-up.
    Page,
    /// In an answer of `log.read`.
    Read,
}

/// An event as a device saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Where.
    pub topic: Topic,
    /// The position in the topic.
    pub seq: u64,
    /// The count of what is worth a badge.
    pub n: u64,
    /// What happened.
    pub k: String,
    /// The event's own id.
    pub id: EventId,
    /// Who caused it.
    pub by: UserId,
    /// The intent.
    pub cid: Option<Cid>,
    /// A sum of the rest.
    pub sum: u64,
}

impl From<&Event> for Seen {
    fn from(event: &Event) -> Seen {
        Seen {
            topic: event.topic.clone(),
            seq: event.seq,
            n: event.n,
            k: event.k.to_string(),
            id: event.id,
            by: event.by,
            cid: event.cid,
            sum: sum(&event.data),
        }
    }
}

/// A sum of an event's data: of the same text it is the same in every process of this program.
pub fn sum(data: &Json) -> u64 {
    let mut hasher = DefaultHasher::new();
    data.as_str().hash(&mut hasher);
    hasher.finish()
}

/// A history that is being written.
pub struct History(BufWriter<File>);

impl History {
    /// A new file.
    pub fn create(path: &Path) -> io::Result<History> {
        Ok(History(BufWriter::new(File::create(path)?)))
    }

    /// Adds a line.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, record)?;
        self.0.write_all(b"\n")
    }

    /// The file is whole.
    pub fn close(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The lines of a file, each read as a value.
pub fn lines<T: serde::de::DeserializeOwned>(path: &Path) -> io::Result<Vec<T>> {
    let wrong = |number: usize, error: serde_json::Error| {
        io::Error::other(format!("{}, line {}: {error}", path.display(), number + 1))
    };
    let lines = BufReader::new(File::open(path)?).lines().enumerate();
    let filled = lines.filter(|(_, line)| !line.as_ref().is_ok_and(|line| line.trim().is_empty()));
    filled
        .map(|(number, line)| serde_json::from_str(&line?).map_err(|error| wrong(number, error)))
        .collect()
}
