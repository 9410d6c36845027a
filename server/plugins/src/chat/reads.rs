//! What was shown on screens: `conv.read`, and the lane in which reads are committed.
//!
//! A burst of messages in a large group brings thousands of reads at once. They are state, so they
//! are coalesced: the lane takes everything that waits, adds it up per person and conversation,
//! commits it in one transaction and answers all of it; meanwhile the next batch gathers. No timer
//! and no task of its own while nothing waits.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use carillon_plugin::{Ctx, Error, Look, Result, Window};
use carillon_protocol::{
    ConvId, ErrorCode, Topic, UserId,
    conv::{self, Read, ReadData, ReadDone},
    limits::CURSORS_MEMBERS_MAX,
    receipt,
};
use tokio::sync::oneshot;

use super::{
    Chat,
    roster::{Change, Conversation, Message, Person},
    rules::{self, ReadStep, Shown},
    shared,
    unsettled::{Cursors, MOVE_CURSORS, settle},
    who,
};

/// The most reads that wait for the next commit: a full group reads at once.
const WAITING_MAX: usize = 8_192;
/// The most reads of one commit: bounds how long the others wait for it.
const BATCH_MAX: usize = 2_048;
/// How long a client waits when too many reads wait: several commits.
const BUSY_RETRY_MS: u64 = 500;
/// A read that waits for its commit.
struct Waiting {
    ctx: Ctx,
    conv: ConvId,
    shown: Shown,
    answer: oneshot::Sender<Result<ReadDone>>,
}

#[derive(Default)]
struct Queue {
    reads: Vec<Waiting>,
    /// The newest call that wants a commit: to settle own cursors, if nobody reads.
    newest: Option<Ctx>,
    running: bool,
}

/// Where reads wait.
#[derive(Default)]
pub(crate) struct Lane(Mutex<Queue>);

impl Lane {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing in here panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Settles own cursors with the next commit, now.
    pub(super) fn settle(&self, ctx: &Ctx) {
        start(&mut self.lock(), ctx.clone());
    }

    fn push(&self, read: Waiting) -> Result<()> {
        let mut queue = self.lock();
        if queue.reads.len() >= WAITING_MAX {
            let error = Error::new(ErrorCode::Busy, "too many people read at once; try again");
            return Err(error.retry_ms(BUSY_RETRY_MS));
        }
        let ctx = read.ctx.clone();
        queue.reads.push(read);
        start(&mut queue, ctx);
        Ok(())
    }

    /// Everything that waits, with the call in whose name and at whose time it is committed;
    /// `None` ends the lane until something waits again.
    fn next(&self) -> Option<(Ctx, Vec<Waiting>)> {
        let mut queue = self.lock();
        let len = queue.reads.len().min(BATCH_MAX);
        let batch: Vec<_> = queue.reads.drain(..len).collect();
        let newest = queue.newest.take();
        let newest = newest.or_else(|| batch.last().map(|read| read.ctx.clone()));
        queue.running = newest.is_some();
        Some((newest?, batch))
    }
}

/// Runs the lane unless it runs. It ends when nothing waits, so it never keeps the host alive.
fn start(queue: &mut Queue, ctx: Ctx) {
    let chat = ctx.state::<Chat>();
    queue.newest = Some(ctx);
    if !mem::replace(&mut queue.running, true) {
        tokio::spawn(async move {
            while let Some((ctx, batch)) = chat.lane.next() {
                // A task of its own: if it panics, its callers get an error and the lane goes on.
                let commit = tokio::spawn(commit(chat.clone(), ctx, batch));
                if let Err(error) = commit.await {
                    tracing::error!(%error, "a batch of reads failed");
                }
            }
        });
    }
}

/// `conv.read`.
pub(super) async fn read(ctx: Ctx, args: Read) -> Result<ReadDone> {
    if args.from.is_some_and(|from| from == 0 || from > args.seq) {
        return Err(Error::bad_arg("from", "from 1 to `seq`"));
    }
    let chat = ctx.state::<Chat>();
    let conv = chat.conversation(&ctx, args.conv).await?;
    let (seq, known) = {
        let roster = conv.read();
        rules::member((&conv, &roster), who(&ctx))?;
        let seq = args.seq.min(roster.head);
        (seq, roster.n_at(seq))
    };
    let n = match known {
        Some(n) => n,
        None => count_to(&ctx, &conv, seq).await?,
    };
    let (answer, answered) = oneshot::channel();
    let shown = Shown { from: args.from, seq, n };
    chat.lane.push(Waiting { ctx, conv: args.conv, shown, answer })?;
    answered.await.map_err(Error::internal)?
}

/// The count of messages up to a position that memory does not know.
async fn count_to(ctx: &Ctx, conv: &Conversation, seq: u64) -> Result<u64> {
    let look = Look::Before(seq + 1);
    let events = ctx.events(&conv.topic(), &Window::all(), look, true, 1).await?;
    if let Some(message) = events.first().and_then(Message::of) {
        conv.write().remember(message);
    }
    Ok(events.first().map_or(0, |event| event.n))
}

/// The reads of one person in one conversation, added up.
struct Group {
    conv: Arc<Conversation>,
    reads: Vec<Waiting>,
    step: ReadStep,
}

/// Commits a batch of reads, with the own cursors that are due; then brings memory up to date,
/// answers, and tells who is looking.
async fn commit(chat: Arc<Chat>, ctx: Ctx, batch: Vec<Waiting>) {
    let groups = groups(&chat, batch).await;
    let own = chat.unsettled.take_due(ctx.now());

    let mut tx = shared::of_the_system(ctx.tx());
    let (mut cursors, mut days) = (Cursors::default(), Vec::new());
    settle(&own, &mut tx, &mut cursors);
    for Group { conv, step, .. } in &groups {
        let user = step.reading.user;
        if step.moved {
            cursors.move_to(conv.id, user, step.reading.cursor);
        }
        if let Some(day) = step.merged_before {
            tx.run(
                "DELETE FROM chat_seen WHERE conv = $1 AND user_id = $2
                     AND (day > 0 AND day < $3 OR day = 0 AND node <> $4)",
                vec![conv.id.into(), user.into(), day.into(), chat.node().into()],
            );
        }
        let row = |row: &rules::DayRow| {
            let spans = row.spans.clone();
            vec![conv.id.into(), user.into(), row.day.into(), chat.node().into(), spans.into()]
        };
        days.extend(step.days.iter().map(row));
    }
    let cursors = cursors.rows();
    let is_news = !own.is_empty() || !cursors.is_empty() || !days.is_empty();
    tx.run_rows(MOVE_CURSORS, cursors);
    tx.run_rows(
        "INSERT INTO chat_seen (conv, user_id, day, node, spans) VALUES {rows}
         ON CONFLICT (conv, user_id, day, node) DO UPDATE SET spans = excluded.spans",
        days,
    );
    if chat.is_shared() {
        shared::tell(&mut tx, groups.iter().map(|group| (group.conv.id, &group.step)));
    }
    let committed = if is_news { ctx.commit(tx).await.map(|_| ()) } else { Ok(()) };
    if committed.is_ok() {
        chat.unsettled.settled(&own);
        tell_others(&chat, &ctx, &groups);
    }
    for group in groups {
        finish(&chat, group, committed.clone());
    }
}

/// Adds up what waits, per conversation and person. Who left meanwhile is answered at once.
async fn groups(chat: &Chat, batch: Vec<Waiting>) -> Vec<Group> {
    let mut by_person: BTreeMap<(ConvId, UserId), Vec<Waiting>> = BTreeMap::new();
    for read in batch {
        by_person.entry((read.conv, read.ctx.caller().user)).or_default().push(read);
    }
    let mut groups = Vec::with_capacity(by_person.len());
    for ((id, _), reads) in by_person {
        let ctx = reads[0].ctx.clone();
        // In memory, since the caller looked at it a moment ago.
        let step = match chat.conversation(&ctx, id).await {
            Ok(conv) => step(&conv, &reads).map(|step| (conv, step)),
            Err(error) => Err(error),
        };
        match step {
            Ok((conv, step)) => groups.push(Group { conv, reads, step }),
            Err(error) => reads.into_iter().for_each(|read| answer(read, Err(error.clone()))),
        }
    }
    groups
}

fn step(conv: &Conversation, reads: &[Waiting]) -> Result<ReadStep> {
    let (roster, ctx) = (conv.read(), &reads[reads.len() - 1].ctx);
    let person: &Person = rules::member((conv, &roster), who(ctx))?;
    let shown: Vec<_> = reads.iter().map(|read| read.shown).collect();
    Ok(rules::read(person, &person.window(conv.history), &shown, ctx.now()))
}

/// Memory follows the tables; then the answers, and all windows and devices of the person.
fn finish(chat: &Chat, group: Group, committed: Result<()>) {
    let Group { conv, reads, step } = group;
    if let Err(error) = committed {
        chat.lists.forget(step.reading.user);
        if chat.is_shared() {
            // It may have happened all the same: the next rows must not be made from less.
            chat.cache.remove(&conv.id);
        }
        return reads.into_iter().for_each(|read| answer(read, Err(error.clone())));
    }
    let (user, read_to) = (step.reading.user, step.reading.cursor);
    if step.is_news() {
        let now = reads.last().map_or(0, |read| read.ctx.now());
        // Where nodes share it, memory hears of it from the log too, perhaps later.
        let change = match chat.is_shared() {
            true => shared::saw(&step),
            false => Change::Read(Box::new(step.reading)),
        };
        chat.apply(conv.id, change);
        chat.lists.read(user, conv.id, read_to);
        chat.watches.touched(conv.id, now);
    }
    let ((read_seq, read_n), unread) = {
        // The person may have written something meanwhile, which sets the cursor too.
        let roster = conv.read();
        let cursor = roster.person(user).map_or(read_to, |person| person.cursor.max(read_to));
        (cursor, roster.unread(cursor))
    };
    if let Some(last) = reads.last().filter(|_| step.moved) {
        let data = ReadData { user, read_seq, read_n, unread };
        last.ctx.push_to(user, &conv.topic(), conv::ephemeral::READ, &data);
    }
    for read in reads {
        answer(read, Ok(ReadDone { read_seq, read_n, unread }));
    }
}

fn answer(read: Waiting, answer: Result<ReadDone>) {
    // Nobody waits any more if the call has timed out; then the outcome is unknown to the caller.
    let _ = read.answer.send(answer);
}

/// In small conversations everybody sees how far the others are.
fn tell_others(chat: &Chat, ctx: &Ctx, groups: &[Group]) {
    let is_told =
        |group: &&Group| group.step.moved && group.conv.read().active <= CURSORS_MEMBERS_MAX;
    let moved = groups
        .iter()
        .filter(is_told)
        .map(|Group { conv, step, .. }| (conv.id, step.reading.user, step.reading.cursor.0));
    let ctx = ctx.clone();
    chat.moves.add(moved, move |conv, cursors| {
        ctx.push(&Topic::Conv(conv), receipt::ephemeral::RECEIPTS, cursors);
    });
}
