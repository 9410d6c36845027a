//! PostgreSQL: one log of several nodes.

mod append;
mod dialect;
mod learned;
mod migrate;
mod open;
mod read;
mod rows;
mod same;
mod tail;
mod writer;

pub(crate) use open::{check, open};
pub(crate) use tail::Follower;

use std::time::Duration;

use sqlx::postgres::{PgDatabaseError, PgSeverity};
use tokio::time::{sleep, timeout};

/// The names of all relations that a name without a schema finds and that are not the engine's own.
pub(crate) const RELATIONS: &str = "SELECT CAST(c.relname AS TEXT) FROM pg_class c
     JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE pg_table_is_visible(c.oid)
         AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')";

/// The time, in milliseconds since the epoch.
pub(crate) const CLOCK: &str =
    "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";

/// How long a connection is tried for before those who need it are refused: a server that starts
/// again is often back by then.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
/// How long until the second try; each time it is twice as long.
const CONNECT_AGAIN: Duration = Duration::from_millis(20);

/// Connects, again and again while that fails; not for ever.
async fn patiently<T, F>(connect: impl Fn() -> F) -> sqlx::Result<T>
where
    F: Future<Output = sqlx::Result<T>>,
{
    let (mut last, mut again) = (None, CONNECT_AGAIN);
    let tries = async {
        loop {
            match connect().await {
                Ok(conn) => return conn,
                Err(error) => last = Some(error),
            }
            sleep(again).await;
            again *= 2;
        }
    };
    match timeout(CONNECT_PATIENCE, tries).await {
        Ok(conn) => Ok(conn),
        Err(elapsed) => Err(last.unwrap_or_else(|| sqlx::Error::Io(elapsed.into()))),
    }
}

/// Whether the connection is of no use any more: it broke, or the server ended it.
pub(crate) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            let severity =
                error.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::severity);
            matches!(severity, Some(PgSeverity::Fatal | PgSeverity::Panic))
        }
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        _ => false,
    }
}
