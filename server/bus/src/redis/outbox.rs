//! What is to be published and has not left yet.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;

use super::line::Line;
use crate::Part;

/// Payloads that may wait for a server.
pub const OUTBOX_MESSAGES_MAX: usize = 16_384;
/// Bytes of payloads that may wait for a server.
pub const OUTBOX_BYTES_MAX: usize = 16 << 20;
/// A hint that waited longer is worth nothing: by then the others have looked into the log.
const AGE_MAX: Duration = Duration::from_secs(1);

/// A queue for each part, bounded together. When it is full, what waited too long goes, and then
/// the oldest of the longest queue: a part that nobody takes from fills it, and silences no other.
#[derive(Debug, Default)]
pub(super) struct Outbox(Mutex<State>);

#[derive(Debug)]
struct State {
    queues: Vec<Queue>,
    messages: usize,
    bytes: usize,
    dropped: u64,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    bytes: usize,
    /// The number of the newest that came in.
    newest: u64,
    /// The line that the part goes through.
    line: Option<Arc<Line>>,
}

/// A payload on its way out.
#[derive(Debug)]
pub(super) struct Item {
    pub part: Part,
    pub number: u64,
    pub payload: Bytes,
    since: Instant,
}

impl Default for State {
    fn default() -> State {
        let queues = Part::all().map(|_| Queue::default()).collect();
        State { queues, messages: 0, bytes: 0, dropped: 0 }
    }
}

impl Outbox {
    /// Adds a payload, and answers the line that it goes through. One that is too big for an empty
    /// outbox is dropped.
    pub fn push(&self, part: Part, payload: Bytes, now: Instant) -> Option<Arc<Line>> {
        let mut state = self.lock();
        state.queues[part.index()].newest += 1;
        if payload.len() > OUTBOX_BYTES_MAX {
            state.dropped += 1;
            return None;
        }
        state.make_room(payload.len(), now);
        state.messages += 1;
        state.bytes += payload.len();
        let queue = &mut state.queues[part.index()];
        queue.bytes += payload.len();
        queue.items.push_back(Item { part, number: queue.newest, payload, since: now });
        queue.line.clone()
    }

    /// Takes up to so many payloads of these parts, and drops those that waited too long. The part
    /// that comes first changes from call to call, so that none is passed over for ever.
    pub fn take(&self, parts: &[Part], turn: usize, most: usize, now: Instant) -> Vec<Item> {
        let mut state = self.lock();
        let mut taken = Vec::new();
        for i in 0..parts.len() {
            let part = parts[(turn + i) % parts.len()];
            while taken.len() < most {
                let Some(item) = state.pop(part) else { break };
                if item.is_stale(now) {
                    state.dropped += 1;
                } else {
                    taken.push(item);
                }
            }
        }
        taken
    }

    /// The number of the newest of a part that left, to a server or for ever.
    pub fn left(&self, part: Part) -> u64 {
        let queue = &self.lock().queues[part.index()];
        queue.items.front().map_or(queue.newest, |first| first.number - 1)
    }

    /// From now on the parts of a line go through it.
    pub fn route(&self, line: &Arc<Line>) {
        let mut state = self.lock();
        for part in &line.parts {
            state.queues[part.index()].line = Some(line.clone());
        }
    }

    /// Counts what did not reach a server.
    pub fn lost(&self, count: u64) {
        self.lock().dropped += count;
    }

    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pop(&mut self, part: Part) -> Option<Item> {
        let queue = &mut self.queues[part.index()];
        let item = queue.items.pop_front()?;
        queue.bytes -= item.payload.len();
        self.messages -= 1;
        self.bytes -= item.payload.len();
        Some(item)
    }

    /// Drops what it takes until one more payload fits, which is not too big for an empty outbox.
    fn make_room(&mut self, size: usize, now: Instant) {
        if self.fits(size) {
            return;
        }
        for part in Part::all() {
            while self.queues[part.index()].items.front().is_some_and(|item| item.is_stale(now)) {
                self.drop_oldest(part);
            }
        }
        while !self.fits(size) {
            let Some(part) = self.longest() else { break };
            self.drop_oldest(part);
        }
    }

    fn fits(&self, size: usize) -> bool {
        self.messages < OUTBOX_MESSAGES_MAX && self.bytes + size <= OUTBOX_BYTES_MAX
    }

    /// The part with the most of what there is too much of.
    fn longest(&self) -> Option<Part> {
        let by_count = self.messages >= OUTBOX_MESSAGES_MAX;
        Part::all().max_by_key(|part| {
            let queue = &self.queues[part.index()];
            if by_count { queue.items.len() } else { queue.bytes }
        })
    }

    fn drop_oldest(&mut self, part: Part) {
        if self.pop(part).is_some() {
            self.dropped += 1;
        }
    }
}

impl Item {
    fn is_stale(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) > AGE_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis::now;

    fn part(number: u8) -> Part {
        Part::new(number).unwrap()
    }

    fn numbers(items: &[Item]) -> Vec<(u8, u64)> {
        items.iter().map(|item| (item.part.number(), item.number)).collect()
    }

    #[test]
    fn a_full_outbox_drops_the_oldest_of_the_longest_queue() {
        let (outbox, start) = (Outbox::default(), now());
        for _ in 0..OUTBOX_MESSAGES_MAX {
            outbox.push(part(1), Bytes::new(), start);
        }
        outbox.push(part(1), Bytes::new(), start);
        outbox.push(part(2), Bytes::new(), start);
        assert_eq!(outbox.dropped(), 2);
        assert_eq!((outbox.left(part(1)), outbox.left(part(2))), (2, 0));
        let taken = outbox.take(&[part(2), part(1)], 0, 2, start);
        assert_eq!(numbers(&taken), [(2, 1), (1, 3)]);
        assert_eq!((outbox.left(part(1)), outbox.left(part(2))), (3, 1));
    }

    #[test]
    fn a_part_that_nobody_takes_from_does_not_silence_another() {
        let (outbox, start) = (Outbox::default(), now());
        for number in 1..=2 * OUTBOX_MESSAGES_MAX as u64 {
            outbox.push(part(1), Bytes::new(), start);
            outbox.push(part(2), Bytes::new(), start);
            assert_eq!(numbers(&outbox.take(&[part(2)], 0, 9, start)), [(2, number)]);
        }
        assert_eq!(outbox.dropped(), OUTBOX_MESSAGES_MAX as u64 + 1);
    }

    #[test]
    fn few_payloads_that_are_big_do_not_silence_many_that_are_small() {
        let (outbox, start) = (Outbox::default(), now());
        let quarter = Bytes::from(vec![0; OUTBOX_BYTES_MAX / 4]);
        for _ in 0..4 {
            outbox.push(part(1), quarter.clone(), start);
        }
        for _ in 0..100 {
            outbox.push(part(2), Bytes::from_static(b"hint"), start);
        }
        assert_eq!(outbox.dropped(), 1);
        assert_eq!(outbox.take(&[part(2)], 0, 200, start).len(), 100);
    }

    #[test]
    fn a_full_outbox_drops_first_what_waited_too_long_wherever_it_is() {
        let (outbox, start) = (Outbox::default(), now());
        let later = start + AGE_MAX + Duration::from_millis(1);
        for dead in [1, 2] {
            outbox.push(part(dead), Bytes::new(), start);
        }
        for _ in 2..OUTBOX_MESSAGES_MAX {
            outbox.push(part(3), Bytes::new(), later);
        }
        assert_eq!(outbox.dropped(), 0);
        outbox.push(part(3), Bytes::new(), later);
        assert_eq!(outbox.dropped(), 2);
        assert_eq!(outbox.left(part(3)), 0, "the longest queue has lost nothing");
    }

    #[test]
    fn bytes_are_bounded_too() {
        let outbox = Outbox::default();
        let half = Bytes::from(vec![0; OUTBOX_BYTES_MAX / 2]);
        for _ in 0..3 {
            outbox.push(part(1), half.clone(), now());
        }
        assert_eq!(outbox.dropped(), 1);
        outbox.push(part(2), Bytes::from(vec![0; OUTBOX_BYTES_MAX]), now());
        assert_eq!(outbox.dropped(), 3, "the newest stays, however big");
        let taken = outbox.take(&[part(1), part(2)], 0, 9, now());
        assert_eq!(numbers(&taken), [(2, 1)]);
    }

    #[test]
    fn what_is_too_big_for_an_empty_outbox_goes_itself_and_leaves_a_gap() {
        let outbox = Outbox::default();
        outbox.push(part(1), Bytes::new(), now());
        outbox.push(part(1), Bytes::from(vec![0; OUTBOX_BYTES_MAX + 1]), now());
        assert_eq!((outbox.dropped(), outbox.left(part(1))), (1, 0));
        assert_eq!(numbers(&outbox.take(&[part(1)], 0, 9, now())), [(1, 1)]);
        assert_eq!(outbox.left(part(1)), 2, "the others learn that they miss one");
    }

    #[test]
    fn what_waited_too_long_is_not_sent() {
        let (outbox, start) = (Outbox::default(), now());
        outbox.push(part(1), Bytes::new(), start);
        outbox.push(part(1), Bytes::new(), start + AGE_MAX);
        let taken = outbox.take(&[part(1)], 0, 9, start + AGE_MAX + Duration::from_millis(1));
        assert_eq!(numbers(&taken), [(1, 2)]);
        assert_eq!(outbox.dropped(), 1);
    }

    #[test]
    fn parts_take_turns_and_keep_their_order() {
        let (outbox, parts) = (Outbox::default(), [part(1), part(2)]);
        for part in [parts[0], parts[0], parts[1]] {
            outbox.push(part, Bytes::new(), now());
        }
        assert_eq!(numbers(&outbox.take(&parts, 1, 2, now())), [(2, 1), (1, 1)]);
        assert_eq!(numbers(&outbox.take(&parts, 2, 2, now())), [(1, 2)]);
    }
}
