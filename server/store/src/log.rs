//! What every engine does alike: where topics stand, what an event becomes.

use std::sync::{Arc, OnceLock};

use carillon_plugin::{Committed, Emit, Error, Head, Result, Rewrite, Transaction};
use carillon_protocol::{ErrorCode, Event, EventId, Json, Topic};
use quick_cache::sync::Cache;
use tokio::sync::watch;

use crate::{
    asked::Asking,
    line::{Figures, Line},
};

/// Topics whose place is kept in memory: about 100 bytes each.
const PLACES_MAX: usize = 65_536;
/// At most so many topics a transaction: each one is a place to load and to keep.
const TOPICS_PER_TX_MAX: usize = 256;
/// How long to wait for the message before, in milliseconds.
const PREV_RETRY_MS: u64 = 500;

/// Where a topic stands in the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its number in the database; 0 if it has no events yet.
    pub(crate) id: i64,
    /// Its newest positions.
    pub(crate) head: Head,
}

/// Where topics stand, as far as it is kept.
pub(crate) type Places = Cache<Topic, Place>;

/// What the writer tells the readers. It never runs ahead of the disk: only committed places and
/// positions come here.
pub(crate) struct Shared {
    pub(crate) places: Arc<Places>,
    pub(crate) line: Line,
    pub(crate) tail: Figures,
    pub(crate) asking: Asking,
    pub(crate) epoch: u64,
    /// Why this node must end, once that is known.
    pub(crate) replaced: watch::Sender<Option<Replaced>>,
    /// The newest position that was seen, once this node found that the log was set back: whichever
    /// of its connections sees the new epoch first says why there is one.
    pub(crate) set_back: OnceLock<u64>,
}

/// Why the log is not the one any more that a node has followed. Whatever the node knows is of
/// another log: it must end, and be started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Replaced {
    /// A server took over that lacks commits.
    #[error(
        "the database lost commits: what this node saw at {applied} is not there any more; \
         the log has a new epoch now, start this node again"
    )]
    SetBack {
        /// The newest position that was seen.
        applied: u64,
    },
    /// Another node found that, or the database was filled anew.
    #[error("the log in the database has another epoch: start this node again")]
    Renewed,
}

impl Shared {
    /// Of the one node that writes.
    pub(crate) fn new(position: u64, last: Option<EventId>, epoch: u64) -> Shared {
        let places = Arc::new(Cache::new(PLACES_MAX));
        Shared::of(places, Line::new(position, last), epoch)
    }

    /// Of one of several nodes: where topics stand is learned from what all of them commit.
    pub(crate) fn following(position: u64, last: Option<EventId>, epoch: u64) -> Shared {
        let places = Arc::new(Cache::new(PLACES_MAX));
        let line = Line::following(position, last, Arc::clone(&places));
        Shared::of(places, line, epoch)
    }

    /// The log is another one. What was found first counts.
    pub(crate) fn is_replaced(&self, why: Replaced) {
        let why = self.set_back.get().map_or(why, |&applied| Replaced::SetBack { applied });
        self.replaced.send_if_modified(|known| {
            let is_first = known.is_none();
            known.get_or_insert(why);
            is_first
        });
    }

    /// Refuses if the log is another one.
    pub(crate) fn refuse_replaced(&self) -> sqlx::Result<()> {
        match *self.replaced.borrow() {
            Some(why) => Err(sqlx::Error::Protocol(why.to_string())),
            None => Ok(()),
        }
    }

    fn of(places: Arc<Places>, line: Line, epoch: u64) -> Shared {
        let (tail, asking) = (Figures::default(), Asking::default());
        let (replaced, set_back) = (watch::Sender::default(), OnceLock::new());
        Shared { places, line, tail, asking, epoch, replaced, set_back }
    }
}

/// Refuses what no engine should be asked to do.
pub(crate) fn check(tx: &Transaction) -> Result<()> {
    let mut topics: Vec<&Topic> = tx.emits.iter().map(|emit| &emit.topic).collect();
    topics.sort_unstable();
    topics.dedup();
    if topics.len() > TOPICS_PER_TX_MAX {
        let msg = format!("at most {TOPICS_PER_TX_MAX} topics at once: send it in parts");
        return Err(Error::new(ErrorCode::TooLarge, msg));
    }
    if let Some(emit) = tx.emits.iter().find(|emit| emit.counts && !is_object(emit.data.as_str())) {
        return Err(fault(format!("the data of {} is not an object", emit.k)));
    }
    let wrong =
        |rewrite: &&Rewrite| rewrite.emit >= tx.emits.len() || !is_object(rewrite.data.as_str());
    match tx.rewrites.iter().find(wrong) {
        Some(rewrite) => Err(fault(format!("no event rewrites message {}", rewrite.seq))),
        None => Ok(()),
    }
}

fn is_object(json: &str) -> bool {
    json.starts_with('{') && json.ends_with('}')
}

/// The event that an emit becomes at the next position of its topic; moves the place there. What
/// counts is not sealed yet.
pub(crate) fn append(
    tx: &Transaction,
    (index, emit): (usize, &Emit),
    place: &mut Place,
    pos: u64,
) -> Event {
    let seq = place.head.head + 1;
    place.head = Head { head: seq, n: place.head.n + u64::from(emit.counts), pos };
    Event {
        topic: emit.topic.clone(),
        seq,
        n: place.head.n,
        k: emit.k.clone(),
        id: emit.id,
        by: tx.by,
        at: tx.at,
        cid: if index == 0 { tx.cid } else { None },
        data: emit.data.clone(),
    }
}

/// The data of what counts, up to the number that `rev` will be.
pub(crate) fn unsealed(object: &Json) -> String {
    let fields = object.as_str().strip_suffix('}').expect("checked before it was queued");
    let comma = if fields.trim_end().ends_with('{') { "" } else { "," };
    [fields, comma, "\"rev\":"].concat()
}

/// A JSON object with `rev` as its last field.
pub(crate) fn sealed(unsealed: &str, seq: u64) -> Json {
    Json::trusted([unsealed, &seq.to_string(), "}"].concat())
}

/// The answer to a `cid` that stands on `event` already.
pub(crate) fn duplicate(tx: &Transaction, event: &Event, hash: i64) -> Result<Committed> {
    if hash == tx.hash {
        return Ok(Committed { dup: true, events: vec![event.clone()] });
    }
    let msg = "this `cid` was used for something else; make a new one for each intent";
    Err(Error::new(ErrorCode::IdempotencyConflict, msg))
}

pub(crate) fn prev_missing() -> Error {
    let msg = "the message before this one is not committed yet; send it first";
    Error::new(ErrorCode::PrevMissing, msg).retry_ms(PREV_RETRY_MS)
}

/// A fault of the server that has no error type of its own.
pub(crate) fn fault(what: String) -> Error {
    Error::internal(std::io::Error::other(what))
}

#[cfg(test)]
mod tests {
    use carillon_plugin::rev;

    use super::*;

    #[test]
    fn rev_becomes_the_last_field_of_an_object() {
        let with_rev = |object, seq| sealed(&unsealed(&Json::trusted(object)), seq);
        assert_eq!(with_rev("{}", 7).as_str(), r#"{"rev":7}"#);
        assert_eq!(with_rev(r#"{"text":"a}"}"#, 12).as_str(), r#"{"text":"a}","rev":12}"#);
    }

    #[test]
    fn rev_is_what_the_log_wrote_last() {
        for object in ["{}", r#"{"text":"a}","reply_to":3}"#, r#"{"text":"\"rev\":9}"}"#] {
            assert_eq!(rev(object), None, "{object}");
            let unsealed = unsealed(&Json::trusted(object));
            assert_eq!(rev(sealed(&unsealed, 12).as_str()), Some((unsealed.as_str(), 12)));
        }
        for other in [r#"{"rev":}"#, r#"{"of":{"rev":7}}"#, "[1]"] {
            assert_eq!(rev(other), None, "{other}");
        }
    }
}
