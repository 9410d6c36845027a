//! How much a plugin may owe. What waits to be called, or to have its effect, lies on the disk
//! until it is done: whoever asks for more than is done is told to wait.
//!
//! Each organisation has bounds of its own, so that none is refused for what another put in. And
//! nothing is counted in a transaction: each node notes what is put in through it, and counts the
//! rows beside it now and then. So a bound is passed by what is put in during one count.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use carillon_protocol::{ErrorCode, OrgId};

use crate::{Error, Host, Result, Tx, duties::Owner, tx::Owed};

/// So many effects of a plugin, and as many calls that are due, wait while it is still asked for
/// more or reads on: more than that is done in minutes at best.
pub(crate) const WAITING_MAX: u64 = 10_000;
/// What a plugin may owe of an organisation whose people and programs ask.
const ASKED: Owes = Owes { calls: WAITING_MAX, effects: WAITING_MAX, timers: 1_000_000 };
/// What it may owe by what it does itself: more, because what is due often owes something in its
/// turn, and what was not done for that reason would never become less. Some 600 MB.
const BY_ITSELF: Owes = Owes { calls: u64::MAX, effects: 100_000, timers: 2_000_000 };
/// It is counted again after so much was put in, or so long.
const COUNT_AFTER: u64 = 1_000;
const COUNT_AFTER_MS: i64 = 1_000;
/// Organisations that are remembered; with more, all are counted afresh.
const ORGS_MAX: usize = 10_000;

/// What a plugin owes, or what a transaction adds to that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Owes {
    /// Calls that are due.
    calls: u64,
    effects: u64,
    /// Calls, whenever they are due.
    timers: u64,
}

impl Owes {
    fn added(owed: &[Owed], now: i64) -> Owes {
        let mut owes = Owes::default();
        for owed in owed {
            match owed {
                Owed::Call(set) => {
                    owes.timers += 1;
                    owes.calls += u64::from(set.is_due(now));
                }
                Owed::Effect(_) => owes.effects += 1,
                Owed::NoCall(_) => {}
            }
        }
        owes
    }

    /// Whether nothing is added to what is at its bound. Only who is asked can be told that
    /// waiting does not help: what a plugin does itself it tries again.
    fn admits(&self, plugin: &str, added: Owes, by_itself: bool) -> Result<()> {
        let most = if by_itself { BY_ITSELF } else { ASKED };
        let is_over = |added: u64, owed: u64, most: u64| added > 0 && owed >= most;
        let busy = |what: &str, most: u64| {
            let msg = format!("`{plugin}` has {most} {what} waiting; try again in a moment");
            Err(Error::new(ErrorCode::Busy, msg).retry_ms(COUNT_AFTER_MS.unsigned_abs()))
        };
        if is_over(added.effects, self.effects, most.effects) {
            return busy("effects", most.effects);
        }
        if is_over(added.calls, self.calls, most.calls) {
            return busy("calls", most.calls);
        }
        if !is_over(added.timers, self.timers, most.timers) {
            return Ok(());
        }
        if by_itself {
            return busy("timers", most.timers);
        }
        let msg = format!("`{plugin}` has {} timers set; take some of them back", most.timers);
        Err(Error::new(ErrorCode::Quota, msg))
    }
}

/// What a plugin owes of each organisation, as this node knows.
#[derive(Debug, Default)]
pub(crate) struct Backlog(Mutex<HashMap<OrgId, Gauge>>);

#[derive(Debug, Default)]
struct Gauge {
    counted: Owes,
    counted_at: Option<i64>,
    put_in: u64,
    /// Somebody is at it.
    counting: bool,
}

impl Gauge {
    /// Whether it is time to count, which is said once.
    fn is_due(&mut self, now: i64) -> bool {
        let is_fresh = |at: i64| (at..at + COUNT_AFTER_MS).contains(&now);
        let is_known = self.put_in < COUNT_AFTER && self.counted_at.is_some_and(is_fresh);
        if is_known || self.counting {
            return false;
        }
        (self.put_in, self.counted_at, self.counting) = (0, Some(now), true);
        true
    }
}

impl Backlog {
    fn lock(&self) -> MutexGuard<'_, HashMap<OrgId, Gauge>> {
        // Nothing in here panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses what is too much, notes what is not, and says whether it is time to count.
    fn admit(
        &self,
        (plugin, org): (&str, OrgId),
        (added, by_itself): (Owes, bool),
        now: i64,
    ) -> (Result<()>, bool) {
        let mut orgs = self.lock();
        if orgs.len() >= ORGS_MAX && !orgs.contains_key(&org) {
            orgs.clear();
        }
        let gauge = orgs.entry(org).or_default();
        let admitted = gauge.counted.admits(plugin, added, by_itself);
        if admitted.is_ok() {
            gauge.put_in += added.timers + added.effects;
        }
        (admitted, gauge.is_due(now))
    }
}

/// Who counts: whatever becomes of that, the next can.
struct Counting {
    owner: Arc<Owner>,
    org: OrgId,
    /// What it came to; otherwise what was known holds.
    counted: Option<Owes>,
}

impl Drop for Counting {
    fn drop(&mut self) {
        if let Some(gauge) = self.owner.backlog.lock().get_mut(&self.org) {
            gauge.counting = false;
            gauge.counted = self.counted.unwrap_or(gauge.counted);
        }
    }
}

impl Host {
    /// Refuses a transaction by which its plugin would owe too much.
    pub(crate) fn admit_owed(&self, tx: &Tx) -> Result<()> {
        let (owner, now) = (tx.ctx().owner(), self.now());
        let added = Owes::added(&tx.owed, now);
        // Of a plugin that runs apart, the node counts.
        if added == Owes::default() || self.0.node.is_some() {
            return Ok(());
        }
        let (org, by_itself) = (tx.value.org, tx.ctx().caller().is_system());
        let (admitted, is_due) = owner.backlog.admit((owner.name, org), (added, by_itself), now);
        if is_due {
            let counting = Counting { owner: Arc::clone(owner), org, counted: None };
            tokio::spawn(self.clone().count_owed(counting, now));
        }
        admitted
    }

    async fn count_owed(self, mut counting: Counting, now: i64) {
        let plugin = counting.owner.name;
        let of = |table: &str, most: u64| {
            let rows = format!("SELECT 1 FROM {table} LIMIT {most}");
            format!("(SELECT COUNT(*) FROM ({rows}) AS counted)")
        };
        let sql = format!(
            "SELECT {}, {}, {}",
            of("plugin_timer WHERE plugin = $1 AND org = $2 AND due_at <= $3", ASKED.calls),
            of("plugin_outbox WHERE plugin = $1 AND org = $2", BY_ITSELF.effects),
            of("plugin_timer WHERE plugin = $1 AND org = $2", BY_ITSELF.timers),
        );
        let count = async || -> Result<Owes> {
            let row = vec![plugin.into(), counting.org.into(), now.into()];
            let rows = self.storage().query(&sql, row).await?;
            let row = rows.first().ok_or_else(|| Error::not_found("count"))?;
            Ok(Owes { calls: row.get(0)?, effects: row.get(1)?, timers: row.get(2)? })
        };
        let counted = count().await.inspect_err(|error| {
            tracing::warn!(plugin, %error, "what it owes is not known");
        });
        counting.counted = counted.ok();
    }
}

#[cfg(test)]
mod tests {
    use carillon_protocol::id::Ulid;

    use super::*;

    const ORG: OrgId = OrgId(Ulid(1));
    const TIMER: Owes = Owes { calls: 0, effects: 0, timers: 1 };

    #[test]
    fn only_what_is_at_its_bound_is_refused_and_only_who_asks_in_vain_is_told_so() {
        let full = Owes { calls: 0, effects: WAITING_MAX, timers: 1_000_000 };
        let over = Owes { timers: 2_000_000, ..full };
        let call = Owes { calls: 1, ..<_>::default() };
        let effect = Owes { effects: 1, ..<_>::default() };
        let code = |owes: Owes, added, by_itself| {
            owes.admits("poll", added, by_itself).err().map(|error| error.code())
        };
        assert_eq!(code(full, call, false), None);
        assert_eq!(code(full, effect, false), Some(ErrorCode::Busy));
        assert_eq!(code(full, TIMER, false), Some(ErrorCode::Quota));
        assert_eq!([code(full, effect, true), code(full, TIMER, true)], [None, None]);
        assert_eq!(code(over, TIMER, true), Some(ErrorCode::Busy));
    }

    #[test]
    fn it_is_counted_after_so_much_or_so_long_and_when_the_clock_is_set_back() {
        let backlog = Backlog::default();
        let is_due = |now| backlog.admit(("poll", ORG), (TIMER, false), now).1;
        let counts = |times: u64, now| {
            let counted = |_: &u64| backlog.lock().entry(ORG).or_default().counting = false;
            (0..times).filter(|_| is_due(now)).inspect(counted).count()
        };
        assert_eq!(counts(1, 5_000), 1);
        assert_eq!(counts(COUNT_AFTER - 1, 5_000), 0);
        assert_eq!(counts(1, 5_000), 1);
        assert_eq!(counts(10, 5_999), 0);
        assert_eq!(counts(10, 6_000), 1);
        assert_eq!(counts(10, 100), 1);
        assert!(is_due(9_000) && !is_due(19_000), "one at a time");
    }

    #[test]
    fn what_is_refused_is_not_put_in_and_no_other_organisation_is_refused_for_it() {
        let backlog = Backlog::default();
        let full = Owes { timers: 1_000_000, ..<_>::default() };
        backlog.lock().insert(ORG, Gauge { counted: full, counted_at: Some(0), ..<_>::default() });
        for _ in 0..2 * COUNT_AFTER {
            let (admitted, is_due) = backlog.admit(("poll", ORG), (TIMER, false), 1);
            assert!(admitted.is_err() && !is_due);
        }
        assert!(backlog.admit(("poll", OrgId(Ulid(2))), (TIMER, false), 1).0.is_ok());
    }
}
