//! When each part was last heard, by the node's own voice.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

use crate::Part;

/// Times of the echoes of probes. Microseconds since the bus began, so that a time fits into a
/// probe and into an atomic.
#[derive(Debug)]
pub(super) struct Pulse {
    start: Instant,
    heard: [AtomicU64; Part::COUNT],
    round_trip: [AtomicU64; Part::COUNT],
}

impl Pulse {
    pub fn new(start: Instant) -> Pulse {
        let zero = || std::array::from_fn(|_| AtomicU64::new(0));
        Pulse { start, heard: zero(), round_trip: zero() }
    }

    /// What a probe carries, which leaves now.
    pub fn stamp(&self, now: Instant) -> [u8; 8] {
        self.micros(now).to_be_bytes()
    }

    /// A subscription begins: it has not been silent yet.
    pub fn begin(&self, parts: &[Part], now: Instant) {
        let now = self.micros(now);
        parts.iter().for_each(|part| self.heard[part.index()].store(now, Ordering::Relaxed));
    }

    /// A probe came back.
    pub fn echo(&self, part: Part, stamp: &[u8], now: Instant) {
        let Ok(stamp) = stamp.try_into() else { return };
        let (sent, now) = (u64::from_be_bytes(stamp), self.micros(now));
        self.heard[part.index()].store(now, Ordering::Relaxed);
        // Zero is "never".
        let took = now.saturating_sub(sent).max(1);
        self.round_trip[part.index()].store(took, Ordering::Relaxed);
    }

    /// For how long the quietest of these has been silent.
    pub fn quiet(&self, parts: impl IntoIterator<Item = Part>, now: Instant) -> Duration {
        let heard = parts.into_iter().map(|part| self.heard[part.index()].load(Ordering::Relaxed));
        let oldest = heard.min().unwrap_or_default();
        Duration::from_micros(self.micros(now).saturating_sub(oldest))
    }

    /// The newest round trip of the slowest part, when all have made one.
    pub fn round_trip(&self) -> Option<Duration> {
        let mut slowest = 0;
        for micros in &self.round_trip {
            match micros.load(Ordering::Relaxed) {
                0 => return None,
                micros => slowest = slowest.max(micros),
            }
        }
        Some(Duration::from_micros(slowest))
    }

    fn micros(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.start).as_micros();
        u64::try_from(since).unwrap_or(u64::MAX)
    }
}
