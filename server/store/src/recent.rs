//! The newest events of the log, in memory: what somebody missed who was away for a moment is
//! answered from here.
//!
//! Events are shared, not copied: what is kept are pointers to what is being delivered anyway, and
//! where an event stands among those of its topic.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use carillon_plugin::Tail;
use carillon_protocol::{Event, Topic};
use serde::Deserialize;

/// At most so many events: minutes of a busy company, a second of the most that can be committed.
const EVENTS_MAX: usize = 65_536;
/// What they take at most, in bytes: long messages push others out earlier.
const BYTES_MAX: usize = 24 << 20;
/// What an event takes besides its data, with its places in the queues.
const EVENT_BYTES: usize = 256;

/// The newest events of everybody's topics.
pub(crate) struct Recent(Mutex<Events>);

struct Events {
    /// Everything after this position is here.
    floor: u64,
    /// Whose event stands at each position after it; none where nobody listens to the topic.
    order: VecDeque<Option<Topic>>,
    topics: HashMap<Topic, Kept>,
    bytes: usize,
}

/// The newest events of a topic. Those are missing that say something else by now.
#[derive(Default)]
struct Kept {
    /// The position in the topic of the first one.
    from: u64,
    events: VecDeque<Option<Event>>,
}

/// What every event has that changes an earlier one of its topic.
#[derive(Deserialize)]
struct Change {
    of: u64,
}

impl Recent {
    /// Nothing that was committed up to a position.
    pub(crate) fn new(position: u64) -> Recent {
        Recent(Mutex::new(Events::new(position)))
    }

    fn lock(&self) -> MutexGuard<'_, Events> {
        // Nothing in here panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Events that were committed, with the position of the first.
    pub(crate) fn note(&self, first: u64, committed: &[Event]) {
        let mut events = self.lock();
        if first != events.next() {
            *events = Events::new(first - 1);
        }
        committed.iter().for_each(|event| events.push(event));
    }

    /// The newest events of topics, where they can be answered from here for somebody who has
    /// everything up to a position: what came before it may be missing.
    pub(crate) fn tails(&self, tails: &[Tail], after: Option<u64>) -> Vec<Option<Vec<Event>>> {
        let events = self.lock();
        let has_rest = after.is_some_and(|position| position >= events.floor);
        tails.iter().map(|tail| events.tail(tail, has_rest)).collect()
    }
}

impl Events {
    fn new(floor: u64) -> Events {
        Events { floor, order: VecDeque::new(), topics: HashMap::new(), bytes: 0 }
    }

    /// The position of the next event.
    fn next(&self) -> u64 {
        self.floor + self.order.len() as u64 + 1
    }

    fn push(&mut self, event: &Event) {
        // Plugins tell each other things there; nobody catches up with it.
        let listened = !matches!(event.topic, Topic::Plugin(_));
        self.order.push_back(listened.then(|| event.topic.clone()));
        if listened {
            self.bytes += bytes(Some(event));
            let kept = self.topics.entry(event.topic.clone()).or_default();
            self.bytes -= changed(event).map_or(0, |of| kept.forget(of));
            kept.push(event.clone());
        }
        while self.order.len() > EVENTS_MAX || self.bytes > BYTES_MAX {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some(topic) = self.order.pop_front() else { return };
        self.floor += 1;
        let Some(topic) = topic else { return };
        let Some(kept) = self.topics.get_mut(&topic) else { return };
        self.bytes -= kept.drop_oldest();
        if kept.events.is_empty() {
            self.topics.remove(&topic);
        }
    }

    /// The end of a topic's log if it is here: as many events as are asked for, or all that
    /// somebody lacks who has the rest. One at least: without any it cannot be told from a topic
    /// that rests.
    fn tail(&self, Tail { topic, window, limit }: &Tail, has_rest: bool) -> Option<Vec<Event>> {
        let kept = self.topics.get(topic)?;
        let to = kept.next() - 1;
        let spans = window.0.iter().rev();
        let seqs = spans.flat_map(|&(first, last)| (first.max(kept.from)..=last.min(to)).rev());
        let found = seqs.take(*limit as usize).map(|seq| kept.at(seq).cloned());
        let mut tail: Vec<_> = found.collect::<Option<_>>()?;
        tail.reverse();
        (tail.len() == *limit as usize || (has_rest && !tail.is_empty())).then_some(tail)
    }
}

impl Kept {
    /// The position of the next event: a topic's positions have no gaps either.
    fn next(&self) -> u64 {
        self.from + self.events.len() as u64
    }

    fn push(&mut self, event: Event) {
        if self.events.is_empty() {
            self.from = event.seq;
        }
        self.events.push_back(Some(event));
    }

    fn at(&self, seq: u64) -> Option<&Event> {
        let place = usize::try_from(seq.checked_sub(self.from)?).ok()?;
        self.events.get(place)?.as_ref()
    }

    /// An event says something else from now on: the log knows what. Says how much it took.
    fn forget(&mut self, seq: u64) -> usize {
        let place = seq.checked_sub(self.from).and_then(|place| usize::try_from(place).ok());
        let event = place.and_then(|place| self.events.get_mut(place)).and_then(Option::take);
        event.map_or(0, |event| event.data.as_str().len())
    }

    /// Says how much it took.
    fn drop_oldest(&mut self) -> usize {
        self.from += 1;
        self.events.pop_front().map_or(0, |event| bytes(event.as_ref()))
    }
}

/// Which earlier event of its topic an event changes. Nearly all change none, and are not parsed.
fn changed(event: &Event) -> Option<u64> {
    let data = event.data.as_str();
    data.contains(r#""of":"#).then(|| event.data.to::<Change>().ok()).flatten().map(|it| it.of)
}

/// What an event takes, and its place if it is not there any more.
fn bytes(event: Option<&Event>) -> usize {
    EVENT_BYTES + event.map_or(0, |event| event.data.as_str().len())
}

#[cfg(test)]
mod tests {
    use carillon_plugin::Window;
    use carillon_protocol::{ConvId, EventId, Json, UserId, id::Ulid};
    use proptest::prelude::*;

    use super::*;

    fn topic(number: u128) -> Topic {
        Topic::Conv(ConvId(Ulid(number)))
    }

    fn event(topic: Topic, seq: u64, len: usize) -> Event {
        Event {
            topic,
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

    fn asked(recent: &Recent, topic: Topic, after: Option<u64>, limit: u32) -> Option<Vec<u64>> {
        let tail = Tail { topic, window: Window::all(), limit };
        let found = recent.tails(&[tail], after).pop().unwrap();
        found.map(|events| events.into_iter().map(|event| event.seq).collect())
    }

    #[test]
    fn who_lacks_what_is_no_longer_here_is_answered_only_what_is_whole() {
        let recent = Recent::new(100);
        recent.note(101, &[event(topic(1), 8, 1), event(topic(2), 1, 1), event(topic(1), 9, 1)]);
        assert_eq!(asked(&recent, topic(1), Some(100), 20), Some(vec![8, 9]));
        assert_eq!(asked(&recent, topic(1), Some(99), 20), None);
        assert_eq!(asked(&recent, topic(1), None, 20), None);
        assert_eq!(asked(&recent, topic(1), None, 2), Some(vec![8, 9]));
        assert_eq!(asked(&recent, topic(3), Some(100), 1), None);
        recent.note(105, &[event(topic(1), 10, 1)]);
        assert_eq!(asked(&recent, topic(1), Some(104), 20), Some(vec![10]));
        recent.note(107, &[event(topic(1), 12, 1)]);
        assert_eq!(asked(&recent, topic(1), Some(104), 20), None, "what is between was not told");
    }

    #[test]
    fn what_says_something_else_by_now_is_asked_of_the_log() {
        let recent = Recent::new(0);
        let events: Vec<_> = (1..=4).map(|seq| event(topic(1), seq, 9)).collect();
        recent.note(1, &events);
        assert_eq!(asked(&recent, topic(1), Some(0), 9), Some(vec![1, 2, 3, 4]));
        let change = Event { data: Json::trusted(r#"{"of":2}"#), ..event(topic(1), 5, 0) };
        recent.note(5, &[change]);
        assert_eq!(asked(&recent, topic(1), Some(0), 9), None);
        assert_eq!(asked(&recent, topic(1), Some(0), 4), None);
        assert_eq!(asked(&recent, topic(1), Some(0), 3), Some(vec![3, 4, 5]));
        (0..5).for_each(|_| recent.lock().drop_oldest());
        assert_eq!(recent.lock().bytes, 0);
    }

    #[test]
    fn it_does_not_grow_beyond_its_bounds() {
        let recent = Recent::new(0);
        for pos in 1..=EVENTS_MAX as u64 + 9 {
            recent.note(pos, &[event(topic(pos.into()), 1, 1)]);
        }
        let next = {
            let events = recent.lock();
            assert_eq!((events.order.len(), events.topics.len()), (EVENTS_MAX, EVENTS_MAX));
            events.next()
        };
        for pos in 0..100 {
            recent.note(next + pos, &[event(topic(1), pos + 2, 1 << 20)]);
        }
        assert!(recent.lock().bytes <= BYTES_MAX);
        assert_eq!(recent.lock().next(), next + 100);
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        /// Against the whole log: an answer has what was asked for, and nothing after the position
        /// is missing from it.
        #[test]
        fn what_is_answered_is_the_end_of_the_log_in_the_window(
            said in prop::collection::vec(0_u128..4, 1..60),
            drops in 0_usize..30,
            after in 0_u64..60,
            (from, to) in (1_u64..20, 1_u64..20),
            limit in 1_u32..6,
        ) {
            let (recent, mut log) = (Recent::new(0), Vec::new());
            for (topic_of, pos) in said.iter().zip(1..) {
                let topic = topic(*topic_of);
                let before = log.iter().filter(|(_, it): &&(u64, Event)| it.topic == topic);
                let seq = before.count() as u64 + 1;
                let event = event(topic, seq, 1);
                recent.note(pos, std::slice::from_ref(&event));
                log.push((pos, event));
            }
            (0..drops).for_each(|_| recent.lock().drop_oldest());
            for number in 0..4 {
                let window = Window([(from, to)].into_iter().collect());
                let tail = Tail { topic: topic(number), window: window.clone(), limit };
                let answer = recent.tails(&[tail], Some(after)).pop();
                let Some(found) = answer.flatten() else { continue };
                let said = log.iter().filter(|(_, it)| it.topic == topic(number));
                let seen: Vec<_> = said.filter(|(_, it)| window.sees(it.seq)).collect();
                let whole = &seen[seen.len().saturating_sub(limit as usize)..];
                let lacking = whole.iter().filter(|(pos, _)| *pos > after).count();
                prop_assert!(found.len() >= lacking.max(1));
                let end = whole[whole.len() - found.len()..].iter().map(|(_, event)| event);
                prop_assert!(end.eq(found.iter()));
            }
        }
    }
}
