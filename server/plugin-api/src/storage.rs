//! What the host needs of a database. `carillon-store` implements it.

use carillon_protocol::{Cid, Event, OrgId, Topic, UserId, limits::PAGE_LEN_MAX};

use serde::{Deserialize, Serialize};

use crate::{BoxFuture, Result, Row, Transaction, Value, Window};

/// What an event takes in an answer besides its data, in bytes.
const EVENT_LEN: usize = 256;

/// A numbered step of a plugin's tables, forward only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Whose.
    pub plugin: &'static str,
    /// 1, 2, 3 …
    pub number: u32,
    /// One or several statements, one text for both engines.
    pub sql: &'static str,
}

/// The newest positions of a topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The newest `seq`; 0 if nothing happened yet.
    pub head: u64,
    /// The newest `n`.
    pub n: u64,
    /// The position of the newest event in commit order.
    pub pos: u64,
}

/// Which part of a topic's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Look {
    /// The oldest after a position.
    After(u64),
    /// The newest before a position.
    Before(u64),
}

impl Look {
    /// What of events that were read, one more than `limit`, goes into one answer: no more than a
    /// reader's queue takes, but one at least; and whether there are more in this direction.
    pub fn page(self, mut events: Vec<Event>, limit: u32) -> (Vec<Event>, bool) {
        let mut len = 0;
        let fits = |event: &&Event| {
            len += event.data.as_str().len() + EVENT_LEN;
            len <= PAGE_LEN_MAX
        };
        let count = match self {
            Look::After(_) => events.iter().take_while(fits).count(),
            Look::Before(_) => events.iter().rev().take_while(fits).count(),
        };
        let count = count.min(limit as usize).max(events.len().min(1));
        let more = events.len() > count;
        match self {
            Look::After(_) => events.truncate(count),
            Look::Before(_) => drop(events.drain(..events.len() - count)),
        }
        (events, more)
    }
}

/// The end of one topic's log, for reading many at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tail {
    /// Which topic.
    pub topic: Topic,
    /// What of it the reader may see.
    pub window: Window,
    /// At most so many.
    pub limit: u32,
}

/// An event as it stands in the log of all topics.
#[derive(Debug, Clone, PartialEq)]
pub struct Logged {
    /// Its position in commit order.
    pub pos: u64,
    /// Whose the topic is: the organisation of the transaction that appended to it first.
    pub org: OrgId,
    /// What happened.
    pub event: Event,
}

/// What a transaction became.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Committed {
    /// Whether the `cid` had been committed before; then nothing happened now, and `events` is
    /// the one event that the `cid` stands on.
    pub dup: bool,
    /// The events with their final positions, in the order in which they were emitted.
    pub events: Vec<Event>,
}

/// The log and the tables.
pub trait Storage: Send + Sync + 'static {
    /// Commits a transaction, or refuses it as a whole with `E_CONFLICT` (raced),
    /// `E_IDEMPOTENCY_CONFLICT`, `E_PREV_MISSING`, `E_BUSY` (the queue is full) or
    /// `E_UNAVAILABLE`. After `E_TIMEOUT_UNKNOWN` it may have been committed or not: with a `cid`
    /// it may be sent again.
    ///
    /// The transaction has its place in the queue when this returns, before the future is polled:
    /// what is committed next by the same caller comes after it.
    fn commit(&self, tx: Transaction) -> BoxFuture<'static, Result<Committed>>;

    /// Runs a reading statement on a plugin's tables.
    fn query(&self, sql: &str, args: Vec<Value>) -> BoxFuture<'_, Result<Vec<Row>>>;

    /// The heads of topics, in the order asked; zeros for topics without events.
    fn heads(&self, topics: Vec<Topic>) -> BoxFuture<'_, Result<Vec<Head>>>;

    /// Events of a topic inside a window, oldest first, at most `limit`; with `counted` only those
    /// that count in `n`.
    fn events(
        &self,
        topic: Topic,
        window: Window,
        look: Look,
        counted: bool,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Event>>>;

    /// The events at some positions of a topic, by position; those that do not exist are left out.
    fn events_at(&self, topic: Topic, seqs: Vec<u64>) -> BoxFuture<'_, Result<Vec<Event>>>;

    /// The newest events of many topics, in the order asked, each oldest first.
    fn tails(&self, tails: Vec<Tail>, counted: bool) -> BoxFuture<'_, Result<Vec<Vec<Event>>>>;

    /// The same for somebody who has everything up to a position in commit order: what came before
    /// it may be missing from the answer, so that a short absence is answered from memory.
    fn news(&self, tails: Vec<Tail>, after: Option<u64>) -> BoxFuture<'_, Result<Vec<Vec<Event>>>>;

    /// The oldest events of some kinds after a position in commit order and up to another, of all
    /// topics. Where several nodes append they may be newer than what was
    /// told here: see [`Storage::reaches`].
    fn log_after(
        &self,
        after: u64,
        up_to: u64,
        kinds: &[&'static str],
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Logged>>>;

    /// The names of all tables, views, indexes and sequences that are not the engine's own.
    fn relations(&self) -> BoxFuture<'_, Result<Vec<String>>>;

    /// The event that a `cid` of this person stands on, with the hash of its command.
    fn find(&self, by: UserId, cid: Cid) -> BoxFuture<'_, Result<Option<(Event, i64)>>>;

    /// The time by the clock of a database that several nodes share, in milliseconds since the
    /// epoch; none of one that is this machine's alone.
    fn clock(&self) -> BoxFuture<'_, Result<Option<i64>>> {
        Box::pin(async { Ok(None) })
    }

    /// The newest position in commit order up to which everything that follows the log here has
    /// seen every event, and the log's epoch. What is read may be newer.
    fn position(&self) -> (u64, u64);

    /// Waits until everybody here was told of everything up to a position, and answers whether
    /// they were: where several nodes append, what can be read may be newer than what was told.
    /// Not for long: then this node is behind.
    fn reaches(&self, pos: u64) -> BoxFuture<'_, bool>;
}

#[cfg(test)]
mod tests {
    use carillon_protocol::{ConvId, EventId, Json, id::Ulid};

    use super::*;

    fn event(seq: u64, len: usize) -> Event {
        Event {
            topic: Topic::Conv(ConvId(Ulid(1))),
            seq,
            n: seq,
            k: "msg.sent".into(),
            id: EventId(Ulid(2)),
            by: UserId(Ulid(3)),
            at: 0,
            cid: None,
            data: Json::of(&"x".repeat(len)),
        }
    }

    fn paged(look: Look, lens: &[usize], limit: u32) -> (Vec<u64>, bool) {
        let events = lens.iter().zip(1..).map(|(&len, seq)| event(seq, len)).collect();
        let (events, more) = look.page(events, limit);
        (events.into_iter().map(|event| event.seq).collect(), more)
    }

    #[test]
    fn a_page_ends_where_its_events_or_its_bytes_do() {
        let (small, large) = (10, PAGE_LEN_MAX / 2);
        assert_eq!(paged(Look::After(0), &[small; 3], 3), (vec![1, 2, 3], false));
        assert_eq!(paged(Look::After(0), &[small; 4], 3), (vec![1, 2, 3], true));
        assert_eq!(paged(Look::Before(9), &[small; 4], 3), (vec![2, 3, 4], true));
        assert_eq!(paged(Look::After(0), &[large, small, large], 9), (vec![1, 2], true));
        assert_eq!(paged(Look::Before(9), &[large, small, large], 9), (vec![2, 3], true));
    }

    #[test]
    fn a_page_has_one_event_at_least_if_there_is_one() {
        assert_eq!(paged(Look::After(0), &[2 * PAGE_LEN_MAX, 10], 5), (vec![1], true));
        assert_eq!(paged(Look::Before(9), &[10, 2 * PAGE_LEN_MAX], 5), (vec![2], true));
        assert_eq!(paged(Look::After(0), &[], 5), (vec![], false));
    }
}
