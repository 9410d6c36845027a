//! SQLite: one file, one writing connection, a few that read.

mod append;
mod batch;
mod known;
mod migrate;
mod open;
mod read;
mod rows;
mod statement;
mod writer;

pub(crate) use open::{check, open};
pub(crate) use read::Readers;

use carillon_plugin::Error;

/// A failure of the database as it is answered: the reason is logged, not sent.
fn unavailable(error: sqlx::Error) -> Error {
    Error::internal(error)
}

/// The primary result code of SQLite; `None` if the error is not SQLite's.
fn code(error: &sqlx::Error) -> Option<i32> {
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}
