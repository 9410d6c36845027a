//! Against guessing: failed sign-ins are counted for each name and for the installation.
//!
//! An attempt is paid for before the password is looked at, so that a thousand at once are no
//! better than one after another, and paid back when it was right. The count is this node's own;
//! several nodes let through so many times as much.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use carillon_plugin::{Error, Result};
use carillon_protocol::ErrorCode;

/// A name: 5 wrong passwords, then one every 12 s. No minute lets more than 10 through.
const LOGIN: Rate = Rate { burst: 5, every_ms: 12_000 };
/// The installation: what a company's Monday morning needs, and too few to try a common password
/// on many names.
const ALL: Rate = Rate { burst: 300, every_ms: 200 };
/// The most names counted. A name counts for 60 s after its last failure, in which [`ALL`] lets
/// 600 through: a full table means that names are not forgotten as they should.
const LOGINS_MAX: usize = 1_024;

/// So many at once, then one in each interval.
struct Rate {
    burst: i64,
    every_ms: i64,
}

/// The time at which all that was taken will have come back (the generic cell rate algorithm).
#[derive(Default, Clone, Copy)]
struct Bucket(i64);

impl Bucket {
    /// How long until there is one to take; 0 if now.
    fn wait_ms(self, rate: &Rate, now: i64) -> i64 {
        (self.0 - now - (rate.burst - 1) * rate.every_ms).max(0)
    }

    fn take(&mut self, rate: &Rate, now: i64) {
        self.0 = self.0.max(now) + rate.every_ms;
    }

    fn give_back(&mut self, rate: &Rate) {
        self.0 -= rate.every_ms;
    }
}

/// Counts failed sign-ins.
#[derive(Default)]
pub(super) struct Attempts(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    all: Bucket,
    logins: HashMap<String, Bucket>,
}

impl Attempts {
    /// Pays for an attempt, or says when to come back.
    pub(super) fn begin(&self, login: &str, now: i64) -> Result<()> {
        let mut counts = self.counts();
        if counts.logins.len() >= LOGINS_MAX {
            counts.logins.retain(|_, bucket| bucket.0 > now);
        }
        let bucket = counts.logins.get(login).copied().unwrap_or_default();
        let wait_ms = bucket.wait_ms(&LOGIN, now).max(counts.all.wait_ms(&ALL, now));
        let full = counts.logins.len() >= LOGINS_MAX && !counts.logins.contains_key(login);
        if wait_ms > 0 || full {
            let wait_ms = if full { LOGIN.every_ms } else { wait_ms };
            let msg = "too many wrong passwords; wait a little before the next try";
            return Err(Error::new(ErrorCode::Rate, msg).retry_ms(wait_ms.unsigned_abs()));
        }
        counts.all.take(&ALL, now);
        counts.logins.entry(login.to_owned()).or_default().take(&LOGIN, now);
        Ok(())
    }

    /// Pays back an attempt whose password was right, or was not looked at.
    pub(super) fn give_back(&self, login: &str) {
        let mut counts = self.counts();
        counts.all.give_back(&ALL);
        if let Some(bucket) = counts.logins.get_mut(login) {
            bucket.give_back(&LOGIN);
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Numbers are never left half-changed: a panic elsewhere does not spoil them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: i64 = 1_790_000_000_000;

    #[test]
    fn a_thousand_tries_let_at_most_10_a_minute_through() {
        let attempts = Attempts::default();
        let passed: Vec<i64> = (0..1_000)
            .map(|i| T0 + i * 300)
            .filter(|&now| attempts.begin("amy", now).is_ok())
            .collect();
        let in_minute =
            |from| passed.iter().filter(move |&&at| (from..from + 60_000).contains(&at));
        let worst = passed.iter().map(|&from| in_minute(from).count()).max();
        assert!(worst <= Some(10), "{worst:?}");
        assert!(passed.len() > 20, "the person is not locked out for good: {}", passed.len());
    }

    #[test]
    fn the_refusal_says_when_the_next_try_is_let_through() {
        let attempts = Attempts::default();
        (0..5).for_each(|_| attempts.begin("amy", T0).unwrap());
        let refused = attempts.begin("amy", T0 + 1_000).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Rate);
        assert_eq!(refused.body().retry_ms, Some(11_000));
        assert!(attempts.begin("amy", T0 + 11_999).is_err());
        assert!(attempts.begin("amy", T0 + 12_000).is_ok());
        assert!(attempts.begin("bob", T0).is_ok(), "others are not held up");
    }

    #[test]
    fn right_passwords_cost_nothing() {
        let attempts = Attempts::default();
        for _ in 0..1_000 {
            attempts.begin("amy", T0).unwrap();
            attempts.give_back("amy");
        }
    }

    #[test]
    fn many_names_are_held_back_together_and_forgotten() {
        let attempts = Attempts::default();
        let mut passed = 0;
        for i in 0..20_000 {
            passed += i64::from(attempts.begin(&format!("name{i}"), T0 + i * 30).is_ok());
            assert!(attempts.counts().logins.len() <= LOGINS_MAX);
        }
        assert_eq!(passed, 300 + 19_999 * 30 / 200);
    }
}
