//! How many connections catch up at once: after a restart everybody comes back, and the database
//! must not be asked for all of them together.

use carillon_plugin::{Error, Result};
use carillon_protocol::ErrorCode;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Connections that catch up side by side: more would only wait for the database's readers.
const JOINING_MAX: usize = 32;
/// Connections that wait for their turn, about a second of work.
const WAITING_MAX: usize = 1_000;
/// When the others come back: by then those who wait are through.
const RETRY_MS: u64 = 2_000;

/// The door to the catch-up.
#[derive(Debug)]
pub(super) struct Admission {
    joining: Semaphore,
    waiting: Semaphore,
}

impl Admission {
    pub(super) fn new() -> Admission {
        Admission {
            joining: Semaphore::new(JOINING_MAX),
            waiting: Semaphore::new(JOINING_MAX + WAITING_MAX),
        }
    }

    /// Waits for a turn at the database, which lasts until the answer is dropped.
    ///
    /// # Errors
    /// `E_BUSY` at once if too many wait already.
    pub(super) async fn enter(&self) -> Result<Turn<'_>> {
        let busy = |_| {
            let msg = "too many are coming back at once; try again soon";
            Error::new(ErrorCode::Busy, msg).retry_ms(RETRY_MS)
        };
        let place = self.waiting.try_acquire().map_err(busy)?;
        Ok(Turn { _turn: self.again().await, _place: place })
    }

    /// Waits for a further turn of a connection that was let in. It gives its turn back while its
    /// reader takes what was read: a slow one must not hold up the others.
    pub(super) async fn again(&self) -> SemaphorePermit<'_> {
        self.joining.acquire().await.expect("the semaphore is never closed")
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

    #[tokio::test]
    async fn who_is_too_many_is_told_when_to_come_back() {
        let admission = Admission::new();
        let mut turns = Vec::new();
        for _ in 0..JOINING_MAX {
            turns.push(admission.enter().await.unwrap());
        }
        let places = admission.waiting.try_acquire_many(WAITING_MAX as u32).unwrap();
        let refused = admission.enter().await.unwrap_err();
        assert_eq!((refused.code(), refused.body().retry_ms), (ErrorCode::Busy, Some(RETRY_MS)));
        drop(places);
        turns.pop();
        assert!(admission.enter().await.is_ok());
    }
}
