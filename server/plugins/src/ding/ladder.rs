//! The ladder of an alert: what is tried when with a recipient, until somebody confirms.
//!
//! Nothing here knows a clock or a database. Times are milliseconds since the epoch.

use carillon_protocol::ding::{Channel, Step, Whom};
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::quiet::Hours;

/// A ladder that is late by more than this stands still for as long: after a night without power
/// nobody gets a text, a call and a call to their manager within the same second.
pub(super) const STANDSTILL_MS: i64 = 60_000;

/// One try of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rung {
    /// How long after the alert began.
    #[serde(skip)]
    pub after_ms: i64,
    /// Which step.
    pub step: u32,
    /// Which try of it, from 0.
    pub nth: u32,
    /// Through what.
    pub channel: Channel,
    /// Whom.
    pub whom: Whom,
}

/// A policy in the order of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ladder(Vec<Rung>);

impl Ladder {
    /// Brings the tries of all steps into their order; steps of one moment stay in theirs.
    pub(super) fn new(steps: &[Step]) -> Ladder {
        let tries = (0..).zip(steps).flat_map(|(step, it)| {
            (0..u32::from(it.times)).map(move |nth| Rung {
                after_ms: (i64::from(it.after_s) + i64::from(nth) * i64::from(it.every_s)) * 1000,
                step,
                nth,
                channel: it.channel,
                whom: it.whom,
            })
        });
        let mut rungs: Vec<Rung> = tries.collect();
        rungs.sort_by_key(|rung| (rung.after_ms, rung.step, rung.nth));
        Ladder(rungs)
    }
}

/// Which day it is somewhere, counted from the epoch.
pub(super) fn day(at: i64, tz: &TimeZone) -> i64 {
    let Ok(at) = Timestamp::from_millisecond(at) else { return 0 };
    let offset = i64::from(tz.to_offset(at).seconds());
    (at.as_second() + offset).div_euclid(86_400)
}

/// Whether something can be heard by whoever did not ask for it.
pub(super) fn is_noisy(channel: Channel) -> bool {
    matches!(channel, Channel::Push | Channel::Sms | Channel::Call)
}

/// A try that waits by itself, while the ladder goes on: for the end of somebody else's quiet
/// hours; or a reminder, until its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Waiting {
    /// Until when.
    pub at: i64,
    /// What.
    pub rung: Rung,
    /// Whether quiet hours were waited for already.
    pub waited: bool,
}

/// How far an alert has come with one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Climb {
    /// The next rung.
    pub rung: usize,
    /// For how long the ladder stood still until now.
    pub shift_ms: i64,
    /// What waits by itself.
    pub waiting: Vec<Waiting>,
}

/// What is to be done, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    /// When.
    pub at: i64,
    /// What.
    pub rung: Rung,
    /// Which of those that wait it is; absent, it is the ladder's next.
    waiting: Option<usize>,
    /// For how long the ladder stood still until then.
    shift_ms: i64,
    /// Whether quiet hours were waited for already.
    pub waited: bool,
}

impl Climb {
    /// What comes next for a recipient, of an alert that began at `start`. Only what makes a noise
    /// waits for the end of the recipient's quiet hours, and what comes after it waits as long.
    pub(super) fn next(&self, ladder: &Ladder, start: i64, hours: Hours<'_>) -> Option<Due> {
        let own = ladder.0.get(self.rung).map(|&rung| {
            let planned = start + rung.after_ms + self.shift_ms;
            let waits = rung.whom == Whom::Recipient && is_noisy(rung.channel);
            let at = Some(planned).filter(|_| waits).and_then(|at| hours.until(at));
            let at = at.unwrap_or(planned);
            let shift_ms = self.shift_ms + (at - planned);
            Due { at, rung, waiting: None, shift_ms, waited: false }
        });
        let waiting = self.waiting.iter().enumerate().map(|(place, it)| {
            let (shift_ms, waited) = (self.shift_ms, it.waited);
            Due { at: it.at, rung: it.rung, waiting: Some(place), shift_ms, waited }
        });
        // Of what is due at the same moment, what waits comes first.
        waiting.chain(own).min_by_key(|due| due.at)
    }

    /// Goes on after something that was due was done at this time.
    pub(super) fn done(&mut self, due: &Due, done_at: i64) {
        if let Some(place) = due.waiting {
            self.waiting.remove(place);
            return;
        }
        let late = done_at.saturating_sub(due.at);
        let standstill = if late > STANDSTILL_MS { late } else { 0 };
        self.shift_ms = due.shift_ms + standstill;
        self.rung += 1;
    }

    /// Lets something wait until then, and with a rung of the recipient's own the whole ladder.
    pub(super) fn put_off(&mut self, due: &Due, until: i64, now: i64) {
        if due.waiting.is_none() && due.rung.whom == Whom::Recipient {
            self.shift_ms = due.shift_ms + (until - due.at);
            return;
        }
        self.done(due, now);
        self.waiting.push(Waiting { at: until, rung: due.rung, waited: true });
    }
}
