//! The tables: the store's own, then each plugin's, forward only.

use std::collections::BTreeMap;

use carillon_plugin::Migration;
use sqlx::{AssertSqlSafe, Connection, Row as _, SqliteConnection};

use crate::{
    OpenError,
    migrate::{Stop, due, newer, refuse_newer, with_insert_only},
};

/// The store's own steps; the number of the last one stands in the file's header.
const STEPS: &[&str] = &[include_str!("schema.sql")];

/// Brings all tables up to date, each step in a transaction of its own.
pub(super) async fn migrate(
    conn: &mut SqliteConnection,
    application_id: i32,
    migrations: &[Migration],
) -> Result<(), Stop> {
    // Everything is looked at before anything is changed: a refusal leaves no trace.
    let (found, done) = look(conn, migrations).await?;
    for (index, step) in STEPS.iter().enumerate().skip(found) {
        let mut tx = conn.begin().await?;
        sqlx::raw_sql(*step).execute(&mut *tx).await?;
        let version = index + 1;
        // The epoch only has to differ from that of every backup; 53 bits fit every client.
        let mark = format!(
            "PRAGMA application_id = {application_id}; PRAGMA user_version = {version};
             INSERT INTO meta SELECT abs(random() >> 11) WHERE NOT EXISTS (SELECT 1 FROM meta);"
        );
        sqlx::raw_sql(AssertSqlSafe(mark)).execute(&mut *tx).await?;
        tx.commit().await?;
    }
    for step in due(migrations, &done) {
        apply(conn, step).await.map_err(|source| Stop::Refused(OpenError::step(step, source)))?;
    }
    Ok(())
}

/// How many of the store's own steps are done, and the newest one of each plugin; refuses what a
/// newer version did.
pub(super) async fn look(
    conn: &mut SqliteConnection,
    migrations: &[Migration],
) -> Result<(usize, BTreeMap<String, i64>), Stop> {
    let row = sqlx::query("SELECT user_version FROM pragma_user_version").fetch_one(&mut *conn);
    let found = row.await?.try_get::<i64, _>(0)?.unsigned_abs() as usize;
    if found > STEPS.len() {
        return Err(newer("version", found as u32, STEPS.len() as u32));
    }
    let done = if found == 0 { BTreeMap::new() } else { plugins(conn).await? };
    refuse_newer(&done, migrations)?;
    Ok((found, done))
}

async fn apply(conn: &mut SqliteConnection, step: &Migration) -> sqlx::Result<()> {
    let mut tx = conn.begin().await?;
    let sql = with_insert_only(step.sql, insert_only).into_owned();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *tx).await?;
    sqlx::query("INSERT INTO migration (plugin, number) VALUES ($1, $2)")
        .bind(step.plugin)
        .bind(step.number)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

/// The newest step of each plugin that ever had tables here.
async fn plugins(conn: &mut SqliteConnection) -> sqlx::Result<BTreeMap<String, i64>> {
    let sql = "SELECT plugin, max(number) FROM migration GROUP BY plugin";
    let rows = sqlx::query(sql).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// What refuses to change the rows of a table, or to take them away.
fn insert_only(table: &str) -> String {
    let refuse = |what: &str| {
        format!(
            "CREATE TRIGGER {table}_no_{what} BEFORE {what} ON {table} BEGIN
                 SELECT RAISE(ABORT, 'rows of {table} are only added'); END;"
        )
    };
    [refuse("UPDATE"), refuse("DELETE")].join("\n")
}
