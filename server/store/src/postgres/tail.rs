//! Follows the log: what other nodes commit arrives here, also when nobody says so.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};
use tokio::{
    task::AbortHandle,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::{patiently, read, same};
use crate::log::Shared;

/// Events of one read.
const PAGE_LEN: usize = 1_000;
/// How long what is missing may be on its way before it is read: the bus takes a tenth of it.
const HINT_PATIENCE: Duration = Duration::from_millis(20);
/// How often the newest position is asked for although nobody spoke of it.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the server may take for an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// How long nothing is tried after a fault.
const FAULT_PAUSE: Duration = Duration::from_millis(100);

/// Why the log is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    /// An answer waits, or somebody asks.
    Asked,
    /// A hint left a hole.
    Hole,
    /// It is time.
    Turn,
}

/// Ends the task when the last handle is gone.
pub(crate) struct Follower(AbortHandle);

impl Follower {
    pub(crate) fn end(&self) {
        self.0.abort();
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) struct Tail {
    settings: PgConnectOptions,
    /// Absent after a fault, until the next read.
    conn: Option<PgConnection>,
    shared: Arc<Shared>,
}

impl Tail {
    /// Starts the task.
    pub(super) fn start(settings: PgConnectOptions, shared: Arc<Shared>) -> Follower {
        let tail = Tail { settings, conn: None, shared };
        Follower(tokio::spawn(tail.run()).abort_handle())
    }

    async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let line = &shared.line;
        let mut turns = interval(LOOK_EVERY);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let why = tokio::select! {
                biased;
                () = line.urgent.notified() => Why::Asked,
                () = line.hole.notified() => Why::Hole,
                _ = turns.tick() => Why::Turn,
            };
            let followed = self.follow(why).await;
            if let Err(error) = followed {
                tracing::warn!(%error, "the log cannot be followed");
                shared.tail.failed();
                self.conn = None;
                if shared.refuse_replaced().is_err() {
                    return;
                }
                sleep(FAULT_PAUSE).await;
            }
        }
    }

    /// Reads what is missing.
    async fn follow(&mut self, mut why: Why) -> sqlx::Result<()> {
        let shared = Arc::clone(&self.shared);
        let line = &shared.line;
        if why == Why::Hole && !self.is_patient(&mut why, || line.missing().is_none()).await {
            return Ok(());
        }
        // Somebody waits: if what was spoken of is true, nobody need ask how far the log goes.
        let spoken_of = line.missing().filter(|_| why == Why::Asked);
        if let Some((_, end)) = spoken_of
            && self.read(end, why).await?
        {
            return Ok(());
        }
        let newest = self.newest().await?;
        let is_there = || line.applied() >= newest;
        let turn = why == Why::Turn;
        if is_there() || turn && !self.is_patient(&mut why, is_there).await {
            return Ok(());
        }
        if turn && why == Why::Asked {
            // Who asked meanwhile may wait for what is newer.
            line.urgent.notify_one();
        }
        if self.read(newest, why).await? {
            return Ok(());
        }
        let after = line.applied();
        let lacks = format!("the database has events up to {newest}, but shows none after {after}");
        Err(sqlx::Error::Protocol(lacks))
    }

    /// How far the log goes. What was spoken of before and lies behind is forgotten.
    async fn newest(&mut self) -> sqlx::Result<u64> {
        let shared = Arc::clone(&self.shared);
        let line = &shared.line;
        let spoken = line.spoken();
        let newest = in_time(same::newest(self.conn().await?, &shared)).await?;
        shared.tail.newest.store(newest, Ordering::Relaxed);
        if newest < spoken {
            line.ends_at(newest, spoken);
        }
        Ok(newest)
    }

    /// Reads pages up to a position. Says whether the log has everything up to there.
    async fn read(&mut self, end: u64, why: Why) -> sqlx::Result<bool> {
        let shared = Arc::clone(&self.shared);
        let (line, figures) = (&shared.line, &shared.tail);
        while line.applied() < end {
            let (after, last) = line.last();
            let page = read::page(self.conn().await?, (after, end), PAGE_LEN as i64);
            let page = in_time(page).await?;
            if page.after != last {
                // It cannot be explained but by another log, which this refuses.
                in_time(same::newest(self.conn().await?, &shared)).await?;
                return Ok(false);
            }
            let missed = line.page(page);
            figures.reads.fetch_add(1, Ordering::Relaxed);
            if why != Why::Asked {
                figures.lost_hints.fetch_add(missed, Ordering::Relaxed);
            }
            if line.applied() == after {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives hints the time that they need. Says whether it is still missing.
    async fn is_patient(&self, why: &mut Why, is_there: impl Fn() -> bool) -> bool {
        tokio::select! {
            () = sleep(HINT_PATIENCE) => {}
            () = self.shared.line.urgent.notified() => *why = Why::Asked,
        }
        !is_there() || *why == Why::Asked
    }

    /// The connection, for one statement.
    async fn conn(&mut self) -> sqlx::Result<&mut PgConnection> {
        self.shared.asking.read();
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => {
                let mut conn = patiently(|| self.settings.connect()).await?;
                in_time(same::newest(&mut conn, &self.shared)).await?;
                self.shared.line.forget_held();
                conn
            }
        };
        Ok(self.conn.insert(conn))
    }
}

/// What the server answers, unless it takes too long.
pub(super) async fn in_time<T>(asked: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    timeout(READ_TIMEOUT, asked).await.unwrap_or_else(|late| Err(sqlx::Error::Io(late.into())))
}
