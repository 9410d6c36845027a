//! One batch: many transactions, one commit.
//!
//! Transactions are taken in the order in which they queued. Statements run at once, each
//! transaction's in a savepoint of its own; events only get their positions, and all of them are
//! inserted together at the end. A `cid` that exists already makes that insert fail: the batch is
//! undone, its duplicates are looked up and answered, and the rest is done again. So a message
//! that is sent once, as nearly all are, pays nothing for those that are sent twice.

use std::{collections::HashMap, ops::Range, sync::Arc};

use carillon_plugin::{Committed, Error, Expect, Result, Transaction};
use carillon_protocol::{Cid, Event, UserId};
use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Either, Executor, SqliteConnection, sqlite::SqliteArguments};

use super::{
    append::{self, NewEvent, Newcomers},
    code,
    known::{self, Known},
    read,
    statement::{self, Late},
    unavailable,
    writer::{Last, Memory},
};
use crate::log::{self, Place};

/// The second round has no duplicates left, since nobody else writes; a third would be a fault.
const ROUNDS_MAX: usize = 2;

const CONSTRAINT: i32 = 19;
/// Faults of one statement: its text, a value too large, a value of the wrong type, no right to do
/// it, a parameter out of range. The rest concerns the whole database.
const STATEMENT_FAULTS: [i32; 5] = [1, 18, 20, 23, 25];

/// Commits what can be committed and says what became of each. An error means that nothing was.
pub(super) async fn commit(
    conn: &mut SqliteConnection,
    memory: &mut Memory,
    txs: &[Transaction],
) -> sqlx::Result<Vec<Result<Committed>>> {
    let mut duplicates: Vec<Option<Result<Committed>>> = vec![None; txs.len()];
    for _ in 0..ROUNDS_MAX {
        let known = Known::read(conn, memory, txs).await?;
        let mut batch = Batch::new(memory, known, txs.len());
        for (index, tx) in txs.iter().enumerate() {
            let verdict = match duplicates[index].take() {
                Some(answer) => batch.answered(index, tx, answer),
                None => batch.take(conn, index, tx).await?,
            };
            batch.verdicts.push(verdict);
        }
        // Nothing is remembered before this: a batch that fails leaves memory where the disk is.
        let Err(error) = batch.finish(conn).await else {
            return Ok(batch.answers(memory, txs));
        };
        if !is_unique_violation(&error) {
            return Err(error);
        }
        duplicates = take_out(conn, txs).await?;
        if duplicates.iter().all(Option::is_none) {
            return Err(error);
        }
    }
    Err(sqlx::Error::Protocol("a batch has duplicates that cannot be found".to_owned()))
}

fn is_unique_violation(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_unique_violation())
}

/// Answers the transactions whose `cid` is in the log, after the database undid the batch.
async fn take_out(
    conn: &mut SqliteConnection,
    txs: &[Transaction],
) -> sqlx::Result<Vec<Option<Result<Committed>>>> {
    let standing = txs.iter().enumerate().filter(|(_, tx)| !tx.emits.is_empty());
    let (indices, keys): (Vec<_>, Vec<_>) =
        standing.filter_map(|(index, tx)| Some((index, (tx.by, tx.cid?)))).unzip();
    let mut duplicates = vec![None; txs.len()];
    for (index, found) in indices.into_iter().zip(read::find(conn, &keys).await?) {
        let answer = found.map(|(event, hash)| log::duplicate(&txs[index], &event, hash));
        duplicates[index] = answer;
    }
    Ok(duplicates)
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
    last: Last,
    newcomers: Newcomers,
    rows: Vec<NewEvent>,
    verdicts: Vec<Verdict>,
    /// The transaction whose savepoint is open; while there is one, so is a database transaction.
    savepoint: Option<usize>,
}

/// What [`Batch::append`] changes, to undo it.
struct Before {
    last: Last,
    places: Vec<(usize, Place)>,
    rows: usize,
}

impl<'a> Batch<'a> {
    fn new(memory: &Memory, known: Known<'a>, len: usize) -> Batch<'a> {
        Batch {
            known,
            intents: HashMap::with_capacity(len),
            last: memory.last,
            newcomers: Newcomers::default(),
            rows: Vec::with_capacity(len),
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
        conn: &mut SqliteConnection,
        index: usize,
        tx: &Transaction,
    ) -> sqlx::Result<Verdict> {
        // The intent stands on the first event: without events there is none to repeat.
        let intent = tx.cid.filter(|_| !tx.emits.is_empty()).map(|cid| (tx.by, cid));
        if let Some(&first) = intent.and_then(|intent| self.intents.get(&intent)) {
            return Ok(Verdict::Repeats(first));
        }
        if let Some(prev) = tx.prev
            && !self.is_committed(conn, (tx.by, prev)).await?
        {
            return Ok(Verdict::Refused(log::prev_missing()));
        }
        if let Err(refused) = self.run(conn, (index, tx), false).await? {
            return Ok(Verdict::Refused(refused));
        }
        let first = self.rows.len();
        // Only what waits for positions can fail after they are given out.
        let has_late = tx.statements.iter().any(statement::is_late);
        let before = has_late.then(|| self.before(index));
        self.append(index, tx);
        if let Some(before) = before
            && let Err(refused) = self.run(conn, (index, tx), true).await?
        {
            self.undo(before);
            return Ok(Verdict::Refused(refused));
        }
        self.intents.extend(intent.map(|intent| (intent, index)));
        Ok(Verdict::Done(first..self.rows.len()))
    }

    /// Whether an intent is in the log, or will be with this batch.
    async fn is_committed(
        &self,
        conn: &mut SqliteConnection,
        intent: (UserId, Cid),
    ) -> sqlx::Result<bool> {
        if self.intents.contains_key(&intent) || self.known.earlier.contains(&intent) {
            return Ok(true);
        }
        // It stands later in the batch, or was refused there: has it been committed before?
        Ok(self.known.unasked.contains(&intent)
            && !known::committed(conn, &[intent]).await?.is_empty())
    }

    /// Runs the statements that wait for positions, or those that do not. The inner error refuses
    /// this transaction, whose statements are undone then.
    async fn run(
        &mut self,
        conn: &mut SqliteConnection,
        (index, tx): (usize, &Transaction),
        late: bool,
    ) -> sqlx::Result<Result<()>> {
        let wanted = tx.statements.iter().filter(|s| statement::is_late(s) == late);
        for statement in wanted {
            let first = self.rows.len() - if late { tx.emits.len() } else { 0 };
            let events: Vec<&Event> = self.rows[first..].iter().map(|row| &row.event).collect();
            let pieces = statement::pieces(statement, Late { events: &events, pos: self.last.pos });
            let outcome = match pieces {
                Ok(pieces) => self.execute(conn, index, pieces).await?,
                Err(error) => Err(error),
            };
            let refused = match (outcome, statement.expect) {
                (Ok(1), Expect::One) | (Ok(_), Expect::Any) => continue,
                (Ok(_), Expect::One) => Error::raced(),
                (Err(error), _) => error,
            };
            if self.savepoint == Some(index) {
                sqlx::raw_sql("ROLLBACK TO tx").execute(&mut *conn).await?;
            }
            return Ok(Err(refused));
        }
        Ok(Ok(()))
    }

    /// Executes the pieces of a statement in the transaction's savepoint; says how many rows they
    /// changed.
    async fn execute(
        &mut self,
        conn: &mut SqliteConnection,
        index: usize,
        pieces: Vec<(Arc<str>, SqliteArguments)>,
    ) -> sqlx::Result<Result<u64>> {
        let mut changed = 0;
        for (sql, arguments) in pieces {
            // One trip to the driver opens the savepoint and runs the first statement in it.
            let opening = match self.savepoint.replace(index) {
                Some(open) if open == index => "",
                Some(_) => "RELEASE tx; SAVEPOINT tx; ",
                None => "BEGIN IMMEDIATE; SAVEPOINT tx; ",
            };
            match execute(conn, format!("{opening}{sql}"), arguments).await {
                Ok(rows) => changed += rows,
                Err(error) => match code(&error) {
                    Some(CONSTRAINT) => {
                        let msg = "it exists already, or what it refers to does not";
                        return Ok(Err(Error::conflict(msg)));
                    }
                    Some(code) if STATEMENT_FAULTS.contains(&code) => {
                        return Ok(Err(unavailable(error)));
                    }
                    _ => return Err(error),
                },
            }
        }
        Ok(Ok(changed))
    }

    /// Gives a transaction's events their positions. What is new gets its number here, without
    /// asking the database: nobody else gives out any.
    fn append(&mut self, index: usize, tx: &Transaction) {
        if tx.emits.is_empty() {
            return;
        }
        let (_, author) = &mut self.known.authors[self.known.author_of[index]];
        if *author == 0 {
            self.last.author += 1;
            *author = self.last.author;
            self.newcomers.authors.push((*author, tx.by));
        }
        for (number, emit) in tx.emits.iter().enumerate() {
            let (_, place) = &mut self.known.topics[self.known.topic_of[index][number]];
            if place.id == 0 {
                self.last.topic += 1;
                place.id = self.last.topic;
                self.newcomers.topics.push((place.id, emit.topic.clone(), tx.org));
            }
            self.last.pos += 1;
            self.rows.push(NewEvent {
                pos: self.last.pos,
                topic: place.id,
                by: *author,
                counts: emit.counts,
                hash: tx.hash,
                event: log::append(tx, (number, emit), place, self.last.pos),
            });
        }
    }

    fn before(&self, index: usize) -> Before {
        let topics = self.known.topic_of[index].iter();
        let places = topics.map(|&topic| (topic, self.known.topics[topic].1)).collect();
        Before { last: self.last, places, rows: self.rows.len() }
    }

    fn undo(&mut self, Before { last, places, rows }: Before) {
        self.rows.truncate(rows);
        places.into_iter().for_each(|(topic, place)| self.known.topics[topic].1 = place);
        let unknown = self.known.authors.iter_mut().filter(|(_, id)| *id > last.author);
        unknown.for_each(|(_, id)| *id = 0);
        self.newcomers.topics.retain(|(id, ..)| *id <= last.topic);
        self.newcomers.authors.retain(|(id, _)| *id <= last.author);
        self.last = last;
    }

    /// Writes the log and commits.
    async fn finish(&self, conn: &mut SqliteConnection) -> sqlx::Result<()> {
        let mut begun = self.savepoint.is_some();
        if begun {
            // Inside a savepoint every page would be copied before it is changed.
            sqlx::raw_sql("RELEASE tx").execute(&mut *conn).await?;
        }
        if !self.newcomers.topics.is_empty() || !self.newcomers.authors.is_empty() {
            append::insert_newcomers(conn, begun, &self.newcomers).await?;
            begun = true;
        }
        append::insert_and_commit(conn, begun, &self.rows).await
    }

    /// What became of each transaction, now that all of it is on disk.
    fn answers(self, memory: &mut Memory, txs: &[Transaction]) -> Vec<Result<Committed>> {
        for (topic, place) in self.known.topics {
            memory.shared.places.insert(topic.clone(), place);
        }
        let numbered = self.known.authors.into_iter().filter(|(_, id)| *id != 0);
        numbered.for_each(|(user, id)| memory.authors.insert(user, id));
        self.intents.into_keys().for_each(|intent| memory.recent.insert(intent, ()));
        memory.last = self.last;
        memory.shared.advance(self.last.pos);

        // Transactions were taken in order, so their rows lie in order, too.
        let mut events = self.rows.into_iter().map(|row| row.event);
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

/// Runs statements that were put into one text; says how many rows the last one changed.
async fn execute(
    conn: &mut SqliteConnection,
    sql: String,
    arguments: SqliteArguments,
) -> sqlx::Result<u64> {
    let mut steps = conn.fetch_many(sqlx::query_with(AssertSqlSafe(sql), arguments));
    let mut changed = 0;
    while let Some(step) = steps.try_next().await? {
        if let Either::Left(done) = step {
            changed = done.rows_affected();
        }
    }
    Ok(changed)
}
