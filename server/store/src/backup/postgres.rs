//! A backup's side that is PostgreSQL.

use futures_util::StreamExt as _;
use sqlx::{
    ConnectOptions, PgConnection, Row as _, TypeInfo, ValueRef,
    postgres::{PgConnectOptions, PgValueRef},
};

use super::tables::{Cell, Table, Tables, rows_in_and_out};
use crate::{Database, OpenError};

/// A connection beside the servers'.
pub(super) struct Postgres {
    conn: PgConnection,
}

/// Connects to a database that is there.
pub(super) async fn open(url: &str) -> Result<Postgres, OpenError> {
    let database = Database::Postgres(url.to_owned()).to_string();
    let connecting =
        async { url.parse::<PgConnectOptions>()?.disable_statement_logging().connect().await };
    let conn = connecting.await;
    Ok(Postgres { conn: conn.map_err(|source| OpenError::Unavailable { database, source })? })
}

impl Tables for Postgres {
    rows_in_and_out!(sqlx::Postgres, cell);

    async fn begin_snapshot(&mut self) -> sqlx::Result<()> {
        let sql = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        sqlx::raw_sql(sql).execute(&mut self.conn).await.map(drop)
    }

    async fn end_snapshot(&mut self) -> sqlx::Result<()> {
        sqlx::raw_sql("COMMIT").execute(&mut self.conn).await.map(drop)
    }

    async fn log(&mut self) -> sqlx::Result<(u64, u64)> {
        let sql = "SELECT epoch, (SELECT coalesce(max(pos), 0) FROM event) FROM meta";
        let row = sqlx::query(sql).fetch_one(&mut self.conn).await?;
        Ok((row.try_get::<i64, _>(0)?.unsigned_abs(), row.try_get::<i64, _>(1)?.unsigned_abs()))
    }

    async fn tables(&mut self) -> sqlx::Result<Vec<Table>> {
        let sql = "SELECT table_name::text, array_agg(column_name::text ORDER BY ordinal_position)
                   FROM information_schema.columns JOIN information_schema.tables
                        USING (table_schema, table_name)
                   WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'
                   GROUP BY table_name ORDER BY table_name";
        let rows = sqlx::query(sql).fetch_all(&mut self.conn).await?;
        let table = |row: &sqlx::postgres::PgRow| {
            Ok(Table { table: row.try_get(0)?, columns: row.try_get(1)? })
        };
        rows.iter().map(table).collect()
    }

    async fn begin(&mut self) -> sqlx::Result<()> {
        sqlx::raw_sql("BEGIN").execute(&mut self.conn).await.map(drop)
    }

    async fn commit(&mut self, position: u64) -> sqlx::Result<()> {
        let sql = "UPDATE meta SET epoch = floor(random() * 9007199254740992)::bigint, pos = $1,
                   topics = (SELECT coalesce(max(id), 0) FROM topic),
                   authors = (SELECT coalesce(max(id), 0) FROM author)";
        let position = position.cast_signed();
        sqlx::query(sql).bind(position).execute(&mut self.conn).await?;
        sqlx::raw_sql("COMMIT").execute(&mut self.conn).await.map(drop)
    }
}

fn cell(raw: PgValueRef<'_>) -> sqlx::Result<Cell> {
    fn decode<'r, T: sqlx::Decode<'r, sqlx::Postgres>>(raw: PgValueRef<'r>) -> sqlx::Result<T> {
        T::decode(raw).map_err(sqlx::Error::Decode)
    }
    if raw.is_null() {
        return Ok(Cell::Null);
    }
    let kind = raw.type_info().name().to_owned();
    match kind.as_str() {
        "INT8" => decode(raw).map(Cell::Int),
        "INT4" => decode::<i32>(raw).map(|int| Cell::Int(int.into())),
        "INT2" => decode::<i16>(raw).map(|int| Cell::Int(int.into())),
        "FLOAT8" => decode(raw).map(Cell::Real),
        "TEXT" => decode(raw).map(Cell::Text),
        "BYTEA" => decode(raw).map(Cell::Bytes),
        other => Err(sqlx::Error::Decode(format!("a value of the type {other}").into())),
    }
}
