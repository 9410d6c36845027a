//! How a row is chained to the one before, so that none can be changed, taken away or put in
//! without all that come after being written anew.

use std::fmt::Write as _;

use carillon_plugin::{Error, Result, Row};
use carillon_protocol::audit::Link;
use sha2::{Digest, Sha256};

/// The columns of a row in the order in which they are hashed; the hash comes last.
pub(super) const COLUMNS: [&str; 14] = [
    "n", "at", "actor", "address", "op", "object", "before", "after", "outcome", "times", "org",
    "event", "prev", "hash",
];
/// Those places of [`COLUMNS`] that are named.
pub(super) const AT: usize = 1;
pub(super) const OP: usize = 4;
pub(super) const PREV: usize = 12;
pub(super) const HASH: usize = 13;
/// What the hash of the first row is chained to.
pub(super) const BEGINNING: &str =
    "0000000000000000000000000000000000000000000000000000000000000000";
/// What is hashed says what it is: nothing else that has this hash means the same.
const DOMAIN: &str = "carillon audit row 1";

/// The hash of a row: SHA-256 over a JSON array of [`DOMAIN`] and its columns as text, but for the
/// hash itself, in hexadecimal.
pub(super) fn hash(cells: &[Option<String>]) -> String {
    let domain = Some(DOMAIN.to_owned());
    let hashed: Vec<_> = std::iter::once(&domain).chain(&cells[..HASH]).collect();
    let bytes = serde_json::to_vec(&hashed).expect("texts can be written");
    hex(Sha256::digest(bytes))
}

/// Bytes in hexadecimal.
fn hex(bytes: impl AsRef<[u8]>) -> String {
    let bytes = bytes.as_ref();
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes everything");
        text
    })
}

/// A statement that reads rows as [`link()`] takes them.
pub(super) fn select(rest: &str) -> String {
    let columns = COLUMNS.map(|column| format!("CAST({column} AS TEXT)")).join(", ");
    format!("SELECT n, {columns} FROM audit_row {rest}")
}

/// A row of [`select`].
///
/// # Errors
/// If a column is no text.
pub(super) fn link(row: &Row) -> Result<Link> {
    let cells = (1..=COLUMNS.len()).map(|column| row.get(column));
    Ok(Link { n: row.get(0)?, cells: cells.collect::<Result<_, Error>>()? })
}
