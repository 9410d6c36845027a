//! A wire that loses, delays and holds back what it carries, the same way for the same seed.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// How a wire is. The default carries everything at once.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// Of how many datagrams one is lost: 0.02 for one in fifty.
    pub loss: f64,
    /// How long each takes.
    pub delay: Duration,
    /// How many bits pass in a second; no limit if absent.
    pub bits_per_s: Option<u64>,
}

/// What waits before a slow wire at most: more of it is lost, as in a router.
const QUEUE: Duration = Duration::from_millis(500);

/// Datagrams on their way.
#[derive(Debug)]
pub(super) struct Wire {
    weather: Weather,
    dice: u64,
    /// When the wire is free again.
    free: Option<Instant>,
    under_way: VecDeque<(Instant, Vec<u8>)>,
    pub(super) lost: u64,
}

impl Wire {
    pub(super) fn new(seed: u64) -> Wire {
        let weather = Weather::default();
        Wire { weather, dice: seed | 1, free: None, under_way: VecDeque::new(), lost: 0 }
    }

    pub(super) fn set(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// Whether datagrams need not be put in at all.
    pub(super) fn is_clear(&self) -> bool {
        let Weather { loss, delay, bits_per_s } = self.weather;
        loss == 0.0 && delay.is_zero() && bits_per_s.is_none() && self.under_way.is_empty()
    }

    /// Puts a datagram in.
    pub(super) fn put(&mut self, now: Instant, datagram: &[u8]) {
        if self.roll() < self.weather.loss {
            self.lost += 1;
            return;
        }
        let mut due = now;
        if let Some(bits_per_s) = self.weather.bits_per_s {
            let begins = self.free.map_or(now, |free| free.max(now));
            if begins > now + QUEUE {
                self.lost += 1;
                return;
            }
            let takes = datagram.len() as f64 * 8.0 / bits_per_s.max(1) as f64;
            due = begins + Duration::from_secs_f64(takes);
            self.free = Some(due);
        }
        // In order, also when the delay became shorter.
        let due = self
            .under_way
            .back()
            .map_or(due + self.weather.delay, |(last, _)| (due + self.weather.delay).max(*last));
        self.under_way.push_back((due, datagram.to_vec()));
    }

    /// What has come out.
    pub(super) fn take(&mut self, now: Instant) -> Option<Vec<u8>> {
        let is_due = self.under_way.front().is_some_and(|(due, _)| *due <= now);
        is_due.then(|| self.under_way.pop_front()).flatten().map(|(_, datagram)| datagram)
    }

    /// When the next one comes out.
    pub(super) fn next(&self) -> Option<Instant> {
        self.under_way.front().map(|(due, _)| *due)
    }

    /// Between 0 and 1: xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift
    /// generators, scrambled", 2016).
    fn roll(&mut self) -> f64 {
        self.dice ^= self.dice >> 12;
        self.dice ^= self.dice << 25;
        self.dice ^= self.dice >> 27;
        (self.dice.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
