//! The nodes of a server: processes that share a database, and are one server to everybody else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    RunId, field,
    operation::{Access, operations},
};

operations! {
    /// Says that a node runs, and how it is; each does so every few seconds.
    "node.beat": Beat => Beaten, State, Access::System;
    /// Says that a run of a node is over, so that nobody waits for it.
    "node.end": End => Ended, State, Access::System;
    /// The nodes that said something lately, by name.
    "node.list": List => Listed, Read, Access::System;
    /// Takes a lease, or holds it longer: what only one node may do at a time.
    "node.lease": Lease => Leased, State, Access::System;
}

/// `node.beat`: how a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Beat {
    /// This run of it: another start is another run.
    pub run: RunId,
    /// What the operator calls it.
    pub name: String,
    /// The version of the program.
    pub version: String,
    /// When it started, in milliseconds since the epoch.
    #[serde(deserialize_with = "field::int")]
    pub started_at: i64,
    /// The position in the log up to which it has told everybody who listens.
    #[serde(deserialize_with = "field::int")]
    pub applied: u64,
    /// How many connections it has.
    pub connections: u32,
    /// How long a probe took through Redis and back, in microseconds; absent if it did not come
    /// back, or there is no Redis.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub bus_us: Option<u64>,
    /// How many commits of other nodes it found by looking, because no word of them came.
    #[serde(deserialize_with = "field::int")]
    pub lost_hints: u64,
}

/// The answer of `node.beat`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Beaten {}

/// `node.end`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// Which run: it says nothing more.
    pub run: RunId,
}

/// The answer of `node.end`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ended {}

/// `node.list`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct List {}

/// A node, as it was when it said something last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// How it was.
    #[serde(flatten)]
    pub beat: Beat,
    /// When that was, in milliseconds since the epoch.
    pub seen_at: i64,
    /// What only it does now.
    pub leases: Vec<String>,
}

/// The answer of `node.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// The nodes.
    pub nodes: Vec<Node>,
}

/// `node.lease`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Lease {
    /// What for, as `reader.chat.12`.
    pub name: String,
    /// The run that wants it.
    pub run: RunId,
    /// For how long, in milliseconds; 0 gives it back.
    #[serde(deserialize_with = "field::int")]
    pub ttl_ms: i64,
}

/// The answer of `node.lease`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Leased {
    /// Whether that run has it now.
    pub mine: bool,
    /// Until when, in milliseconds since the epoch; whoever has it does nothing after that.
    pub until: i64,
}
