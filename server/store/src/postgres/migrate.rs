//! The tables on PostgreSQL: the store's own, then each plugin's.

use std::collections::BTreeMap;

use carillon_plugin::Migration;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row as _};

use super::dialect;
use crate::{
    OpenError,
    migrate::{Stop, due, newer, refuse_newer, with_insert_only},
};

/// The store's own steps; `meta` says how many are done.
const STEPS: &[&str] = &[include_str!("schema.sql"), include_str!("append_batch.sql")];
/// Whoever changes the tables holds this lock of the database: "CARI". Another node that starts at
/// the same time waits, and finds them done.
const LOCK: &str = "SELECT pg_advisory_lock(1128354377)";

/// What is found in a database.
pub(super) struct Found {
    steps: usize,
    plugins: BTreeMap<String, i64>,
}

/// Brings all tables up to date, each step in a transaction of its own. The lock is let go with the
/// connection.
pub(super) async fn migrate(
    conn: &mut PgConnection,
    name: &str,
    migrations: &[Migration],
) -> Result<(), Stop> {
    sqlx::raw_sql(LOCK).execute(&mut *conn).await?;
    // Everything is looked at before anything is changed: a refusal leaves no trace.
    let found = look(conn, name, migrations).await?;
    for (index, step) in STEPS.iter().enumerate().skip(found.steps) {
        let mut tx = conn.begin().await?;
        sqlx::raw_sql(*step).execute(&mut *tx).await?;
        let version = i64::try_from(index + 1).expect("there are few steps");
        sqlx::query("UPDATE meta SET version = $1").bind(version).execute(&mut *tx).await?;
        tx.commit().await?;
    }
    for step in due(migrations, &found.plugins) {
        apply(conn, step).await.map_err(|source| Stop::Refused(OpenError::step(step, source)))?;
    }
    Ok(())
}

/// What is there; refuses what is not ours, and what a newer version did.
pub(super) async fn look(
    conn: &mut PgConnection,
    name: &str,
    migrations: &[Migration],
) -> Result<Found, Stop> {
    let sql = "SELECT obj_description(to_regclass('meta'), 'pg_class') = 'carillon',
               (SELECT count(*) FROM pg_tables WHERE schemaname = current_schema())";
    let row = sqlx::query(sql).fetch_one(&mut *conn).await?;
    let (ours, tables): (Option<bool>, i64) = (row.try_get(0)?, row.try_get(1)?);
    match (ours, tables) {
        (Some(true), _) => {}
        (_, 0) => return Ok(Found { steps: 0, plugins: BTreeMap::new() }),
        _ => return Err(Stop::Refused(OpenError::Foreign { database: name.to_owned() })),
    }
    let row = sqlx::query("SELECT version FROM meta").fetch_one(&mut *conn).await?;
    let steps = row.try_get::<i64, _>(0)?.unsigned_abs() as usize;
    if steps > STEPS.len() {
        return Err(newer("version", steps as u32, STEPS.len() as u32));
    }
    let sql = "SELECT plugin, max(number) FROM migration GROUP BY plugin";
    let rows = sqlx::query(sql).fetch_all(&mut *conn).await?;
    let plugins = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let plugins = plugins.collect::<sqlx::Result<_>>()?;
    refuse_newer(&plugins, migrations)?;
    Ok(Found { steps, plugins })
}

async fn apply(conn: &mut PgConnection, step: &Migration) -> sqlx::Result<()> {
    let mut tx = conn.begin().await?;
    let sql = with_insert_only(&dialect::migration(step.sql), insert_only).into_owned();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *tx).await?;
    sqlx::query("INSERT INTO migration (plugin, number) VALUES ($1, $2)")
        .bind(step.plugin)
        .bind(i64::from(step.number))
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

/// What refuses to change the rows of a table, or to take them away.
fn insert_only(table: &str) -> String {
    format!(
        "CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             RAISE EXCEPTION 'rows of {table} are only added'; END $$;
         CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}
             FOR EACH ROW EXECUTE FUNCTION {table}_refuse();
         CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
             FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse();"
    )
}
