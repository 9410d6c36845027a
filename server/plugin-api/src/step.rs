//! What a plugin does besides answering goes in steps: it reads the log, its timers are due, its
//! outbox is emptied. Each step is bounded and says when to look again, so that tests drive them
//! by hand and the node by wake-ups.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::Notify;

use crate::{Error, Host, Result};

/// When to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Next {
    /// At once: something was done, and there may be more.
    Now,
    /// At this time, in milliseconds since the epoch by the host's clock, or when woken.
    At(i64),
    /// Not before this time: what happens until then changes nothing.
    Pause(i64),
    /// When woken.
    Idle,
}

/// How often what fails is tried, and after which pauses. The pauses double.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// So many tries in all; then it is put aside, where `carillon plugins dead` shows it.
    pub tries: u32,
    /// The pause after the first failure, in milliseconds.
    pub first_ms: i64,
    /// The longest pause, in milliseconds.
    pub longest_ms: i64,
}

impl Default for Retries {
    /// Ten tries within two minutes: longer than a restart of whatever is needed.
    fn default() -> Retries {
        Retries { tries: 10, first_ms: 200, longest_ms: 60_000 }
    }
}

impl Retries {
    /// The pause after so many failures; `None` if that was the last try.
    pub(crate) fn pause(&self, failures: u32) -> Option<i64> {
        let doubled = self.first_ms.saturating_mul(1_i64 << failures.saturating_sub(1).min(32));
        (failures < self.tries).then_some(doubled.min(self.longest_ms))
    }
}

/// The longest text of an error that is kept.
const ERROR_LEN_MAX: usize = 1_000;

/// What is kept of an error, for the operator: with the cause, which callers are never told.
pub(crate) fn reason(error: &Error) -> String {
    let mut text = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    text.truncate(text.floor_char_boundary(ERROR_LEN_MAX));
    // PostgreSQL keeps this character in no text.
    text.replace('\0', "")
}

/// That the queue of commits is full is not the fault of what was tried: it is tried again, and
/// nothing is counted.
pub(crate) fn unless_busy(error: Error) -> Result<Error> {
    match error.code() {
        carillon_protocol::ErrorCode::Busy => Err(error),
        _ => Ok(error),
    }
}

/// How long something waits that found what it needs away, or the server too busy.
pub(crate) const AWAY_PAUSE_MS: i64 = 1_000;

/// What a plugin does besides answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// It reads the log.
    Events,
    /// It is owed calls.
    Timers,
    /// It has effects on the outside.
    Outbox,
}

impl Host {
    /// Does what is to be done of a plugin's duty by now, but no more than is soon done.
    ///
    /// # Errors
    /// If the database cannot answer: nothing is lost, and the next step tries again.
    pub async fn step(&self, plugin: &str, duty: Duty) -> Result<Next> {
        match duty {
            Duty::Events => self.read_step(plugin).await,
            Duty::Timers => self.timer_step(plugin).await,
            Duty::Outbox => self.outbox_step(plugin).await,
        }
    }

    /// Lets the steps under way come to their end: no more effects begin.
    pub fn rest(&self) {
        for duties in self.all_duties() {
            let wakes = &duties.owner.wakes;
            wakes.resting.store(true, Ordering::Release);
            wakes.outbox.notify_one();
        }
    }

    /// Waits until something was committed through this host that concerns a plugin's duty; events
    /// also of other nodes. What other nodes put in is found by looking.
    pub async fn woken(&self, plugin: &str, duty: Duty) {
        let Some(duties) = self.duties(plugin) else { return std::future::pending().await };
        let wakes = &duties.owner.wakes;
        match duty {
            Duty::Events => wakes.events.notified().await,
            Duty::Timers => wakes.timers.notified().await,
            Duty::Outbox => wakes.outbox.notified().await,
        }
    }
}

/// What wakes the steps of a plugin.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    /// An event of a kind that it reads was committed.
    pub(crate) events: Notify,
    /// A timer was set.
    pub(crate) timers: Notify,
    /// Something was put into the outbox.
    pub(crate) outbox: Notify,
    resting: AtomicBool,
}

impl Wakes {
    /// Whether no effect begins any more.
    pub(crate) fn are_resting(&self) -> bool {
        self.resting.load(Ordering::Acquire)
    }
}

/// Which steps a transaction wakes once it is committed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Touched {
    pub(crate) timers: bool,
    pub(crate) outbox: bool,
}

impl Touched {
    pub(crate) fn any(self) -> bool {
        self.timers || self.outbox
    }
}

/// Wakes the steps when it is dropped: a caller that gave up waiting may have committed.
pub(crate) struct WakeAfter(pub(crate) Arc<Wakes>, pub(crate) Touched);

impl Drop for WakeAfter {
    fn drop(&mut self) {
        if self.1.timers {
            self.0.timers.notify_one();
        }
        if self.1.outbox {
            self.0.outbox.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_the_last_try_has_none() {
        let retries = Retries { tries: 5, first_ms: 100, longest_ms: 350 };
        let pauses: Vec<_> = (1..=6).map(|failures| retries.pause(failures)).collect();
        assert_eq!(pauses, [Some(100), Some(200), Some(350), Some(350), None, None]);
        let endless = Retries { tries: u32::MAX, first_ms: i64::MAX / 2, longest_ms: 7 };
        assert_eq!(endless.pause(1_000), Some(7));
    }
}
