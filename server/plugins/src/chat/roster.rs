//! A conversation in memory: who was in it when, who has read what, and its newest messages.

use std::{
    collections::VecDeque,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use carillon_plugin::{Error, Result, Window};
use carillon_protocol::{
    ConvId, Event, OrgId, Topic, UserId, conv,
    conv::{History, Kind, MembersChangedData, Role, Rules, RulesChangedData},
    msg,
};
use smallvec::SmallVec;

use super::{
    people::Went,
    shared::Saw,
    spans::{ReadSpan, ReadSpans},
};

/// The end of a span that is still open.
pub(crate) const OPEN: u64 = u64::MAX;
/// Of so many of the newest messages the author and count are kept: a few screens. What is older
/// costs a query.
pub(crate) const RECENT_MAX: usize = 128;

/// A person who is in a conversation, or was.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) user: UserId,
    pub(crate) role: Role,
    /// Whether the person has left the organisation: is in it still, and counts nowhere.
    pub(crate) away: bool,
    /// When the person was in: `from..=to`, ascending and apart, the last one perhaps [`OPEN`].
    pub(crate) spans: SmallVec<[(u64, u64); 1]>,
    /// How far the person has read: position, and count of messages.
    pub(crate) cursor: (u64, u64),
    pub(crate) seen: ReadSpans,
    /// The oldest day that still has a row of its own.
    pub(crate) oldest_day: Option<i64>,
}

impl Person {
    /// Somebody who comes with this event.
    pub(crate) fn joining(user: UserId, role: Role, seq: u64, n: u64) -> Person {
        let spans = SmallVec::from_buf([(seq, OPEN)]);
        let (cursor, seen) = ((seq, n), ReadSpans::default());
        Person { user, role, away: false, spans, cursor, seen, oldest_day: None }
    }

    /// Whether the person is in it now.
    pub(crate) fn is_active(&self) -> bool {
        self.spans.last().is_some_and(|&(_, to)| to == OPEN)
    }

    /// The position at which the present time began, or the last one.
    pub(crate) fn joined_seq(&self) -> u64 {
        self.spans.last().map_or(0, |&(from, _)| from)
    }

    /// What of the conversation the person may see.
    pub(crate) fn window(&self, history: History) -> Window {
        match history {
            History::Joined => Window(self.spans.clone()),
            History::All if self.is_active() => Window::all(),
            History::All => Window(SmallVec::new()),
        }
    }

    /// The person wrote this message. Nobody is among the readers of an own message, so it may
    /// continue what was seen right up to it: else each would leave a hole that never closes. Who
    /// was removed while it was on the way may not see it.
    fn wrote(&mut self, (seq, n): (u64, u64)) {
        let nothing_between = self.cursor.1 + 1 == n;
        if self.is_active() && nothing_between && self.seen.end() >= self.cursor.0 {
            self.seen.extend(seq);
        }
        self.read_to((seq, n));
    }

    /// What the person read is in the tables. Own messages may have been added meanwhile.
    fn read(&mut self, reading: &Reading) {
        let end = self.seen.end();
        self.read_to(reading.cursor);
        self.seen = reading.seen.clone();
        self.seen.extend(end);
        self.oldest_day = reading.oldest_day;
    }

    /// What the person read through some node is in the log.
    fn saw(&mut self, saw: &Saw) {
        let end = self.seen.end();
        self.read_to(saw.cursor);
        self.seen.merge(&saw.spans);
        self.seen.extend(end);
        self.oldest_day = saw.oldest_day;
    }

    /// Cursors never go back.
    pub(crate) fn read_to(&mut self, cursor: (u64, u64)) {
        self.cursor = self.cursor.max(cursor);
    }
}

/// What receipts and cursors need to know of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) seq: u64,
    pub(crate) n: u64,
    pub(crate) by: UserId,
    pub(crate) at: i64,
}

impl Message {
    /// The message that an event is, if it is one.
    pub(crate) fn of(event: &Event) -> Option<Message> {
        let Event { seq, n, by, at, .. } = *event;
        (&*event.k == msg::kind::SENT).then_some(Message { seq, n, by, at })
    }
}

/// What changes a conversation in memory. Each may be applied twice: a load may have read it from
/// the tables already.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// It was committed to the conversation's log.
    Event(Event),
    /// It was committed to the tables: a person has read.
    Read(Box<Reading>),
    /// It was committed to the log that nodes share: a person has read through one of them.
    Saw(Box<Saw>),
    /// It was committed to the organisation's log.
    Went(Went),
}

/// What a person's reads came to.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) user: UserId,
    pub(crate) cursor: (u64, u64),
    pub(crate) seen: ReadSpans,
    pub(crate) oldest_day: Option<i64>,
}

/// The part of a conversation that changes.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    /// By id; those who left too.
    people: Vec<Person>,
    /// How many are in it now.
    pub(crate) active: usize,
    /// The event that last changed the members.
    pub(crate) changed_seq: u64,
    pub(crate) head: u64,
    pub(crate) n: u64,
    /// What the owner settled; the organisation may allow less.
    pub(crate) rules: Rules,
    recent: VecDeque<Message>,
    /// How many spans of what was seen there are.
    spans: usize,
}

impl Roster {
    /// As the tables say it.
    pub(crate) fn new(mut people: Vec<Person>, changed_seq: u64, head: u64, n: u64) -> Roster {
        people.sort_unstable_by_key(|person| person.user);
        let active = people.iter().filter(|person| person.is_active()).count();
        let spans = people.iter().map(|person| person.seen.count()).sum();
        let (rules, recent) = Default::default();
        Roster { people, active, changed_seq, head, n, rules, recent, spans }
    }

    /// How much memory it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Roster>()
            + RECENT_MAX * size_of::<Message>()
            + self.people.len() * size_of::<Person>()
            + self.spans * size_of::<ReadSpan>()
    }

    /// Everybody who is in it, by id.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|person| person.is_active())
    }

    /// The same without those who have left the organisation.
    pub(crate) fn present(&self) -> impl Iterator<Item = &Person> {
        self.members().filter(|person| !person.away)
    }

    /// Somebody who is in it or was.
    pub(crate) fn person(&self, user: UserId) -> Option<&Person> {
        let place = self.people.binary_search_by_key(&user, |person| person.user).ok()?;
        self.people.get(place)
    }

    fn person_mut(&mut self, user: UserId) -> Option<&mut Person> {
        let place = self.people.binary_search_by_key(&user, |person| person.user).ok()?;
        self.people.get_mut(place)
    }

    /// How many messages somebody has not read.
    pub(crate) fn unread(&self, cursor: (u64, u64)) -> u64 {
        self.n.saturating_sub(cursor.1)
    }

    /// The message at a position, if it is one of those in memory.
    pub(crate) fn message(&self, seq: u64) -> Option<Message> {
        let place = self.recent.binary_search_by_key(&seq, |message| message.seq).ok()?;
        self.recent.get(place).copied()
    }

    /// Whether memory knows what is at this position: [`Roster::message`] then says it all.
    pub(crate) fn knows(&self, seq: u64) -> bool {
        seq > self.head || self.counted_to(seq).is_some()
    }

    /// The count of messages up to a position, if memory says so.
    pub(crate) fn n_at(&self, seq: u64) -> Option<u64> {
        if seq >= self.head { Some(self.n) } else { self.counted_to(seq) }
    }

    /// The same from the messages in memory: the position lies between two that follow each other.
    fn counted_to(&self, seq: u64) -> Option<u64> {
        let next = self.recent.partition_point(|message| message.seq <= seq);
        let after = self.recent.get(next).map_or(self.n + 1, |message| message.n);
        let last = next.checked_sub(1).and_then(|last| self.recent.get(last));
        let n = last.map_or(0, |message| message.n);
        (n + 1 == after).then_some(n)
    }

    /// Keeps a message, in place of the oldest one if there are too many.
    pub(crate) fn remember(&mut self, message: Message) {
        if let Err(place) = self.recent.binary_search_by_key(&message.seq, |known| known.seq) {
            self.recent.insert(place, message);
        }
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
    }

    /// Brings memory up to date, or says that it cannot be: then it is no longer true.
    pub(crate) fn apply(&mut self, change: &Change) -> Result<()> {
        match change {
            Change::Event(event) => self.event(event)?,
            Change::Read(reading) => self.saw(reading.user, |person| person.read(reading)),
            Change::Saw(saw) => self.saw(saw.user, |person| person.saw(saw)),
            Change::Went(Went { user, away }) => {
                if let Some(person) = self.person_mut(*user) {
                    person.away = *away;
                }
            }
        }
        Ok(())
    }

    fn saw(&mut self, user: UserId, change: impl FnOnce(&mut Person)) {
        if let Some(person) = self.person_mut(user) {
            let before = person.seen.count();
            change(person);
            let after = person.seen.count();
            self.spans = self.spans + after - before;
        }
    }

    fn event(&mut self, event: &Event) -> Result<()> {
        (self.head, self.n) = (self.head.max(event.seq), self.n.max(event.n));
        if let Some(message) = Message::of(event) {
            self.remember(message);
            if let Some(author) = self.person_mut(event.by) {
                author.wrote((event.seq, event.n));
            }
        } else {
            if &*event.k == conv::kind::MEMBERS_CHANGED && event.seq > self.changed_seq {
                let data: MembersChangedData = event.data.to().map_err(Error::internal)?;
                self.changed_seq = event.seq;
                self.add(&data.added, event.seq, event.n);
                self.remove(&data.removed, event.seq);
            }
            if &*event.k == conv::kind::RULES_CHANGED {
                let data: RulesChangedData = event.data.to().map_err(Error::internal)?;
                self.rules = data.rules;
            }
            // Nor does such an event leave a hole in what people saw: it has no readers.
            let reaches = |person: &&mut Person| person.seen.end() + 1 == event.seq;
            let people = self.people.iter_mut().filter(reaches);
            people.for_each(|person| person.seen.extend(event.seq));
        }
        Ok(())
    }

    /// A person's cursor is at least here.
    pub(crate) fn read_to(&mut self, user: UserId, cursor: (u64, u64)) {
        if let Some(person) = self.person_mut(user) {
            person.read_to(cursor);
        }
    }

    fn add(&mut self, users: &[UserId], seq: u64, n: u64) {
        let mut fresh = Vec::new();
        for &user in users {
            match self.person_mut(user) {
                Some(person) if person.joined_seq() < seq => {
                    person.spans.push((seq, OPEN));
                    person.role = Role::Member;
                    person.read_to((seq, n));
                    self.active += 1;
                }
                Some(_) => {}
                None => fresh.push(Person::joining(user, Role::Member, seq, n)),
            }
        }
        self.active += fresh.len();
        self.people.append(&mut fresh);
        self.people.sort_unstable_by_key(|person| person.user);
    }

    fn remove(&mut self, users: &[UserId], seq: u64) {
        let heir = super::rules::heir(self, users);
        for &user in users {
            let Some(person) = self.person_mut(user) else { continue };
            if let Some(span) = person.spans.last_mut()
                && span.1 == OPEN
                && span.0 < seq
            {
                span.1 = seq;
                self.active -= 1;
            }
        }
        if let Some(person) = heir.and_then(|heir| self.person_mut(heir)) {
            person.role = Role::Owner;
        }
    }
}

/// A conversation in memory.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) id: ConvId,
    pub(crate) org: OrgId,
    pub(crate) kind: Kind,
    pub(crate) history: History,
    roster: RwLock<Roster>,
}

impl Conversation {
    /// One with these people.
    pub(crate) fn new(
        (id, org): (ConvId, OrgId),
        (kind, history): (Kind, History),
        roster: Roster,
    ) -> Conversation {
        Conversation { id, org, kind, history, roster: RwLock::new(roster) }
    }

    /// Its log.
    pub(crate) fn topic(&self) -> Topic {
        Topic::Conv(self.id)
    }

    /// Looks at it. Held for the length of a computation, never across an await.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Roster> {
        // A panic in a reader leaves nothing half done, and writers do not panic.
        self.roster.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes it.
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Roster> {
        self.roster.write().unwrap_or_else(PoisonError::into_inner)
    }
}
