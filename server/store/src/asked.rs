//! How often the database is asked.

use std::sync::atomic::{AtomicU64, Ordering};

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
#[derive(Default)]
pub(crate) struct Asking {
    reads: AtomicU64,
    writes: AtomicU64,
}

impl Asking {
    /// A statement that reads is about to be sent.
    pub(crate) fn read(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    /// A statement of the connection that writes is about to be sent.
    pub(crate) fn write(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn asked(&self) -> Asked {
        let count = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        Asked { reads: count(&self.reads), writes: count(&self.writes) }
    }
}
