//! How often the database is asked.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

/// When the database has not answered for so long, nobody else is made to wait for it: what is
/// under way may still succeed, and what comes can be sent again elsewhere.
pub(crate) const STALLED_AFTER: Duration = Duration::from_secs(2);

/// Statements that were sent to the database since the store was opened. With SQLite, where nothing
/// is sent, a batch of the writer counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// To read, also what follows the log.
    pub reads: u64,
    /// Of the connection that writes, also what it reads on the way.
    pub writes: u64,
}

/// What is counted for it.
pub(crate) struct Asking {
    reads: AtomicU64,
    writes: AtomicU64,
    begun: Instant,
    /// Since when the database owes the writer an answer: milliseconds after `begun`; 0 if it owes
    /// none.
    since: AtomicU64,
}

impl Default for Asking {
    fn default() -> Asking {
        #[expect(clippy::disallowed_methods, reason = "how long ago, and nothing else")]
        let begun = Instant::now();
        let (reads, writes, since) = Default::default();
        Asking { reads, writes, begun, since }
    }
}

impl Asking {
    /// A statement that reads is about to be sent.
    pub(crate) fn read(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    /// A statement of the connection that writes is about to be sent.
    pub(crate) fn write(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
        // What was asked before has been answered.
        if self.since.load(Ordering::Relaxed) != 0 {
            self.since.store(self.elapsed_ms().max(1), Ordering::Relaxed);
        }
    }

    /// Waits for what the writer asks of the database, in one statement or in many.
    pub(crate) async fn of<T>(&self, answer: impl Future<Output = T>) -> T {
        self.since.store(self.elapsed_ms().max(1), Ordering::Relaxed);
        let answer = answer.await;
        self.since.store(0, Ordering::Relaxed);
        answer
    }

    /// Whether a statement of the writer has been without an answer for too long.
    pub(crate) fn is_stalled(&self) -> bool {
        let since = self.since.load(Ordering::Relaxed);
        since != 0 && self.elapsed_ms().saturating_sub(since) > STALLED_AFTER.as_millis() as u64
    }

    fn elapsed_ms(&self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }

    pub(crate) fn asked(&self) -> Asked {
        let count = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        Asked { reads: count(&self.reads), writes: count(&self.writes) }
    }
}
