//! Who was refused, for the audit log: written down soon, and together if it happens again and
//! again, so that nobody fills the disk by asking for what they may not do.
//!
//! Nobody waits for it: how long a refusal takes must not tell whether it was the first of its
//! kind, or strangers could try out sign-in names by it. A crash loses a second of it.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use carillon_protocol::{
    Access, Effect, ErrorCode, OrgId, UserId,
    audit::{Outcome, RecordedData},
    id::Ulid,
};

use crate::{Caller, Ctx, Error, Host, Result, call::Called};

/// What is refused again is written down again after this time, with how often.
const AGAIN_MS: i64 = 600_000;
/// So many refusals of strangers are told apart at a time: 64 rows in ten minutes are some
/// megabytes a day, however many guess.
const STRANGERS_MAX: usize = 64;
/// The same of those who are signed in.
const KNOWN_MAX: usize = 256;
/// What is not told apart was done to this.
const OTHERS: &str = "others";

/// Refusals of this node that are not all written down yet.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<Refusal, Count>>);

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Refusal {
    org: OrgId,
    actor: UserId,
    address: Option<IpAddr>,
    op: &'static str,
    object: String,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    /// When it was written down last; `None` if never.
    told: Option<i64>,
    /// How often since.
    times: u32,
}

impl Refusals {
    fn lock(&self) -> MutexGuard<'_, HashMap<Refusal, Count>> {
        // Nothing in here panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, refusal: Refusal) {
        let mut counts = self.lock();
        let is_known = |refusal: &Refusal| !refusal.actor.0.is_nil();
        let refusal = if counts.contains_key(&refusal) {
            refusal
        } else {
            let known = is_known(&refusal);
            let alike = counts.keys().filter(|other| is_known(other) == known).count();
            match alike < if known { KNOWN_MAX } else { STRANGERS_MAX } {
                true => refusal,
                false => refusal.among_others(),
            }
        };
        let count = counts.entry(refusal).or_insert(Count { told: None, times: 0 });
        count.times = count.times.saturating_add(1);
    }

    /// What is to be written down by now.
    fn take(&self, now: i64) -> Vec<(Refusal, u32)> {
        let mut counts = self.lock();
        let mut due = Vec::new();
        counts.retain(|refusal, count| {
            // Also after the clock was set back.
            let again = |told: i64| !(told..told + AGAIN_MS).contains(&now);
            if !count.told.is_none_or(again) {
                return true;
            }
            if count.times == 0 {
                return false;
            }
            due.push((refusal.clone(), count.times));
            *count = Count { told: Some(now), times: 0 };
            true
        });
        due
    }

    /// Takes back what could not be written down.
    fn give_back(&self, refusals: Vec<(Refusal, u32)>) {
        let mut counts = self.lock();
        for (refusal, times) in refusals {
            let count = counts.entry(refusal).or_insert(Count { told: None, times: 0 });
            *count = Count { told: None, times: count.times.saturating_add(times) };
        }
    }
}

impl Refusal {
    fn new(caller: Caller, op: &'static str, org: OrgId, object: String) -> Refusal {
        Refusal { org, actor: caller.user, address: caller.network, op, object }
    }

    /// One of many that are not told apart: of a stranger who tried something, or of somebody of
    /// the same organisation.
    fn among_others(self) -> Refusal {
        let nobody = UserId(Ulid::nil());
        let org = if self.actor == nobody { OrgId(Ulid::nil()) } else { self.org };
        Refusal { org, actor: nobody, address: None, object: OTHERS.to_owned(), ..self }
    }
}

impl Ctx {
    /// Writes down soon that the operation was refused: somebody tried it on this, as
    /// `member:ID`, of an organisation, if it is of one. What the host refuses, and what a handler
    /// answers with `E_FORBIDDEN`, is written down without it.
    pub fn refused(&self, org: OrgId, object: impl Into<String>) {
        let refusal = Refusal::new(self.caller(), self.op(), org, object.into());
        self.host().0.refusals.add(refusal);
    }
}

impl Host {
    /// Notes that somebody may not do what they asked for.
    pub(crate) fn note_refusal(&self, called: &Called, error: &Error) {
        let Called { op, effect, access, caller } = *called;
        let administers = effect != Effect::Read || matches!(access, Access::Scope("admin"));
        if error.code() == ErrorCode::Forbidden && administers {
            self.0.refusals.add(Refusal::new(caller, op, caller.org, String::new()));
        }
    }

    /// Writes down who was refused, as far as it is time to.
    ///
    /// # Errors
    /// If the database cannot answer: nothing is lost, and the next call tries again.
    pub async fn write_refusals(&self) -> Result<()> {
        let mut due = self.0.refusals.take(self.now());
        while let Some(org) = due.first().map(|(refusal, _)| refusal.org) {
            let (now, later): (Vec<_>, Vec<_>) =
                due.into_iter().partition(|(refusal, _)| refusal.org == org);
            due = later;
            if let Err(error) = self.write_refused(org, &now).await {
                self.0.refusals.give_back(now);
                self.0.refusals.give_back(due);
                return Err(error);
            }
        }
        Ok(())
    }

    async fn write_refused(&self, org: OrgId, refusals: &[(Refusal, u32)]) -> Result<()> {
        let Some(duties) = self.all_duties().next() else { return Ok(()) };
        let caller = Caller::for_plugin(UserId(Ulid::nil()), org);
        let mut tx = self.reading(caller, &duties.owner).tx();
        for (refusal, times) in refusals {
            tx.record(&RecordedData {
                op: refusal.op.to_owned(),
                actor: refusal.actor,
                address: refusal.address.map(|address| address.to_string()),
                object: refusal.object.clone(),
                before: None,
                after: None,
                outcome: Outcome::Refused,
                times: *times,
            });
        }
        self.commit(tx).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(actor: u128, object: usize) -> Refusal {
        let caller = Caller::on_behalf_of(UserId(Ulid(actor)), OrgId(Ulid(1)));
        Refusal::new(caller, "session.login", OrgId(Ulid(1)), object.to_string())
    }

    #[test]
    fn the_first_is_told_at_once_and_more_of_it_together() {
        let refusals = Refusals::default();
        refusals.add(refusal(1, 1));
        assert_eq!(refusals.take(1_000), [(refusal(1, 1), 1)]);
        (0..5).for_each(|_| refusals.add(refusal(1, 1)));
        assert_eq!(refusals.take(1_000 + AGAIN_MS - 1), []);
        assert_eq!(refusals.take(1_000 + AGAIN_MS), [(refusal(1, 1), 5)]);
        assert_eq!(refusals.take(1_000 + 2 * AGAIN_MS), []);
        assert!(refusals.lock().is_empty(), "what ended is forgotten");
    }

    #[test]
    fn what_could_not_be_written_is_told_the_next_time() {
        let refusals = Refusals::default();
        refusals.add(refusal(1, 1));
        let due = refusals.take(1_000);
        refusals.add(refusal(1, 1));
        refusals.give_back(due);
        assert_eq!(refusals.take(1_001), [(refusal(1, 1), 2)]);
    }

    #[test]
    fn strangers_who_try_everything_are_told_together_and_hide_nobody() {
        let refusals = Refusals::default();
        (0..1_000).for_each(|object| refusals.add(refusal(0, object)));
        refusals.add(refusal(7, 1));
        let told = refusals.take(1_000);
        assert_eq!(told.len(), STRANGERS_MAX + 2);
        assert_eq!(told.iter().map(|(_, times)| times).sum::<u32>(), 1_001);
        assert!(told.contains(&(refusal(7, 1), 1)));
    }

    #[test]
    fn a_clock_that_is_set_back_silences_nobody() {
        let refusals = Refusals::default();
        refusals.add(refusal(1, 1));
        assert_eq!(refusals.take(9_000_000).len(), 1);
        refusals.add(refusal(1, 1));
        assert_eq!(refusals.take(1_000).len(), 1);
    }
}
