//! Whether a database keeps what the log promises.

use futures_util::TryStreamExt as _;
use serde::de::IgnoredAny;

use super::{
    BackupError, postgres, sqlite,
    tables::{Cell, Table, Tables},
};
use crate::Database;

/// Statements that answer a number if a promise is broken, and what is then said of it.
const PROMISES: [(&str, &str); 6] = [
    (
        "the positions in topic {} have a hole, or one of them is used twice",
        "SELECT topic FROM event GROUP BY topic
         HAVING min(seq) <> 1 OR max(seq) <> count(*) OR count(DISTINCT seq) <> count(*) LIMIT 1",
    ),
    (
        "the event at {} was committed before one that its topic has earlier",
        "SELECT pos FROM (SELECT pos, lag(pos) OVER (PARTITION BY topic ORDER BY seq, pos) AS before
                          FROM event) AS pairs
         WHERE before > pos LIMIT 1",
    ),
    (
        "the event at {} has a wrong number of messages before it",
        "SELECT pos FROM (SELECT pos, n - counts AS rest,
                                 lag(n, 1, CAST(0 AS BIGINT))
                                     OVER (PARTITION BY topic ORDER BY seq, pos) AS before
                          FROM event) AS pairs
         WHERE before <> rest LIMIT 1",
    ),
    (
        "a command took effect {} times",
        "SELECT count(*) FROM event WHERE cid IS NOT NULL
         GROUP BY cid, by_id HAVING count(*) > 1 LIMIT 1",
    ),
    (
        "the event at {} is in a topic that is not there",
        "SELECT e.pos FROM event e LEFT JOIN topic t ON t.id = e.topic WHERE t.id IS NULL LIMIT 1",
    ),
    (
        "the event at {} is by somebody who is not there",
        "SELECT e.pos FROM event e LEFT JOIN author a ON a.id = e.by_id
         WHERE a.id IS NULL LIMIT 1",
    ),
];

/// What only PostgreSQL has to keep: nodes number what they append by what this row says.
const COUNTERS: (&str, &str) = (
    "the counters do not fit the log, which ends at {}",
    "SELECT coalesce((SELECT max(pos) FROM event), 0) FROM meta
     WHERE pos <> coalesce((SELECT max(pos) FROM event), 0)
        OR topics < (SELECT max(id) FROM topic) OR authors < (SELECT max(id) FROM author)",
);

/// Looks for promises that are broken, in one snapshot while servers write on; a sentence each.
///
/// # Errors
/// [`BackupError`] if the database cannot be read.
pub async fn check(database: &Database) -> Result<Vec<String>, BackupError> {
    match database {
        Database::Sqlite(path) => {
            let mut side = sqlite::open(path).await?;
            side.begin_snapshot().await?;
            let mut found = side.integrity().await?;
            found.extend(broken(&mut side, &PROMISES).await?);
            found.extend(unreadable(&mut side).await?);
            Ok(found)
        }
        Database::Postgres(url) => {
            let mut side = postgres::open(url).await?;
            side.begin_snapshot().await?;
            let mut found = broken(&mut side, &PROMISES).await?;
            found.extend(broken(&mut side, &[COUNTERS]).await?);
            found.extend(unreadable(&mut side).await?);
            Ok(found)
        }
    }
}

async fn broken(
    side: &mut impl Tables,
    promises: &[(&str, &'static str)],
) -> Result<Vec<String>, BackupError> {
    let mut found = Vec::new();
    for (sentence, sql) in promises {
        if let Some(number) = side.number(sql).await? {
            found.push(sentence.replace("{}", &number.to_string()));
        }
    }
    Ok(found)
}

/// The first hole in the order of commits, and the first event whose data is no JSON.
async fn unreadable(side: &mut impl Tables) -> Result<Vec<String>, BackupError> {
    let columns = ["pos", "data"].map(str::to_owned).to_vec();
    let log = Table { table: "event".into(), columns };
    let (mut last, mut hole, mut data) = (0, None, None);
    let mut rows = side.rows(&log);
    while let Some(row) = rows.try_next().await? {
        let [Cell::Int(pos), Cell::Text(text)] = row.as_slice() else {
            return Ok(vec!["the log has values of a wrong type".into()]);
        };
        if *pos != last + 1 {
            hole.get_or_insert(last + 1);
        }
        last = *pos;
        if serde_json::from_str::<IgnoredAny>(text).is_err() {
            data.get_or_insert(last);
        }
    }
    let hole = hole.map(|pos| format!("the log lacks the event at {pos}"));
    let data = data.map(|pos| format!("the data of the event at {pos} cannot be read"));
    Ok(hole.into_iter().chain(data).collect())
}
