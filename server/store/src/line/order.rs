//! Events of all nodes, brought into their order. No I/O and no time: a test can try every order.

use std::{collections::BTreeMap, mem};

use carillon_protocol::{Event, EventId};

/// Events that may wait for those before them: seconds of what other nodes commit. What is more
/// than that is read from the log when its turn comes.
const HELD_MAX: usize = 4_096;

/// Events of consecutive positions, and what they follow.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Run {
    /// The position of the first.
    pub first: u64,
    /// The event at the position before it, which tells this log from another one that was the
    /// same once. None before the first event of all, and of who does not know it.
    pub after: Option<EventId>,
    /// In the order of their positions.
    pub events: Vec<Event>,
}

impl Run {
    /// Behind the last position.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.events.len() as u64
    }
}

/// What has been applied, and what waits for something before it.
pub(super) struct Order {
    applied: u64,
    /// The event that was applied last, if it is known.
    last: Option<EventId>,
    held: BTreeMap<u64, Run>,
    held_len: usize,
    /// The newest position anybody spoke of.
    spoken: u64,
    /// Something came that does not follow what was applied: one of the two is of another log.
    doubtful: bool,
}

impl Order {
    pub(super) fn new(applied: u64) -> Order {
        let held = BTreeMap::new();
        Order { applied, last: None, held, held_len: 0, spoken: applied, doubtful: false }
    }

    /// With the event at the position.
    pub(super) fn with_last(mut self, last: Option<EventId>) -> Order {
        self.last = last;
        self
    }

    pub(super) fn last(&self) -> Option<EventId> {
        self.last
    }

    pub(super) fn applied(&self) -> u64 {
        self.applied
    }

    pub(super) fn spoken(&self) -> u64 {
        self.spoken
    }

    /// Whether the log is to be asked which of two is right; says so once.
    pub(super) fn is_doubtful(&mut self) -> bool {
        mem::take(&mut self.doubtful)
    }

    /// Takes events from wherever they come, again or out of order; gives what is next now. What
    /// does not follow the last event is of another log, or this is: nothing of it is given.
    pub(super) fn take(&mut self, run: Run) -> Vec<Run> {
        let Some(last) = last(run.first, run.events.len()) else { return Vec::new() };
        self.spoken = self.spoken.max(last);
        if run.first > self.applied + 1 {
            self.hold(run);
            return Vec::new();
        }
        let mut ready = Vec::new();
        ready.extend(self.next(run));
        self.release(&mut ready);
        ready
    }

    /// What waits is not believed any more: it is read when its turn comes.
    pub(super) fn forget_held(&mut self) {
        self.held.clear();
        self.held_len = 0;
    }

    /// How many events of a page nobody has brought yet.
    pub(super) fn missed(&self, page: &Run) -> u64 {
        let (from, to) = (page.first.max(self.applied + 1), page.end());
        let held = self.held.range(..to);
        let held = held.map(|(&first, run)| run.end().min(to).saturating_sub(first.max(from)));
        to.saturating_sub(from).saturating_sub(held.sum())
    }

    /// Where something is missing: the log is to be read after the first position and up to the
    /// second.
    pub(super) fn hole(&self) -> Option<(u64, u64)> {
        let before = self.held.first_key_value().map_or(self.spoken, |(first, _)| first - 1);
        (self.applied < before).then_some((self.applied, before))
    }

    /// The log ended there after somebody had spoken of positions up to `spoken`: those behind its
    /// end were never committed. What has been spoken of since is kept.
    pub(super) fn ends_at(&mut self, end: u64, spoken: u64) {
        let behind = self.held.split_off(&(end + 1));
        self.held.extend(behind.into_iter().filter(|(_, run)| run.end() - 1 > spoken));
        self.held_len = self.held.values().map(|run| run.events.len()).sum();
        if self.spoken <= spoken {
            self.spoken = end.max(self.applied);
        }
    }

    fn hold(&mut self, run: Run) {
        let (len, known) = (run.events.len(), self.held.get(&run.first));
        let known = known.map_or(0, |known| known.events.len());
        if len <= known || self.held_len + len - known > HELD_MAX {
            return;
        }
        self.held_len += len - known;
        self.held.insert(run.first, run);
    }

    /// What of a run comes next.
    fn next(&mut self, mut run: Run) -> Option<Run> {
        let known = (self.applied + 1 - run.first) as usize;
        if known > run.events.len() {
            return None;
        }
        let before = match known {
            0 => run.after,
            known => Some(run.events[known - 1].id),
        };
        if before != self.last {
            self.doubtful = true;
            return None;
        }
        let events = run.events.split_off(known);
        let newest = events.last()?.id;
        let first = self.applied + 1;
        self.applied += events.len() as u64;
        let after = self.last.replace(newest);
        Some(Run { first, after, events })
    }

    /// Brings what was held and is next now.
    fn release(&mut self, ready: &mut Vec<Run>) {
        while let Some(entry) = self.held.first_entry().filter(|e| *e.key() <= self.applied + 1) {
            let run = entry.remove();
            self.held_len -= run.events.len();
            ready.extend(self.next(run));
        }
    }
}

fn last(first: u64, len: usize) -> Option<u64> {
    let len = u64::try_from(len).ok().filter(|&len| len > 0 && first > 0)?;
    // Positions are those of a BIGINT: with anything larger somebody is mistaken.
    first.checked_add(len - 1).filter(|&last| last < i64::MAX.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use carillon_protocol::{ConvId, EventId, Json, Topic, UserId, id::Ulid};
    use proptest::prelude::*;

    use super::*;

    /// Of a log of which there are several.
    fn run_of(log: u64, first: u64, len: u64) -> Run {
        let id = |seq: u64| EventId(Ulid::from_parts(seq, log.into()));
        let event = |seq| Event {
            topic: Topic::Conv(ConvId(Ulid(1))),
            seq,
            n: seq,
            k: "msg.sent".into(),
            id: id(seq),
            by: UserId(Ulid(3)),
            at: 0,
            cid: None,
            data: Json::trusted("{}"),
        };
        let after = (first > 1).then(|| id(first - 1));
        Run { first, after, events: (first..first + len).map(event).collect() }
    }

    fn run(first: u64, len: u64) -> Run {
        run_of(0, first, len)
    }

    fn at(applied: u64) -> Order {
        Order::new(applied).with_last(run(applied + 1, 1).after)
    }

    fn seqs(ready: Vec<Run>) -> Vec<u64> {
        ready.into_iter().flat_map(|run| run.events).map(|event| event.seq).collect()
    }

    #[test]
    fn what_does_not_follow_what_was_applied_is_not_applied_but_asked_for() {
        // Another log went on from 4 than that of which this has 5.
        let mut order = at(4);
        assert_eq!(seqs(order.take(run_of(0, 5, 1))), [5]);
        for other in [run_of(1, 6, 1), run_of(1, 5, 1), run_of(1, 5, 3), run_of(1, 4, 2)] {
            assert_eq!(seqs(order.take(other)), [0; 0]);
            assert!(order.is_doubtful() && !order.is_doubtful());
        }
        // What is behind says nothing, and what is the same is known.
        order.take(run(2, 2));
        order.take(run(3, 3));
        assert!(!order.is_doubtful());
        assert_eq!((order.applied(), order.hole()), (5, Some((5, 7))));
        assert_eq!(seqs(order.take(Run { after: None, ..run(6, 1) })), [0; 0]);
        assert_eq!((order.is_doubtful(), seqs(order.take(run(6, 2)))), (true, vec![6, 7]));
    }

    #[test]
    fn what_waited_is_given_only_if_it_follows_what_came_before_it() {
        let mut order = at(4);
        order.take(run_of(1, 6, 5));
        assert_eq!(seqs(order.take(run(5, 1))), [5]);
        assert!(order.is_doubtful());
        assert_eq!((order.hole(), order.held_len), (Some((5, 10)), 0));
        order.take(run(8, 1));
        order.forget_held();
        assert_eq!((order.hole(), order.held_len), (Some((5, 10)), 0));
        assert_eq!(seqs(order.take(run(6, 5))), [6, 7, 8, 9, 10]);
    }

    #[test]
    fn what_comes_early_waits_and_what_comes_twice_counts_once() {
        let mut order = at(10);
        assert_eq!(seqs(order.take(run(13, 2))), [0; 0]);
        assert_eq!(order.hole(), Some((10, 12)));
        assert_eq!(seqs(order.take(run(11, 1))), [11]);
        assert_eq!(seqs(order.take(run(11, 3))), [12, 13, 14]);
        assert_eq!(seqs(order.take(run(13, 2))), [0; 0]);
        assert_eq!((order.hole(), order.applied()), (None, 14));
    }

    #[test]
    fn a_page_counts_what_nobody_brought() {
        let mut order = Order::new(0);
        order.take(run(3, 2));
        assert_eq!(order.missed(&run(1, 6)), 4);
        assert_eq!(seqs(order.take(run(1, 6))), [1, 2, 3, 4, 5, 6]);
        assert_eq!(order.missed(&run(1, 6)), 0);
    }

    #[test]
    fn what_was_never_committed_is_forgotten() {
        let mut order = at(5);
        order.take(run(1_000, 3));
        order.take(Run { first: u64::MAX, ..run(1, 2) });
        assert_eq!(order.hole(), Some((5, 999)));
        order.ends_at(5, order.spoken());
        assert_eq!((order.hole(), order.held_len), (None, 0));
        assert_eq!(seqs(order.take(run(6, 1))), [6]);
    }

    #[test]
    fn what_came_after_the_end_was_asked_for_is_kept() {
        let mut order = at(5);
        order.take(run(8, 2));
        let spoken = order.spoken();
        order.take(run(12, 2));
        order.ends_at(5, spoken);
        assert_eq!((order.hole(), order.held_len, order.spoken()), (Some((5, 11)), 2, 13));
        assert_eq!(seqs(order.take(run(6, 6))), [6, 7, 8, 9, 10, 11, 12, 13]);
    }

    #[test]
    fn what_is_held_is_bounded_and_still_asked_for() {
        let mut order = Order::new(0);
        (2..10_000).for_each(|first| drop(order.take(run(first, 1))));
        assert_eq!(order.held_len, HELD_MAX);
        assert_eq!(seqs(order.take(run(1, 1))).len(), HELD_MAX + 1);
        assert_eq!(order.hole(), Some((HELD_MAX as u64 + 1, 9_999)));
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        /// Batches get lost, come twice and in any order, somebody speaks of what is not there, and
        /// now and then a page of the log is read, from a server that may be behind.
        #[test]
        fn every_event_comes_once_and_in_order(
            lens in prop::collection::vec(1_u64..5, 1..30),
            arrivals in prop::collection::vec((any::<prop::sample::Index>(), 0_u64..20), 0..80),
            far in 1_000_u64..2_000,
        ) {
            let first = |next: &mut u64, len: &u64| Some(mem::replace(next, *next + len));
            let firsts = lens.iter().scan(1, first);
            let batches: Vec<_> = firsts.zip(&lens).map(|(first, &len)| run(first, len)).collect();
            let newest = lens.iter().sum();
            let (mut order, mut came) = (Order::new(0), Vec::new());
            for (batch, page) in arrivals {
                came.extend(seqs(order.take(batch.get(&batches).clone())));
                if page < 3 {
                    let after = order.applied();
                    came.extend(seqs(order.take(run(after + 1, page.min(newest - after)))));
                } else if page < 5 {
                    came.extend(seqs(order.take(run_of(page, far, page))));
                } else if page < 7 {
                    order.ends_at(newest, order.spoken());
                }
                prop_assert_eq!(came.len() as u64, order.applied());
            }
            order.ends_at(newest, order.spoken());
            let after = order.applied();
            came.extend(seqs(order.take(run(after + 1, newest - after))));
            prop_assert_eq!(came, (1..=newest).collect::<Vec<_>>());
            prop_assert!(order.held.is_empty() && order.held_len == 0);
        }
    }
}
