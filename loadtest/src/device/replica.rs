//! What a device holds of each topic, and what it has to ask for.

use std::collections::{BTreeSet, HashMap};

use carillon_protocol::{Event, Topic};

/// How long a device waits for what is missing before it asks, in nanoseconds: it may be under way.
const GAP_NS: u64 = 500_000_000;

/// What a device holds of a topic.
#[derive(Debug, Default)]
struct Place {
    /// Everything up to here, as far as the person may see it.
    have: u64,
    /// What came beyond a gap.
    ahead: BTreeSet<u64>,
    /// Up to where there is something, as the server said.
    head: u64,
    /// Behind which position something was missing that the person might not see.
    passed_over: Option<u64>,
    /// When to ask; `None` if nothing is missing, or nothing more is to be had.
    ask_at: Option<u64>,
}

impl Place {
    fn hold(&mut self, seq: u64) {
        if seq > self.have {
            self.ahead.insert(seq);
        }
        self.close();
    }

    /// What is now connected is no longer ahead.
    fn close(&mut self) {
        while let Some(first) = self.ahead.first().copied().filter(|seq| *seq <= self.have + 1) {
            self.ahead.remove(&first);
            self.have = self.have.max(first);
        }
    }

    /// What is missing cannot be had now.
    fn pass_over(&mut self) {
        if let Some(last) = self.ahead.pop_last() {
            self.passed_over.get_or_insert(self.have);
            self.have = last;
            self.ahead.clear();
        }
        self.head = self.have;
    }

    fn is_whole(&self) -> bool {
        self.ahead.is_empty() && self.have >= self.head
    }

    /// Asks at this time, or before if that was to be.
    fn ask(&mut self, at: u64) {
        self.ask_at = if self.is_whole() { None } else { Some(self.ask_at.unwrap_or(at).min(at)) };
    }
}

/// All topics of a device.
#[derive(Debug, Default)]
pub struct Replica(HashMap<Topic, Place>);

impl Replica {
    /// An event arrived by itself.
    pub fn live(&mut self, event: &Event, now: u64) {
        let place = self.0.entry(event.topic.clone()).or_default();
        place.hold(event.seq);
        place.ask(now + GAP_NS);
    }

    /// The server says how far a topic goes, with its last events.
    pub fn page(&mut self, topic: &Topic, head: u64, last: &[Event], now: u64) {
        let place = self.0.entry(topic.clone()).or_default();
        place.head = place.head.max(head);
        last.iter().for_each(|event| place.hold(event.seq));
        place.ask(now);
    }

    /// A topic that misses something, and what the device has of it. It is not named again until
    /// there is an answer.
    pub fn missing(&mut self, now: u64) -> Option<(Topic, u64)> {
        let due = |place: &Place| place.ask_at.is_some_and(|at| at <= now);
        let (topic, place) = self.0.iter_mut().find(|(_, place)| due(place))?;
        place.ask_at = None;
        Some((topic.clone(), place.have))
    }

    /// What comes after is this. What lies between is not the person's to see.
    pub fn answered(
        &mut self,
        topic: &Topic,
        events: &[Event],
        (head, more): (u64, bool),
        now: u64,
    ) {
        let place = self.0.entry(topic.clone()).or_default();
        let end = events.last().map_or(0, |event| event.seq);
        place.have = place.have.max(end);
        if !more {
            place.have = place.have.max(head);
            place.close();
            // All that may be seen has been: who left a conversation sees only that event of it.
            place.pass_over();
        }
        place.close();
        place.ask(now);
    }

    /// The topic is not the person's any more: what is missing is not asked for again, until there
    /// is news of it.
    pub fn refused(&mut self, topic: &Topic) {
        if let Some(place) = self.0.get_mut(topic) {
            place.pass_over();
            place.ask_at = None;
        }
    }

    /// The person came back to a conversation, and may see again what could not be seen.
    pub fn came_back(&mut self, topic: &Topic, now: u64) {
        let place = self.0.entry(topic.clone()).or_default();
        if let Some(have) = place.passed_over.take() {
            place.head = place.head.max(place.have);
            place.have = have;
            place.ask(now);
        }
    }

    /// No answer for now: asks again at this time.
    pub fn again(&mut self, topic: &Topic, at: u64) {
        self.0.entry(topic.clone()).or_default().ask(at);
    }

    /// The connection that was asked is gone: everything that is missing is asked for again.
    pub fn cut(&mut self, now: u64) {
        self.0.values_mut().for_each(|place| place.ask(now));
    }

    /// How much of a topic the device has.
    pub fn have(&self, topic: &Topic) -> u64 {
        self.0.get(topic).map_or(0, |place| place.have)
    }

    /// Whether nothing is missing anywhere.
    pub fn is_whole(&self) -> bool {
        self.0.values().all(|place| place.is_whole() && place.ask_at.is_none())
    }

    /// Forgets everything, as a device that was set up anew.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use carillon_protocol::{ConvId, EventId, Json, UserId, id::Ulid};

    use super::*;

    const TOPIC: Topic = Topic::Conv(ConvId(Ulid(1)));

    fn event(seq: u64) -> Event {
        Event {
            topic: TOPIC,
            seq,
            n: 0,
            k: Arc::from("msg.sent"),
            id: EventId(Ulid(seq.into())),
            by: UserId(Ulid(2)),
            at: 0,
            cid: None,
            data: Json::default(),
        }
    }

    #[test]
    fn what_comes_in_order_is_held_and_nothing_is_asked() {
        let mut replica = Replica::default();
        replica.live(&event(1), 0);
        replica.live(&event(2), 0);
        assert_eq!((replica.have(&TOPIC), replica.missing(u64::MAX)), (2, None));
    }

    #[test]
    fn a_gap_is_asked_for_once_after_a_while() {
        let mut replica = Replica::default();
        replica.live(&event(1), 0);
        replica.live(&event(3), 10);
        assert_eq!(replica.missing(GAP_NS), None, "it may be under way");
        assert_eq!(replica.missing(10 + GAP_NS), Some((TOPIC, 1)));
        assert_eq!(replica.missing(u64::MAX), None, "an answer is awaited");
        replica.answered(&TOPIC, &[event(2), event(3)], (3, false), 20);
        assert!(replica.is_whole());
        assert_eq!(replica.have(&TOPIC), 3);
    }

    #[test]
    fn who_left_has_all_that_there_is_to_have() {
        let mut replica = Replica::default();
        replica.live(&event(1), 0);
        replica.page(&TOPIC, 9, &[event(9)], 0);
        assert_eq!(replica.missing(0), Some((TOPIC, 1)));
        replica.answered(&TOPIC, &[], (0, false), 0);
        assert_eq!((replica.have(&TOPIC), replica.missing(u64::MAX)), (9, None));
        assert!(replica.is_whole());
        replica.came_back(&TOPIC, 5);
        assert_eq!(replica.missing(5), Some((TOPIC, 1)), "now it may be seen");
    }

    #[test]
    fn what_comes_late_makes_asking_needless() {
        let mut replica = Replica::default();
        replica.live(&event(2), 0);
        replica.live(&event(1), 5);
        assert!(replica.is_whole());
        assert_eq!(replica.missing(u64::MAX), None);
    }

    #[test]
    fn a_page_is_asked_for_at_once_and_until_its_head() {
        let mut replica = Replica::default();
        replica.page(&TOPIC, 9, &[event(9)], 0);
        assert_eq!(replica.missing(0), Some((TOPIC, 0)));
        replica.answered(&TOPIC, &[event(4), event(5)], (9, true), 0);
        assert_eq!(replica.missing(0), Some((TOPIC, 5)));
        replica.cut(7);
        assert_eq!(replica.missing(7), Some((TOPIC, 5)), "the answer will not come");
        replica.answered(&TOPIC, &[event(6), event(7), event(8)], (9, true), 7);
        assert_eq!(replica.have(&TOPIC), 9);
        replica.refused(&TOPIC);
        assert!(replica.is_whole());
    }
}
