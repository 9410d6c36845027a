//! The one connection of this node that writes. Other nodes have theirs: whoever appends to the log
//! holds the counter's row, so they take turns.

use std::{sync::Arc, time::Duration};

use carillon_plugin::{Error, Result, Transaction, Value};
use carillon_protocol::{ErrorCode, Topic, UserId};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions};
use tokio::time::timeout;

use super::{append, dialect, is_lost, learned::Learned, patiently};
use crate::{
    batch::{self, Done, Draft, Last, Memory, statement::ROWS},
    cells::{Cells, whole},
    engine::{self, Fault, Lane, Opening, Reading},
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
        let link = match self.link.take() {
            Some(link) => link,
            None => {
                let conn = patiently(|| self.settings.connect()).await?;
                let shared = Arc::clone(&self.memory.shared);
                Link { conn, shared, alone: false, committing: false, learned: Learned::new() }
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
        let (second, first, through) = match self.attempt(&sure).await {
            Ok(done) => (done.answers, done.first, done.through),
            Err(Failure { error, .. }) => {
                tracing::warn!(%error, "what became of the commit is not known");
                (Vec::new(), 0, 0)
            }
        };
        let mut second = second.into_iter();
        let answers = txs.iter().map(|tx| match has_intent(tx) {
            true => second.next().unwrap_or_else(|| Err(unknown())),
            false => Err(unknown()),
        });
        Done { answers: answers.collect(), first, through }
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

/// The connection, as a batch uses it.
struct Link {
    conn: PgConnection,
    shared: Arc<Shared>,
    /// The batch only appends: all of it is one statement, which counts for itself.
    alone: bool,
    /// The commit has been sent.
    committing: bool,
    learned: Learned,
}

impl Link {
    /// Sends the rows of a draft whose numbers are real.
    async fn insert(&mut self, draft: &Draft) -> sqlx::Result<()> {
        if draft.rows.is_empty() {
            return Ok(());
        }
        if !draft.newcomers.is_empty() {
            append::insert_newcomers(self.conn(), &draft.newcomers).await?;
        }
        append::insert(self.conn(), draft).await
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

    async fn begin(&mut self, _: &Memory) -> sqlx::Result<Last> {
        self.committing = false;
        if self.alone {
            return Ok(Last::default());
        }
        // The counter first: what is read after it cannot change until the commit.
        self.run("BEGIN").await?;
        let sql = "SELECT pos, topics, authors FROM meta FOR UPDATE";
        let row = sqlx::query(sql).fetch_one(self.conn()).await?;
        Ok(Last { pos: whole(&row, 0)?, topic: row.int(1)?, author: row.int(2)? })
    }

    async fn standing(&mut self, _: &Memory, topics: &[&Topic]) -> sqlx::Result<Vec<Place>> {
        match self.alone || topics.is_empty() {
            true => Ok(vec![Place::default(); topics.len()]),
            false => self.conn().places(topics).await,
        }
    }

    async fn numbers(&mut self, memory: &Memory, users: &[UserId]) -> sqlx::Result<Vec<i64>> {
        match self.alone {
            true => Ok(vec![0; users.len()]),
            false => engine::remembered_authors(self, memory, users).await,
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

    async fn finish(&mut self, draft: &mut Draft, _: bool) -> sqlx::Result<()> {
        if self.alone {
            self.committing = true;
            self.shared.asking.write();
            return append::append(&mut self.conn, &mut self.learned, draft).await;
        }
        draft.seal();
        if let Err(error) = self.insert(draft).await {
            // The next round finds out why, without the counter's row.
            self.run("ROLLBACK").await?;
            return Err(error);
        }
        self.committing = true;
        self.run("COMMIT").await
    }

    /// Where topics stand is learned from the log itself, which other nodes write too.
    fn learn(&self, memory: &mut Memory, _: Vec<(&Topic, Place)>, authors: Vec<(UserId, i64)>) {
        if !self.alone {
            engine::learn_authors(memory, authors);
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
