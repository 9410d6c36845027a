//! Token buckets: how often a caller may call.

/// A bucket that refills steadily. All its arithmetic is in thousandths of a token.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    milli_tokens: u32,
    refilled_at: i64,
}

/// How long a burst may last, in seconds' worth of tokens.
const BURST: u32 = 3;

impl Bucket {
    /// A full bucket.
    pub fn full(per_s: u32, now: i64) -> Bucket {
        Bucket { milli_tokens: per_s.saturating_mul(BURST * 1000), refilled_at: now }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// How many milliseconds to wait for one.
    pub fn take(&mut self, per_s: u32, now: i64) -> Result<(), u64> {
        let passed = u32::try_from(now - self.refilled_at).unwrap_or(0);
        self.refilled_at = self.refilled_at.max(now);
        let full = per_s.saturating_mul(BURST * 1000);
        self.milli_tokens =
            full.min(self.milli_tokens.saturating_add(passed.saturating_mul(per_s)));
        match self.milli_tokens.checked_sub(1000) {
            Some(rest) => {
                self.milli_tokens = rest;
                Ok(())
            }
            None => Err(u64::from((1000 - self.milli_tokens).div_ceil(per_s.max(1)))),
        }
    }

    /// Whether nothing was taken for long enough that it is full again.
    pub fn is_full(&self, per_s: u32, now: i64) -> bool {
        let mut copy = *self;
        copy.take(per_s, now).is_ok()
            && copy.milli_tokens + 1000 >= per_s.saturating_mul(BURST * 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_the_steady_rate() {
        let mut bucket = Bucket::full(20, 0);
        assert_eq!((0..100).filter(|_| bucket.take(20, 0).is_ok()).count(), 60);
        assert_eq!(bucket.take(20, 0), Err(50));
        let passed = (1..=1000).filter(|&now| bucket.take(20, now).is_ok()).count();
        assert_eq!(passed, 20);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_away() {
        let mut bucket = Bucket::full(1, 1_000_000);
        (0..3).for_each(|_| bucket.take(1, 1_000_000).unwrap());
        assert!(bucket.take(1, 0).is_err());
        assert!(bucket.take(1, 999_999).is_err());
        assert!(bucket.is_full(1, 1_010_000));
    }
}
