//! SQLite: one file, one writing connection, a few that read.

mod append;
mod migrate;
mod open;
mod read;
mod rows;
mod statement;
mod writer;

pub(crate) use open::{check, open};

/// The primary result code of SQLite; `None` if the error is not SQLite's.
fn code(error: &sqlx::Error) -> Option<i32> {
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}
