//! How many connections catch up at once: after a restart everybody comes back, and the database
//! must not be asked for all of them together.

use std::sync::{Mutex, PoisonError};

use carillon_plugin::{Error, Result};
use carillon_protocol::ErrorCode;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Connections that catch up side by side: more would only wait for the database's readers.
const JOINING_MAX: usize = 32;
/// Connections that wait for their turn, about a second of work. A client gives up after 10 s.
const WAITING_MAX: usize = 1_000;
/// When the first of the others comes back: by then those who wait are through.
const RETRY_MS: i64 = 2_000;
/// How many are told to come back in one second. Fewer than a slow database lets in, because who
/// comes too early is sent away again; and enough that ten thousand are back within half a minute.
const BACK_PER_S: i64 = 500;
/// The last one comes back after so long; beyond, the seconds are filled a second time.
const RETRY_MS_MAX: i64 = 30_000;

/// The door to the catch-up.
#[derive(Debug)]
pub(super) struct Admission {
    joining: Semaphore,
    waiting: Semaphore,
    /// Up to when, in microseconds since the epoch, somebody was told to come back.
    told: Mutex<i64>,
}

impl Admission {
    pub(super) fn new() -> Admission {
        Admission {
            joining: Semaphore::new(JOINING_MAX),
            waiting: Semaphore::new(JOINING_MAX + WAITING_MAX),
            told: Mutex::new(0),
        }
    }

    /// Waits for a turn at the database, which lasts until the answer is dropped. `now` is in
    /// milliseconds since the epoch.
    ///
    /// # Errors
    /// `E_BUSY` at once if too many wait already, with a time for each of its own to come back.
    pub(super) async fn enter(&self, now: i64) -> Result<Turn<'_>> {
        let Ok(place) = self.waiting.try_acquire() else {
            let msg = "too many are coming back at once; try again soon";
            return Err(Error::new(ErrorCode::Busy, msg).retry_ms(self.retry_ms(now)));
        };
        Ok(Turn { _turn: self.again().await, _place: place })
    }

    /// Waits for a further turn of a connection that was let in. It gives its turn back while its
    /// reader takes what was read: a slow one must not hold up the others.
    pub(super) async fn again(&self) -> SemaphorePermit<'_> {
        self.joining.acquire().await.expect("the semaphore is never closed")
    }

    /// The next free moment: so the crowd comes back one after the other, and each only once.
    fn retry_ms(&self, now: i64) -> u64 {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let first = (now + RETRY_MS) * 1_000;
        let last = (now + RETRY_MS_MAX) * 1_000;
        let next = *told + 1_000_000 / BACK_PER_S;
        // A clock that was set back leaves a moment far ahead: that one counts as the last, too.
        *told = if next > last { first } else { next.max(first) };
        (*told / 1_000 - now).unsigned_abs()
    }
}

/// A connection's turn.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    _turn: SemaphorePermit<'a>,
    _place: SemaphorePermit<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000_000;

    /// Fills every place; those who came so far are in, and the rest waits.
    async fn full(admission: &Admission) -> (Vec<Turn<'_>>, SemaphorePermit<'_>) {
        let mut turns = Vec::new();
        for _ in 0..JOINING_MAX {
            turns.push(admission.enter(NOW).await.unwrap());
        }
        (turns, admission.waiting.try_acquire_many(WAITING_MAX as u32).unwrap())
    }

    async fn told(admission: &Admission, now: i64) -> i64 {
        let refused = admission.enter(now).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Busy);
        refused.body().retry_ms.unwrap().cast_signed()
    }

    #[tokio::test]
    async fn who_is_too_many_is_told_when_to_come_back() {
        let admission = Admission::new();
        let (mut turns, places) = full(&admission).await;
        assert_eq!(told(&admission, NOW).await, RETRY_MS);
        drop(places);
        turns.pop();
        assert!(admission.enter(NOW).await.is_ok());
    }

    #[tokio::test]
    async fn ten_thousand_at_once_are_told_to_come_back_one_after_the_other() {
        let admission = Admission::new();
        let (_turns, _places) = full(&admission).await;
        let mut back = [0_i64; 31];
        for _ in 0..10_000 {
            let retry_ms = told(&admission, NOW).await;
            back[(retry_ms / 1_000) as usize] += 1;
        }
        assert_eq!(back.iter().sum::<i64>(), 10_000);
        assert_eq!(back[..2], [0, 0], "first those who wait");
        assert!(back.iter().all(|&count| count <= BACK_PER_S), "{back:?}");
    }

    #[tokio::test]
    async fn however_many_come_nobody_waits_longer_than_half_a_minute() {
        let admission = Admission::new();
        let (_turns, _places) = full(&admission).await;
        for now in [NOW, NOW - 86_400_000, NOW] {
            for _ in 0..20_000 {
                assert!((RETRY_MS..=RETRY_MS_MAX).contains(&told(&admission, now).await));
            }
        }
        assert_eq!(told(&admission, NOW + 3_600_000).await, RETRY_MS, "an hour later");
    }
}
