//! The statements that read, as PostgreSQL has them: many values come as arrays.

use carillon_plugin::{Head, Row, Value};
use carillon_protocol::{Cid, Event, EventId, Topic, UserId, limits::INT_MAX};
use sqlx::{AssertSqlSafe, PgConnection, Result};

use super::{dialect, rows::plain};
use crate::{
    cells::{Cells, EVENT, event, event_id, topic, whole},
    engine::{Found, Reading},
    line::Run,
    log::Place,
    reading::{Order, Stretch},
};

impl Reading for PgConnection {
    async fn query(&mut self, sql: &str, args: &[Value]) -> Result<Vec<Row>> {
        let query = dialect::query(dialect::statement(sql, args)?);
        query.fetch_all(self).await?.iter().map(plain).collect()
    }

    async fn places(&mut self, topics: &[&Topic]) -> Result<Vec<Place>> {
        let sql = "SELECT q.i, t.id, e.seq, e.n, e.pos
             FROM unnest($1::TEXT[]) WITH ORDINALITY q(name, i)
             JOIN topic t ON t.name = q.name
             CROSS JOIN LATERAL (SELECT seq, n, pos FROM event WHERE topic = t.id
                                 ORDER BY seq DESC LIMIT 1) e";
        let names: Vec<_> = topics.iter().map(ToString::to_string).collect();
        let mut places = vec![Place::default(); topics.len()];
        for row in sqlx::query(sql).bind(names).fetch_all(self).await? {
            let head = Head { head: whole(&row, 2)?, n: whole(&row, 3)?, pos: whole(&row, 4)? };
            places[whole(&row, 0)? as usize - 1] = Place { id: row.int(1)?, head };
        }
        Ok(places)
    }

    async fn authors(&mut self, users: &[UserId]) -> Result<Vec<i64>> {
        let sql = "SELECT q.i, a.id FROM unnest($1::BYTEA[]) WITH ORDINALITY q(person, i)
             JOIN author a ON a.\"user\" = q.person";
        let people: Vec<_> = users.iter().map(|user| user.0.to_bytes()).collect();
        let mut ids = vec![0; users.len()];
        for row in sqlx::query(sql).bind(people).fetch_all(self).await? {
            ids[whole(&row, 0)? as usize - 1] = row.int(1)?;
        }
        Ok(ids)
    }

    async fn find(&mut self, commands: &[(UserId, Cid)]) -> Result<Vec<Option<Found>>> {
        let sql = format!(
            "SELECT q.i, t.name, e.hash, e.pos, {EVENT}
             FROM unnest($1::BYTEA[], $2::BYTEA[]) WITH ORDINALITY q(person, cid, i)
             JOIN author a ON a.\"user\" = q.person
             JOIN event e ON e.cid = q.cid AND e.by_id = a.id
             JOIN topic t ON t.id = e.topic"
        );
        let (people, cids): (Vec<_>, Vec<_>) =
            commands.iter().map(|(by, cid)| (by.0.to_bytes(), cid.0.to_bytes())).unzip();
        let query = sqlx::query(AssertSqlSafe(sql)).bind(people).bind(cids);
        let mut found = vec![None; commands.len()];
        for row in query.fetch_all(self).await? {
            let (hash, pos) = (row.int(2)?, whole(&row, 3)?);
            let event = event(topic(&row, 1)?, &row, 4)?;
            found[whole(&row, 0)? as usize - 1] = Some(Found { event, hash, pos });
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
        // The limit belongs to each stretch, hence the inner statement.
        let sql = format!(
            "SELECT q.topic, {EVENT}
             FROM unnest($1::BIGINT[], $2::TEXT[], $3::BIGINT[], $4::BIGINT[])
                 q(topic, name, first, last)
             JOIN topic t ON t.name = q.name
             CROSS JOIN LATERAL (SELECT * FROM event
                 WHERE topic = t.id AND seq BETWEEN q.first AND q.last {}
                 ORDER BY seq {} LIMIT $5) e
             JOIN author a ON a.id = e.by_id",
            if counted { "AND counts <> 0" } else { "" },
            order.sql(),
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(wanted.iter().map(|wanted| wanted.topic as i64).collect::<Vec<_>>())
            .bind(wanted.iter().map(|wanted| topics[wanted.topic].to_string()).collect::<Vec<_>>())
            .bind(wanted.iter().map(|wanted| wanted.span.0 as i64).collect::<Vec<_>>())
            .bind(wanted.iter().map(|wanted| wanted.span.1.min(INT_MAX) as i64).collect::<Vec<_>>())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows = query.fetch_all(self).await?;
        let events = rows.iter().map(|row| {
            let index = whole(row, 0)? as usize;
            Ok((index, event(topics[index].clone(), row, 1)?))
        });
        events.collect()
    }

    async fn events_at(&mut self, topic: &Topic, seqs: &[u64]) -> Result<Vec<Event>> {
        let sql = format!(
            "SELECT {EVENT} FROM unnest($2::BIGINT[]) q(seq)
             JOIN topic t ON t.name = $1
             JOIN event e ON e.topic = t.id AND e.seq = q.seq
             JOIN author a ON a.id = e.by_id"
        );
        let seqs: Vec<_> = seqs.iter().filter_map(|&seq| i64::try_from(seq).ok()).collect();
        let query = sqlx::query(AssertSqlSafe(sql)).bind(topic.to_string()).bind(seqs);
        let rows = query.fetch_all(self).await?;
        rows.iter().map(|row| event(topic.clone(), row, 0)).collect()
    }
}

/// The log after a position and up to another, at most `limit` events of it, and the event at that
/// position. It has no gaps: what comes after one is left out.
pub(super) async fn page(
    conn: &mut PgConnection,
    (after, through): (u64, u64),
    limit: i64,
) -> Result<Run> {
    let sql = format!(
        "SELECT e.pos, t.name, {EVENT} FROM event e
         JOIN topic t ON t.id = e.topic
         JOIN author a ON a.id = e.by_id
         WHERE e.pos >= $1 AND e.pos <= $2 ORDER BY e.pos LIMIT $3 + 1"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(after as i64).bind(through as i64).bind(limit);
    let mut page = Run { first: after + 1, ..Run::default() };
    for row in query.fetch_all(conn).await? {
        let (pos, event) = (whole(&row, 0)?, event(topic(&row, 1)?, &row, 2)?);
        match pos {
            pos if pos == after => page.after = Some(event.id),
            pos if pos == page.end() => page.events.push(event),
            _ => break,
        }
    }
    Ok(page)
}

/// The event at a position, if there is one.
pub(super) async fn event_at(conn: &mut PgConnection, pos: u64) -> Result<Option<EventId>> {
    let query = sqlx::query("SELECT id FROM event WHERE pos = $1").bind(pos as i64);
    let row = query.fetch_optional(conn).await?;
    row.map_or(Ok(None), |row| event_id(&row, 0))
}
