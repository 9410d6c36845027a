//! Several nodes, one memory: what people read travels in the log.
//!
//! Reads are state, not events, and a node that is alone keeps them in its tables and its memory
//! only. Where several share a database each must hear what was read through the others: so the
//! transaction that writes a batch of reads also appends what it came to, to a log that nobody
//! listens to. Every node, the one that wrote it too, brings its memory up to date from there, in
//! the order of the log; so all of them come to the same.
//!
//! These events stay, as all do: one takes 380 bytes on disk, indices included. A thousand people
//! who read a hundred times on each working day leave 25 million a year if no two reads share a
//! batch, which is 9.5 GB: of the order of what they write. Nobody needs one that all nodes have
//! heard, since a node that starts reads the tables.

use carillon_plugin::{Caller, Tx};
use carillon_protocol::{ConvId, Event, Topic, UserId, topic::PluginTopic};
use serde::{Deserialize, Serialize};

use super::{
    roster::Change,
    rules::ReadStep,
    spans::{ReadSpan, unpack},
};

/// The kind of these events.
const SAW: &str = "chat.saw";
/// What so many people saw goes into one event: it stays far below what the bus carries.
const PEOPLE_PER_EVENT: usize = 128;

/// What a person's reads came to, as the log has it.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    conv: ConvId,
    user: UserId,
    cursor: (u64, u64),
    /// The spans of the rows that were written, packed as there.
    spans: String,
    oldest_day: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SawData {
    saw: Vec<Line>,
}

/// The same for memory.
#[derive(Debug, Clone)]
pub(crate) struct Saw {
    pub(crate) user: UserId,
    pub(crate) cursor: (u64, u64),
    pub(crate) spans: Vec<ReadSpan>,
    pub(crate) oldest_day: Option<i64>,
}

/// The log that the nodes tell each other in.
fn topic() -> Topic {
    Topic::Plugin(Box::new(PluginTopic { plugin: "chat".into(), id: "saw".into() }))
}

/// A transaction that nobody asked for: what it appends is the system's.
pub(crate) fn of_the_system(tx: Tx) -> Tx {
    tx.on_behalf_of(Caller::SYSTEM.user, Caller::SYSTEM.org)
}

/// Tells the other nodes what a batch of reads comes to.
pub(crate) fn tell<'a>(tx: &mut Tx, steps: impl Iterator<Item = (ConvId, &'a ReadStep)>) {
    let news = steps.filter(|(_, step)| step.is_news());
    let mut lines = news
        .map(|(conv, step)| {
            let spans: Vec<&str> = step.days.iter().map(|row| &*row.spans).collect();
            let reading = &step.reading;
            Line {
                conv,
                user: reading.user,
                cursor: reading.cursor,
                spans: spans.join(","),
                oldest_day: reading.oldest_day,
            }
        })
        .peekable();
    while lines.peek().is_some() {
        let saw = lines.by_ref().take(PEOPLE_PER_EVENT).collect();
        tx.emit(topic(), SAW, &SawData { saw });
    }
}

/// What one person's reads come to, for memory.
pub(crate) fn saw(step: &ReadStep) -> Change {
    let spans = step.days.iter().filter_map(|row| unpack(&row.spans)).flatten().collect();
    let reading = &step.reading;
    let (user, cursor, oldest_day) = (reading.user, reading.cursor, reading.oldest_day);
    Change::Saw(Box::new(Saw { user, cursor, spans, oldest_day }))
}

/// What an event of that log says, by conversation.
pub(crate) fn told(event: &Event) -> Vec<(ConvId, Change)> {
    if &*event.k != SAW {
        return Vec::new();
    }
    let data = event.data.to::<SawData>();
    let data =
        data.inspect_err(|error| tracing::error!(%error, id = %event.id, "unreadable event"));
    let lines = data.map_or(Vec::new(), |data| data.saw);
    let change = |line: Line| {
        let spans = unpack(&line.spans).unwrap_or_else(|| {
            tracing::error!(id = %event.id, spans = line.spans, "unreadable spans");
            Vec::new()
        });
        let Line { conv, user, cursor, oldest_day, .. } = line;
        (conv, Change::Saw(Box::new(Saw { user, cursor, spans, oldest_day })))
    };
    lines.into_iter().map(change).collect()
}
