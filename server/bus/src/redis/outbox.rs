//! What is to be published and has not left yet.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{sync::Notify, time::Instant};

use crate::Part;

/// Payloads that may wait for a server.
pub const OUTBOX_MESSAGES_MAX: usize = 16_384;
/// Bytes of payloads that may wait for a server.
pub const OUTBOX_BYTES_MAX: usize = 16 << 20;
/// A hint that waited longer is worth nothing: by then the others have looked into the log.
const AGE_MAX: Duration = Duration::from_secs(1);

/// A queue for each part, bounded together. When it is full, the oldest of the same part goes.
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
    /// The number of the newest that came in.
    newest: u64,
    /// The number of the newest that left, to a server or for ever.
    left: u64,
    /// The line that the part goes through.
    line: Option<Arc<Notify>>,
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
    /// Adds a payload and wakes the line that it goes through.
    pub fn push(&self, part: Part, payload: Bytes, now: Instant) {
        let mut state = self.lock();
        let queue = &mut state.queues[part.index()];
        queue.newest += 1;
        let item = Item { part, number: queue.newest, payload, since: now };
        state.messages += 1;
        state.bytes += item.payload.len();
        state.queues[part.index()].items.push_back(item);
        while state.messages > OUTBOX_MESSAGES_MAX || state.bytes > OUTBOX_BYTES_MAX {
            // What was just added goes itself when there is nothing before it.
            drop(state.pop(part));
            state.dropped += 1;
        }
        if let Some(line) = &state.queues[part.index()].line {
            line.notify_one();
        }
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
                if now.saturating_duration_since(item.since) > AGE_MAX {
                    state.dropped += 1;
                } else {
                    taken.push(item);
                }
            }
        }
        taken
    }

    /// The number of the newest of a part that left.
    pub fn left(&self, part: Part) -> u64 {
        self.lock().queues[part.index()].left
    }

    /// From now on these parts go through the line that this wakes.
    pub fn route(&self, parts: &[Part], line: &Arc<Notify>) {
        let mut state = self.lock();
        for part in parts {
            state.queues[part.index()].line = Some(line.clone());
        }
        line.notify_one();
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
        queue.left = item.number;
        self.messages -= 1;
        self.bytes -= item.payload.len();
        Some(item)
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
    fn a_full_outbox_drops_the_oldest_of_the_same_part() {
        let outbox = Outbox::default();
        for _ in 0..OUTBOX_MESSAGES_MAX {
            outbox.push(part(1), Bytes::new(), now());
        }
        outbox.push(part(1), Bytes::new(), now());
        outbox.push(part(2), Bytes::new(), now());
        assert_eq!(outbox.dropped(), 2);
        let taken = outbox.take(&[part(2), part(1)], 0, 1, now());
        assert_eq!(numbers(&taken), [(1, 2)]);
        assert_eq!((outbox.left(part(1)), outbox.left(part(2))), (2, 1));
    }

    #[test]
    fn bytes_are_bounded_too() {
        let outbox = Outbox::default();
        let half = Bytes::from(vec![0; OUTBOX_BYTES_MAX / 2]);
        for _ in 0..3 {
            outbox.push(part(1), half.clone(), now());
        }
        outbox.push(part(1), Bytes::from(vec![0; OUTBOX_BYTES_MAX + 1]), now());
        assert_eq!(outbox.dropped(), 4, "what is too big for an empty outbox goes itself");
        assert!(outbox.take(&[part(1)], 0, 9, now()).is_empty());
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
