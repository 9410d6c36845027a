//! The log by position, for those who follow some kinds of events through all topics.

use carillon_plugin::{Logged, Result};
use carillon_protocol::OrgId;
use sqlx::{AssertSqlSafe, Row};

use crate::{
    cells::{Cells, EVENT, event, id, topic, whole},
    reading::{Pool, Readers, unavailable},
};

/// The part of the statement that both engines share. The log is looked through in the order of
/// positions, and the rest is looked up for what is found.
fn sql(kinds: &str) -> String {
    format!(
        "SELECT e.pos, t.org, t.name, {EVENT} FROM event e
         CROSS JOIN topic t CROSS JOIN author a
         WHERE e.pos > $1 AND e.pos <= $2 AND e.k {kinds} AND t.id = e.topic AND a.id = e.by_id
         ORDER BY e.pos LIMIT $4"
    )
}

fn found<R: Cells + Row>(rows: &[R]) -> sqlx::Result<Vec<Logged>> {
    let logged = |row: &R| {
        let (pos, org) = (whole(row, 0)?, OrgId(id(row, 1)?));
        Ok(Logged { pos, org, event: event(topic(row, 2)?, row, 3)? })
    };
    rows.iter().map(logged).collect()
}

impl Readers {
    pub(crate) async fn log_after(
        &self,
        (after, up_to): (u64, u64),
        kinds: &[&'static str],
        limit: usize,
    ) -> Result<Vec<Logged>> {
        self.shared.asking.read();
        let int = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let events = match &self.pool {
            Pool::Sqlite(pool) => {
                let kinds = serde_json::to_string(kinds).expect("texts are JSON");
                let sql = sql("IN (SELECT value FROM json_each($3))");
                let query = sqlx::query(AssertSqlSafe(sql)).bind(int(after)).bind(int(up_to));
                query.bind(kinds).bind(limit).fetch_all(pool).await.and_then(|rows| found(&rows))
            }
            Pool::Postgres(pool) => {
                let kinds: Vec<String> = kinds.iter().map(ToString::to_string).collect();
                let query = sqlx::query(AssertSqlSafe(sql("= ANY($3)")));
                let query = query.bind(int(after)).bind(int(up_to)).bind(kinds).bind(limit);
                query.fetch_all(pool).await.and_then(|rows| found(&rows))
            }
        };
        events.map_err(unavailable)
    }
}
