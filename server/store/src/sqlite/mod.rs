//! SQLite: one file, one writing connection, a few that read.

mod append;
mod migrate;
mod open;
mod read;
mod rows;
mod statement;
mod writer;

pub(crate) use open::{check, open};

/// The names of all relations that are not the engine's own.
pub(crate) const RELATIONS: &str =
    "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";

/// The primary result code of SQLite; `None` if the error is not SQLite's.
fn code(error: &sqlx::Error) -> Option<i32> {
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}
