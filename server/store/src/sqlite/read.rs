//! Reading the log and plugins' tables.

use std::{collections::BTreeMap, time::Duration};

use carillon_plugin::{Head, Look, Result, Row, Tail, Value, Window};
use carillon_protocol::{Cid, Event, Topic, UserId, limits::INT_MAX};
use quick_cache::sync::{Cache, GuardResult};
use sqlx::{AssertSqlSafe, Row as _, Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};

use super::{
    rows::{EVENT, event, hex, json, plain, whole},
    statement::arguments,
    unavailable,
};
use crate::log::Place;

/// Stretches that one statement reads: bounds how long it keeps a connection.
const STRETCHES_PER_QUERY: usize = 512;
/// Spans of one window that are tried at once; a page rarely needs more than the first.
const SPANS_PER_QUERY: usize = 16;

/// The connections that read. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Readers(SqlitePool);

impl Readers {
    pub(super) fn new(pool: SqlitePool) -> Readers {
        Readers(pool)
    }

    async fn conn(&self) -> Result<PoolConnection<Sqlite>> {
        self.0.acquire().await.map_err(unavailable)
    }

    pub(crate) async fn close(&self) {
        self.0.close().await;
    }

    pub(crate) async fn query(&self, sql: &str, args: Vec<Value>) -> Result<Vec<Row>> {
        let arguments = arguments(&args, None)?;
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments);
        let rows = query.fetch_all(&mut *self.conn().await?).await.map_err(unavailable)?;
        rows.iter().map(|row| plain(row).map_err(unavailable)).collect()
    }

    /// The heads, from memory where they are known. While a head is being read its entry is
    /// reserved: a commit in the meantime takes the entry, and what was read is not kept.
    pub(crate) async fn heads(
        &self,
        known: &Cache<Topic, Place>,
        topics: Vec<Topic>,
    ) -> Result<Vec<Head>> {
        let mut heads = vec![Head::default(); topics.len()];
        let mut missing = Vec::new();
        for (index, topic) in topics.iter().enumerate() {
            match known.get_value_or_guard(topic, Some(Duration::ZERO)) {
                GuardResult::Value(place) => heads[index] = place.head,
                GuardResult::Guard(guard) => missing.push((index, Some(guard))),
                GuardResult::Timeout => missing.push((index, None)),
            }
        }
        if missing.is_empty() {
            return Ok(heads);
        }
        let unknown: Vec<_> = missing.iter().map(|(index, _)| &topics[*index]).collect();
        let found = places(&mut *self.conn().await?, &unknown).await.map_err(unavailable)?;
        for ((index, guard), place) in missing.into_iter().zip(found) {
            heads[index] = place.head;
            if let Some(guard) = guard {
                // Refused only if a commit was faster; then it is the one that counts.
                let _ = guard.insert(place);
            }
        }
        Ok(heads)
    }

    pub(crate) async fn events(
        &self,
        topic: Topic,
        window: Window,
        look: Look,
        counted: bool,
        limit: u32,
    ) -> Result<Vec<Event>> {
        let (mut spans, order) = match look {
            Look::After(seq) => (clip(&window, seq.saturating_add(1), INT_MAX), Order::Oldest),
            Look::Before(seq) => (clip(&window, 1, seq.saturating_sub(1)), Order::Newest),
        };
        // Spans are tried in the order of reading, so that the first ones fill most pages.
        if order == Order::Newest {
            spans.reverse();
        }
        let (mut events, limit) = (Vec::new(), limit as usize);
        let topics = [topic];
        for spans in spans.chunks(SPANS_PER_QUERY) {
            let left = limit - events.len();
            if left == 0 {
                break;
            }
            let wanted: Vec<_> = spans.iter().map(|&span| Stretch { topic: 0, span }).collect();
            let conn = &mut *self.conn().await?;
            let found = stretches(conn, &topics, &wanted, order, counted, left).await;
            events.extend(found.map_err(unavailable)?.into_iter().map(|(_, event)| event));
            order.sort(&mut events);
            events.truncate(limit);
        }
        events.sort_unstable_by_key(|event: &Event| event.seq);
        Ok(events)
    }

    pub(crate) async fn events_at(&self, topic: Topic, mut seqs: Vec<u64>) -> Result<Vec<Event>> {
        seqs.sort_unstable();
        seqs.dedup();
        let sql = format!(
            "SELECT {EVENT} FROM json_each($2) q
             CROSS JOIN topic t ON t.name = $1
             CROSS JOIN event e ON e.topic = t.id AND e.seq = q.value
             CROSS JOIN author a ON a.id = e.by_id"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(topic.to_string()).bind(json(&seqs));
        let rows = query.fetch_all(&mut *self.conn().await?).await.map_err(unavailable)?;
        let events = rows.iter().map(|row| event(topic.clone(), row, 0));
        let mut events: Vec<_> = events.collect::<sqlx::Result<_>>().map_err(unavailable)?;
        events.sort_unstable_by_key(|event| event.seq);
        Ok(events)
    }

    pub(crate) async fn tails(&self, tails: Vec<Tail>, counted: bool) -> Result<Vec<Vec<Event>>> {
        // A limit is a parameter of the whole statement; a catch-up has two or three of them.
        let mut by_limit: BTreeMap<u32, Vec<Stretch>> = BTreeMap::new();
        for (topic, tail) in tails.iter().enumerate().filter(|(_, tail)| tail.limit > 0) {
            let spans = clip(&tail.window, 1, INT_MAX).into_iter();
            let wanted = by_limit.entry(tail.limit).or_default();
            wanted.extend(spans.map(|span| Stretch { topic, span }));
        }
        let topics: Vec<_> = tails.iter().map(|tail| tail.topic.clone()).collect();
        let mut found = vec![Vec::new(); tails.len()];
        for (limit, wanted) in by_limit {
            for wanted in wanted.chunks(STRETCHES_PER_QUERY) {
                let conn = &mut *self.conn().await?;
                let limit = limit as usize;
                let events = stretches(conn, &topics, wanted, Order::Newest, counted, limit).await;
                for (topic, event) in events.map_err(unavailable)? {
                    found[topic].push(event);
                }
            }
        }
        for (events, tail) in found.iter_mut().zip(&tails) {
            events.sort_unstable_by_key(|event| event.seq);
            events.drain(..events.len().saturating_sub(tail.limit as usize));
        }
        Ok(found)
    }

    pub(crate) async fn find(&self, by: UserId, cid: Cid) -> Result<Option<(Event, i64)>> {
        let found = find(&mut *self.conn().await?, &[(by, cid)]).await.map_err(unavailable)?;
        Ok(found.into_iter().next().flatten())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Oldest,
    Newest,
}

impl Order {
    fn sql(self) -> &'static str {
        match self {
            Order::Oldest => "ASC",
            Order::Newest => "DESC",
        }
    }

    /// Brings those to the front that this order takes first.
    fn sort(self, events: &mut [Event]) {
        match self {
            Order::Oldest => events.sort_unstable_by_key(|event| event.seq),
            Order::Newest => events.sort_unstable_by_key(|event| std::cmp::Reverse(event.seq)),
        }
    }
}

/// A span of a topic's log; the topic by its place in a list.
struct Stretch {
    topic: usize,
    span: (u64, u64),
}

/// The parts of a window's spans that lie in `from..=to`.
fn clip(window: &Window, from: u64, to: u64) -> Vec<(u64, u64)> {
    let spans = window.0.iter().map(|&(first, last)| (first.max(from), last.min(to)));
    spans.filter(|(first, last)| first <= last).collect()
}

/// At most `limit` events of each stretch, the first of it in this order, in no order.
async fn stretches(
    conn: &mut SqliteConnection,
    topics: &[Topic],
    wanted: &[Stretch],
    order: Order,
    counted: bool,
    limit: usize,
) -> sqlx::Result<Vec<(usize, Event)>> {
    // The limit belongs to each stretch, hence the inner statement; the joins are in the order in
    // which they are to be made.
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
    let rows = query.fetch_all(conn).await?;
    let events = rows.iter().map(|row| {
        let index = whole(row, 0)? as usize;
        Ok((index, event(topics[index].clone(), row, 1)?))
    });
    events.collect()
}

/// Where topics stand, in the order asked.
pub(super) async fn places(
    conn: &mut SqliteConnection,
    topics: &[&Topic],
) -> sqlx::Result<Vec<Place>> {
    let sql = "SELECT q.key, t.id, e.seq, e.n, e.pos FROM json_each($1) q
         CROSS JOIN topic t ON t.name = q.value
         CROSS JOIN event e ON e.pos = (
             SELECT pos FROM event WHERE topic = t.id ORDER BY seq DESC LIMIT 1)";
    let rows = sqlx::query(sql).bind(json(topics)).fetch_all(conn).await?;
    let mut places = vec![Place::default(); topics.len()];
    for row in rows {
        let head = Head { head: whole(&row, 2)?, n: whole(&row, 3)?, pos: whole(&row, 4)? };
        places[whole(&row, 0)? as usize] = Place { id: row.try_get(1)?, head };
    }
    Ok(places)
}

/// The numbers of people in the log; 0 for those who have caused nothing yet.
pub(super) async fn authors(
    conn: &mut SqliteConnection,
    users: &[UserId],
) -> sqlx::Result<Vec<i64>> {
    let sql = "SELECT q.key, a.id FROM json_each($1) q
         CROSS JOIN author a ON a.user = unhex(q.value)";
    let names: Vec<_> = users.iter().map(|user| hex(&user.0)).collect();
    let rows = sqlx::query(sql).bind(json(&names)).fetch_all(conn).await?;
    let mut ids = vec![0; users.len()];
    for row in rows {
        ids[whole(&row, 0)? as usize] = row.try_get(1)?;
    }
    Ok(ids)
}

/// The events that commands stand on, with the hashes of the commands, in the order asked.
pub(super) async fn find(
    conn: &mut SqliteConnection,
    commands: &[(UserId, Cid)],
) -> sqlx::Result<Vec<Option<(Event, i64)>>> {
    let sql = format!(
        "SELECT q.key, t.name, e.hash, {EVENT} FROM json_each($1) q
         CROSS JOIN author a ON a.user = unhex(q.value ->> 0)
         CROSS JOIN event e ON e.cid = unhex(q.value ->> 1) AND e.by_id = a.id
         CROSS JOIN topic t ON t.id = e.topic"
    );
    let keys: Vec<_> = commands.iter().map(|(by, cid)| (hex(&by.0), hex(&cid.0))).collect();
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(json(&keys)).fetch_all(conn).await?;
    let mut found = vec![None; commands.len()];
    for row in rows {
        let name: &str = row.try_get(1)?;
        let topic = name.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        found[whole(&row, 0)? as usize] = Some((event(topic, &row, 3)?, row.try_get(2)?));
    }
    Ok(found)
}
