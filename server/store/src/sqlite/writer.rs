//! The one connection that writes, and what it remembers between batches.

use std::sync::Arc;

use carillon_plugin::{Committed, Result, Transaction};
use carillon_protocol::{Cid, UserId};
use quick_cache::unsync::Cache;
use sqlx::{ConnectOptions, Connection, Row as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{batch, unavailable};
use crate::{log::Shared, queue::Engine};

/// People whose number is kept in memory: everybody who writes in a busy hour.
const AUTHORS_MAX: usize = 65_536;
/// Intents that are remembered, so that `prev` costs no read: seconds of work at full speed.
const RECENT_MAX: usize = 65_536;

/// What is known of the disk. Only a commit changes it, so it never runs ahead.
pub(super) struct Memory {
    pub(super) shared: Arc<Shared>,
    pub(super) authors: Cache<UserId, i64>,
    pub(super) recent: Cache<(UserId, Cid), ()>,
    /// The newest numbers given out.
    pub(super) last: Last,
}

/// The newest numbers in use; whoever needs one takes the next.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Last {
    pub(super) pos: u64,
    pub(super) topic: i64,
    pub(super) author: i64,
}

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
        let memory = Memory {
            shared: Arc::new(Shared::new(last.pos, epoch)),
            authors: Cache::new(AUTHORS_MAX),
            recent: Cache::new(RECENT_MAX),
            last,
        };
        Ok(Writer { settings, conn: Some(conn), memory })
    }

    pub(super) fn shared(&self) -> Arc<Shared> {
        self.memory.shared.clone()
    }

    /// The connection, opened again if a fault closed it.
    async fn conn(&mut self) -> sqlx::Result<(&mut SqliteConnection, &mut Memory)> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => {
                let mut conn = self.settings.connect().await?;
                self.memory.last = last(&mut conn).await?;
                self.memory.shared.advance(self.memory.last.pos);
                conn
            }
        };
        Ok((self.conn.insert(conn), &mut self.memory))
    }

    /// Forgets everything after a fault: what the database is really at is read again.
    async fn reset(&mut self) {
        self.memory.shared.places.clear();
        self.memory.authors.clear();
        self.memory.recent.clear();
        if let Some(conn) = self.conn.take() {
            // Closing undoes what was open. If even that fails, the handle is gone all the same.
            if let Err(error) = conn.close().await {
                tracing::warn!(%error, "the writing connection did not close cleanly");
            }
        }
    }

    async fn attempt(&mut self, txs: &[Transaction]) -> sqlx::Result<Vec<Result<Committed>>> {
        let (conn, memory) = self.conn().await?;
        batch::commit(conn, memory, txs).await
    }
}

impl Engine for Writer {
    async fn commit(&mut self, txs: &[Transaction]) -> Result<Vec<Result<Committed>>> {
        match self.attempt(txs).await {
            Ok(done) => Ok(done),
            Err(error) => {
                self.reset().await;
                Err(unavailable(error))
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
            return Err(unavailable(error));
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

async fn last(conn: &mut SqliteConnection) -> sqlx::Result<Last> {
    let sql = "SELECT coalesce((SELECT max(pos) FROM event), 0),
                      coalesce((SELECT max(id) FROM topic), 0),
                      coalesce((SELECT max(id) FROM author), 0)";
    let row = sqlx::query(sql).fetch_one(conn).await?;
    let pos: i64 = row.try_get(0)?;
    Ok(Last { pos: pos.unsigned_abs(), topic: row.try_get(1)?, author: row.try_get(2)? })
}
