//! One batch: many transactions, one commit.
//!
//! Transactions are taken in the order in which they queued. Statements run at once, each
//! transaction's in a savepoint of its own; events only get their positions, and all of them are
//! inserted together at the end. A `cid` that exists already makes that insert fail: the batch is
//! undone, its duplicates are looked up and answered, and the rest is done again. So a message
//! that is sent once, as nearly all are, pays nothing for those that are sent twice.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use carillon_plugin::{Committed, Error, Expect, Result, Transaction};
use carillon_protocol::{Cid, Event, Topic, UserId};
use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Either, Executor, SqliteConnection, sqlite::SqliteArguments};

use super::{
    append::{self, NewEvent, Newcomers},
    code, read,
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
        let mut batch = Batch::begin(conn, memory, txs, &duplicates).await?;
        for (index, tx) in txs.iter().enumerate() {
            let verdict = match duplicates[index].take() {
                Some(answer) => Verdict::Answered(answer),
                None => batch.take(conn, index, tx).await?,
            };
            batch.verdicts.push(verdict);
        }
        let Err(error) = batch.finish(conn).await else {
            return Ok(batch.answers(memory));
        };
        duplicates = match is_unique_violation(&error) {
            true => take_out(conn, txs).await?,
            false => return Err(error),
        };
        if duplicates.iter().all(Option::is_none) {
            return Err(error);
        }
    }
    Err(sqlx::Error::Protocol("a batch has duplicates that cannot be found".to_owned()))
}

fn is_unique_violation(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_unique_violation())
}

/// Undoes the batch and answers the transactions whose `cid` is in the log.
async fn take_out(
    conn: &mut SqliteConnection,
    txs: &[Transaction],
) -> sqlx::Result<Vec<Option<Result<Committed>>>> {
    sqlx::raw_sql("ROLLBACK").execute(&mut *conn).await?;
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
    txs: &'a [Transaction],
    /// Where the topics stand, with this batch's events.
    places: HashMap<Topic, Place>,
    authors: HashMap<UserId, i64>,
    /// What `prev` may name, of earlier batches.
    earlier: HashSet<(UserId, Cid)>,
    /// The intents of this batch that will be committed, with their transactions.
    intents: HashMap<(UserId, Cid), usize>,
    last: Last,
    newcomers: Newcomers,
    rows: Vec<NewEvent>,
    verdicts: Vec<Verdict>,
    /// The transaction whose savepoint is open; while there is one, so is a database transaction.
    savepoint: Option<usize>,
}

impl<'a> Batch<'a> {
    /// Reads what the transactions refer to and memory does not hold: usually nothing.
    async fn begin(
        conn: &mut SqliteConnection,
        memory: &Memory,
        txs: &'a [Transaction],
        duplicates: &[Option<Result<Committed>>],
    ) -> sqlx::Result<Batch<'a>> {
        let open = || txs.iter().zip(duplicates).filter(|(_, dup)| dup.is_none()).map(|(tx, _)| tx);
        Ok(Batch {
            txs,
            places: places(conn, memory, open()).await?,
            authors: authors(conn, memory, open()).await?,
            earlier: earlier(conn, memory, open()).await?,
            intents: HashMap::new(),
            last: memory.last,
            newcomers: Newcomers::default(),
            rows: Vec::new(),
            verdicts: Vec::with_capacity(txs.len()),
            savepoint: None,
        })
    }

    /// Runs a transaction's statements and gives its events positions.
    async fn take(
        &mut self,
        conn: &mut SqliteConnection,
        index: usize,
        tx: &Transaction,
    ) -> sqlx::Result<Verdict> {
        let intent = tx.cid.filter(|_| !tx.emits.is_empty()).map(|cid| (tx.by, cid));
        if let Some(&first) = intent.and_then(|intent| self.intents.get(&intent)) {
            return Ok(Verdict::Repeats(first));
        }
        if let Some(prev) = tx.prev.map(|cid| (tx.by, cid))
            && !self.intents.contains_key(&prev)
            && !self.earlier.contains(&prev)
        {
            return Ok(Verdict::Refused(log::prev_missing()));
        }
        if let Err(refused) = self.run(conn, (index, tx), false).await? {
            return Ok(Verdict::Refused(refused));
        }
        let has_late = tx.statements.iter().any(statement::is_late);
        let undo = has_late.then(|| self.before(tx));
        let first = self.rows.len();
        self.append(tx);
        if let Some(undo) = undo
            && let Err(refused) = self.run(conn, (index, tx), true).await?
        {
            self.undo(undo, first);
            return Ok(Verdict::Refused(refused));
        }
        if let Some(intent) = intent {
            self.intents.insert(intent, index);
        }
        Ok(Verdict::Done(first..self.rows.len()))
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
        pieces: Vec<(std::sync::Arc<str>, SqliteArguments)>,
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

    fn append(&mut self, tx: &Transaction) {
        if tx.emits.is_empty() {
            return;
        }
        let author = self.authors.entry(tx.by).or_insert(0);
        if *author == 0 {
            self.last.author += 1;
            *author = self.last.author;
            self.newcomers.authors.push((*author, tx.by));
        }
        for (index, emit) in tx.emits.iter().enumerate() {
            let place = self.places.get_mut(&emit.topic).expect("begin() read all places");
            if place.id == 0 {
                self.last.topic += 1;
                place.id = self.last.topic;
                self.newcomers.topics.push((place.id, emit.topic.clone(), tx.org));
            }
            self.last.pos += 1;
            let event = log::append(tx, (index, emit), place, self.last.pos);
            self.rows.push(NewEvent {
                pos: self.last.pos,
                topic: place.id,
                by: *author,
                counts: emit.counts,
                hash: tx.hash,
                event,
            });
        }
    }

    /// What [`Batch::append`] is about to change.
    fn before(&self, tx: &Transaction) -> (Last, Vec<(Topic, Place)>) {
        let places = tx.emits.iter().map(|emit| (emit.topic.clone(), self.places[&emit.topic]));
        (self.last, places.collect())
    }

    fn undo(&mut self, (last, places): (Last, Vec<(Topic, Place)>), first: usize) {
        self.rows.truncate(first);
        self.places.extend(places);
        self.newcomers.topics.retain(|(id, ..)| *id <= last.topic);
        self.newcomers.authors.retain(|(id, _)| *id <= last.author);
        self.authors.retain(|_, id| *id <= last.author);
        self.last = last;
    }

    /// Writes the log and commits.
    async fn finish(&self, conn: &mut SqliteConnection) -> sqlx::Result<()> {
        let mut begun = self.savepoint.is_some();
        if !self.newcomers.topics.is_empty() || !self.newcomers.authors.is_empty() {
            append::insert_newcomers(conn, begun, &self.newcomers).await?;
            begun = true;
        }
        append::insert_and_commit(conn, begun, &self.rows).await
    }

    /// What became of each transaction, now that all of it is on disk.
    fn answers(self, memory: &mut Memory) -> Vec<Result<Committed>> {
        let touched: HashSet<&Topic> = self.rows.iter().map(|row| &row.event.topic).collect();
        for (topic, place) in &self.places {
            if touched.contains(topic) {
                memory.shared.places.insert(topic.clone(), *place);
            }
        }
        self.authors.iter().for_each(|(user, id)| memory.authors.insert(*user, *id));
        self.intents.keys().for_each(|intent| memory.recent.insert(*intent, ()));
        memory.last = self.last;
        memory.shared.advance(self.last.pos);
        let answer = |verdict: &Verdict, tx: &Transaction| match verdict {
            Verdict::Answered(answer) => answer.clone(),
            Verdict::Refused(error) => Err(error.clone()),
            Verdict::Done(rows) => {
                let events = self.rows[rows.clone()].iter().map(|row| row.event.clone());
                Ok(Committed { dup: false, events: events.collect() })
            }
            Verdict::Repeats(first) => match &self.verdicts[*first] {
                Verdict::Done(rows) => {
                    let row = &self.rows[rows.start];
                    log::duplicate(tx, &row.event, row.hash)
                }
                _ => unreachable!("only what is done is kept as an intent"),
            },
        };
        self.verdicts.iter().zip(self.txs).map(|(verdict, tx)| answer(verdict, tx)).collect()
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

async fn places(
    conn: &mut SqliteConnection,
    memory: &Memory,
    txs: impl Iterator<Item = &Transaction>,
) -> sqlx::Result<HashMap<Topic, Place>> {
    let mut places = HashMap::new();
    let mut missing = Vec::new();
    for emit in txs.flat_map(|tx| &tx.emits) {
        if !places.contains_key(&emit.topic) {
            let place = memory.shared.places.get(&emit.topic);
            if place.is_none() {
                missing.push(&emit.topic);
            }
            places.insert(emit.topic.clone(), place.unwrap_or_default());
        }
    }
    if !missing.is_empty() {
        let found = read::places(conn, &missing).await?;
        places.extend(missing.into_iter().cloned().zip(found));
    }
    Ok(places)
}

async fn authors(
    conn: &mut SqliteConnection,
    memory: &Memory,
    txs: impl Iterator<Item = &Transaction>,
) -> sqlx::Result<HashMap<UserId, i64>> {
    let mut authors = HashMap::new();
    let mut missing = Vec::new();
    for tx in txs.filter(|tx| !tx.emits.is_empty()) {
        if !authors.contains_key(&tx.by) {
            let known = memory.authors.get(&tx.by).copied();
            if known.is_none() {
                missing.push(tx.by);
            }
            authors.insert(tx.by, known.unwrap_or(0));
        }
    }
    if !missing.is_empty() {
        let found = read::authors(conn, &missing).await?;
        authors.extend(missing.into_iter().zip(found));
    }
    Ok(authors)
}

/// The intents that `prev` names and that were committed before this batch.
async fn earlier(
    conn: &mut SqliteConnection,
    memory: &Memory,
    txs: impl Iterator<Item = &Transaction> + Clone,
) -> sqlx::Result<HashSet<(UserId, Cid)>> {
    let named: HashSet<_> = txs.clone().filter_map(|tx| Some((tx.by, tx.prev?))).collect();
    let here: HashSet<_> = txs.filter_map(|tx| Some((tx.by, tx.cid?))).collect();
    let (mut earlier, mut unknown): (HashSet<_>, HashSet<_>) =
        named.into_iter().partition(|intent| memory.recent.get(intent).is_some());
    unknown.retain(|intent| !here.contains(intent));
    let unknown: Vec<_> = unknown.into_iter().collect();
    if !unknown.is_empty() {
        let found = read::find(conn, &unknown).await?;
        let known = unknown.into_iter().zip(found).filter(|(_, found)| found.is_some());
        earlier.extend(known.map(|(intent, _)| intent));
    }
    Ok(earlier)
}
