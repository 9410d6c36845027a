//! Against guessing: wrong passwords are counted, and whoever goes on waits longer and longer.
//!
//! Who tries a name from where its owner has signed in before is counted by themselves: the whole
//! world may guess, and the owner still gets in. Everybody else is counted twice, by the name and
//! by the source: a thousand sources on one name are no better than one, nor is one source on a
//! thousand names. Nothing is counted for the installation, or who guesses would hold up everybody;
//! what hashing costs all together is bounded by [`super::turns`].
//!
//! An attempt is paid for before the password is looked at, so that a thousand at once are no
//! better than one after another, and paid back when it was right. The counts are this node's own;
//! several nodes let through so many times as much.

use std::sync::{Mutex, MutexGuard, PoisonError};

use carillon_plugin::{Error, Result};
use carillon_protocol::ErrorCode;
use quick_cache::unsync::Cache;

use super::source::Source;

/// A name: no minute lets more than 10 through, and no hour many more than 60.
const NAME: Rule = Rule { free: 5, forget_ms: 300_000 };
/// A source, on names that are not known there: an office where everybody is new mistypes more
/// often than a person, and is forgiven sooner.
const SOURCE: Rule = Rule { free: 20, forget_ms: 30_000 };
/// The first wait; each wrong password doubles it.
const WAIT_MS: i64 = 1_000;
/// The longest wait: what a neighbour who guesses can do to an owner at the same place.
const WAIT_MAX_MS: i64 = 60_000;
/// The most counts kept, at some 150 bytes each. What was not used for longest goes first: each
/// new one costs whoever makes it a hash, so that many take minutes, and forgive a few guesses.
const COUNTS_MAX: usize = 32_768;

/// So many wrong passwords are free; of what is beyond, one is forgotten in each interval.
struct Rule {
    free: u32,
    forget_ms: i64,
}

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// A name, from where it is known.
    Known(String, Source),
    /// A name, from everywhere else.
    Name(String),
    /// Whoever tries names that are not known there.
    Source(Source),
}

impl Key {
    fn rule(&self) -> &'static Rule {
        match self {
            Key::Known(..) | Key::Name(_) => &NAME,
            Key::Source(_) => &SOURCE,
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    wrong: u32,
    /// The last attempt.
    at: i64,
    /// From when on time makes up for attempts.
    since: i64,
}

impl Count {
    /// What is left of it by now.
    fn by(self, rule: &Rule, now: i64) -> Count {
        let intervals = (now - self.since).max(0) / rule.forget_ms;
        let wrong = self.wrong.saturating_sub(u32::try_from(intervals).unwrap_or(u32::MAX));
        let since = if wrong == 0 { now } else { self.since + intervals * rule.forget_ms };
        Count { wrong, since, ..self }
    }

    /// How long until the next attempt; 0 if now.
    fn wait_ms(self, rule: &Rule, now: i64) -> i64 {
        let Some(beyond) = self.by(rule, now).wrong.checked_sub(rule.free) else { return 0 };
        let wait_ms = WAIT_MAX_MS.min(WAIT_MS << beyond.min(16));
        (self.at + wait_ms - now).clamp(0, wait_ms)
    }
}

/// An attempt that is paid for; dropped, it was a wrong password.
#[derive(Debug)]
pub(super) struct Attempt {
    /// What it is counted by, with the time of the attempt before.
    counted: Vec<(Key, i64)>,
    at: i64,
}

/// Counts wrong passwords.
pub(super) struct Attempts(Mutex<Cache<Key, Count>>);

impl Default for Attempts {
    fn default() -> Attempts {
        Attempts(Mutex::new(Cache::new(COUNTS_MAX)))
    }
}

impl Attempts {
    /// Pays for an attempt, or says when to come back.
    pub(super) fn begin(
        &self,
        name: &str,
        source: Source,
        known: bool,
        now: i64,
    ) -> Result<Attempt> {
        let keys = if known {
            vec![Key::Known(name.to_owned(), source)]
        } else {
            vec![Key::Name(name.to_owned()), Key::Source(source)]
        };
        let mut counts = self.counts();
        let found = |key: &Key| counts.get(key).copied().unwrap_or_default();
        let before: Vec<Count> = keys.iter().map(found).collect();
        let waits = keys.iter().zip(&before).map(|(key, count)| count.wait_ms(key.rule(), now));
        let wait_ms = waits.max().unwrap_or(0);
        if wait_ms > 0 {
            let msg = "too many wrong passwords; wait a little before the next try";
            return Err(Error::new(ErrorCode::Rate, msg).retry_ms(wait_ms.unsigned_abs()));
        }
        for (key, before) in keys.iter().zip(&before) {
            let Count { wrong, since, .. } = before.by(key.rule(), now);
            counts.insert(key.clone(), Count { wrong: wrong + 1, at: now, since });
        }
        let counted = keys.into_iter().zip(before).map(|(key, before)| (key, before.at));
        Ok(Attempt { counted: counted.collect(), at: now })
    }

    /// The password was right: the name is its owner's. A source is only paid back, or it would
    /// guess for ever with an account of its own in between.
    pub(super) fn right(&self, attempt: Attempt) {
        let mut counts = self.counts();
        for (key, _) in &attempt.counted {
            if !matches!(key, Key::Source(_)) {
                counts.remove(key);
            }
        }
        give_back(&mut counts, attempt);
    }

    /// Pays back an attempt whose password was not looked at.
    pub(super) fn unseen(&self, attempt: Attempt) {
        give_back(&mut self.counts(), attempt);
    }

    fn counts(&self) -> MutexGuard<'_, Cache<Key, Count>> {
        // Numbers are never left half-changed: a panic elsewhere does not spoil them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn give_back(counts: &mut Cache<Key, Count>, attempt: Attempt) {
    for (key, at) in attempt.counted {
        let Some(count) = counts.get(&key).copied() else { continue };
        // An attempt that began meanwhile sets the time.
        let at = if count.at == attempt.at { at } else { count.at };
        counts.insert(key, Count { wrong: count.wrong.saturating_sub(1), at, ..count });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: i64 = 1_790_000_000_000;
    const MINUTE: i64 = 60_000;

    fn network(number: u32) -> Source {
        Source::Network(std::net::Ipv4Addr::from_bits(number).into())
    }

    /// Whether an attempt from elsewhere is let through, and was wrong.
    fn guess(attempts: &Attempts, name: &str, source: u32, now: i64) -> bool {
        attempts.begin(name, network(source), false, now).is_ok()
    }

    #[test]
    fn a_thousand_tries_let_at_most_10_a_minute_through_from_wherever_they_come() {
        let attempts = Attempts::default();
        let tries = (0..1_000).map(|i| (i as u32, T0 + i * 300));
        let passed: Vec<i64> =
            tries.filter(|(i, now)| guess(&attempts, "amy", *i, *now)).map(|(_, at)| at).collect();
        let in_minute =
            |from| passed.iter().filter(move |&&at| (from..from + MINUTE).contains(&at));
        let worst = passed.iter().map(|&from| in_minute(from).count()).max();
        assert!(worst <= Some(10), "{worst:?}");
        assert!(passed.len() >= 13, "nobody is locked out for good: {}", passed.len());
    }

    #[test]
    fn each_wrong_password_doubles_the_wait_up_to_a_minute() {
        let attempts = Attempts::default();
        let (mut now, mut waits) = (T0, Vec::new());
        for _ in 0..14 {
            while let Err(refused) = attempts.begin("amy", network(1), true, now) {
                assert_eq!(refused.code(), ErrorCode::Rate);
                let wait_ms = refused.body().retry_ms.unwrap();
                waits.push(wait_ms / 1_000);
                now += wait_ms.cast_signed();
            }
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert!(attempts.begin("bob", network(1), true, T0).is_ok(), "others are not held up");
    }

    #[test]
    fn who_signs_in_from_the_usual_place_is_not_held_up_by_the_whole_world() {
        let attempts = Attempts::default();
        let held = (0..100).filter(|&i| !guess(&attempts, "amy", i, T0)).count();
        assert_eq!(held, 95);
        assert!(attempts.begin("amy", network(7), true, T0).is_ok());
        assert!(!guess(&attempts, "amy", 1_000, T0), "from a new place the owner waits, too");
    }

    #[test]
    fn a_source_that_tries_many_names_holds_up_itself_and_nobody_else() {
        let attempts = Attempts::default();
        let passed = (0..1_000).filter(|i| guess(&attempts, &format!("name{i}"), 1, T0)).count();
        assert_eq!(passed, 20);
        assert!(guess(&attempts, "amy", 2, T0));
        assert!(attempts.begin("amy", network(1), true, T0).is_ok(), "nor who is known there");
        let an_hour = (1..3_600).filter(|&s| guess(&attempts, &format!("s{s}"), 1, T0 + s * 1_000));
        assert!(an_hour.count() < 150);
    }

    #[test]
    fn an_office_where_everybody_is_new_and_some_mistype_is_not_held_up() {
        let attempts = Attempts::default();
        for person in 0..500 {
            let (now, name) = (T0 + person * 2_000, format!("name{person}"));
            if person % 10 == 0 {
                attempts.begin(&name, network(1), false, now).unwrap();
            }
            let attempt = attempts.begin(&name, network(1), false, now + 1_000).unwrap();
            attempts.right(attempt);
        }
    }

    #[test]
    fn right_passwords_cost_nothing_and_forgive_the_name_but_not_the_source() {
        let attempts = Attempts::default();
        for _ in 0..1_000 {
            attempts.right(attempts.begin("amy", network(1), false, T0).unwrap());
            attempts.unseen(attempts.begin("bob", network(1), false, T0).unwrap());
        }
        (0..4).for_each(|_| assert!(guess(&attempts, "amy", 1, T0)));
        attempts.right(attempts.begin("amy", network(1), false, T0).unwrap());
        let passed = (0..100).filter(|i| guess(&attempts, &format!("{i}"), 1, T0)).count();
        assert_eq!(passed, 16, "an account of one's own does not pay for guesses");
        assert!(guess(&attempts, "amy", 2, T0), "the name is forgiven");
    }

    #[test]
    fn an_attempt_that_was_right_leaves_the_wait_as_it_was() {
        let attempts = Attempts::default();
        (0..20).for_each(|i| assert!(guess(&attempts, &format!("{i}"), 1, T0)));
        let now = T0 + WAIT_MS;
        attempts.right(attempts.begin("amy", network(1), false, now).unwrap());
        assert!(attempts.begin("bob", network(1), false, now).is_ok());
    }

    #[test]
    fn time_makes_up_for_everything_and_a_clock_that_goes_back_for_nothing() {
        let attempts = Attempts::default();
        (0..5).for_each(|_| assert!(guess(&attempts, "amy", 1, T0)));
        let refused = attempts.begin("amy", network(1), false, T0 - MINUTE).unwrap_err();
        assert_eq!(refused.body().retry_ms, Some(WAIT_MS.unsigned_abs()), "never longer");
        let passed = |now| (0..9).filter(|_| guess(&attempts, "amy", 1, now)).count();
        assert_eq!(passed(T0 + 2 * NAME.forget_ms), 2);
        assert_eq!(passed(T0 + 60 * NAME.forget_ms), 5);
    }

    #[test]
    fn as_many_names_as_anybody_can_make_up_are_bounded() {
        let attempts = Attempts::default();
        for i in 0..2 * COUNTS_MAX as u32 {
            assert!(guess(&attempts, &format!("name{i}"), i, T0));
        }
        assert!(attempts.counts().len() <= COUNTS_MAX);
    }
}
