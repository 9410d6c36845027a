//! The one connection that writes, and what it remembers between batches.

use std::sync::Arc;

use carillon_plugin::{Error, Result, Transaction, Value};
use carillon_protocol::{Topic, UserId};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Row as _, SqliteConnection,
    sqlite::SqliteConnectOptions,
};

use super::{append, code, statement};
use crate::{
    batch::{self, Done, Draft, Last, Memory},
    cells::{EVENT, event, event_id, topic, whole},
    engine::{self, Fault, Lane, Opening, Reading, Standing},
    line::Run,
    log::{Place, Shared},
    queue::Engine,
};

/// Events of one read after a fault.
const PAGE_LEN: u32 = 1_000;
const CONSTRAINT: i32 = 19;
/// Faults of one statement: its text, a value too large, a value of the wrong type, no right to do
/// it, a parameter out of range. The rest concerns the whole database.
const STATEMENT_FAULTS: [i32; 5] = [1, 18, 20, 23, 25];

pub(crate) struct Writer {
    settings: SqliteConnectOptions,
    /// Absent after a fault, until the next batch.
    conn: Option<SqliteConnection>,
    memory: Memory,
}

impl Writer {
    /// Takes over a connection whose tables are up to date.
    pub(super) async fn new(
        settings: SqliteConnectOptions,
        mut conn: SqliteConnection,
        epoch: u64,
    ) -> sqlx::Result<Writer> {
        let last = last(&mut conn).await?;
        let memory = Memory::new(Arc::new(Shared::new(last.pos, last.event, epoch)), last);
        Ok(Writer { settings, conn: Some(conn), memory })
    }

    pub(super) fn shared(&self) -> Arc<Shared> {
        self.memory.shared.clone()
    }

    /// The connection, opened again if a fault closed it.
    async fn conn(&mut self) -> sqlx::Result<(&mut SqliteConnection, &mut Memory)> {
        self.memory.shared.asking.write();
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => {
                let mut conn = self.settings.connect().await?;
                self.memory.last = last(&mut conn).await?;
                // A commit that failed may have happened all the same.
                let line = &self.memory.shared.line;
                while line.applied() < self.memory.last.pos {
                    let page = page(&mut conn, line.applied()).await?;
                    if page.events.is_empty() {
                        let why = "the log has a gap: restore a backup";
                        return Err(sqlx::Error::Protocol(why.to_owned()));
                    }
                    line.page(page);
                }
                conn
            }
        };
        Ok((self.conn.insert(conn), &mut self.memory))
    }

    /// Forgets everything after a fault: what the database is really at is read again.
    async fn reset(&mut self) {
        self.memory.clear();
        if let Some(conn) = self.conn.take() {
            // Closing undoes what was open. If even that fails, the handle is gone all the same.
            if let Err(error) = conn.close().await {
                tracing::warn!(%error, "the writing connection did not close cleanly");
            }
        }
    }

    async fn attempt(&mut self, txs: &[Transaction]) -> sqlx::Result<Done> {
        let (conn, memory) = self.conn().await?;
        batch::commit(conn, memory, txs).await
    }
}

impl Engine for Writer {
    async fn commit(&mut self, txs: &[Transaction]) -> Result<Done> {
        match self.attempt(txs).await {
            Ok(done) => Ok(done),
            Err(error) => {
                self.reset().await;
                Err(Error::internal(error))
            }
        }
    }

    async fn ping(&mut self) -> Result<()> {
        // Taking the write lock and letting go of it tries everything but the disk's space.
        let ping = async {
            let (conn, _) = self.conn().await?;
            sqlx::raw_sql("BEGIN IMMEDIATE; ROLLBACK").execute(conn).await
        };
        if let Err(error) = ping.await {
            self.reset().await;
            return Err(Error::internal(error));
        }
        Ok(())
    }

    async fn close(mut self) {
        let Some(mut conn) = self.conn.take() else { return };
        let checkpoint = sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut conn).await;
        let closed = conn.close().await;
        if let Err(error) = checkpoint.map(drop).and(closed) {
            // Nothing is lost: the next start reads the write-ahead log.
            tracing::warn!(%error, "the database did not close cleanly");
        }
    }
}

impl Lane for SqliteConnection {
    type Conn = SqliteConnection;

    fn conn(&mut self) -> &mut SqliteConnection {
        self
    }

    /// Nobody else gives out numbers; the transaction begins with the first statement. Where topics
    /// stand is in memory, and what it lacks is read in one query.
    async fn begin(
        &mut self,
        memory: &Memory,
        topics: &[&Topic],
        users: &[UserId],
    ) -> sqlx::Result<Standing> {
        let known: Vec<_> = topics.iter().map(|topic| memory.shared.places.get(*topic)).collect();
        let missing = topics.iter().zip(&known).filter(|(_, place)| place.is_none());
        let missing: Vec<_> = missing.map(|(topic, _)| *topic).collect();
        let found = match missing.is_empty() {
            true => Vec::new(),
            false => self.places(&missing).await?,
        };
        let mut found = found.into_iter();
        let places = known.into_iter().map(|place| place.or_else(|| found.next()));
        let places = places.map(Option::unwrap_or_default).collect();
        let known = users.iter().map(|user| memory.authors.get(user).copied()).collect();
        let authors = engine::authors(self, users, known).await?;
        Ok(Standing { last: memory.last, places, authors })
    }

    fn learn(
        &mut self,
        memory: &mut Memory,
        topics: Vec<(&Topic, Place)>,
        authors: Vec<(UserId, i64)>,
    ) {
        topics.into_iter().for_each(|(topic, place)| {
            memory.shared.places.insert(topic.clone(), place);
        });
        // Numbers never change.
        let numbered = authors.into_iter().filter(|(_, id)| *id != 0);
        numbered.for_each(|(user, id)| memory.authors.insert(user, id));
    }

    async fn execute(
        &mut self,
        opening: Opening,
        sql: &str,
        rows: &[Vec<Value>],
    ) -> sqlx::Result<u64> {
        statement::execute(self, opening, sql, rows).await
    }

    async fn undo(&mut self) -> sqlx::Result<()> {
        sqlx::raw_sql("ROLLBACK TO tx").execute(self).await.map(drop)
    }

    async fn finish(&mut self, draft: &mut Draft, opened: bool) -> sqlx::Result<bool> {
        draft.seal();
        let mut begun = opened;
        if begun {
            // Inside a savepoint every page would be copied before it is changed.
            sqlx::raw_sql("RELEASE tx").execute(&mut *self).await?;
        }
        if !draft.newcomers.is_empty() {
            append::insert_newcomers(self, begun, &draft.newcomers).await?;
            begun = true;
        }
        append::insert_and_commit(self, begun, &draft.rows).await.map(|()| true)
    }

    fn fault(error: &sqlx::Error) -> Fault {
        match code(error) {
            Some(CONSTRAINT) => Fault::Conflict,
            Some(code) if STATEMENT_FAULTS.contains(&code) => Fault::Statement,
            _ => Fault::Database,
        }
    }
}

/// The log after a position, a page of it.
async fn page(conn: &mut SqliteConnection, after: u64) -> sqlx::Result<Run> {
    let sql = format!(
        "SELECT e.pos, t.name, {EVENT} FROM event e CROSS JOIN topic t CROSS JOIN author a
         WHERE e.pos >= $1 AND t.id = e.topic AND a.id = e.by_id
         ORDER BY e.pos LIMIT {PAGE_LEN} + 1"
    );
    let mut page = Run { first: after + 1, ..Run::default() };
    let query = sqlx::query(AssertSqlSafe(sql)).bind(after as i64);
    for row in query.fetch_all(conn).await? {
        let (pos, event) = (whole(&row, 0)?, event(topic(&row, 1)?, &row, 2)?);
        match pos {
            pos if pos == after => page.after = Some(event.id),
            pos if pos == page.end() => page.events.push(event),
            _ => break,
        }
    }
    Ok(page)
}

async fn last(conn: &mut SqliteConnection) -> sqlx::Result<Last> {
    let sql = "SELECT coalesce((SELECT max(pos) FROM event), 0),
                      coalesce((SELECT max(id) FROM topic), 0),
                      coalesce((SELECT max(id) FROM author), 0),
                      (SELECT id FROM event ORDER BY pos DESC LIMIT 1)";
    let row = sqlx::query(sql).fetch_one(conn).await?;
    let (pos, event) = (whole(&row, 0)?, event_id(&row, 3)?);
    Ok(Last { pos, event, topic: row.try_get(1)?, author: row.try_get(2)? })
}
