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

use super::{patiently, read};
use crate::log::Shared;

/// Events of one read.
const PAGE_LEN: usize = 1_000;
/// How long what is missing may be on its way before it is read: the bus takes a tenth of it.
const HINT_PATIENCE: Duration = Duration::from_millis(20);
/// How often the newest position is asked for although nobody spoke of it.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the server may take for a page.
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
            let followed = match timeout(READ_TIMEOUT, self.follow(why)).await {
                Ok(followed) => followed,
                Err(elapsed) => Err(sqlx::Error::Io(elapsed.into())),
            };
            if let Err(error) = followed {
                tracing::warn!(%error, "the log cannot be followed");
                shared.tail.failed();
                self.conn = None;
                sleep(FAULT_PAUSE).await;
            }
        }
    }

    /// Reads what is missing.
    async fn follow(&mut self, mut why: Why) -> sqlx::Result<()> {
        let shared = Arc::clone(&self.shared);
        let (line, figures) = (&shared.line, &shared.tail);
        if why == Why::Hole && !self.is_patient(&mut why, || line.missing().is_none()).await {
            return Ok(());
        }
        let end = match line.missing() {
            Some((_, end)) if why == Why::Asked => end,
            _ => {
                let (applied, spoken) = (line.applied(), line.spoken());
                let newest = read::newest(self.conn().await?).await?;
                figures.newest.store(newest, Ordering::Relaxed);
                if newest < applied {
                    let why =
                        format!("the database lost commits: it is at {newest}, not {applied}");
                    return Err(sqlx::Error::Protocol(why));
                }
                if newest < spoken {
                    line.ends_at(newest);
                }
                newest
            }
        };
        let is_there = || line.applied() >= end;
        if is_there() || why == Why::Turn && !self.is_patient(&mut why, is_there).await {
            return Ok(());
        }
        while line.applied() < end {
            let after = line.applied();
            let page = read::page(self.conn().await?, (after, end), PAGE_LEN as i64).await?;
            let len: usize = page.iter().map(|(_, events)| events.len()).sum();
            let last = page.last().map(|(first, events)| first + events.len() as u64 - 1);
            let through = last.filter(|_| len == PAGE_LEN).unwrap_or(end);
            let missed = line.page(page, through);
            figures.reads.fetch_add(1, Ordering::Relaxed);
            if why != Why::Asked {
                figures.lost_hints.fetch_add(missed, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Gives hints the time that they need. Says whether it is still missing.
    async fn is_patient(&self, why: &mut Why, is_there: impl Fn() -> bool) -> bool {
        tokio::select! {
            () = sleep(HINT_PATIENCE) => {}
            () = self.shared.line.urgent.notified() => *why = Why::Asked,
        }
        !is_there() || *why == Why::Asked
    }

    async fn conn(&mut self) -> sqlx::Result<&mut PgConnection> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => patiently(|| self.settings.connect()).await?,
        };
        Ok(self.conn.insert(conn))
    }
}
