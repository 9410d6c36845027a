//! How often a caller may call, over whatever door: by session, and by address for strangers.
//!
//! What protects a node is counted by the node, so that nobody waits for a database to be refused;
//! what protects people or tables is counted for all nodes, in the tables. Of every limit:
//!
//! | limit | counted by | because |
//! |---|---|---|
//! | calls of a session; of strangers by network | node | it is the node's time that they take |
//! | refused calls of robots' addresses by network | node | the same |
//! | sockets and handshakes by network (`http/gate.rs`) | node | they cost its memory and cores |
//! | what the threads of rooms are asked at once (`carillon-sfu`) | node | the same |
//! | catch-ups at once (`gateway/admission.rs`) | node | each node may ask the database so much |
//! | passwords hashed at once (`directory/turns.rs`) | node | they take its cores |
//! | windows of an installation; people and receipts watched | node | they lie in its memory |
//! | wrong passwords (`directory/attempts.rs`) | tables | more nodes must not mean more guesses |
//! | sessions, unused tickets, invitations and their uses | tables | each of them is a row |
//! | links for guests, and who enters a room by them from one network | tables | the same |
//! | the first organisation | tables | of two at once one is refused, on whichever nodes |
//! | imports | tables | of two at once the second looks again: the organisation's revision |

mod bucket;
mod networks;

use std::{
    net::IpAddr,
    sync::atomic::{AtomicI64, Ordering},
};

use carillon_plugin::Caller;
use carillon_protocol::{Effect, ErrorBody, ErrorCode, SessionId};
use dashmap::DashMap;

use bucket::Bucket;
pub use networks::Networks;

/// Calls a second of strangers from one address: signing in is all that they can do.
const STRANGER_PER_S: u32 = 5;
/// Calls of robots' addresses a second that are refused, from one network: what is refused is read
/// before, and programs that are set up wrongly do not notice.
const REFUSED_PER_S: u32 = 20;
/// So few callers are not worth looking through.
const CALLERS_FEW: usize = 1_000;
/// How often buckets that are full again are looked for, in milliseconds: a bucket is full after
/// three seconds, so no more callers are kept than called lately.
const SWEEP_MS: i64 = 10_000;

fn too_many(per_s: u32, retry_ms: u64) -> ErrorBody {
    let msg = format!("{per_s} calls a second; wait before the next one");
    ErrorBody { retry_ms: Some(retry_ms), ..ErrorBody::new(ErrorCode::Rate, msg) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Reads(SessionId),
    Writes(SessionId),
}

/// The buckets of all callers.
#[derive(Debug)]
pub struct Rates {
    buckets: DashMap<Key, Bucket>,
    strangers: Networks,
    refused: Networks,
    reads_per_s: u32,
    writes_per_s: u32,
    swept_at: AtomicI64,
}

impl Rates {
    /// Full buckets for everybody.
    pub fn new(reads_per_s: u32, writes_per_s: u32) -> Rates {
        let strangers = Networks::new(STRANGER_PER_S);
        let refused = Networks::new(REFUSED_PER_S);
        let (buckets, swept_at) = (DashMap::new(), AtomicI64::new(0));
        Rates { buckets, strangers, refused, reads_per_s, writes_per_s, swept_at }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// `E_RATE` with how long to wait.
    pub fn take(
        &self,
        caller: Caller,
        address: Option<IpAddr>,
        effect: Effect,
        now: i64,
    ) -> Result<(), ErrorBody> {
        let key = match (caller.session, address, effect) {
            (Some(session), _, Effect::Read) => Key::Reads(session),
            (Some(session), _, _) => Key::Writes(session),
            (None, ..) => return self.failed(address, now),
        };
        self.take_of(key, now)
    }

    /// An address showed a token that is none: it is a stranger's call.
    ///
    /// # Errors
    /// `E_RATE` with how long to wait.
    pub fn failed(&self, address: Option<IpAddr>, now: i64) -> Result<(), ErrorBody> {
        let Some(address) = address else { return Ok(()) };
        let taken = self.strangers.take(address, now);
        taken.map_err(|retry_ms| too_many(self.strangers.per_s(), retry_ms))
    }

    /// Whether a robot's address may be called: its network has not been refused too often.
    ///
    /// # Errors
    /// `E_RATE` with how long to wait.
    pub fn may_post(&self, network: Option<IpAddr>, now: i64) -> Result<(), ErrorBody> {
        let Some(network) = network else { return Ok(()) };
        let left = self.refused.look(network, now);
        left.map_err(|retry_ms| too_many(self.refused.per_s(), retry_ms))
    }

    /// A call of a robot's address was refused.
    pub fn refused(&self, network: Option<IpAddr>, now: i64) {
        // Whoever is refused more often than may be finds out with the next call.
        let _spent = network.map(|network| self.refused.take(network, now));
    }

    fn take_of(&self, key: Key, now: i64) -> Result<(), ErrorBody> {
        self.forget_full(now);
        let per_s = self.per_s(key);
        let taken = {
            let mut bucket = self.buckets.entry(key).or_insert_with(|| Bucket::full(per_s, now));
            bucket.take(per_s, now)
        };
        taken.map_err(|retry_ms| too_many(per_s, retry_ms))
    }

    /// Forgets the buckets that are full again, now and then: whoever says little costs nothing.
    fn forget_full(&self, now: i64) {
        if now < self.swept_at.load(Ordering::Relaxed) + SWEEP_MS {
            return;
        }
        self.swept_at.store(now, Ordering::Relaxed);
        if self.buckets.len() >= CALLERS_FEW {
            self.buckets.retain(|key, bucket| !bucket.is_full(self.per_s(*key), now));
        }
    }

    fn per_s(&self, key: Key) -> u32 {
        match key {
            Key::Reads(_) => self.reads_per_s,
            Key::Writes(_) => self.writes_per_s,
        }
    }
}
