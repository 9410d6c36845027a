//! How long to wait before trying again.

use std::time::Duration;

/// The first wait: most breaks are over at once.
const FIRST: Duration = Duration::from_millis(50);
/// The longest wait: a server that is back is found within a second.
const LONGEST: Duration = Duration::from_secs(1);

/// Waits that double, each cut by chance, so that nodes do not come back in step.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It works again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Sleeps for as long as it is time to.
    pub async fn wait(&mut self) {
        let chance = getrandom::u32().expect("the system has random numbers");
        tokio::time::sleep(self.next(f64::from(chance) / f64::from(u32::MAX))).await;
    }

    /// The next wait, where chance is from 0 to 1: half of it is certain.
    fn next(&mut self, chance: f64) -> Duration {
        let whole = (FIRST * (1 << self.failures.min(8))).min(LONGEST);
        self.failures += 1;
        whole.mul_f64(0.5 + chance / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_second_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..7).map(|_| backoff.next(1.0).as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1_000, 1_000]);
        assert_eq!(backoff.next(0.0).as_millis(), 500);
        backoff.reset();
        assert_eq!(backoff.next(0.0).as_millis(), 25);
    }
}
