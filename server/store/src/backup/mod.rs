//! Backups: everything that the database holds, in one file that any engine can be filled from.
//!
//! The file is gzip over lines of JSON: what it is ([`Manifest`]), then each table with its rows,
//! then the end with their number and a SHA-256 of all lines before. It is read within one
//! snapshot of the database, while servers write on, and neither side holds more than a few rows.
//! The log, which is most of it, comes last and in pages: it is the same at any time up to where
//! the snapshot saw it, and a snapshot that stays open slows down all who write.

mod check;
mod file;
mod fill;
mod postgres;
mod sqlite;
mod tables;

use std::{collections::BTreeMap, io};

pub use check::check;
pub use fill::fill;
use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};

use crate::{Database, OpenError};
use tables::{Cell, Table, Tables};

/// The shape of the file. A program reads this and older ones.
const FORMAT: u32 = 1;
/// What is not carried over: another database has an epoch and counters of its own.
const OWN: &str = "meta";
/// What is read last, and by position.
const LOG: &str = "event";

/// What a backup is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The shape of the file.
    pub carillon_backup: u32,
    /// The program that made it.
    pub version: String,
    /// When, in milliseconds since the epoch.
    pub made_at: i64,
    /// The epoch of the log.
    pub epoch: u64,
    /// The position of the newest event in it.
    pub position: u64,
    /// The newest step of each plugin's tables.
    pub plugins: BTreeMap<String, u32>,
}

/// How a backup ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// How many rows it has.
    pub rows: u64,
    /// The SHA-256 of all lines before, in hexadecimal digits.
    pub sha256: String,
}

/// Why there is no backup, or nothing made of one.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database refuses.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The file cannot be read or written.
    #[error("the file cannot be read or written: {0}")]
    File(#[from] io::Error),
    /// The file is not what was written.
    #[error("the backup is damaged ({0}): take another one")]
    Damaged(String),
    /// The file is of another program, or of a newer version.
    #[error("the backup was made by carillon {0}: use that version")]
    Unknown(String),
    /// The database is in use for something.
    #[error("{0} is not empty: name an empty database")]
    NotEmpty(String),
    /// Nodes work with it.
    #[error("stop the nodes of {database} first: they said something {silent_s} s ago")]
    InUse {
        /// Which.
        database: String,
        /// How long ago the last one of them said that it runs, in seconds.
        silent_s: i64,
    },
}

/// Writes everything that the database holds at this moment. Blocks its thread while it writes.
///
/// # Errors
/// [`BackupError`]; what was written then is no backup.
pub async fn write(
    database: &Database,
    made_at: i64,
    version: &str,
    out: impl io::Write,
) -> Result<(Manifest, End), BackupError> {
    match database {
        Database::Sqlite(path) => {
            write_from(&mut sqlite::open(path).await?, made_at, version, out).await
        }
        Database::Postgres(url) => {
            write_from(&mut postgres::open(url).await?, made_at, version, out).await
        }
    }
}

async fn write_from(
    from: &mut impl Tables,
    made_at: i64,
    version: &str,
    out: impl io::Write,
) -> Result<(Manifest, End), BackupError> {
    from.begin_snapshot().await?;
    let (epoch, position) = from.log().await?;
    let manifest = Manifest {
        carillon_backup: FORMAT,
        version: version.to_owned(),
        made_at,
        epoch,
        position,
        plugins: from.plugins().await?,
    };
    let mut file = file::Writer::new(out, &manifest)?;
    let tables = from.tables().await?.into_iter().filter(|table| table.table != OWN);
    let (log, others): (Vec<_>, Vec<_>) = tables.partition(|table| table.table == LOG);
    for table in others {
        file.table(&table)?;
        let mut rows = from.rows(&table);
        while let Some(row) = rows.try_next().await? {
            file.row(&row)?;
        }
    }
    from.end_snapshot().await?;
    for table in log {
        write_log(from, &table, position, &mut file).await?;
    }
    Ok((manifest, file.end()?))
}

/// Writes the log up to a position. Who rewrote a message meanwhile finds it as it is now, with a
/// `rev` that may lie beyond that position: whoever fills a database from it lowers that.
async fn write_log<W: io::Write>(
    from: &mut impl Tables,
    log: &Table,
    position: u64,
    file: &mut file::Writer<W>,
) -> Result<(), BackupError> {
    file.table(log)?;
    let mut after = 0;
    while after < position {
        let page = from.page(log, after, position).await?;
        page.iter().try_for_each(|row| file.row(row))?;
        // It begins with its position.
        let Some(Cell::Int(last)) = page.last().and_then(|row| row.first()) else {
            let lost = format!("the log ends at {after}, before {position}");
            return Err(sqlx::Error::Protocol(lost).into());
        };
        after = last.unsigned_abs();
    }
    Ok(())
}
