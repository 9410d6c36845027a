//! The gateway: from sockets to sessions.
//!
//! A *shard* is one thread that owns connections: it reads and writes their sockets and fans
//! events out to them, nothing else. Whatever needs the database runs on the main runtime and
//! comes back through the shard's inbox. The *hub* is what the rest of the node sees of all
//! shards.

mod admission;
mod call;
mod conn;
mod delivery;
mod ending;
mod fanout;
pub mod frame;
pub mod handshake;
mod hub;
mod join;
mod link;
mod listen;
mod outbox;
mod presence;
mod progress;
mod rooms;
mod session;
mod shard;
mod socket;
mod timers;
mod tls;
mod wheel;
mod windows;

pub use hub::Hub;
pub use shard::start;
pub use windows::Window;

use std::sync::Arc;

use carillon_plugins::presence::Presence;
use carillon_protocol::limits::Limits;

use crate::rates::Rates;

/// How often a client says that it is there, in milliseconds; announced by `welcome`.
pub const HEARTBEAT_MS: u64 = 30_000;
/// Half a heartbeat more than two may be missed before the connection counts as dead, in seconds.
const SILENCE_MAX_S: u32 = 75;
/// How long a client may take to say `hello`, in seconds.
const HELLO_MAX_S: u32 = 10;
/// How long nothing may be written to a socket that has something to write, in seconds.
const STALL_MAX_S: u32 = 10;
/// Calls refused by the rate limit, less the ones accepted since, before a client is cut off.
const STRIKES_MAX: u16 = 200;

/// A connection, wherever it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnId {
    shard: u16,
    slot: u32,
    generation: u32,
}

/// What the configuration says of connections.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many shards; 0 for one a core.
    pub shards: usize,
    /// What `welcome` announces.
    pub limits: Limits,
    /// How often a session may call.
    pub rates: Arc<Rates>,
    /// Who is online.
    pub presence: Arc<Presence>,
}
