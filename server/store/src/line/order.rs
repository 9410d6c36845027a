//! Events of all nodes, brought into their order. No I/O and no time: a test can try every order.

use std::{collections::BTreeMap, mem};

use carillon_protocol::{Event, EventId};

/// Events that may wait for those before them: seconds of what other nodes commit. What is more
/// than that is read from the log when its turn comes.
const HELD_MAX: usize = 4_096;

/// Events of consecutive positions, with that of the first.
pub(crate) type Run = (u64, Vec<Event>);

/// What has been applied, and what waits for something before it.
pub(super) struct Order {
    applied: u64,
    /// The event that was applied last, if it is known.
    last: Option<EventId>,
    held: BTreeMap<u64, Vec<Event>>,
    held_len: usize,
    /// The newest position anybody spoke of.
    spoken: u64,
}

impl Order {
    pub(super) fn new(applied: u64) -> Order {
        let held = BTreeMap::new();
        Order { applied, last: None, held, held_len: 0, spoken: applied }
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

    /// Takes events from wherever they come, again or out of order; gives what is next now.
    pub(super) fn take(&mut self, (first, events): Run) -> Vec<Run> {
        let Some(last) = last(first, events.len()) else { return Vec::new() };
        self.spoken = self.spoken.max(last);
        if first > self.applied + 1 {
            self.hold(first, events);
            return Vec::new();
        }
        let mut ready = Vec::new();
        ready.extend(self.next((first, events)));
        self.release(&mut ready);
        ready
    }

    /// Takes a page of the log. Positions have no gaps: what a page leaves out was not there for
    /// who read it, and what comes after it waits.
    pub(super) fn take_page(&mut self, page: Vec<Run>) -> Vec<Run> {
        page.into_iter().flat_map(|run| self.take(run)).collect()
    }

    /// What happened up to there counts as applied.
    pub(super) fn skip_to(&mut self, position: u64) -> Vec<Run> {
        let mut ready = Vec::new();
        self.applied = self.applied.max(position);
        self.spoken = self.spoken.max(position);
        self.release(&mut ready);
        ready
    }

    /// How many events of a page nobody has brought yet.
    pub(super) fn missed(&self, page: &[Run]) -> u64 {
        let mut missed = 0;
        for (first, events) in page {
            let from = (*first).max(self.applied + 1);
            let to = first + events.len() as u64;
            let held = self.held.range(..to).map(|(&first, events)| {
                (first + events.len() as u64).min(to).saturating_sub(first.max(from))
            });
            missed += to.saturating_sub(from).saturating_sub(held.sum());
        }
        missed
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
        let since =
            behind.into_iter().filter(|(first, events)| first + events.len() as u64 - 1 > spoken);
        self.held.extend(since);
        self.held_len = self.held.values().map(Vec::len).sum();
        if self.spoken <= spoken {
            self.spoken = end.max(self.applied);
        }
    }

    fn hold(&mut self, first: u64, events: Vec<Event>) {
        let known = self.held.get(&first).map_or(0, Vec::len);
        if events.len() <= known || self.held_len + events.len() - known > HELD_MAX {
            return;
        }
        self.held_len += events.len() - known;
        self.held.insert(first, events);
    }

    /// What of a run comes next.
    fn next(&mut self, (first, mut events): Run) -> Option<Run> {
        let known = self.applied + 1 - first;
        if known >= events.len() as u64 {
            return None;
        }
        let fresh = match known {
            0 => mem::take(&mut events),
            known => events.split_off(known as usize),
        };
        let first = self.applied + 1;
        self.applied += fresh.len() as u64;
        self.last = fresh.last().map(|event| event.id);
        Some((first, fresh))
    }

    /// Brings what was held and is next now.
    fn release(&mut self, ready: &mut Vec<Run>) {
        while let Some(entry) = self.held.first_entry().filter(|e| *e.key() <= self.applied + 1) {
            let (first, events) = entry.remove_entry();
            self.held_len -= events.len();
            ready.extend(self.next((first, events)));
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

    fn run(first: u64, len: u64) -> Run {
        let event = |seq| Event {
            topic: Topic::Conv(ConvId(Ulid(1))),
            seq,
            n: seq,
            k: "msg.sent".into(),
            id: EventId(Ulid(2)),
            by: UserId(Ulid(3)),
            at: 0,
            cid: None,
            data: Json::trusted("{}"),
        };
        (first, (first..first + len).map(event).collect())
    }

    fn seqs(ready: Vec<Run>) -> Vec<u64> {
        ready.into_iter().flat_map(|(_, events)| events).map(|event| event.seq).collect()
    }

    #[test]
    fn what_comes_early_waits_and_what_comes_twice_counts_once() {
        let mut order = Order::new(10);
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
        let page = vec![run(1, 6)];
        assert_eq!(order.missed(&page), 4);
        assert_eq!(seqs(order.take_page(page)), [1, 2, 3, 4, 5, 6]);
        assert_eq!(order.missed(&[run(1, 6)]), 0);
    }

    #[test]
    fn what_was_never_committed_is_forgotten() {
        let mut order = Order::new(5);
        order.take(run(1_000, 3));
        order.take((u64::MAX, run(1, 2).1));
        assert_eq!(order.hole(), Some((5, 999)));
        order.ends_at(5, order.spoken());
        assert_eq!((order.hole(), order.held_len), (None, 0));
        assert_eq!(seqs(order.take(run(6, 1))), [6]);
    }

    #[test]
    fn what_came_after_the_end_was_asked_for_is_kept() {
        let mut order = Order::new(5);
        order.take(run(8, 2));
        let spoken = order.spoken();
        order.take(run(12, 2));
        order.ends_at(5, spoken);
        assert_eq!((order.hole(), order.held_len, order.spoken()), (Some((5, 11)), 2, 13));
        assert_eq!(seqs(order.take(run(6, 6))), [6, 7, 8, 9, 10, 11, 12, 13]);
    }

    #[test]
    fn what_a_page_lacks_is_not_passed_over() {
        let mut order = Order::new(0);
        order.take(run(9, 1));
        assert_eq!(seqs(order.take_page(vec![run(1, 2), run(5, 2)])), [1, 2]);
        assert_eq!(order.hole(), Some((2, 4)));
        assert_eq!(seqs(order.take_page(Vec::new())), [0; 0]);
        assert_eq!(order.hole(), Some((2, 4)));
        assert_eq!(seqs(order.take_page(vec![run(3, 2)])), [3, 4, 5, 6]);
        assert_eq!(order.hole(), Some((6, 8)));
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
                    let page = vec![run(after + 1, page.min(newest - after))];
                    came.extend(seqs(order.take_page(page)));
                } else if page < 5 {
                    came.extend(seqs(order.take(run(far, page))));
                } else if page < 7 {
                    order.ends_at(newest, order.spoken());
                }
                prop_assert_eq!(came.len() as u64, order.applied());
            }
            order.ends_at(newest, order.spoken());
            let after = order.applied();
            came.extend(seqs(order.take_page(vec![run(after + 1, newest - after)])));
            prop_assert_eq!(came, (1..=newest).collect::<Vec<_>>());
            prop_assert!(order.held.is_empty() && order.held_len == 0);
        }
    }
}
