//! What every bus can do.

use std::{fmt, time::Duration};

use bytes::Bytes;
use carillon_protocol::id::Ulid;

use crate::Part;

/// One run of a node: a new id for each start, because the numbers of what it publishes begin anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub Ulid);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Carries hints to the other nodes. What they publish arrives at the
/// [`Subscription`](crate::Subscription) that is made together with the bus.
pub trait Bus: fmt::Debug + Send + Sync {
    /// Hands a payload to the other nodes, soon and in order within its part, or never: then it is
    /// counted in [`Health::dropped`], and they are told that something is missing. Never waits.
    fn publish(&self, part: Part, payload: Bytes);

    /// How it is going, now.
    fn health(&self) -> Health;
}

/// How a bus is going.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether every part can be published to and is heard.
    pub ready: bool,
    /// How long the newest probe took from here through the bus and back, on the slowest part.
    pub round_trip: Option<Duration>,
    /// For how long the quietest part has not been heard.
    pub quiet: Duration,
    /// The servers that do not work, and why.
    pub suspects: Vec<Suspect>,
    /// The other nodes, as far as they are heard.
    pub peers: Vec<Peer>,
    /// Payloads that a server has taken.
    pub published: u64,
    /// Payloads of other nodes that arrived.
    pub received: u64,
    /// Payloads that did not leave this node or may not have arrived, and those that arrived and
    /// were not read in time.
    pub dropped: u64,
    /// How often something was found to be missing or may have been.
    pub interrupted: u64,
    /// Subscriptions that stood and broke, to be made again.
    pub reconnects: u64,
}

/// A server that does not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// Its address, without the password.
    pub server: String,
    /// How many parts go through it.
    pub parts: usize,
    /// What went wrong last.
    pub why: String,
}

/// Another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its id.
    pub node: NodeId,
    /// How long ago it was heard.
    pub heard: Duration,
}
