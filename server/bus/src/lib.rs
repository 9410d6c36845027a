//! Hints from node to node: "look, this happened", carried live.
//!
//! A bus may lose, repeat and reorder what it carries, and says so: whoever reads it is told
//! [`Signal::Interrupted`] after anything that may be missing. Nothing is kept here, and nothing
//! waits here: publishing never blocks, every queue is bounded, and what does not fit is dropped
//! and counted. The log decides what happened; a hint only makes it known sooner.
//!
//! What is published belongs to one of 64 [`Part`]s, by its topic; messages of one part arrive in
//! the order in which one node published them. There are two buses: [`Hub`] in this process, for
//! one node and for tests of several, and Redis ([`connect`]).

mod bus;
mod embedded;
mod inbox;
mod part;
mod redis;

pub use bus::{Bus, Health, NodeId, Peer, Suspect};
pub use embedded::Hub;
pub use inbox::{INBOX_BYTES_MAX, INBOX_MESSAGES_MAX, Signal, Subscription};
pub use part::Part;
pub use redis::{
    Address, BadAddress, OUTBOX_BYTES_MAX, OUTBOX_MESSAGES_MAX, Options, PROBE_EVERY, SILENCE_MAX,
    connect,
};
