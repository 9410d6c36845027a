//! Reading the log and plugins' tables: what of it is the same for every engine.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use carillon_plugin::{Error, Head, Look, Result, Row, Tail, Value, Window, withhold};
use carillon_protocol::{Cid, Event, Topic, UserId, limits::INT_MAX};
use quick_cache::sync::{Cache, GuardResult};
use sqlx::{PgConnection, PgPool, Postgres, Sqlite, SqlitePool, pool::PoolConnection};

use tokio::time::timeout;

use crate::{
    batch::statement,
    engine::{Found, Reading},
    log::{Place, Shared},
    postgres::{self, is_lost},
    sqlite,
};

/// Stretches that one statement reads: bounds how long it keeps a connection.
const STRETCHES_PER_QUERY: usize = 512;
/// Spans of one window that are tried at once; a page rarely needs more than the first.
const SPANS_PER_QUERY: usize = 16;

/// How long a server may take for a read, in all. It ends the statement itself a little sooner.
const READ_TIMEOUT: Duration = Duration::from_secs(11);

/// A failure of the database as it is answered: the reason is logged, not sent.
pub(crate) fn unavailable(error: sqlx::Error) -> Error {
    Error::internal(error)
}

/// The connections that read. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Readers {
    pub(crate) pool: Pool,
    pub(crate) shared: Arc<Shared>,
}

#[derive(Clone)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Readers {
    /// A connection for one statement.
    async fn conn(&self) -> Result<Conn> {
        self.shared.asking.read();
        match &self.pool {
            Pool::Sqlite(pool) => pool.acquire().await.map(Conn::Sqlite),
            Pool::Postgres(pool) => Server::acquire(pool).await.map(Conn::Postgres),
        }
        .map_err(unavailable)
    }

    pub(crate) async fn close(&self) {
        match &self.pool {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }

    pub(crate) async fn query(&self, sql: &str, args: Vec<Value>) -> Result<Vec<Row>> {
        statement::check(&args)?;
        self.conn().await?.query(sql, &args).await.map_err(unavailable)
    }

    pub(crate) async fn relations(&self) -> Result<Vec<String>> {
        let sql = match &self.pool {
            Pool::Sqlite(_) => sqlite::RELATIONS,
            Pool::Postgres(_) => postgres::RELATIONS,
        };
        self.query(sql, Vec::new()).await?.iter().map(|row| row.get(0)).collect()
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
        let found = self.conn().await?.places(&unknown).await.map_err(unavailable)?;
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
            let mut conn = self.conn().await?;
            let found = conn.stretches(&topics, &wanted, order, counted, left).await;
            events.extend(found.map_err(unavailable)?.into_iter().map(|(_, event)| event));
            order.sort(&mut events);
            events.truncate(limit);
        }
        events.sort_unstable_by_key(|event: &Event| event.seq);
        withhold(&mut events, &window);
        Ok(events)
    }

    pub(crate) async fn events_at(&self, topic: Topic, mut seqs: Vec<u64>) -> Result<Vec<Event>> {
        seqs.sort_unstable();
        seqs.dedup();
        let mut events = self.conn().await?.events_at(&topic, &seqs).await.map_err(unavailable)?;
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
                let (mut conn, limit) = (self.conn().await?, limit as usize);
                let events = conn.stretches(&topics, wanted, Order::Newest, counted, limit).await;
                for (topic, event) in events.map_err(unavailable)? {
                    found[topic].push(event);
                }
            }
        }
        for (events, tail) in found.iter_mut().zip(&tails) {
            events.sort_unstable_by_key(|event| event.seq);
            events.drain(..events.len().saturating_sub(tail.limit as usize));
            withhold(events, &tail.window);
        }
        Ok(found)
    }

    /// What memory does not have whole is read from the log.
    pub(crate) async fn news(
        &self,
        tails: Vec<Tail>,
        after: Option<u64>,
    ) -> Result<Vec<Vec<Event>>> {
        let known = self.shared.line.recent.tails(&tails, after);
        let unknown = tails.into_iter().zip(&known).filter(|(_, known)| known.is_none());
        let unknown: Vec<_> = unknown.map(|(tail, _)| tail).collect();
        let mut read = self.tails(unknown, false).await?.into_iter();
        let found = |known: Option<_>| known.or_else(|| read.next()).unwrap_or_default();
        Ok(known.into_iter().map(found).collect())
    }

    pub(crate) async fn find(&self, by: UserId, cid: Cid) -> Result<Option<(Event, i64)>> {
        let found = self.conn().await?.find(&[(by, cid)]).await.map_err(unavailable)?;
        Ok(found.into_iter().next().flatten().map(|found| (found.event, found.hash)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Oldest,
    Newest,
}

impl Order {
    pub(crate) fn sql(self) -> &'static str {
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
pub(crate) struct Stretch {
    pub(crate) topic: usize,
    pub(crate) span: (u64, u64),
}

/// The parts of a window's spans that lie in `from..=to`.
fn clip(window: &Window, from: u64, to: u64) -> Vec<(u64, u64)> {
    let spans = window.0.iter().map(|&(first, last)| (first.max(from), last.min(to)));
    spans.filter(|(first, last)| first <= last).collect()
}

/// A connection of either engine.
enum Conn {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(Server),
}

macro_rules! ask {
    ($self:ident.$method:ident($($arg:ident),+)) => {
        match $self {
            Conn::Sqlite(conn) => Reading::$method(&mut **conn, $($arg),+).await,
            Conn::Postgres(server) => loop {
                let asked = Reading::$method(server.conn()?, $($arg),+);
                match timeout(READ_TIMEOUT, asked).await {
                    Ok(Err(error)) if is_lost(&error) => server.renew(error).await?,
                    Ok(done) => return done,
                    Err(elapsed) => {
                        server.give_up();
                        return Err(sqlx::Error::Io(elapsed.into()));
                    }
                }
            },
        }
    };
}

impl Reading for Conn {
    async fn query(&mut self, sql: &str, args: &[Value]) -> sqlx::Result<Vec<Row>> {
        ask!(self.query(sql, args))
    }

    async fn places(&mut self, topics: &[&Topic]) -> sqlx::Result<Vec<Place>> {
        ask!(self.places(topics))
    }

    async fn authors(&mut self, users: &[UserId]) -> sqlx::Result<Vec<i64>> {
        ask!(self.authors(users))
    }

    async fn find(&mut self, commands: &[(UserId, Cid)]) -> sqlx::Result<Vec<Option<Found>>> {
        ask!(self.find(commands))
    }

    async fn stretches(
        &mut self,
        topics: &[Topic],
        wanted: &[Stretch],
        order: Order,
        counted: bool,
        limit: usize,
    ) -> sqlx::Result<Vec<(usize, Event)>> {
        ask!(self.stretches(topics, wanted, order, counted, limit))
    }

    async fn events_at(&mut self, topic: &Topic, seqs: &[u64]) -> sqlx::Result<Vec<Event>> {
        ask!(self.events_at(topic, seqs))
    }
}

/// A connection to a server, and where there are more.
struct Server {
    /// Absent only after one broke and there was no other.
    conn: Option<PoolConnection<Postgres>>,
    pool: PgPool,
    /// How many broken ones it may still be exchanged for.
    left: u32,
}

impl Server {
    async fn acquire(pool: &PgPool) -> sqlx::Result<Server> {
        let left = pool.options().get_max_connections();
        Ok(Server { conn: Some(pool.acquire().await?), pool: pool.clone(), left })
    }

    fn conn(&mut self) -> sqlx::Result<&mut PgConnection> {
        self.conn.as_deref_mut().ok_or(sqlx::Error::PoolClosed)
    }

    /// Takes another connection for one that broke: when a server starts again, all of them did.
    async fn renew(&mut self, error: sqlx::Error) -> sqlx::Result<()> {
        self.left = self.left.checked_sub(1).ok_or(error)?;
        // Let go first: those who wait for one may all be here.
        self.give_up();
        self.conn = Some(self.pool.acquire().await?);
        Ok(())
    }

    /// The connection is of no use to anybody any more.
    fn give_up(&mut self) {
        drop(self.conn.take().map(PoolConnection::detach));
    }
}
