//! The statements that read, as SQLite has them: many values come as one JSON argument.

use carillon_plugin::{Head, Row, Value};
use carillon_protocol::{Cid, Event, Topic, UserId, limits::INT_MAX};
use sqlx::{AssertSqlSafe, Result, Row as _, SqliteConnection};

use super::{
    rows::{hex, json, plain},
    statement::arguments,
};
use crate::{
    cells::{EVENT, event, topic, whole},
    engine::{Found, Reading},
    log::Place,
    reading::{Order, Stretch},
};

impl Reading for SqliteConnection {
    async fn query(&mut self, sql: &str, args: &[Value]) -> Result<Vec<Row>> {
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments(args)?);
        query.fetch_all(self).await?.iter().map(plain).collect()
    }

    async fn places(&mut self, topics: &[&Topic]) -> Result<Vec<Place>> {
        let sql = "SELECT q.key, t.id, e.seq, e.n, e.pos FROM json_each($1) q
             CROSS JOIN topic t ON t.name = q.value
             CROSS JOIN event e ON e.pos = (
                 SELECT pos FROM event WHERE topic = t.id ORDER BY seq DESC LIMIT 1)";
        let rows = sqlx::query(sql).bind(json(topics)).fetch_all(self).await?;
        let mut places = vec![Place::default(); topics.len()];
        for row in rows {
            let head = Head { head: whole(&row, 2)?, n: whole(&row, 3)?, pos: whole(&row, 4)? };
            places[whole(&row, 0)? as usize] = Place { id: row.try_get(1)?, head };
        }
        Ok(places)
    }

    async fn authors(&mut self, users: &[UserId]) -> Result<Vec<i64>> {
        let sql = "SELECT q.key, a.id FROM json_each($1) q
             CROSS JOIN author a ON a.user = unhex(q.value)";
        let names: Vec<_> = users.iter().map(|user| hex(&user.0)).collect();
        let rows = sqlx::query(sql).bind(json(&names)).fetch_all(self).await?;
        let mut ids = vec![0; users.len()];
        for row in rows {
            ids[whole(&row, 0)? as usize] = row.try_get(1)?;
        }
        Ok(ids)
    }

    async fn find(&mut self, commands: &[(UserId, Cid)]) -> Result<Vec<Option<Found>>> {
        let sql = format!(
            "SELECT q.key, t.name, e.hash, e.pos, {EVENT} FROM json_each($1) q
             CROSS JOIN author a ON a.user = unhex(q.value ->> 0)
             CROSS JOIN event e ON e.cid = unhex(q.value ->> 1) AND e.by_id = a.id
             CROSS JOIN topic t ON t.id = e.topic"
        );
        let keys: Vec<_> = commands.iter().map(|(by, cid)| (hex(&by.0), hex(&cid.0))).collect();
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(json(&keys)).fetch_all(self).await?;
        let mut found = vec![None; commands.len()];
        for row in rows {
            let (hash, pos) = (row.try_get(2)?, whole(&row, 3)?);
            let event = event(topic(&row, 1)?, &row, 4)?;
            found[whole(&row, 0)? as usize] = Some(Found { event, hash, pos });
        }
        Ok(found)
    }

    async fn stretches(
        &mut self,
        topics: &[Topic],
        wanted: &[Stretch],
        order: Order,
        counted: bool,
        limit: usize,
    ) -> Result<Vec<(usize, Event)>> {
        // The limit belongs to each stretch, hence the inner statement; the joins are in the order
        // in which they are to be made.
        let sql = format!(
            "SELECT q.value ->> 0, {EVENT} FROM json_each($1) q
             CROSS JOIN topic t ON t.name = q.value ->> 1
             CROSS JOIN event e ON e.pos IN (
                 SELECT pos FROM event
                 WHERE topic = t.id AND seq BETWEEN q.value ->> 2 AND q.value ->> 3 {}
                 ORDER BY seq {} LIMIT $2)
             CROSS JOIN author a ON a.id = e.by_id",
            if counted { "AND counts" } else { "" },
            order.sql(),
        );
        let wanted = wanted
            .iter()
            .map(|Stretch { topic, span }| (*topic, &topics[*topic], span.0, span.1.min(INT_MAX)));
        let wanted: Vec<_> = wanted.collect();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let query = sqlx::query(AssertSqlSafe(sql)).bind(json(&wanted)).bind(limit);
        let rows = query.fetch_all(self).await?;
        let events = rows.iter().map(|row| {
            let index = whole(row, 0)? as usize;
            Ok((index, event(topics[index].clone(), row, 1)?))
        });
        events.collect()
    }

    async fn events_at(&mut self, topic: &Topic, seqs: &[u64]) -> Result<Vec<Event>> {
        let sql = format!(
            "SELECT {EVENT} FROM json_each($2) q
             CROSS JOIN topic t ON t.name = $1
             CROSS JOIN event e ON e.topic = t.id AND e.seq = q.value
             CROSS JOIN author a ON a.id = e.by_id"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(topic.to_string()).bind(json(seqs));
        let rows = query.fetch_all(self).await?;
        rows.iter().map(|row| event(topic.clone(), row, 0)).collect()
    }
}
