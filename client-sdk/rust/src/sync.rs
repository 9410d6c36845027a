//! What the client holds: for each topic the position up to which it has every event.
//!
//! A state machine without I/O or clock: frames and answers go in, effects come out. One rule
//! covers gaps, `dirty`, the catch-up after a reconnect and a program that reads its events too
//! slowly: what is known to exist and not held is read from the log, in order.

mod answers;
mod catch_up;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use carillon_protocol::{
    Event, Topic, UserId, conv,
    frame::ServerFrame,
    limits::{EVENTS_PER_PAGE_MAX, INT_MAX},
    log,
};

/// A missing event may still be on its way: it is asked for after so long.
const GAP_MS: u64 = 500;
/// After a failed read of the log, the next try.
const READ_AGAIN_MS: u64 = 5_000;
/// Events of one topic that wait for an earlier one; more are read from the log later.
const EARLY_MAX: usize = 100;
/// Events of all topics together that wait for an earlier one: bounds the memory.
const EARLY_TOTAL_MAX: usize = 1_000;
/// Reads of the log at the same time; the rest of the calls in flight is the program's.
const READS_MAX: usize = 4;

/// What the client does next.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    /// An event, in its turn.
    Deliver(Event),
    /// The topic's story begins here: what came before is history.
    Start(Topic, u64),
    /// There is no such topic for this person (any more).
    Forget(Topic),
    /// Ask the log; the answer goes to [`Sync::read`].
    Read(log::Read),
    /// Events that the server had left out are there.
    Repaired(Topic),
    /// Everything up to this token is delivered.
    Synced(String),
    /// The same of a newer token, after the client had caught up.
    InStep(String),
}

/// How a read of the log ended.
#[derive(Debug)]
pub(crate) enum Read {
    Page(log::Page),
    /// The topic is not the caller's to know of (any more).
    Gone,
    /// Try again later.
    Failed,
}

#[derive(Debug, Default)]
struct Held {
    /// Every event up to here was delivered, or is not for this person to see.
    have: u64,
    /// Events up to here are known to exist.
    want: u64,
    /// Events beyond `have + 1`.
    early: BTreeMap<u64, Event>,
    /// When to ask the log, if the topic is behind.
    due: u64,
    /// The `want` with which the log was asked.
    reading: Option<u64>,
    /// The log was asked before the topic was set back: the answer is of no use.
    stale: bool,
    /// The server has spoken of the topic on this connection.
    heard: bool,
    /// Where the story begins is not known yet: it is looked for in the log before this position.
    joining: Option<u64>,
    /// The server has left out events.
    dirty: bool,
}

/// The state of all topics.
#[derive(Debug)]
pub(crate) struct Sync {
    me: UserId,
    topics: HashMap<Topic, Held>,
    /// Topics with `want > have`, or whose story has no beginning yet.
    behind: BTreeSet<Topic>,
    early_total: usize,
    token: Option<String>,
    /// The server's new token, until nothing is behind.
    next_token: Option<String>,
    /// The client never caught up before: what exists is history.
    first: bool,
    /// The client caught up on this connection.
    in_step: bool,
    /// How many more events the program's queue takes.
    room: usize,
    effects: Vec<Effect>,
}

impl Sync {
    /// Goes on from what was held before; nothing at the first start.
    pub fn new(me: UserId, token: Option<String>, have: &HashMap<Topic, u64>) -> Sync {
        let held = |(topic, have): (&Topic, &u64)| {
            (topic.clone(), Held { have: *have, want: *have, ..Held::default() })
        };
        Sync {
            me,
            topics: have.iter().map(held).collect(),
            behind: BTreeSet::new(),
            early_total: 0,
            first: token.is_none(),
            token,
            next_token: None,
            in_step: false,
            room: 0,
            effects: Vec::new(),
        }
    }

    /// For the next `hello`.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The server does not know the token: the next `hello` goes without one.
    pub fn forget_token(&mut self) {
        self.token = None;
    }

    /// The connection is gone, and with it what it had promised.
    pub fn offline(&mut self) {
        self.next_token = None;
        self.in_step = false;
        self.topics.values_mut().for_each(|held| held.heard = false);
    }

    /// Whether the program must take events before more can be read.
    pub fn starved(&self, room: usize) -> bool {
        room < page_len() && (!self.behind.is_empty() || self.next_token.is_some())
    }

    /// Takes a frame; `room` is how many events the program's queue takes.
    pub fn apply(&mut self, frame: ServerFrame, now: u64, room: usize) -> Vec<Effect> {
        self.room = room;
        match frame {
            ServerFrame::Ev(event) => self.event(*event, now),
            ServerFrame::Dirty(topics) => {
                for (topic, head) in topics {
                    let held = self.topic(&topic, None, now);
                    held.dirty = true;
                    held.want = held.want.max(head);
                    held.due = now;
                    self.settle(&topic, now);
                }
            }
            ServerFrame::Page(pages) => {
                for page in pages {
                    self.page(page, now);
                }
            }
            ServerFrame::Synced { sync } => {
                if self.token.is_none() && !self.in_step {
                    self.forget_unheard(now);
                }
                self.next_token = Some(sync);
            }
            _ => {}
        }
        self.poll(now)
    }

    /// Takes the answer of the log.
    pub fn read(&mut self, topic: &Topic, read: Read, now: u64, room: usize) -> Vec<Effect> {
        self.room = room;
        match read {
            Read::Page(page) => self.log_page(topic, page, now),
            Read::Gone if self.topics.get(topic).is_some_and(|held| held.stale) => {
                self.outdated(topic, now);
            }
            Read::Gone => self.forget(topic),
            Read::Failed => {
                if let Some(held) = self.topics.get_mut(topic) {
                    held.reading = None;
                    held.stale = false;
                    held.due = now + READ_AGAIN_MS;
                }
            }
        }
        self.poll(now)
    }

    /// Asks the log for what is due.
    pub fn tick(&mut self, now: u64, room: usize) -> Vec<Effect> {
        self.room = room;
        self.poll(now)
    }

    /// When [`Sync::tick`] has something to do.
    pub fn due(&self, room: usize) -> Option<u64> {
        if room < page_len() || self.reads() >= READS_MAX {
            return None;
        }
        let idle = self.behind.iter().filter_map(|topic| self.topics.get(topic));
        idle.filter(|held| held.reading.is_none()).map(|held| held.due).min()
    }

    fn reads(&self) -> usize {
        let held = self.behind.iter().filter_map(|topic| self.topics.get(topic));
        held.filter(|held| held.reading.is_some()).count()
    }

    fn event(&mut self, event: Event, now: u64) {
        let topic = event.topic.clone();
        let seq = event.seq;
        self.topic(&topic, Some(&event), now);
        self.keep_early(event);
        let Some(held) = self.topics.get_mut(&topic) else { return };
        if seq > held.want {
            if held.want <= held.have {
                held.due = now + GAP_MS;
            }
            held.want = seq;
        }
        self.settle(&topic, now);
    }

    /// The state of a topic; makes one when it is first heard of. What comes with `first` is news,
    /// and so is all since this person joined, which only the log may know.
    fn topic(&mut self, topic: &Topic, first: Option<&Event>, now: u64) -> &mut Held {
        let me = self.me;
        let held = self.topics.entry(topic.clone()).or_insert_with(|| {
            let before = first.map(|event| event.seq.saturating_sub(1));
            let begins = match topic {
                Topic::User(_) => Some(0),
                Topic::Conv(_) => before.filter(|_| first.is_some_and(|e| admits(e, me))),
                Topic::Org(_) | Topic::Plugin(_) => before,
            };
            let have = begins.unwrap_or(0);
            let joining = begins.is_none().then_some(INT_MAX);
            Held { have, want: have, due: now, joining, ..Held::default() }
        });
        held.heard = true;
        held
    }

    /// Keeps an event for its turn, if it is new and there is a place for it.
    fn keep_early(&mut self, event: Event) {
        let me = self.me;
        let Some(held) = self.topics.get_mut(&event.topic) else { return };
        let next = held.joining.is_none() && event.seq == held.have + 1;
        let full = held.early.len() >= EARLY_MAX || self.early_total >= EARLY_TOTAL_MAX;
        // An answer on its way may be from before this person came back.
        if event.seq > held.have && admits(&event, me) {
            held.stale = held.reading.is_some();
        }
        if event.seq > held.have && (next || !full) && held.early.insert(event.seq, event).is_none()
        {
            self.early_total += 1;
        }
    }

    /// Delivers what is in its turn, and says whether the topic is behind.
    fn settle(&mut self, topic: &Topic, now: u64) {
        let Some(held) = self.topics.get_mut(topic) else { return };
        while held.joining.is_none()
            && let Some(entry) = held.early.first_entry()
            && *entry.key() <= held.have + 1
        {
            let next = *entry.key() == held.have + 1;
            if next && self.room == 0 {
                // The log keeps it: a slow program does not make the client grow.
                self.early_total -= held.early.len();
                held.early.clear();
                held.due = now;
                break;
            }
            let event = entry.remove();
            self.early_total -= 1;
            if next {
                self.room -= 1;
                held.have += 1;
                self.effects.push(Effect::Deliver(event));
            }
        }
        held.want = held.want.max(held.have);
        if held.joining.is_some() || held.want > held.have {
            self.behind.insert(topic.clone());
            return;
        }
        self.behind.remove(topic);
        if std::mem::take(&mut held.dirty) && self.room > 0 {
            self.room -= 1;
            self.effects.push(Effect::Repaired(topic.clone()));
        }
    }

    fn forget(&mut self, topic: &Topic) {
        if let Some(held) = self.topics.remove(topic) {
            self.early_total -= held.early.len();
            self.effects.push(Effect::Forget(topic.clone()));
        }
        self.behind.remove(topic);
    }

    /// Asks the log for topics that are behind, and gives out the token when none is.
    fn poll(&mut self, now: u64) -> Vec<Effect> {
        let mut reads = self.reads();
        for topic in &self.behind {
            let Some(held) = self.topics.get_mut(topic) else { continue };
            if reads >= READS_MAX || self.room < page_len() {
                break;
            }
            if held.reading.is_some() || held.due > now {
                continue;
            }
            reads += 1;
            held.reading = Some(held.want);
            let after = held.joining.is_none().then_some(held.have);
            let (before, limit) = (held.joining, Some(EVENTS_PER_PAGE_MAX));
            self.effects.push(Effect::Read(log::Read {
                topic: topic.clone(),
                after,
                before,
                limit,
            }));
        }
        if self.behind.is_empty()
            && self.room > 0
            && let Some(token) = self.next_token.take()
        {
            self.room -= 1;
            self.first = false;
            self.token = Some(token.clone());
            self.effects.push(match std::mem::replace(&mut self.in_step, true) {
                false => Effect::Synced(token),
                true => Effect::InStep(token),
            });
        }
        std::mem::take(&mut self.effects)
    }
}

/// The log is asked only when the program's queue takes a whole page.
const fn page_len() -> usize {
    EVENTS_PER_PAGE_MAX as usize
}

/// Whether a person's time in a conversation begins with this event.
fn admits(event: &Event, me: UserId) -> bool {
    match &*event.k {
        conv::kind::CREATED => true,
        conv::kind::MEMBERS_CHANGED => event
            .data
            .to::<conv::MembersChangedData>()
            .is_ok_and(|changed| changed.added.contains(&me)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
