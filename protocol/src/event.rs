//! What happened: durable events with a position, and ephemeral ones without.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::{Cid, EventId, Json, Topic, UserId};

/// A fact in a topic's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Where.
    pub topic: Topic,
    /// The position in the topic: 1, 2, 3 … without gaps.
    pub seq: u64,
    /// How many events up to this one are worth an unread badge.
    pub n: u64,
    /// What happened, as `msg.sent`: an open set; a client skips what it does not know.
    pub k: Arc<str>,
    /// The event's own id.
    pub id: EventId,
    /// Who caused it.
    pub by: UserId,
    /// When, in milliseconds since the epoch, UTC.
    pub at: i64,
    /// The `cid` of the command that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cid: Option<Cid>,
    /// The rest, by kind. What counts in `n` carries `rev`: the `seq` of its last change.
    pub data: Json,
}

/// Something worth knowing only now: it may be dropped and is never replayed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ephemeral {
    /// What, as `read` or `receipts`.
    pub k: Arc<str>,
    /// Where, if it concerns a topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Topic>,
    /// The rest, by kind.
    pub data: Json,
}
