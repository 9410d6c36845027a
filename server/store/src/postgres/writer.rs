//! The one connection of this node that writes. Other nodes have theirs: whoever appends to the log
//! holds the counter's row, so they take turns.

use std::{sync::Arc, time::Duration};

use carillon_plugin::{Error, Result, Transaction, Value};
use carillon_protocol::{ErrorCode, Topic, UserId};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions};
use tokio::time::timeout;

use super::{append, dialect, is_lost, learned::Learned, patiently, read, same, tail::in_time};
use crate::{
    Replaced,
    batch::{self, Done, Draft, Last, Memory, statement::ROWS},
    cells::{Cells, whole},
    engine::{self, Fault, Lane, Opening, Reading, Standing},
    log::{Place, Shared},
    queue::Engine,
};

/// How long a batch may take. The server ends any statement sooner; this is for a server that does
/// not answer at all.
const BATCH_TIMEOUT: Duration = Duration::from_secs(8);
/// How long everybody who waits for an answer may wait for it again.
const UNKNOWN_RETRY_MS: u64 = 1_000;

/// Why a batch was not committed.
struct Failure {
    error: sqlx::Error,
    /// The commit was on its way when the connection broke: perhaps it happened.
    unknown: bool,
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Failure {
        Failure { error, unknown: false }
    }
}

pub(crate) struct Writer {
    settings: PgConnectOptions,
    /// Absent after a fault, until the next batch.
    link: Option<Link>,
    memory: Memory,
}

impl Writer {
    pub(super) fn new(settings: PgConnectOptions, shared: Arc<Shared>) -> Writer {
        Writer { settings, link: None, memory: Memory::new(shared, Last::default()) }
    }

    /// The connection, opened again if a fault closed it.
    async fn link(&mut self) -> sqlx::Result<(&mut Link, &mut Memory)> {
        self.memory.shared.refuse_replaced()?;
        let link = match self.link.take() {
            Some(link) => link,
            None => {
                let shared = Arc::clone(&self.memory.shared);
                let mut conn = patiently(|| self.settings.connect()).await?;
                in_time(same::newest(&mut conn, &shared)).await?;
                shared.line.forget_held();
                Link::new(conn, shared)
            }
        };
        Ok((self.link.insert(link), &mut self.memory))
    }

    async fn attempt(&mut self, txs: &[Transaction]) -> Result<Done, Failure> {
        let (link, memory) = self.link().await?;
        link.alone = txs.iter().all(Transaction::only_appends);
        let done = timeout(BATCH_TIMEOUT, batch::commit(link, memory, txs)).await;
        let error = match done {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => error,
            Err(elapsed) => sqlx::Error::Io(elapsed.into()),
        };
        // What is half done is undone with the connection. What is remembered was committed.
        let broken = self.link.take();
        let unknown = is_lost(&error) && broken.is_some_and(|link| link.committing);
        Err(Failure { error, unknown })
    }

    /// Tries once more after nobody knows what became of the commit: who has a `cid` is answered
    /// truly, either way. The others cannot be.
    async fn once_more(&mut self, txs: &[Transaction], first: sqlx::Error) -> Done {
        tracing::warn!(error = %first, "the connection broke during a commit; looking what it did");
        let has_intent = |tx: &Transaction| tx.cid.is_some() && !tx.emits.is_empty();
        let sure: Vec<_> = txs.iter().filter(|tx| has_intent(tx)).cloned().collect();
        let done = self.attempt(&sure).await.unwrap_or_else(|Failure { error, .. }| {
            tracing::warn!(%error, "what became of the commit is not known");
            Done { answers: Vec::new(), first: 0, after: None, through: 0 }
        });
        let mut second = done.answers.into_iter();
        let answers = txs.iter().map(|tx| match has_intent(tx) {
            true => second.next().unwrap_or_else(|| Err(unknown())),
            false => Err(unknown()),
        });
        Done { answers: answers.collect(), ..done }
    }
}

fn unknown() -> Error {
    let msg = "the connection to the database broke; send the same again";
    Error::new(ErrorCode::TimeoutUnknown, msg).retry_ms(UNKNOWN_RETRY_MS)
}

impl Engine for Writer {
    async fn commit(&mut self, txs: &[Transaction]) -> Result<Done> {
        let Failure { error, unknown } = match self.attempt(txs).await {
            Ok(done) => return Ok(done),
            Err(failure) => failure,
        };
        if unknown {
            return Ok(self.once_more(txs, error).await);
        }
        // A connection that broke before the commit: nothing happened, and nobody need notice.
        if !is_lost(&error) {
            return Err(Error::internal(error));
        }
        match self.attempt(txs).await {
            Ok(done) => Ok(done),
            Err(Failure { error, unknown: true }) => Ok(self.once_more(txs, error).await),
            Err(Failure { error, unknown: false }) => Err(Error::internal(error)),
        }
    }

    async fn ping(&mut self) -> Result<()> {
        let ping = async {
            let (link, _) = self.link().await?;
            // A server that only reads, as a standby, has no such row.
            let sql = "SELECT pos FROM meta WHERE current_setting('transaction_read_only') = 'off'";
            sqlx::query(sql).fetch_one(link.conn()).await
        };
        let error = match timeout(BATCH_TIMEOUT, ping).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error,
            Err(elapsed) => sqlx::Error::Io(elapsed.into()),
        };
        self.link = None;
        Err(Error::internal(error))
    }

    async fn close(mut self) {
        let Some(link) = self.link.take() else { return };
        if let Err(error) = link.conn.close().await {
            tracing::warn!(%error, "the connection to the database did not close cleanly");
        }
    }
}

/// Where the numbers of a batch come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbering {
    /// It has statements of its own: the counter is locked, and what is read then cannot change.
    Locked,
    /// It only appends: one statement takes the counter, finds the numbers and commits.
    Given,
    /// It only appends, and nobody else did since the last commit: one statement commits if the log
    /// still stands where that left it.
    Expected,
}

/// The connection, as a batch uses it.
struct Link {
    conn: PgConnection,
    shared: Arc<Shared>,
    /// The batch only appends.
    alone: bool,
    numbering: Numbering,
    /// The commit has been sent.
    committing: bool,
    learned: Learned,
}

impl Link {
    fn new(conn: PgConnection, shared: Arc<Shared>) -> Link {
        let (numbering, learned) = (Numbering::Locked, Learned::new());
        Link { conn, shared, alone: false, numbering, committing: false, learned }
    }

    /// From where a batch is numbered without asking; where nothing is known, from 1.
    fn without_asking(&mut self, topics: &[&Topic], users: &[UserId]) -> Standing {
        let expected = self.expected(topics, users);
        self.numbering = match expected {
            Some(_) => Numbering::Expected,
            None => Numbering::Given,
        };
        expected.unwrap_or_else(|| Standing {
            last: Last::default(),
            places: vec![Place::default(); topics.len()],
            authors: vec![0; users.len()],
        })
    }

    /// What the last commit left, if that is all that is needed and nobody was heard since.
    fn expected(&self, topics: &[&Topic], users: &[UserId]) -> Option<Standing> {
        let after = self.learned.after();
        let (pos, event) = after.filter(|&(pos, _)| self.shared.line.spoken() <= pos)?;
        let places = self.learned.places(topics)?;
        let authors = users.iter().map(|user| self.learned.author(user));
        let authors = authors.collect::<Option<_>>()?;
        Some(Standing { last: Last { pos, event, ..Last::default() }, places, authors })
    }

    /// Locks the counter: what is read after it cannot change until the commit.
    async fn locked(&mut self, topics: &[&Topic], users: &[UserId]) -> sqlx::Result<Standing> {
        self.numbering = Numbering::Locked;
        self.run("BEGIN").await?;
        let sql = "SELECT pos, topics, authors, epoch FROM meta FOR UPDATE";
        let row = sqlx::query(sql).fetch_one(self.conn()).await?;
        if whole(&row, 3)? != self.shared.epoch {
            self.shared.is_replaced(Replaced::Renewed);
            self.shared.refuse_replaced()?;
        }
        let pos = whole(&row, 0)?;
        let event = match self.learned.after() {
            Some((known, event)) if known == pos => event,
            _ => read::event_at(self.conn(), pos).await?,
        };
        let last = Last { pos, event, topic: row.int(1)?, author: row.int(2)? };
        self.learned.stands_at(pos, event);
        let places = match self.learned.places(topics) {
            Some(places) => places,
            None => self.conn().places(topics).await?,
        };
        let known = users.iter().map(|user| self.learned.author(user)).collect();
        let authors = engine::authors(self, users, known).await?;
        Ok(Standing { last, places, authors })
    }

    /// Sends the rows of a draft whose numbers are real. Says whether they still are.
    async fn insert(&mut self, draft: &mut Draft) -> sqlx::Result<bool> {
        if draft.rows.is_empty() {
            return Ok(true);
        }
        draft.seal();
        if !draft.newcomers.is_empty() {
            append::insert_newcomers(self.conn(), &draft.newcomers).await?;
        }
        let epoch = self.shared.epoch;
        append::insert(self.conn(), epoch, draft).await
    }

    /// Commits a batch that is one statement, which counts for itself.
    async fn append(&mut self, draft: &mut Draft) -> sqlx::Result<bool> {
        self.committing = true;
        self.shared.asking.write();
        let epoch = self.shared.epoch;
        append::append(&mut self.conn, epoch, &mut self.learned, draft).await.map(|()| true)
    }

    /// Commits a batch with statements of its own, or undoes it.
    async fn commit(&mut self, draft: &mut Draft) -> sqlx::Result<bool> {
        let inserted = self.insert(draft).await;
        if !matches!(inserted, Ok(true)) {
            // The next round finds out why, without the counter's row.
            self.run("ROLLBACK").await?;
            return inserted;
        }
        self.committing = true;
        self.run("COMMIT").await.map(|()| true)
    }

    async fn run(&mut self, sql: &'static str) -> sqlx::Result<()> {
        self.conn().execute(sql).await.map(drop)
    }
}

impl Lane for Link {
    type Conn = PgConnection;

    /// The connection, for one statement.
    fn conn(&mut self) -> &mut PgConnection {
        self.shared.asking.write();
        &mut self.conn
    }

    async fn begin(
        &mut self,
        _: &Memory,
        topics: &[&Topic],
        users: &[UserId],
    ) -> sqlx::Result<Standing> {
        self.committing = false;
        match self.alone {
            true => Ok(self.without_asking(topics, users)),
            false => self.locked(topics, users).await,
        }
    }

    async fn execute(
        &mut self,
        opening: Opening,
        sql: &str,
        rows: &[Vec<Value>],
    ) -> sqlx::Result<u64> {
        match opening {
            Opening::First => self.run("SAVEPOINT tx").await?,
            Opening::Next => self.run("RELEASE SAVEPOINT tx; SAVEPOINT tx").await?,
            Opening::Open => {}
        }
        if sql.contains(ROWS) {
            return self
                .conn()
                .execute(dialect::query(dialect::list(sql, rows)?))
                .await
                .map(|done| done.rows_affected());
        }
        let mut changed = 0;
        for row in rows {
            let query = dialect::query(dialect::statement(sql, row)?);
            changed += self.conn().execute(query).await?.rows_affected();
        }
        Ok(changed)
    }

    async fn undo(&mut self) -> sqlx::Result<()> {
        self.run("ROLLBACK TO SAVEPOINT tx").await
    }

    async fn finish(&mut self, draft: &mut Draft, _: bool) -> sqlx::Result<bool> {
        let finished = match self.numbering {
            Numbering::Locked => self.commit(draft).await,
            Numbering::Given | Numbering::Expected if draft.rows.is_empty() => return Ok(true),
            Numbering::Given => self.append(draft).await,
            Numbering::Expected => {
                self.committing = true;
                self.insert(draft).await
            }
        };
        if !matches!(finished, Ok(true)) {
            self.learned.moved();
        }
        finished
    }

    /// Where topics stand is learned from the log itself, which other nodes write too.
    fn learn(
        &mut self,
        memory: &mut Memory,
        topics: Vec<(&Topic, Place)>,
        authors: Vec<(UserId, i64)>,
    ) {
        // What the database numbered is learned already.
        if self.numbering != Numbering::Given {
            self.learned.keep(memory.last, topics, authors);
        }
    }

    fn fault(error: &sqlx::Error) -> Fault {
        let code = error.as_database_error().and_then(|error| error.code());
        match code.as_deref() {
            _ if is_lost(error) => Fault::Database,
            // It took too long.
            Some("57014") => Fault::Statement,
            Some(code) => match &code[..2] {
                "23" => Fault::Conflict,
                // No feature, cardinality, data, authorization, its text, a limit, a raised error.
                "0A" | "21" | "22" | "25" | "42" | "54" | "P0" => Fault::Statement,
                _ => Fault::Database,
            },
            // Values that cannot be sent.
            None => match error {
                sqlx::Error::Encode(_) => Fault::Statement,
                _ => Fault::Database,
            },
        }
    }
}
