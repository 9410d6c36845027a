//! What can go wrong, and the one table that says what the client does about it.

use std::{io, sync::Arc};

use carillon_protocol::{ErrorBody, Retry};

use crate::clock::Chance;

/// The longest wait before another try.
const BACKOFF_MS_MAX: u64 = 30_000;
/// The bound of the first wait; it doubles with every try.
const BACKOFF_MS_FIRST: u64 = 500;

/// The shortest wait before the same call, whatever the server says.
const RETRY_MS_MIN: u64 = 20;

/// Why a call, a message or the whole client failed for good.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The server refused the call; asking again would be refused again.
    #[error(transparent)]
    Refused(Box<ErrorBody>),
    /// The server ended the connection with a final close code.
    #[error("the server closed the connection for good: {reason} ({code})")]
    Closed {
        /// The close code, 4500 to 4999.
        code: u16,
        /// The server's words.
        reason: String,
    },
    /// The first connection did not come about.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The address cannot be used.
    #[error("{0}")]
    Url(String),
    /// The state folder cannot be read or written. A message that fails so is taken out of the
    /// folder as soon as that can be written again; if the program ends before, a later one may
    /// send it.
    #[error("the state folder: {0}")]
    Storage(Arc<io::Error>),
    /// The outbox holds as many messages as it may: wait until some are acknowledged.
    #[error("the outbox is full: wait until messages are acknowledged")]
    OutboxFull,
    /// The answer is not what this version expects.
    #[error("the answer to {op} cannot be read: {why}")]
    Reply {
        /// The operation.
        op: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A connection for sound and pictures failed, or a file of them cannot be used.
    #[error("sound and pictures: {0}")]
    Media(String),
    /// The client was closed.
    #[error("the client is closed")]
    Stopped,
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::Storage(Arc::new(error))
    }
}

impl From<ErrorBody> for Error {
    fn from(body: ErrorBody) -> Error {
        Error::Refused(Box::new(body))
    }
}

/// What the client does about an error of the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Give it to the caller.
    Fail,
    /// Send the same again after so many milliseconds: the same `cid`, or the same arguments.
    Again(u64),
    /// Forget the `sync` token, connect anew, then send the same again.
    Resync,
}

/// The retry table. `attempt` counts the tries before this one.
pub(crate) fn step(error: &ErrorBody, attempt: u32, chance: &mut Chance) -> Step {
    match error.retry {
        // A new token or a new client is somebody else's business than the failed call's.
        Retry::No | Retry::Reauth | Retry::Upgrade => Step::Fail,
        Retry::Same => Step::Again(backoff(attempt, chance)),
        Retry::After => Step::Again(match error.retry_ms {
            Some(ms) => ms.max(RETRY_MS_MIN),
            None => backoff(attempt, chance),
        }),
        Retry::Resync => Step::Resync,
    }
}

/// Full jitter: anything between nothing and a bound that doubles, so that clients which lost
/// their server together do not come back together.
pub(crate) fn backoff(attempt: u32, chance: &mut Chance) -> u64 {
    chance.up_to((BACKOFF_MS_FIRST << attempt.min(6)).min(BACKOFF_MS_MAX))
}

/// The wait before the next connection: never less than the server says, and more by chance,
/// because it may say the same to all of its clients, and may say 0.
pub(crate) fn reconnect_in(retry_ms: Option<u64>, attempt: u32, chance: &mut Chance) -> u64 {
    match retry_ms {
        Some(ms) => ms.saturating_add(backoff(0, chance)),
        None => backoff(attempt, chance),
    }
}

#[cfg(test)]
mod tests {
    use carillon_protocol::ErrorCode;

    use super::*;

    #[test]
    fn a_wait_is_anything_up_to_a_bound_that_doubles_until_thirty_seconds() {
        let mut chance = Chance::new(Some(7));
        for attempt in 0..40 {
            let bound = (500_u64 << attempt.min(20)).min(30_000);
            let waits: Vec<u64> = (0..200).map(|_| backoff(attempt, &mut chance)).collect();
            assert!(waits.iter().all(|ms| *ms <= bound));
            assert!(
                waits.iter().any(|ms| *ms < bound / 4) && waits.iter().any(|ms| *ms > bound / 2)
            );
        }
    }

    #[test]
    fn a_server_that_says_zero_is_not_stormed() {
        let mut chance = Chance::new(Some(7));
        let mut busy = ErrorBody::new(ErrorCode::Busy, "later");
        busy.retry_ms = Some(0);
        assert_eq!(step(&busy, 0, &mut chance), Step::Again(RETRY_MS_MIN));
        let mut waits =
            |ms| -> Vec<u64> { (0..200).map(|_| reconnect_in(Some(ms), 0, &mut chance)).collect() };
        let (at_once, later) = (waits(0), waits(2_000));
        assert!(at_once.iter().sum::<u64>() > 200 * BACKOFF_MS_FIRST / 3);
        assert!(later.iter().all(|ms| (2_000..=2_000 + BACKOFF_MS_FIRST).contains(ms)));
    }

    #[test]
    fn the_servers_retry_decides_what_is_done() {
        let mut chance = Chance::new(Some(1));
        for code in ErrorCode::ALL {
            let mut error = ErrorBody::new(*code, "no");
            error.retry_ms = Some(850);
            let done = step(&error, 0, &mut chance);
            match code.retry() {
                Retry::No | Retry::Reauth | Retry::Upgrade => assert_eq!(done, Step::Fail),
                Retry::Same => assert!(matches!(done, Step::Again(0..=500))),
                Retry::After => assert_eq!(done, Step::Again(850)),
                Retry::Resync => assert_eq!(done, Step::Resync),
            }
        }
    }
}
