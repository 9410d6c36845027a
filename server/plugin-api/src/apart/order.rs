//! What travels between a node and a plugin's process.

use carillon_protocol::{Cid, ConvId, Event, Json, OrgId, Topic, UserId, event::Ephemeral};
use serde::{Deserialize, Serialize};

use super::decided::Decided;
use crate::{Caller, Committed, Ctx, Head, Look, Row, Tail, Value, Window, caller::CallerForm};

/// What a node asks a plugin's process to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    #[serde(with = "CallerForm")]
    pub(super) caller: Caller,
    pub(super) now: i64,
    pub(super) cid: Option<Cid>,
    /// Of the node, and its log's epoch: see [`crate::Storage::position`].
    pub(super) position: (u64, u64),
    pub(super) task: Task,
}

/// Which handler, and with what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Task {
    Call {
        op: String,
        args: Json,
    },
    Read {
        events: Vec<Event>,
    },
    Effect {
        kind: String,
        key: String,
        payload: Json,
        tries: u32,
    },
    Fact {
        name: String,
        org: OrgId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        conv: Option<ConvId>,
        from: i64,
        to: i64,
    },
}

impl Order {
    /// What a handler in the node would see.
    pub(super) fn of(ctx: &Ctx, task: Task) -> Order {
        Order {
            caller: ctx.caller(),
            now: ctx.now(),
            cid: ctx.cid(),
            position: ctx.host().storage().position(),
            task,
        }
    }

    /// What it is, for logs: an operation, a kind of events or effects, a fact.
    pub fn name(&self) -> &str {
        match &self.task {
            Task::Call { op, .. } => op,
            Task::Read { events } => events.first().map_or("events", |event| &event.k),
            Task::Effect { kind, .. } => kind,
            Task::Fact { name, .. } => name,
        }
    }
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// What the handler said to live connections, to whom.
    pub(super) pushed: Vec<(Topic, Ephemeral)>,
    pub(super) became: Became,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Became {
    /// To be committed.
    Decided(Box<Decided>),
    /// The answer of an operation, or a fact.
    Answer(Json),
}

/// What a handler asks the node for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ask(pub(super) Asking);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Asking {
    Query {
        sql: String,
        args: Vec<Value>,
    },
    Heads(Vec<Topic>),
    Events {
        topic: Topic,
        window: Window,
        look: Look,
        counted: bool,
        limit: u32,
    },
    EventsAt(Topic, Vec<u64>),
    Tails(Vec<Tail>, bool),
    Find(UserId, Cid),
    /// The caller's on a topic.
    Window(Topic),
    Call {
        #[serde(with = "CallerForm")]
        caller: Caller,
        op: String,
        cid: Option<Cid>,
        args: Json,
    },
    Commit(Box<Decided>),
}

/// What the node answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told(pub(super) Telling);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Telling {
    Rows(Vec<Row>),
    Heads(Vec<Head>),
    Events(Vec<Event>),
    Tails(Vec<Vec<Event>>),
    Found(Option<(Event, i64)>),
    Window(Window),
    Answer(Json),
    Committed(Committed),
}
