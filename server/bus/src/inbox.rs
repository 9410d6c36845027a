//! What arrived and is not read yet.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::Part;

/// Payloads that may wait for the reader: a few hundred milliseconds of a very busy cluster. A
/// reader that is further behind reads the log.
pub const INBOX_MESSAGES_MAX: usize = 16_384;
/// Bytes of payloads that may wait for the reader.
pub const INBOX_BYTES_MAX: usize = 16 << 20;

/// What a node hears from the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// Another node published this.
    Arrived {
        /// Where it was published.
        part: Part,
        /// What, as it was published.
        payload: Bytes,
    },
    /// Something that was published until now may be missing: a connection broke, or a queue was
    /// full. Read the log. It overtakes what arrived before, and many are one.
    Interrupted,
}

/// The receiving end of a bus.
#[derive(Debug)]
pub struct Subscription(pub(crate) Arc<Inbox>);

impl Subscription {
    /// What comes next; nothing when the bus is gone and all is read. May be cancelled.
    pub async fn next(&mut self) -> Option<Signal> {
        loop {
            // Made before looking, so that what comes in between is not slept through.
            let woken = self.0.wake.notified();
            if let Some(next) = self.0.take() {
                return next;
            }
            woken.await;
        }
    }
}

/// The queue before a [`Subscription`].
#[derive(Default)]
pub(crate) struct Inbox {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Default)]
struct State {
    queue: VecDeque<(Part, Bytes)>,
    bytes: usize,
    interrupted: bool,
    closed: bool,
    figures: Figures,
}

/// What an inbox counts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    pub received: u64,
    pub dropped: u64,
    pub interrupted: u64,
}

impl Inbox {
    /// Keeps a payload for the reader. One that does not fit is dropped, and the reader is told.
    pub fn deliver(&self, part: Part, payload: Bytes) {
        let mut state = self.lock();
        let bytes = state.bytes + payload.len();
        if state.queue.len() >= INBOX_MESSAGES_MAX || bytes > INBOX_BYTES_MAX {
            state.figures.dropped += 1;
            state.interrupt();
        } else {
            state.figures.received += 1;
            state.bytes = bytes;
            state.queue.push_back((part, payload));
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Tells the reader that something may be missing.
    pub fn interrupt(&self) {
        self.lock().interrupt();
        self.wake.notify_one();
    }

    /// Nothing comes any more.
    pub fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    pub fn figures(&self) -> Figures {
        self.lock().figures
    }

    /// The next, or that there is none for ever, or that there is none now.
    fn take(&self) -> Option<Option<Signal>> {
        let mut state = self.lock();
        if std::mem::take(&mut state.interrupted) {
            return Some(Some(Signal::Interrupted));
        }
        let Some((part, payload)) = state.queue.pop_front() else {
            return state.closed.then_some(None);
        };
        state.bytes -= payload.len();
        Some(Some(Signal::Arrived { part, payload }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn interrupt(&mut self) {
        self.figures.interrupted += 1;
        self.interrupted = true;
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("figures", &self.figures()).finish_non_exhaustive()
    }
}
