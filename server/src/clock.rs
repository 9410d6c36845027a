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

/// A clock that is further from the database's than this deserves a word, in milliseconds.
const APART_MS: i64 = 2_000;

/// How much our clock is ahead of another one, which said `theirs` between two times of ours: how
/// long the question took is no difference. In milliseconds, negative if it is behind.
pub(crate) fn ahead(before: i64, theirs: i64, after: i64) -> i64 {
    (before - theirs).max(0) + (after - theirs).min(0)
}

/// What is wrong with a clock that is so much ahead of the database's, in milliseconds.
pub(crate) fn apart(ahead_ms: i64) -> Option<String> {
    let way = if ahead_ms > 0 { "ahead of" } else { "behind" };
    let s = ahead_ms.abs() as f64 / 1_000.0;
    (ahead_ms.abs() > APART_MS)
        .then(|| format!("this machine's clock is {s:.1} s {way} the database's: set both by NTP"))
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
    fn clocks_are_apart_by_what_the_question_between_them_cannot_explain() {
        assert_eq!(ahead(100, 150, 200), 0);
        assert_eq!((ahead(100, 60, 200), ahead(100, 210, 200)), (40, -10));
        assert_eq!((apart(2_000), apart(-2_000)), (None, None));
        assert!(apart(2_001).unwrap().contains("2.0 s ahead of"));
        assert!(apart(-90_000).unwrap().contains("90.0 s behind"));
    }

    #[test]
    fn later_ids_are_greater() {
        let clock = SystemClock::default();
        let ids: Vec<Ulid> = (0..100_000).map(|_| clock.new_id()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
