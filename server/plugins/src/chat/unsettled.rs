//! Own cursors that are not in the tables yet.
//!
//! Sending sets one's own cursor, and a row for each send would double what a send costs. So a
//! send writes its event and nothing else, and the cursor *follows from the log*: the author has
//! read up to the own message. Memory knows at once, from the committed event. The tables learn it
//! in batches, at most once a second, together with a mark a conversation: own cursors of messages
//! up to `settled_seq` are in `chat_cursor`. After a crash the events after the mark say the rest:
//! of the conversations that were spoken in during the last second before it.
//!
//! Where nodes share the tables each hears all messages, and one through which nobody writes never
//! settles. It need not: who writes does, and what is forgotten follows from the log.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use carillon_plugin::{Ctx, Look, Result, Tail, Tx, Value, Window};
use carillon_protocol::{ConvId, Topic, UserId, limits::INT_MAX};
use smallvec::SmallVec;

use super::roster::Message;

/// Cursors are settled when so many wait, however short the time: one statement's worth of rows.
const WAITING_MAX: usize = 4_096;
/// With so many, sending waits: the database does not keep up. Where nodes share it, all of them
/// are forgotten instead: others may have settled them long ago.
pub(super) const WAITING_LIMIT: usize = 8 * WAITING_MAX;
/// Cursors are settled this often: a crash leaves no more than this to be read from the log.
const SETTLE_EVERY_MS: u64 = 1_000;
/// Events read at once when cursors are recovered from the log.
const RECOVER_AT_ONCE: u32 = 500;
/// Conversations that are recovered by one query: bounds the events that it brings.
const RECOVER_CONVS: usize = 64;

/// Where a conversation stands: the last settled message's `seq` and `n`, and the newest `n`.
pub(crate) type Standing = (ConvId, (u64, u64), u64);

/// Own cursors of the messages `from_n..=n` of a conversation.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    from_n: u64,
    n: u64,
    seq: u64,
    cursors: HashMap<UserId, (u64, u64)>,
}

impl Own {
    /// Of no message yet.
    fn new() -> Own {
        Own { from_n: u64::MAX, n: 0, seq: 0, cursors: HashMap::new() }
    }

    fn note(&mut self, Message { seq, n, by, .. }: Message) {
        self.from_n = self.from_n.min(n);
        (self.seq, self.n) = (self.seq.max(seq), self.n.max(n));
        self.moved(by, (seq, n));
    }

    fn moved(&mut self, user: UserId, to: (u64, u64)) {
        let cursor = self.cursors.entry(user).or_default();
        *cursor = (*cursor).max(to);
    }

    /// Adds the cursors to those that move.
    pub(crate) fn add_to(&self, conv: ConvId, cursors: &mut Cursors) {
        self.cursors.iter().for_each(|(&user, &cursor)| cursors.move_to(conv, user, cursor));
    }

    /// Takes in what was found of the same conversation.
    fn merge(&mut self, found: Own) {
        self.from_n = self.from_n.min(found.from_n);
        (self.seq, self.n) = (self.seq.max(found.seq), self.n.max(found.n));
        found.cursors.into_iter().for_each(|(user, cursor)| self.moved(user, cursor));
    }
}

/// How much waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pressure {
    /// It can wait on.
    Idle,
    /// It is time to settle.
    Due,
    /// So much that sending must wait, too.
    Full,
}

#[derive(Debug, Default)]
struct Waiting {
    convs: HashMap<ConvId, Own>,
    cursors: usize,
    settled_at: i64,
}

impl Waiting {
    fn change(&mut self, conv: ConvId, change: impl FnOnce(&mut Own)) {
        let own = self.convs.entry(conv).or_insert_with(Own::new);
        let before = own.cursors.len();
        change(own);
        self.cursors += own.cursors.len() - before;
    }

    /// Own cursors of a conversation, of one person or of all.
    fn known(&self, conv: ConvId, whose: Option<UserId>) -> Known {
        let Some(own) = self.convs.get(&conv) else { return Vec::new() };
        let theirs = own.cursors.iter().filter(|(user, _)| whose.is_none_or(|one| one == **user));
        theirs.map(|(&user, &cursor)| (user, cursor)).collect()
    }

    /// Whether memory holds every message after the settled ones.
    fn covers(&self, (conv, (_, settled_n), head_n): Standing) -> bool {
        head_n <= settled_n || self.convs.get(&conv).is_some_and(|own| own.from_n <= settled_n + 1)
    }

    fn pressure(&self, now: i64) -> Pressure {
        let long_ago = self.settled_at.abs_diff(now) >= SETTLE_EVERY_MS;
        match self.cursors {
            WAITING_LIMIT.. => Pressure::Full,
            WAITING_MAX.. => Pressure::Due,
            1.. if long_ago => Pressure::Due,
            _ => Pressure::Idle,
        }
    }
}

/// Own cursors of a conversation.
pub(crate) type Known = Vec<(UserId, (u64, u64))>;

/// Own cursors that follow from the log.
#[derive(Debug, Default)]
pub(crate) struct Unsettled {
    waiting: Mutex<Waiting>,
    /// Whether other nodes work on the same database.
    shared: bool,
}

impl Unsettled {
    /// Of a node that is alone, or of one of several.
    pub(crate) fn new(shared: bool) -> Unsettled {
        Unsettled { shared, ..Unsettled::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing in here panics half way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message was committed.
    pub(crate) fn note(&self, conv: ConvId, message: Message) {
        let mut waiting = self.lock();
        waiting.change(conv, |own| own.note(message));
        self.make_room(&mut waiting);
    }

    fn make_room(&self, waiting: &mut Waiting) {
        if self.shared && waiting.cursors >= WAITING_LIMIT {
            waiting.convs.clear();
            waiting.cursors = 0;
        }
    }

    /// How much waits.
    pub(crate) fn pressure(&self, now: i64) -> Pressure {
        self.lock().pressure(now)
    }

    /// What to settle, if it is time.
    pub(crate) fn take_due(&self, now: i64) -> Vec<(ConvId, Own)> {
        let (mut waiting, mut rows) = (self.lock(), 0);
        if waiting.pressure(now) == Pressure::Idle {
            return Vec::new();
        }
        waiting.settled_at = now;
        let few = waiting.convs.iter().take_while(|(_, own)| {
            rows += own.cursors.len();
            rows <= WAITING_MAX || rows == own.cursors.len()
        });
        few.map(|(&conv, own)| (conv, own.clone())).collect()
    }

    /// What was taken is in the tables now.
    pub(crate) fn settled(&self, taken: &[(ConvId, Own)]) {
        let mut waiting = self.lock();
        for (conv, done) in taken {
            let Some(own) = waiting.convs.get_mut(conv) else { continue };
            // Older ones may have been recovered meanwhile; they wait for the next time.
            if own.from_n >= done.from_n {
                own.from_n = done.n + 1;
            }
            own.cursors
                .retain(|user, cursor| done.cursors.get(user).is_none_or(|it| *cursor > *it));
            if own.cursors.is_empty() {
                waiting.convs.remove(conv);
            }
        }
        waiting.cursors = waiting.convs.values().map(|own| own.cursors.len()).sum();
    }

    /// Own cursors, of one person or of all, that are not in the tables as they were read. Those in
    /// memory, unless the node started since or had no room: then the log says them. Somebody may
    /// be in thousands of conversations, so it is asked for many at once.
    pub(crate) async fn known(
        &self,
        ctx: &Ctx,
        mut convs: Vec<Standing>,
        whose: Option<UserId>,
    ) -> Result<HashMap<ConvId, Known>> {
        let mut known = HashMap::new();
        {
            // Looked at and taken under one lock, before they are forgotten.
            let waiting = self.lock();
            convs.retain(|&standing| {
                let covers = waiting.covers(standing);
                if covers {
                    known.insert(standing.0, waiting.known(standing.0, whose));
                }
                !covers
            });
        }
        for convs in convs.chunks(RECOVER_CONVS) {
            for (conv, own) in recover(ctx, convs).await? {
                let mut waiting = self.lock();
                // Whole or not at all: who finds a part of it would take it for all.
                if !own.cursors.is_empty() {
                    waiting.change(conv, |known| known.merge(own));
                }
                known.insert(conv, waiting.known(conv, whose));
                self.make_room(&mut waiting);
            }
        }
        Ok(known)
    }
}

/// Reads of some conversations what was said after the settled messages.
async fn recover(ctx: &Ctx, convs: &[Standing]) -> Result<Vec<(ConvId, Own)>> {
    let tail = |&(conv, (settled_seq, _), _): &Standing| Tail {
        topic: Topic::Conv(conv),
        window: Window(SmallVec::from_buf([(settled_seq + 1, INT_MAX)])),
        limit: RECOVER_AT_ONCE,
    };
    let found = ctx.tails(convs.iter().map(tail).collect(), true).await?;
    let mut recovered = Vec::with_capacity(convs.len());
    for (&(conv, (settled_seq, _), _), events) in convs.iter().zip(found) {
        let mut own = Own::new();
        if events.len() < RECOVER_AT_ONCE as usize {
            events.iter().filter_map(Message::of).for_each(|message| own.note(message));
        } else {
            recover_many(ctx, conv, settled_seq, &mut own).await?;
        }
        recovered.push((conv, own));
    }
    Ok(recovered)
}

/// Recovers a conversation in which more was said than one query may bring.
async fn recover_many(ctx: &Ctx, conv: ConvId, settled_seq: u64, own: &mut Own) -> Result<()> {
    let (topic, window, mut after) = (Topic::Conv(conv), Window::all(), settled_seq);
    loop {
        let look = Look::After(after);
        let events = ctx.events(&topic, &window, look, true, RECOVER_AT_ONCE).await?;
        let Some(last) = events.last() else { return Ok(()) };
        after = last.seq;
        events.iter().filter_map(Message::of).for_each(|message| own.note(message));
    }
}

/// Adds what was taken to a transaction: the marks, and the cursors to those that move.
pub(crate) fn settle(taken: &[(ConvId, Own)], tx: &mut Tx, cursors: &mut Cursors) {
    for (conv, own) in taken {
        // Only a mark that this continues may move: whoever skipped something must not hide it.
        tx.run(
            "UPDATE chat_conversation SET settled_seq = $1, settled_n = $2
             WHERE id = $3 AND settled_n >= $4 AND settled_n < $2",
            vec![own.seq.into(), own.n.into(), (*conv).into(), (own.from_n - 1).into()],
        );
        own.add_to(*conv, cursors);
    }
}

/// Cursors that one statement moves: each once, since PostgreSQL refuses one that would change a
/// row twice, and who wrote and read moved the same cursor.
#[derive(Debug, Default)]
pub(crate) struct Cursors(BTreeMap<(ConvId, UserId), (u64, u64)>);

impl Cursors {
    /// Moves a cursor forward.
    pub(crate) fn move_to(&mut self, conv: ConvId, user: UserId, to: (u64, u64)) {
        let cursor = self.0.entry((conv, user)).or_default();
        *cursor = (*cursor).max(to);
    }

    /// The rows for [`MOVE_CURSORS`].
    pub(crate) fn rows(self) -> Vec<Vec<Value>> {
        let row = |((conv, user), (seq, n)): ((ConvId, UserId), (u64, u64))| {
            vec![conv.into(), user.into(), seq.into(), n.into(), Value::Pos]
        };
        self.0.into_iter().map(row).collect()
    }
}

/// Moves cursors forward, never back.
pub(crate) const MOVE_CURSORS: &str =
    "INSERT INTO chat_cursor (conv, user_id, read_seq, read_n, changed_pos) VALUES {rows}
     ON CONFLICT (conv, user_id) DO UPDATE SET read_seq = excluded.read_seq,
         read_n = excluded.read_n, changed_pos = excluded.changed_pos
     WHERE excluded.read_seq > chat_cursor.read_seq";
