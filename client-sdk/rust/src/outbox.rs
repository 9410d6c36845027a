//! Messages on their way: in order within a conversation, each until it is answered for good.
//!
//! A state machine without I/O: [`crate::journal`] keeps the entries on disk.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    ops::Bound,
};

use carillon_protocol::{Cid, ConvId, msg};
use serde::{Deserialize, Serialize};

/// Messages that wait for an answer; beyond, writing is refused: hours of typing fit.
pub(crate) const OUTBOX_LEN_MAX: usize = 10_000;
/// Messages that travel at the same time: half of what the server takes from a connection.
const IN_FLIGHT_MAX: usize = 8;

/// So often a message is sent again at once after `E_PREV_MISSING`.
const PREV_MISSING_MAX: u32 = 3;
/// The wait after that.
const PREV_MISSING_MS: u64 = 1_000;

/// A message and the id of the intent to send it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub cid: Cid,
    pub send: msg::Send,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not on disk yet: not sent, because a crash would forget what others have seen.
    Unsaved,
    Waiting,
    InFlight,
}

#[derive(Debug)]
struct Queued {
    entry: Entry,
    state: State,
    attempts: u32,
}

/// The messages of one conversation.
#[derive(Debug, Default)]
struct Lane {
    queue: VecDeque<Queued>,
    /// Nothing is sent before, after an error that asks for patience.
    not_before: u64,
}

/// A message to be sent now.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub cid: Cid,
    /// The message before it, if that one is not answered yet: the server keeps the order.
    pub prev: Option<Cid>,
    pub send: msg::Send,
}

/// The queue of messages.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    lanes: BTreeMap<ConvId, Lane>,
    conv_of: HashMap<Cid, ConvId>,
    /// The conversation whose turn it was last.
    last: Option<ConvId>,
    in_flight: usize,
}

impl Outbox {
    /// What was on disk at the start.
    pub fn restore(entries: Vec<Entry>) -> Outbox {
        let mut outbox = Outbox::default();
        for entry in entries {
            outbox.insert(entry, State::Waiting);
        }
        outbox
    }

    /// Takes a message that is being written to disk.
    pub fn push(&mut self, entry: Entry) {
        self.insert(entry, State::Unsaved);
    }

    fn insert(&mut self, entry: Entry, state: State) {
        self.conv_of.insert(entry.cid, entry.send.conv);
        let lane = self.lanes.entry(entry.send.conv).or_default();
        lane.queue.push_back(Queued { entry, state, attempts: 0 });
    }

    /// How many messages are not answered.
    pub fn len(&self) -> usize {
        self.conv_of.len()
    }

    /// Whether this message is not answered.
    pub fn contains(&self, cid: Cid) -> bool {
        self.conv_of.contains_key(&cid)
    }

    /// The conversation of a message that is not answered.
    pub fn conv_of(&self, cid: Cid) -> Option<ConvId> {
        self.conv_of.get(&cid).copied()
    }

    /// Every message, in an order that keeps that of each conversation.
    pub fn entries(&self) -> Vec<Entry> {
        let queued = self.lanes.values().flat_map(|lane| &lane.queue);
        queued.map(|queued| queued.entry.clone()).collect()
    }

    /// The message is on disk: it may be sent.
    pub fn saved(&mut self, cid: Cid) {
        let lane = self.conv_of.get(&cid).and_then(|conv| self.lanes.get_mut(conv));
        // From the back: it came in lately.
        let newest = lane.and_then(|lane| lane.queue.iter_mut().rev().find(|q| q.entry.cid == cid));
        if let Some(queued) = newest.filter(|queued| queued.state == State::Unsaved) {
            queued.state = State::Waiting;
        }
    }

    /// The next message to send. The conversations take turns: a full one holds no other up.
    pub fn next(&mut self, now: u64) -> Option<Outgoing> {
        if self.in_flight >= IN_FLIGHT_MAX {
            return None;
        }
        let ready = |lane: &Lane| {
            let first = lane.queue.iter().position(|queued| queued.state != State::InFlight)?;
            let waits = lane.queue[first].state == State::Waiting && lane.not_before <= now;
            waits.then_some(first)
        };
        let last = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let mut turns = self.lanes.range((last, Bound::Unbounded)).chain(&self.lanes);
        let (conv, at) = turns.find_map(|(conv, lane)| ready(lane).map(|at| (*conv, at)))?;
        let lane = self.lanes.get_mut(&conv)?;
        self.last = Some(conv);
        let prev = at.checked_sub(1).map(|before| lane.queue[before].entry.cid);
        let queued = &mut lane.queue[at];
        queued.state = State::InFlight;
        self.in_flight += 1;
        let Entry { cid, send } = queued.entry.clone();
        Some(Outgoing { cid, prev, send })
    }

    /// The message is answered for good, well or not. The one after it loses its `prev`: what is
    /// committed needs none, and what was refused cannot be waited for.
    pub fn answered(&mut self, cid: Cid) {
        let Some((lane, at)) = self.find(cid) else { return };
        let removed = lane.queue.remove(at);
        if let Some(conv) = self.conv_of.remove(&cid)
            && self.lanes.get(&conv).is_some_and(|lane| lane.queue.is_empty())
        {
            self.lanes.remove(&conv);
        }
        if removed.is_some_and(|queued| queued.state == State::InFlight) {
            self.in_flight -= 1;
        }
    }

    /// How often this message was tried in vain.
    pub fn attempts(&mut self, cid: Cid) -> u32 {
        self.find(cid).map_or(0, |(lane, at)| lane.queue[at].attempts)
    }

    /// The server asks to send the message again, not before `at`.
    pub fn again(&mut self, cid: Cid, not_before: u64) {
        let Some((lane, at)) = self.find(cid) else { return };
        lane.queue[at].attempts += 1;
        lane.not_before = lane.not_before.max(not_before);
        self.returned(cid);
    }

    /// The server does not have the message before this one: that one is being sent again, or was
    /// refused and is gone from the queue. Either way this one goes again in its turn, at once,
    /// unless that did not help before.
    pub fn prev_missing(&mut self, cid: Cid, now: u64) {
        let impatient = self.attempts(cid) < PREV_MISSING_MAX;
        self.again(cid, if impatient { now } else { now + PREV_MISSING_MS });
    }

    fn returned(&mut self, cid: Cid) {
        let Some((lane, at)) = self.find(cid) else { return };
        if lane.queue[at].state == State::InFlight {
            lane.queue[at].state = State::Waiting;
            self.in_flight -= 1;
        }
    }

    /// The connection is gone: whatever travelled is sent again.
    pub fn offline(&mut self) {
        for queued in self.lanes.values_mut().flat_map(|lane| &mut lane.queue) {
            if queued.state == State::InFlight {
                queued.state = State::Waiting;
            }
        }
        self.in_flight = 0;
    }

    /// When [`Outbox::next`] has something after a wait.
    pub fn due(&self, now: u64) -> Option<u64> {
        self.lanes.values().map(|lane| lane.not_before).filter(|at| *at > now).min()
    }

    fn find(&mut self, cid: Cid) -> Option<(&mut Lane, usize)> {
        let lane = self.lanes.get_mut(self.conv_of.get(&cid)?)?;
        let at = lane.queue.iter().position(|queued| queued.entry.cid == cid)?;
        Some((lane, at))
    }
}

#[cfg(test)]
mod tests;
