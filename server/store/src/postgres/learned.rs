//! What a connection's own commits taught it, so that the next one is spared looking.

use carillon_plugin::Head;
use carillon_protocol::{EventId, Topic, UserId};
use quick_cache::unsync::Cache;

use crate::{
    batch::{Draft, Last},
    log::Place,
};

/// Topics and people that are kept: everybody who writes in a busy hour, and where.
const LEARNED_MAX: usize = 65_536;
/// Stands for a number that is not known.
const UNKNOWN: i64 = -1;

/// Where a topic stood after a commit.
#[derive(Clone, Copy)]
struct Stand {
    place: Place,
    /// In which run of commits that was.
    run: u64,
}

/// Numbers in the database never change. Where a topic stands is known as long as nobody else
/// appends: then the log stands where the last commit left it.
pub(super) struct Learned {
    topics: Cache<Topic, Stand>,
    authors: Cache<UserId, i64>,
    after: Option<(u64, Option<EventId>)>,
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
        Learned { topics, authors, after: None, run: 0 }
    }

    /// Where the last commit left the log, unless somebody else is known to have appended since;
    /// with the event that is there.
    pub(super) fn after(&self) -> Option<(u64, Option<EventId>)> {
        self.after
    }

    /// The log is found to stand there, with this event.
    pub(super) fn stands_at(&mut self, pos: u64, event: Option<EventId>) {
        if self.after.replace((pos, event)).is_none_or(|(known, _)| known != pos) {
            self.run += 1;
        }
    }

    /// Nobody knows where the log stands.
    pub(super) fn moved(&mut self) {
        self.after = None;
    }

    /// Where topics stand, if all of it is known and the log stands where it stood.
    pub(super) fn places(&self, topics: &[&Topic]) -> Option<Vec<Place>> {
        let stands = topics.iter().map(|topic| self.topics.get(*topic));
        stands.map(|stand| stand.filter(|s| s.run == self.run).map(|s| s.place)).collect()
    }

    /// A person's number.
    pub(super) fn author(&self, user: &UserId) -> Option<i64> {
        self.authors.get(user).copied()
    }

    /// What is known of a draft's newcomers; 0 for ids, and -1 for places, that are not.
    pub(super) fn numbers(&self, draft: &Draft) -> Numbers {
        let mut numbers = Numbers::default();
        for (_, topic, _) in &draft.newcomers.topics {
            let stand = self.topics.get(topic);
            let head = stand.filter(|stand| stand.run == self.run).map(|stand| stand.place.head);
            numbers.topics.push(stand.map_or(0, |stand| stand.place.id));
            numbers.seqs.push(head.map_or(UNKNOWN, |head| head.head as i64));
            numbers.ns.push(head.map_or(UNKNOWN, |head| head.n as i64));
        }
        let authors = draft.newcomers.authors.iter();
        numbers.authors.extend(authors.map(|(_, user)| self.author(user).unwrap_or_default()));
        numbers
    }

    /// What [`Learned::numbers`] says is of the log when it stood there.
    pub(super) fn expected(&self) -> i64 {
        self.after.map_or(UNKNOWN, |(after, _)| after as i64)
    }

    /// Keeps what the database gave a draft, which has its real numbers now.
    pub(super) fn learn(&mut self, after: u64, found: Numbers, draft: &Draft) {
        self.stands_at(after, draft.after);
        let heads = found.seqs.iter().zip(&found.ns);
        let heads = heads.map(|(&seq, &n)| Head { head: seq as u64, n: n as u64, pos: after });
        let ids = found.topics.iter();
        let mut places: Vec<Place> = ids.zip(heads).map(|(&id, head)| Place { id, head }).collect();
        for row in &draft.rows {
            let Place { head, .. } = &mut places[row.topic as usize - 1];
            *head = Head { head: row.event.seq, n: row.event.n, pos: row.pos };
        }
        let topics = draft.newcomers.topics.iter().map(|(_, topic, _)| topic).zip(places);
        let authors = draft.newcomers.authors.iter().map(|(_, user)| *user).zip(found.authors);
        self.keep(draft.last, topics, authors);
    }

    /// Keeps where a commit left the log. What has no number is not in it.
    pub(super) fn keep<'a>(
        &mut self,
        last: Last,
        topics: impl IntoIterator<Item = (&'a Topic, Place)>,
        authors: impl IntoIterator<Item = (UserId, i64)>,
    ) {
        for (topic, place) in topics.into_iter().filter(|(_, place)| place.id != 0) {
            self.topics.insert(topic.clone(), Stand { place, run: self.run });
        }
        for (user, id) in authors.into_iter().filter(|(_, id)| *id != 0) {
            self.authors.insert(user, id);
        }
        self.after = Some((last.pos, last.event));
    }
}
