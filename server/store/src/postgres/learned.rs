//! What a connection's own appends taught it, so that the next one is spared looking.

use carillon_protocol::{Topic, UserId};
use quick_cache::unsync::Cache;

use crate::batch::Draft;

/// Topics and people that are kept: everybody who writes in a busy hour, and where.
const LEARNED_MAX: usize = 65_536;
/// Stands for a number that is not known.
const UNKNOWN: i64 = -1;

/// Where a topic stood after an append.
#[derive(Clone, Copy)]
struct Stand {
    id: i64,
    seq: i64,
    n: i64,
    /// In which run of appends that was.
    run: u64,
}

/// Numbers in the database never change. Where a topic stands is known as long as nobody else
/// appends: then the log stands where the last append left it.
pub(super) struct Learned {
    topics: Cache<Topic, Stand>,
    authors: Cache<UserId, i64>,
    pub(super) after: i64,
    run: u64,
}

/// For each topic and author of a draft what is known, and what was found.
#[derive(Default)]
pub(super) struct Numbers {
    pub(super) topics: Vec<i64>,
    pub(super) authors: Vec<i64>,
    pub(super) seqs: Vec<i64>,
    pub(super) ns: Vec<i64>,
}

impl Learned {
    pub(super) fn new() -> Learned {
        let (topics, authors) = (Cache::new(LEARNED_MAX), Cache::new(LEARNED_MAX));
        Learned { topics, authors, after: UNKNOWN, run: 0 }
    }

    /// What is known of a draft's newcomers; 0 for ids, and -1 for places, that are not.
    pub(super) fn numbers(&self, draft: &Draft) -> Numbers {
        let mut numbers = Numbers::default();
        for (_, topic, _) in &draft.newcomers.topics {
            let stand = self.topics.get(topic);
            let now = stand.filter(|stand| stand.run == self.run);
            numbers.topics.push(stand.map_or(0, |stand| stand.id));
            numbers.seqs.push(now.map_or(UNKNOWN, |stand| stand.seq));
            numbers.ns.push(now.map_or(UNKNOWN, |stand| stand.n));
        }
        let authors = draft.newcomers.authors.iter();
        numbers.authors.extend(authors.map(|(_, user)| self.authors.get(user).unwrap_or(&0)));
        numbers
    }

    /// Keeps what an append found, now that the draft has its real numbers.
    pub(super) fn learn(&mut self, after: i64, mut found: Numbers, draft: &Draft) {
        if after != self.after {
            self.run += 1;
        }
        for row in &draft.rows {
            let topic = row.topic as usize - 1;
            (found.seqs[topic], found.ns[topic]) = (row.event.seq as i64, row.event.n as i64);
        }
        let places = found.topics.into_iter().zip(found.seqs).zip(found.ns);
        for ((_, topic, _), ((id, seq), n)) in draft.newcomers.topics.iter().zip(places) {
            self.topics.insert(topic.clone(), Stand { id, seq, n, run: self.run });
        }
        for ((_, user), id) in draft.newcomers.authors.iter().zip(found.authors) {
            self.authors.insert(*user, id);
        }
        self.after = after + draft.rows.len() as i64;
    }
}
