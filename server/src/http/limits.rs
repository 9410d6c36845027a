//! How often a caller may call over HTTP: by session, and by address for strangers.

use std::net::IpAddr;

use carillon_plugin::Caller;
use carillon_protocol::{Effect, ErrorBody, ErrorCode, SessionId};
use dashmap::DashMap;

use crate::gateway::Bucket;

/// Calls a second of strangers from one address: signing in is all that they can do.
const STRANGER_PER_S: u32 = 5;
/// Above so many callers, those whose buckets are full again are forgotten.
const CALLERS_MAX: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Reads(SessionId),
    Writes(SessionId),
    Stranger(IpAddr),
}

/// The buckets of all callers.
#[derive(Debug)]
pub struct Rates {
    buckets: DashMap<Key, Bucket>,
    reads_per_s: u32,
    writes_per_s: u32,
}

impl Rates {
    /// Full buckets for everybody.
    pub fn new(reads_per_s: u32, writes_per_s: u32) -> Rates {
        Rates { buckets: DashMap::new(), reads_per_s, writes_per_s }
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
            (None, Some(address), _) => Key::Stranger(address),
            (None, None, _) => return Ok(()),
        };
        if self.buckets.len() >= CALLERS_MAX {
            self.buckets.retain(|key, bucket| !bucket.is_full(self.per_s(*key), now));
        }
        let per_s = self.per_s(key);
        let taken = {
            let mut bucket = self.buckets.entry(key).or_insert_with(|| Bucket::full(per_s, now));
            bucket.take(per_s, now)
        };
        taken.map_err(|retry_ms| {
            let msg = format!("{per_s} calls a second; wait before the next one");
            let error = ErrorBody::new(ErrorCode::Rate, msg);
            ErrorBody { retry_ms: Some(retry_ms), ..error }
        })
    }

    fn per_s(&self, key: Key) -> u32 {
        match key {
            Key::Reads(_) => self.reads_per_s,
            Key::Writes(_) => self.writes_per_s,
            Key::Stranger(_) => STRANGER_PER_S,
        }
    }
}
