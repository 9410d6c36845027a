//! What a batch will write, and the numbers it gives out.

use std::sync::Arc;

use carillon_protocol::{Cid, Event, EventId, OrgId, Topic, UserId};
use quick_cache::unsync::Cache;

use crate::log::{self, Shared};

/// People whose number is kept in memory: everybody who writes in a busy hour.
const AUTHORS_MAX: usize = 65_536;
/// Intents that are remembered, so that `prev` costs no read: seconds of work at full speed.
const RECENT_MAX: usize = 65_536;

/// The newest numbers in use; whoever needs one takes the next.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Last {
    pub(crate) pos: u64,
    /// The event there, where it is known.
    pub(crate) event: Option<EventId>,
    pub(crate) topic: i64,
    pub(crate) author: i64,
}

/// What the writer knows of the disk. Only a commit changes it, so it never runs ahead.
pub(crate) struct Memory {
    pub(crate) shared: Arc<Shared>,
    pub(crate) authors: Cache<UserId, i64>,
    pub(crate) recent: Cache<(UserId, Cid), ()>,
    /// The newest numbers given out here.
    pub(crate) last: Last,
}

impl Memory {
    pub(crate) fn new(shared: Arc<Shared>, last: Last) -> Memory {
        let (authors, recent) = (Cache::new(AUTHORS_MAX), Cache::new(RECENT_MAX));
        Memory { shared, authors, recent, last }
    }

    /// Forgets everything after a fault.
    pub(crate) fn clear(&mut self) {
        self.shared.places.clear();
        self.authors.clear();
        self.recent.clear();
    }
}

/// An event with the numbers that its row consists of.
pub(crate) struct NewEvent {
    pub(crate) pos: u64,
    pub(crate) topic: i64,
    pub(crate) by: i64,
    pub(crate) counts: bool,
    pub(crate) hash: i64,
    pub(crate) event: Event,
}

/// Topics and people that the log meets for the first time, with their numbers.
#[derive(Default)]
pub(crate) struct Newcomers {
    pub(crate) topics: Vec<(i64, Topic, OrgId)>,
    pub(crate) authors: Vec<(i64, UserId)>,
}

impl Newcomers {
    pub(crate) fn is_empty(&self) -> bool {
        self.topics.is_empty() && self.authors.is_empty()
    }
}

/// What a batch will write.
pub(crate) struct Draft {
    pub(crate) newcomers: Newcomers,
    pub(crate) rows: Vec<NewEvent>,
    /// The event before the first.
    pub(crate) after: Option<EventId>,
    /// The newest numbers with what is in the draft.
    pub(crate) last: Last,
}

impl Draft {
    /// Writes the positions into the events, now that they are final.
    pub(crate) fn seal(&mut self) {
        for row in self.rows.iter_mut().filter(|row| row.counts) {
            row.event.data = log::sealed(&log::unsealed(&row.event.data), row.event.seq);
        }
    }
}
