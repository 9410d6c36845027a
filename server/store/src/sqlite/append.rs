//! New rows of the log, in as few trips to the driver as possible.

use std::sync::{Arc, LazyLock};

use sqlx::{
    Arguments, AssertSqlSafe, SqliteConnection, error::BoxDynError, sqlite::SqliteArguments,
};

use super::rows::{hex, json};
use crate::batch::{NewEvent, Newcomers};

/// Rows of one statement. What is missing to the next size stays unbound, which is NULL, and is
/// filtered out: four texts to prepare serve every batch.
const SIZES: [usize; 4] = [1, 16, 64, 256];

/// Inserts the events and commits. `begun` says whether a transaction is open.
pub(super) async fn insert_and_commit(
    conn: &mut SqliteConnection,
    begun: bool,
    rows: &[NewEvent],
) -> sqlx::Result<()> {
    if rows.is_empty() {
        return if begun { run(conn, "COMMIT".into(), None).await } else { Ok(()) };
    }
    let widest = SIZES.len() - 1;
    let last = rows.len().div_ceil(SIZES[widest]) - 1;
    for (index, rows) in rows.chunks(SIZES[widest]).enumerate() {
        let size = SIZES.iter().position(|&size| size >= rows.len()).unwrap_or(widest);
        let begins = index == 0 && !begun;
        let text = &TEXTS[size][usize::from(begins)][usize::from(index == last)];
        let mut arguments = SqliteArguments::default();
        arguments.reserve(rows.len() * COLUMNS.len(), 0);
        rows.iter().try_for_each(|row| bind(&mut arguments, row)).map_err(sqlx::Error::Encode)?;
        run(conn, text.clone(), Some(arguments)).await?;
    }
    Ok(())
}

/// Inserts new topics and authors.
pub(super) async fn insert_newcomers(
    conn: &mut SqliteConnection,
    begun: bool,
    newcomers: &Newcomers,
) -> sqlx::Result<()> {
    let topics = newcomers.topics.iter();
    let topics: Vec<_> = topics.map(|(id, name, org)| (id, name, hex(&org.0))).collect();
    let authors: Vec<_> = newcomers.authors.iter().map(|(id, user)| (id, hex(&user.0))).collect();
    let begin = if begun { "" } else { "BEGIN IMMEDIATE;" };
    let text = format!(
        "{begin}INSERT INTO topic (id, name, org) \
         SELECT value ->> 0, value ->> 1, unhex(value ->> 2) FROM json_each($1);\
         INSERT INTO author (id, user) SELECT value ->> 0, unhex(value ->> 1) FROM json_each($2)"
    );
    let mut arguments = SqliteArguments::default();
    arguments.add(json(&topics)).map_err(sqlx::Error::Encode)?;
    arguments.add(json(&authors)).map_err(sqlx::Error::Encode)?;
    run(conn, text.into(), Some(arguments)).await
}

async fn run(
    conn: &mut SqliteConnection,
    text: Arc<str>,
    arguments: Option<SqliteArguments>,
) -> sqlx::Result<()> {
    let query = sqlx::query_with(AssertSqlSafe(text), arguments.unwrap_or_default());
    query.execute(conn).await.map(drop)
}

const COLUMNS: [&str; 12] =
    ["pos", "topic", "seq", "n", "counts", "k", "id", "by_id", "at", "cid", "hash", "data"];

/// The texts by size, by whether they begin the transaction, by whether they commit it.
static TEXTS: LazyLock<[[[Arc<str>; 2]; 2]; SIZES.len()]> = LazyLock::new(|| {
    SIZES.map(|size| {
        let columns = COLUMNS.join(", ");
        let row = format!("({})", COLUMNS.map(|_| "?").join(","));
        let marks = vec![row; size].join(",");
        // A `cid` that exists already undoes the batch at once (OR ROLLBACK): to undo only this
        // statement, as is usual, SQLite would copy every page before it changes it.
        // A single row is inserted as it is: nothing of it can be missing.
        let insert = match size {
            1 => format!("INSERT OR ROLLBACK INTO event ({columns}) VALUES {marks}"),
            _ => format!(
                "INSERT OR ROLLBACK INTO event ({columns}) SELECT * FROM (VALUES {marks}) \
                 WHERE column1 IS NOT NULL"
            ),
        };
        [false, true].map(|begins| {
            [false, true].map(|commits| {
                let begin = if begins { "BEGIN IMMEDIATE;" } else { "" };
                let commit = if commits { ";COMMIT" } else { "" };
                format!("{begin}{insert}{commit}").into()
            })
        })
    })
});

fn bind(arguments: &mut SqliteArguments, row: &NewEvent) -> Result<(), BoxDynError> {
    let event = &row.event;
    arguments.add(row.pos as i64)?;
    arguments.add(row.topic)?;
    arguments.add(event.seq as i64)?;
    arguments.add(event.n as i64)?;
    arguments.add(row.counts)?;
    arguments.add(event.k.clone())?;
    arguments.add(event.id.0.to_bytes().to_vec())?;
    arguments.add(row.by)?;
    arguments.add(event.at)?;
    arguments.add(event.cid.map(|cid| cid.0.to_bytes().to_vec()))?;
    arguments.add(event.cid.map(|_| row.hash))?;
    arguments.add(event.data.as_str())
}
