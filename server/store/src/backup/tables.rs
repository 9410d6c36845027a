//! Tables and rows as both engines have them.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures_util::stream::BoxStream;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sqlx::Result;

/// Events that are held at a time.
const PAGE_LEN: usize = 500;

/// A table, with the columns that its rows have here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Table {
    pub(super) table: String,
    pub(super) columns: Vec<String>,
}

/// A value. In JSON: null, a number with or without a point, a text, or the base64 of some bytes in
/// an array of one.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
}

/// What a backup needs of a connection.
pub(super) trait Tables: Send {
    /// From here on everything that is read is of one moment.
    async fn begin_snapshot(&mut self) -> Result<()>;

    /// The epoch of the log and its newest position.
    async fn log(&mut self) -> Result<(u64, u64)>;

    /// The newest step of each plugin's tables.
    async fn plugins(&mut self) -> Result<BTreeMap<String, u32>>;

    /// All tables.
    async fn tables(&mut self) -> Result<Vec<Table>>;

    /// Everything but the log has been read. Up to a position it changes no more, so it needs no
    /// snapshot: what is long is not read in one that lets the database clean up nothing.
    async fn end_snapshot(&mut self) -> Result<()>;

    /// The log after a position and up to another, a page of it.
    async fn page(&mut self, log: &Table, after: u64, through: u64) -> Result<Vec<Vec<Cell>>>;

    /// All rows of a table, by their first column.
    fn rows<'a>(&'a mut self, table: &Table) -> BoxStream<'a, Result<Vec<Cell>>>;

    /// Begins to write.
    async fn begin(&mut self) -> Result<()>;

    /// Takes all rows out of a table.
    async fn clear(&mut self, table: &Table) -> Result<()>;

    /// Adds rows to a table.
    async fn insert(&mut self, table: &Table, rows: &[Vec<Cell>]) -> Result<()>;

    /// The next events after a position that say something else than they did when they were
    /// written, a page of them.
    async fn rewritten(&mut self, after: i64) -> Result<Vec<Rewritten>>;

    /// Puts other data in place of an event's.
    async fn rewrite(&mut self, pos: i64, data: &str) -> Result<()>;

    /// Begins another epoch after this position, and commits.
    async fn commit(&mut self, position: u64) -> Result<()>;

    /// What a statement that answers one number or none says; the text is ours.
    async fn number(&mut self, sql: &'static str) -> Result<Option<i64>>;
}

/// An event that says something else than when it was written.
pub(super) struct Rewritten {
    pub(super) pos: i64,
    pub(super) data: String,
    /// The newest position of its topic.
    pub(super) head: u64,
}

/// What counts ends with its `rev`, which is its own position until it is changed.
pub(super) fn rewritten() -> String {
    format!(
        "SELECT pos, data, (SELECT max(seq) FROM event last WHERE last.topic = event.topic)
         FROM event
         WHERE pos > $1 AND counts <> 0 AND data NOT LIKE '%\"rev\":' || seq || '}}'
         ORDER BY pos LIMIT {PAGE_LEN}"
    )
}

impl Table {
    pub(super) fn select(&self) -> String {
        format!("SELECT {} FROM {} ORDER BY 1", self.names(), quoted(&self.table))
    }

    pub(super) fn page(&self) -> String {
        format!(
            "SELECT {} FROM {} WHERE pos > $1 AND pos <= $2 ORDER BY pos LIMIT {PAGE_LEN}",
            self.names(),
            quoted(&self.table)
        )
    }

    pub(super) fn insert(&self) -> String {
        format!("INSERT INTO {} ({}) ", quoted(&self.table), self.names())
    }

    pub(super) fn clear(&self) -> String {
        format!("DELETE FROM {}", quoted(&self.table))
    }

    fn names(&self) -> String {
        self.columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Cell {
    /// About how much memory it takes.
    pub(super) fn len(&self) -> usize {
        match self {
            Cell::Text(text) => text.len() + 24,
            Cell::Bytes(bytes) => bytes.len() + 24,
            _ => 8,
        }
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Cell::Null => serializer.serialize_unit(),
            Cell::Int(int) => serializer.serialize_i64(*int),
            Cell::Real(real) => serializer.serialize_f64(*real),
            Cell::Text(text) => serializer.serialize_str(text),
            Cell::Bytes(bytes) => [BASE64_STANDARD.encode(bytes)].serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Cell, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Plain {
            Null,
            Int(i64),
            Real(f64),
            Text(String),
            Bytes([String; 1]),
        }
        Ok(match Plain::deserialize(deserializer)? {
            Plain::Null => Cell::Null,
            Plain::Int(int) => Cell::Int(int),
            Plain::Real(real) => Cell::Real(real),
            Plain::Text(text) => Cell::Text(text),
            Plain::Bytes([text]) => {
                Cell::Bytes(BASE64_STANDARD.decode(text).map_err(D::Error::custom)?)
            }
        })
    }
}

/// What the two engines do in the same words: rows out of a query, and rows into a table.
macro_rules! rows_in_and_out {
    ($db:ty, $cell:path) => {
        fn rows<'a>(
            &'a mut self,
            table: &Table,
        ) -> futures_util::stream::BoxStream<'a, sqlx::Result<Vec<Cell>>> {
            use sqlx::Row as _;
            let query = sqlx::query(sqlx::AssertSqlSafe(table.select())).persistent(false);
            let rows = query.fetch(&mut self.conn).map(|row| {
                let row = row?;
                (0..row.len()).map(|at| $cell(row.try_get_raw(at)?)).collect()
            });
            Box::pin(rows)
        }

        async fn page(
            &mut self,
            log: &Table,
            after: u64,
            through: u64,
        ) -> sqlx::Result<Vec<Vec<Cell>>> {
            use sqlx::Row as _;
            let query = sqlx::query(sqlx::AssertSqlSafe(log.page()));
            let query = query.bind(after.cast_signed()).bind(through.cast_signed());
            let rows = query.fetch_all(&mut self.conn).await?;
            let row = |row: &<$db as sqlx::Database>::Row| {
                (0..row.len()).map(|at| $cell(row.try_get_raw(at)?)).collect()
            };
            rows.iter().map(row).collect()
        }

        async fn insert(&mut self, table: &Table, rows: &[Vec<Cell>]) -> sqlx::Result<()> {
            let mut query = sqlx::QueryBuilder::<$db>::new(table.insert());
            query.push_values(rows, |mut row, cells| {
                for cell in cells {
                    match cell {
                        // Without a type: whatever the column is, it fits.
                        Cell::Null => row.push("NULL"),
                        Cell::Int(int) => row.push_bind(*int),
                        Cell::Real(real) => row.push_bind(*real),
                        Cell::Text(text) => row.push_bind(text.as_str()),
                        Cell::Bytes(bytes) => row.push_bind(bytes.as_slice()),
                    };
                }
            });
            query.build().persistent(false).execute(&mut self.conn).await.map(drop)
        }

        async fn clear(&mut self, table: &Table) -> sqlx::Result<()> {
            sqlx::query(sqlx::AssertSqlSafe(table.clear())).execute(&mut self.conn).await.map(drop)
        }

        async fn rewritten(
            &mut self,
            after: i64,
        ) -> sqlx::Result<Vec<crate::backup::tables::Rewritten>> {
            let sql = crate::backup::tables::rewritten();
            let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(after);
            let rows: Vec<(i64, String, i64)> = query.fetch_all(&mut self.conn).await?;
            let row = |(pos, data, head): (i64, String, i64)| crate::backup::tables::Rewritten {
                pos,
                data,
                head: head.unsigned_abs(),
            };
            Ok(rows.into_iter().map(row).collect())
        }

        async fn rewrite(&mut self, pos: i64, data: &str) -> sqlx::Result<()> {
            let query = sqlx::query("UPDATE event SET data = $1 WHERE pos = $2");
            query.bind(data).bind(pos).execute(&mut self.conn).await.map(drop)
        }

        async fn plugins(&mut self) -> sqlx::Result<std::collections::BTreeMap<String, u32>> {
            let sql = "SELECT plugin, max(number) FROM migration GROUP BY plugin";
            let rows: Vec<(String, i64)> = sqlx::query_as(sql).fetch_all(&mut self.conn).await?;
            Ok(rows.into_iter().map(|(plugin, number)| (plugin, number as u32)).collect())
        }

        async fn number(&mut self, sql: &'static str) -> sqlx::Result<Option<i64>> {
            let found = sqlx::query_scalar::<_, Option<i64>>(sql).fetch_optional(&mut self.conn);
            Ok(found.await?.flatten())
        }
    };
}
pub(super) use rows_in_and_out;
