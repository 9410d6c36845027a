//! A backup's side that is SQLite.

use std::path::Path;

use futures_util::StreamExt as _;
use sqlx::{
    ConnectOptions, Row as _, SqliteConnection, TypeInfo, ValueRef,
    sqlite::{SqliteConnectOptions, SqliteValueRef},
};

use super::tables::{Cell, Table, Tables, rows_in_and_out};
use crate::{OpenError, sqlite};

/// A connection beside a server's, if there is one.
pub(super) struct Sqlite {
    conn: SqliteConnection,
}

/// Connects to a database that is there.
pub(super) async fn open(path: &Path) -> Result<Sqlite, OpenError> {
    sqlite::check(path, &[]).await?;
    let options = SqliteConnectOptions::new().filename(path).disable_statement_logging();
    let conn = options.connect().await;
    let database = path.display().to_string();
    Ok(Sqlite { conn: conn.map_err(|source| OpenError::Unavailable { database, source })? })
}

impl Tables for Sqlite {
    rows_in_and_out!(sqlx::Sqlite, cell);

    async fn begin_snapshot(&mut self) -> sqlx::Result<()> {
        sqlx::raw_sql("PRAGMA query_only = 1; BEGIN").execute(&mut self.conn).await.map(drop)
    }

    /// Nothing is in anybody's way, and to stay costs nothing.
    async fn end_snapshot(&mut self) -> sqlx::Result<()> {
        Ok(())
    }

    async fn log(&mut self) -> sqlx::Result<(u64, u64)> {
        let sql = "SELECT epoch, (SELECT coalesce(max(pos), 0) FROM event) FROM meta";
        let row = sqlx::query(sql).fetch_one(&mut self.conn).await?;
        Ok((row.try_get::<i64, _>(0)?.unsigned_abs(), row.try_get::<i64, _>(1)?.unsigned_abs()))
    }

    async fn tables(&mut self) -> sqlx::Result<Vec<Table>> {
        let sql = "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
                   WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
                   ORDER BY t.name, c.cid";
        let mut tables: Vec<Table> = Vec::new();
        for row in sqlx::query(sql).fetch_all(&mut self.conn).await? {
            let (table, column): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            match tables.last_mut() {
                Some(last) if last.table == table => last.columns.push(column),
                _ => tables.push(Table { table, columns: vec![column] }),
            }
        }
        Ok(tables)
    }

    async fn begin(&mut self) -> sqlx::Result<()> {
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut self.conn).await.map(drop)
    }

    async fn commit(&mut self, _position: u64) -> sqlx::Result<()> {
        let sql = "UPDATE meta SET epoch = abs(random() >> 11); COMMIT";
        sqlx::raw_sql(sql).execute(&mut self.conn).await.map(drop)
    }
}

impl Sqlite {
    /// What SQLite itself finds wrong with the file.
    pub(super) async fn integrity(&mut self) -> sqlx::Result<Vec<String>> {
        let found = sqlx::query_scalar("PRAGMA integrity_check(10)").fetch_all(&mut self.conn);
        let found: Vec<String> = found.await?;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }

    /// Brings everything into the one file and lets go of it.
    pub(super) async fn close(mut self) -> sqlx::Result<()> {
        use sqlx::Connection as _;
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        sqlx::raw_sql(checkpoint).execute(&mut self.conn).await?;
        self.conn.close().await
    }
}

fn cell(raw: SqliteValueRef<'_>) -> sqlx::Result<Cell> {
    fn decode<'r, T: sqlx::Decode<'r, sqlx::Sqlite>>(raw: SqliteValueRef<'r>) -> sqlx::Result<T> {
        T::decode(raw).map_err(sqlx::Error::Decode)
    }
    if raw.is_null() {
        return Ok(Cell::Null);
    }
    // SQLite says what this value is, whatever the column was declared as.
    let kind = raw.type_info().name().to_owned();
    match kind.as_str() {
        "INTEGER" => decode(raw).map(Cell::Int),
        "REAL" => decode(raw).map(Cell::Real),
        "TEXT" => decode(raw).map(Cell::Text),
        "BLOB" => decode(raw).map(Cell::Bytes),
        other => Err(sqlx::Error::Decode(format!("a value of the type {other}").into())),
    }
}
