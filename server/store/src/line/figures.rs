//! How well this node follows the log.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// How well a node follows the log that it shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tail {
    /// The newest position whose event, and all before it, this node has seen.
    pub applied: u64,
    /// The newest position that it knows of.
    pub newest: u64,
    /// Events of other nodes that were found by reading although they should have been brought.
    pub lost_hints: u64,
    /// Pages that were read because something was missing.
    pub reads: u64,
    /// Answers that were given although what came before them had not been seen here in time.
    pub late_answers: u64,
    /// How long ago the log could not be read, if that ever happened.
    pub last_error: Option<Duration>,
}

/// What is counted for it.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) newest: AtomicU64,
    pub(crate) lost_hints: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) late_answers: AtomicU64,
    failed_at: Mutex<Option<Instant>>,
}

impl Figures {
    /// The log could not be read just now.
    pub(crate) fn failed(&self) {
        #[expect(clippy::disallowed_methods, reason = "a measurement that nothing depends on")]
        let now = Instant::now();
        *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    pub(crate) fn tail(&self, applied: u64, spoken: u64) -> Tail {
        let failed_at = *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        Tail {
            applied,
            newest: count(&self.newest).max(spoken).max(applied),
            lost_hints: count(&self.lost_hints),
            reads: count(&self.reads),
            late_answers: count(&self.late_answers),
            last_error: failed_at.map(|at| at.elapsed()),
        }
    }
}
