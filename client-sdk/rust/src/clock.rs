//! The one place of the client that reads a clock and makes random numbers and ids.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use carillon_protocol::id::Ulid;
use tokio::time::Instant;

/// The client's own clock: milliseconds since it started, which never jump.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: Instant,
}

impl Clock {
    pub fn start() -> Clock {
        Clock { started: instant() }
    }

    pub fn now(&self) -> u64 {
        u64::try_from((instant() - self.started).as_millis()).unwrap_or(u64::MAX)
    }

    /// When this clock shows `ms`.
    pub fn at(&self, ms: u64) -> Instant {
        self.started + Duration::from_millis(ms)
    }
}

/// The present instant of the runtime.
#[expect(clippy::disallowed_methods, reason = "this is where the client's clock is implemented")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "this is where the client's clock is implemented")]
fn epoch_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Where random numbers come from; seeded ones make a run repeatable.
#[derive(Debug, Clone)]
pub(crate) enum Chance {
    System,
    Seeded(u64),
}

impl Chance {
    pub fn new(seed: Option<u64>) -> Chance {
        seed.map_or(Chance::System, Chance::Seeded)
    }

    fn next(&mut self) -> u64 {
        match self {
            Chance::System => getrandom::u64().expect("every supported system has random numbers"),
            // SplitMix64 (Steele, Lea, Flood 2014): good enough for jitter and for ids in tests.
            Chance::Seeded(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = *state;
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                z ^ (z >> 31)
            }
        }
    }

    /// Another source, which does not repeat this one.
    pub fn fork(&mut self) -> Chance {
        match self {
            Chance::System => Chance::System,
            Chance::Seeded(_) => Chance::Seeded(self.next()),
        }
    }

    /// A number in `0..=max`, evenly enough for waiting times.
    pub fn up_to(&mut self, max: u64) -> u64 {
        let wide = u128::from(self.next()) * (u128::from(max) + 1);
        u64::try_from(wide >> 64).expect("a product of 64 bits shifted by 64 bits")
    }

    /// A new id.
    pub fn ulid(&mut self) -> Ulid {
        let random = (u128::from(self.next()) << 64) | u128::from(self.next());
        Ulid::from_parts(epoch_ms(), random)
    }
}
