//! The real clock, and where ids come from.

use std::{
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use carillon_plugin::Clock;
use carillon_protocol::id::Ulid;

/// The machine's clock. Ids are monotonic: two of the same millisecond differ by one.
#[derive(Debug, Default)]
pub struct SystemClock {
    last: Mutex<Option<Ulid>>,
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the host's clock")]
    fn now(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn new_id(&self) -> Ulid {
        let now = u64::try_from(self.now()).unwrap_or(0);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that goes back must not make ids smaller than those that exist.
        let next = match *last {
            Some(last) if last.timestamp_ms() >= now => {
                last.increment().unwrap_or_else(|last| Ulid::from_parts(last.timestamp_ms() + 1, 0))
            }
            _ => Ulid::from_parts(now, u128::from(random()) << 16),
        };
        *last = Some(next);
        next
    }
}

/// 64 random bits. Of an id's 80 they are the upper part: the lower 16 count within a millisecond.
pub(crate) fn random() -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_ids_are_greater() {
        let clock = SystemClock::default();
        let ids: Vec<Ulid> = (0..100_000).map(|_| clock.new_id()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
