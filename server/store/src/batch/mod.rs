//! One batch: many transactions, one commit.
//!
//! Transactions are taken in the order in which they queued. Statements run at once, each
//! transaction's in a savepoint of its own; events only get their positions, and all of them are
//! inserted together at the end. A `cid` that exists already makes that insert fail: the batch is
//! undone, its duplicates are looked up and answered, and the rest is done again. So a message
//! that is sent once, as nearly all are, pays nothing for those that are sent twice.

mod draft;
mod known;
mod rewrite;
pub(crate) mod statement;

use std::{borrow::Cow, collections::HashMap, ops::Range};

use carillon_plugin::{Committed, Error, Expect, Result, Statement, Transaction, Value};
use carillon_protocol::{Cid, Event, EventId, UserId};

use self::{known::Known, statement::Late};
pub(crate) use draft::{Draft, Last, Memory, NewEvent, Newcomers};

use crate::{
    engine::{Fault, Lane, Opening, Reading},
    log::{self, Place},
};

/// The second round has no duplicates left, unless another node commits one meanwhile; that this
/// happens again and again would be a fault.
const ROUNDS_MAX: usize = 4;

/// What became of a batch.
pub(crate) struct Done {
    /// Of its transactions, in their order.
    pub(crate) answers: Vec<Result<Committed>>,
    /// The position of its first event, if it has any.
    pub(crate) first: u64,
    /// The event before that.
    pub(crate) after: Option<EventId>,
    /// The newest position that the answers refer to.
    pub(crate) through: u64,
}

/// Commits what can be committed and says what became of each. An error means that nothing was.
pub(crate) async fn commit<L: Lane>(
    lane: &mut L,
    memory: &mut Memory,
    txs: &[Transaction],
) -> sqlx::Result<Done> {
    let (mut duplicates, mut through) = (vec![None; txs.len()], 0);
    for _ in 0..ROUNDS_MAX {
        let known = Known::read(lane, memory, txs).await?;
        let mut batch = Batch::new(known, txs.len());
        for (index, tx) in txs.iter().enumerate() {
            let verdict = match duplicates[index].take() {
                Some(answer) => batch.answered(index, tx, answer),
                None => batch.take(lane, index, tx).await?,
            };
            batch.verdicts.push(verdict);
        }
        // Nothing is remembered before this: a batch that fails leaves memory where the disk is.
        let error = match lane.finish(&mut batch.draft, batch.savepoint.is_some()).await {
            Ok(true) => {
                through = through.max(batch.draft.last.pos);
                let first = batch.draft.rows.first().map_or(through, |row| row.pos);
                let after = batch.draft.after;
                let answers = batch.answers(lane, memory, txs);
                return Ok(Done { answers, first, after, through });
            }
            Ok(false) => continue,
            Err(error) if !is_unique_violation(&error) => return Err(error),
            Err(error) => error,
        };
        (duplicates, through) = take_out(lane, txs).await?;
        if duplicates.iter().all(Option::is_none) {
            return Err(error);
        }
    }
    Err(sqlx::Error::Protocol("a batch cannot be numbered: others are always faster".to_owned()))
}

fn is_unique_violation(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_unique_violation())
}

/// Answers the transactions whose `cid` is in the log, after the database undid the batch; and the
/// newest position among them.
async fn take_out(
    lane: &mut impl Lane,
    txs: &[Transaction],
) -> sqlx::Result<(Vec<Option<Result<Committed>>>, u64)> {
    let standing = txs.iter().enumerate().filter(|(_, tx)| !tx.emits.is_empty());
    let (indices, keys): (Vec<_>, Vec<_>) =
        standing.filter_map(|(index, tx)| Some((index, (tx.by, tx.cid?)))).unzip();
    let (mut duplicates, mut through) = (vec![None; txs.len()], 0);
    for (index, found) in indices.into_iter().zip(lane.conn().find(&keys).await?) {
        through = through.max(found.as_ref().map_or(0, |found| found.pos));
        let answer = found.map(|found| log::duplicate(&txs[index], &found.event, found.hash));
        duplicates[index] = answer;
    }
    Ok((duplicates, through))
}

/// What becomes of a transaction if the batch is committed.
enum Verdict {
    /// Known before the batch began.
    Answered(Result<Committed>),
    Refused(Error),
    /// Its events, as a part of the new rows.
    Done(Range<usize>),
    /// It repeats the transaction with this number.
    Repeats(usize),
}

struct Batch<'a> {
    /// What it refers to; topics move on with the batch's events.
    known: Known<'a>,
    /// The intents of this batch, with their transactions.
    intents: HashMap<(UserId, Cid), usize>,
    draft: Draft,
    verdicts: Vec<Verdict>,
    /// The transaction whose savepoint is open.
    savepoint: Option<usize>,
}

/// What [`Batch::append`] changes, to undo it.
struct Before {
    last: Last,
    places: Vec<(usize, Place)>,
    rows: usize,
}

impl<'a> Batch<'a> {
    fn new(known: Known<'a>, len: usize) -> Batch<'a> {
        let (newcomers, rows) = (Newcomers::default(), Vec::with_capacity(len));
        Batch {
            intents: HashMap::with_capacity(len),
            draft: Draft { newcomers, rows, after: known.last.event, last: known.last },
            known,
            verdicts: Vec::with_capacity(len),
            savepoint: None,
        }
    }

    /// A transaction that an earlier batch committed: what comes after it may name it.
    fn answered(&mut self, index: usize, tx: &Transaction, answer: Result<Committed>) -> Verdict {
        self.intents.extend(tx.cid.map(|cid| ((tx.by, cid), index)));
        Verdict::Answered(answer)
    }

    /// Runs a transaction's statements and gives its events positions.
    async fn take(
        &mut self,
        lane: &mut impl Lane,
        index: usize,
        tx: &Transaction,
    ) -> sqlx::Result<Verdict> {
        // The intent stands on the first event: without events there is none to repeat.
        let intent = tx.cid.filter(|_| !tx.emits.is_empty()).map(|cid| (tx.by, cid));
        if let Some(&first) = intent.and_then(|intent| self.intents.get(&intent)) {
            return Ok(Verdict::Repeats(first));
        }
        if let Some(prev) = tx.prev
            && !self.is_committed(lane, (tx.by, prev)).await?
        {
            return Ok(Verdict::Refused(log::prev_missing()));
        }
        if let Err(refused) = self.run(lane, (index, tx), false).await? {
            return Ok(Verdict::Refused(refused));
        }
        let first = self.draft.rows.len();
        // Only what waits for positions can fail after they are given out.
        let has_late = !tx.rewrites.is_empty() || tx.statements.iter().any(statement::is_late);
        let before = has_late.then(|| self.before(index));
        self.append(index, tx);
        if let Some(before) = before
            && let Err(refused) = self.run(lane, (index, tx), true).await?
        {
            self.undo(before);
            return Ok(Verdict::Refused(refused));
        }
        self.intents.extend(intent.map(|intent| (intent, index)));
        Ok(Verdict::Done(first..self.draft.rows.len()))
    }

    /// Whether an intent is in the log, or will be with this batch.
    async fn is_committed(
        &self,
        lane: &mut impl Lane,
        intent: (UserId, Cid),
    ) -> sqlx::Result<bool> {
        if self.intents.contains_key(&intent) || self.known.earlier.contains(&intent) {
            return Ok(true);
        }
        // It stands later in the batch, or was refused there: has it been committed before?
        Ok(self.known.unasked.contains(&intent)
            && !known::committed(lane, &[intent]).await?.is_empty())
    }

    /// Runs the statements that wait for positions, or those that do not. The inner error refuses
    /// this transaction, whose statements are undone then.
    async fn run(
        &mut self,
        lane: &mut impl Lane,
        (index, tx): (usize, &Transaction),
        late: bool,
    ) -> sqlx::Result<Result<()>> {
        for statement in self.wanted(tx, late) {
            let events = self.events(tx, late);
            let late = Late { events: &events, pos: self.draft.last.pos };
            let outcome = match statement::rows(&statement, late) {
                Ok(rows) => self.execute(lane, index, (&statement.sql, &rows)).await?,
                Err(error) => Err(error),
            };
            let refused = match (outcome, statement.expect) {
                (Ok(1), Expect::One) | (Ok(_), Expect::Any) => continue,
                (Ok(_), Expect::One) => Error::raced(),
                (Err(error), _) => error,
            };
            if self.savepoint == Some(index) {
                lane.undo().await?;
            }
            return Ok(Err(refused));
        }
        Ok(Ok(()))
    }

    /// The statements that wait for positions, or those that do not.
    fn wanted<'t>(&self, tx: &'t Transaction, late: bool) -> Vec<Cow<'t, Statement>> {
        let own = tx.statements.iter().filter(|own| statement::is_late(own) == late);
        let own = own.map(Cow::Borrowed);
        match late {
            true => {
                let events = self.events(tx, late);
                own.chain(rewrite::statements(tx, &events).map(Cow::Owned)).collect()
            }
            false => own.collect(),
        }
    }

    /// The transaction's events, once they have their positions.
    fn events(&self, tx: &Transaction, positioned: bool) -> Vec<&Event> {
        let first = self.draft.rows.len() - if positioned { tx.emits.len() } else { 0 };
        self.draft.rows[first..].iter().map(|row| &row.event).collect()
    }

    /// Executes a statement in the transaction's savepoint; says how many rows it changed.
    async fn execute<L: Lane>(
        &mut self,
        lane: &mut L,
        index: usize,
        (sql, rows): (&str, &[Vec<Value>]),
    ) -> sqlx::Result<Result<u64>> {
        let opening = match self.savepoint.replace(index) {
            Some(open) if open == index => Opening::Open,
            Some(_) => Opening::Next,
            None => Opening::First,
        };
        match lane.execute(opening, sql, rows).await {
            Ok(changed) => Ok(Ok(changed)),
            Err(error) => match L::fault(&error) {
                Fault::Conflict => {
                    let msg = "it exists already, or what it refers to does not";
                    Ok(Err(Error::conflict(msg)))
                }
                Fault::Statement => Ok(Err(Error::internal(error))),
                Fault::Database => Err(error),
            },
        }
    }

    /// Gives a transaction's events their positions. What is new gets its number here, without
    /// asking the database: nobody else gives out any.
    fn append(&mut self, index: usize, tx: &Transaction) {
        if tx.emits.is_empty() {
            return;
        }
        let (_, author) = &mut self.known.authors[self.known.author_of[index]];
        if *author == 0 {
            self.draft.last.author += 1;
            *author = self.draft.last.author;
            self.draft.newcomers.authors.push((*author, tx.by));
        }
        for (number, emit) in tx.emits.iter().enumerate() {
            let (_, place) = &mut self.known.topics[self.known.topic_of[index][number]];
            if place.id == 0 {
                self.draft.last.topic += 1;
                place.id = self.draft.last.topic;
                self.draft.newcomers.topics.push((place.id, emit.topic.clone(), tx.org));
            }
            self.draft.last.pos += 1;
            self.draft.last.event = Some(emit.id);
            self.draft.rows.push(NewEvent {
                pos: self.draft.last.pos,
                topic: place.id,
                by: *author,
                counts: emit.counts,
                hash: tx.hash,
                event: log::append(tx, (number, emit), place, self.draft.last.pos),
            });
        }
    }

    fn before(&self, index: usize) -> Before {
        let topics = self.known.topic_of[index].iter();
        let places = topics.map(|&topic| (topic, self.known.topics[topic].1)).collect();
        Before { last: self.draft.last, places, rows: self.draft.rows.len() }
    }

    fn undo(&mut self, Before { last, places, rows }: Before) {
        self.draft.rows.truncate(rows);
        places.into_iter().for_each(|(topic, place)| self.known.topics[topic].1 = place);
        let unknown = self.known.authors.iter_mut().filter(|(_, id)| *id > last.author);
        unknown.for_each(|(_, id)| *id = 0);
        self.draft.newcomers.topics.retain(|(id, ..)| *id <= last.topic);
        self.draft.newcomers.authors.retain(|(id, _)| *id <= last.author);
        self.draft.last = last;
    }

    /// What became of each transaction, now that all of it is on disk.
    fn answers(
        self,
        lane: &mut impl Lane,
        memory: &mut Memory,
        txs: &[Transaction],
    ) -> Vec<Result<Committed>> {
        memory.last = self.draft.last;
        lane.learn(memory, self.known.topics, self.known.authors);
        self.intents.into_keys().for_each(|intent| memory.recent.insert(intent, ()));

        // Transactions were taken in order, so their rows lie in order, too.
        let mut events = self.draft.rows.into_iter().map(|row| row.event);
        let mut answers: Vec<Result<Committed>> = Vec::with_capacity(txs.len());
        for (verdict, tx) in self.verdicts.into_iter().zip(txs) {
            answers.push(match verdict {
                Verdict::Answered(answer) => answer,
                Verdict::Refused(error) => Err(error),
                Verdict::Done(rows) => {
                    Ok(Committed { dup: false, events: events.by_ref().take(rows.len()).collect() })
                }
                Verdict::Repeats(first) => match &answers[first] {
                    Ok(committed) => log::duplicate(tx, &committed.events[0], txs[first].hash),
                    Err(error) => Err(error.clone()),
                },
            });
        }
        answers
    }
}
