//! Opening the file: its settings, whether it is ours, and the connections.

use std::{path::Path, sync::Arc, time::Duration};

use carillon_plugin::Migration;
use sqlx::{
    ConnectOptions, Connection, Row as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{code, migrate, writer::Writer};
use crate::{
    Durability, OpenError, Options,
    log::Shared,
    migrate::Stop,
    reading::{Pool, Readers},
};

/// Stands in the file's header: "CARI".
const APPLICATION_ID: i32 = 0x4341_5249;
/// How long to wait for another process, as a backup, to let go of the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections that read: more than cores only wait for each other; four hide the wait for a slow
/// disk.
const READERS: u32 = 4;
/// How long a read waits for a connection: longer, and the caller has given up.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements kept a connection: more than all plugins have, in all their sizes.
const STATEMENTS_MAX: usize = 512;
/// Rows that the driver's thread may be ahead of its reader: a page of events fits.
const ROWS_AHEAD_MAX: usize = 256;
/// Pages that the writing connection keeps: the ends of the indexes that a busy hour touches. A
/// negative number counts KiB.
const WRITER_CACHE_KIB: &str = "-16000";
/// Pages that each reading connection keeps; the operating system keeps the file as well.
const READER_CACHE_KIB: &str = "-2000";
/// The write-ahead log is brought into the file every 16 MB: a page that is written in every batch
/// is then copied once, and a start after a crash reads no more than that.
const CHECKPOINT_PAGES: &str = "4000";
/// What the write-ahead log is cut down to after a long read made it grow, in bytes.
const WAL_LEN_MAX: &str = "67108864";

const NOT_A_DATABASE: i32 = 26;
const CORRUPT: i32 = 11;

/// Opens the database and its tables.
pub(crate) async fn open(
    path: &Path,
    migrations: &[Migration],
    options: &Options,
) -> Result<(Arc<Shared>, Writer, Readers), OpenError> {
    let settings = settings(path, options.durability);
    let failed = |source| refusal(path, source);
    // Whose file it is decides before anything is written to it.
    if path.exists() {
        let plain = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT);
        owned(path, &plain).await?.close().await.map_err(failed)?;
    }
    let mut conn = settings.connect().await.map_err(failed)?;
    let migrated = migrate::migrate(&mut conn, APPLICATION_ID, migrations).await;
    migrated.map_err(|stop| stopped(path, stop))?;
    // The tables go into the file itself: whatever happens to the write-ahead log, they are there.
    let checkpoint = sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut conn).await;
    checkpoint.map_err(failed)?;
    let epoch = sqlx::query("SELECT epoch FROM meta").fetch_one(&mut conn).await;
    let epoch: i64 = epoch.and_then(|row| row.try_get(0)).map_err(failed)?;
    let writer = Writer::new(settings.clone(), conn, epoch.unsigned_abs()).await.map_err(failed)?;
    let readers = SqlitePoolOptions::new()
        .max_connections(if options.readers == 0 { READERS } else { options.readers })
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(settings.pragma("query_only", "1").pragma("cache_size", READER_CACHE_KIB))
        .await
        .map_err(failed)?;
    let shared = writer.shared();
    let readers = Readers { pool: Pool::Sqlite(readers), shared: Arc::clone(&shared) };
    Ok((shared, writer, readers))
}

/// Whether the file could be opened, without changing anything.
pub(crate) async fn check(path: &Path, migrations: &[Migration]) -> Result<(), OpenError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    // Without a write-ahead log nothing but the file counts, and nothing is made beside it.
    let immutable = !Path::new(&log).exists();
    let plain = SqliteConnectOptions::new().filename(path).read_only(true).immutable(immutable);
    let mut conn = owned(path, &plain).await?;
    migrate::look(&mut conn, migrations).await.map_err(|stop| stopped(path, stop))?;
    conn.close().await.map_err(|source| refusal(path, source))
}

/// The settings of every connection.
fn settings(path: &Path, durability: Durability) -> SqliteConnectOptions {
    let synchronous = match durability {
        Durability::Full => SqliteSynchronous::Full,
        Durability::Off => SqliteSynchronous::Off,
    };
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENTS_MAX)
        .row_buffer_size(ROWS_AHEAD_MAX)
        .pragma("cache_size", WRITER_CACHE_KIB)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("journal_size_limit", WAL_LEN_MAX)
        .disable_statement_logging()
}

/// A connection to a file that is ours, or empty; any other is refused, without changing it.
async fn owned(path: &Path, plain: &SqliteConnectOptions) -> Result<SqliteConnection, OpenError> {
    let look = async {
        let mut conn = plain.connect().await?;
        let sql = "SELECT application_id, (SELECT count(*) FROM sqlite_schema) \
                   FROM pragma_application_id";
        let row = sqlx::query(sql).fetch_one(&mut conn).await?;
        let found: (i32, i64) = (row.try_get(0)?, row.try_get(1)?);
        Ok((conn, found))
    };
    match look.await {
        Ok((conn, (APPLICATION_ID, _) | (0, 0))) => Ok(conn),
        Ok(_) => Err(OpenError::Foreign { database: path.display().to_string() }),
        Err(source) => Err(refusal(path, source)),
    }
}

fn stopped(path: &Path, stop: Stop) -> OpenError {
    match stop {
        Stop::Refused(refused) => refused,
        Stop::Failed(source) => refusal(path, source),
    }
}

fn refusal(path: &Path, source: sqlx::Error) -> OpenError {
    let database = path.display().to_string();
    match code(&source) {
        Some(NOT_A_DATABASE | CORRUPT) => OpenError::Corrupt { database, why: source.to_string() },
        _ => OpenError::Unavailable { database, source },
    }
}
