//! How much a plugin may owe. What waits to be called, or to have its effect, lies on the disk
//! until it is done: whoever asks for more than is done is told to wait.
//!
//! Nothing is counted in a transaction. Each node notes what is put in through it, and counts the
//! rows beside it now and then; so a bound is passed by what is put in during one count.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use carillon_protocol::ErrorCode;

use crate::{Error, Host, Result, Tx, duties::Owner, tx::Owed};

/// So many effects of a plugin, and as many calls that are due, wait while it is still asked for
/// more or reads on: more than that is done in minutes at best.
pub(crate) const WAITING_MAX: u64 = 10_000;
/// What a plugin may owe whom people and programs ask.
const ASKED: Owes = Owes { calls: WAITING_MAX, effects: WAITING_MAX, timers: 1_000_000 };
/// What it may owe by what it does itself: more, because what is due often owes something in its
/// turn, and what was not done for that reason would never become less. Some 600 MB.
const BY_ITSELF: Owes = Owes { calls: u64::MAX, effects: 100_000, timers: 2_000_000 };
/// It is counted again after so much was put in, or so long.
const COUNT_AFTER: u64 = 1_000;
const COUNT_AFTER_MS: i64 = 1_000;

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

    /// Whether nothing is added to what is at its bound.
    fn admits(&self, plugin: &str, added: Owes, most: Owes) -> Result<()> {
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
        if is_over(added.timers, self.timers, most.timers) {
            let msg = format!("`{plugin}` has {} timers set; take some of them back", most.timers);
            return Err(Error::new(ErrorCode::Quota, msg));
        }
        Ok(())
    }
}

/// What a plugin owes, as this node knows.
#[derive(Debug, Default)]
pub(crate) struct Backlog(Mutex<Gauge>);

#[derive(Debug, Default)]
struct Gauge {
    counted: Owes,
    counted_at: Option<i64>,
    put_in: u64,
    /// Somebody is at it.
    counting: bool,
}

impl Backlog {
    fn lock(&self) -> MutexGuard<'_, Gauge> {
        // Nothing in here panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what is put in; whether it is time to count, which is said once.
    fn note(&self, added: Owes, now: i64) -> bool {
        let mut gauge = self.lock();
        gauge.put_in += added.timers + added.effects;
        let is_fresh = |at: i64| (at..at + COUNT_AFTER_MS).contains(&now);
        let is_known = gauge.put_in < COUNT_AFTER && gauge.counted_at.is_some_and(is_fresh);
        if is_known || gauge.counting {
            return false;
        }
        (gauge.put_in, gauge.counted_at, gauge.counting) = (0, Some(now), true);
        true
    }

    /// What it came to; nothing if it could not be counted: then what was known still holds.
    fn counted(&self, counted: Option<Owes>) {
        let mut gauge = self.lock();
        gauge.counting = false;
        gauge.counted = counted.unwrap_or(gauge.counted);
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
        if owner.backlog.note(added, now) {
            tokio::spawn(self.clone().count_owed(Arc::clone(owner), now));
        }
        let most = if tx.ctx().caller().is_system() { BY_ITSELF } else { ASKED };
        let counted = owner.backlog.lock().counted;
        counted.admits(owner.name, added, most)
    }

    async fn count_owed(self, owner: Arc<Owner>, now: i64) {
        let of = |table: &str, most: u64| {
            let rows = format!("SELECT 1 FROM {table} LIMIT {most}");
            format!("(SELECT COUNT(*) FROM ({rows}) AS counted)")
        };
        let sql = format!(
            "SELECT {}, {}, {}",
            of("plugin_timer WHERE plugin = $1 AND due_at <= $2", ASKED.calls),
            of("plugin_outbox WHERE plugin = $1", BY_ITSELF.effects),
            of("plugin_timer WHERE plugin = $1", BY_ITSELF.timers),
        );
        let count = async || -> Result<Owes> {
            let rows = self.storage().query(&sql, vec![owner.name.into(), now.into()]).await?;
            let row = rows.first().ok_or_else(|| Error::not_found("count"))?;
            Ok(Owes { calls: row.get(0)?, effects: row.get(1)?, timers: row.get(2)? })
        };
        let counted = count().await.inspect_err(|error| {
            tracing::warn!(plugin = owner.name, %error, "what it owes is not known");
        });
        owner.backlog.counted(counted.ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_at_its_bound_is_refused() {
        let full = Owes { calls: 0, effects: WAITING_MAX, timers: 1_000_000 };
        let [call, effect] =
            [Owes { calls: 1, ..<_>::default() }, Owes { effects: 1, ..<_>::default() }];
        let timer = Owes { timers: 1, ..<_>::default() };
        let code = |added, most| full.admits("poll", added, most).err().map(|error| error.code());
        assert_eq!(code(call, ASKED), None);
        assert_eq!(code(effect, ASKED), Some(ErrorCode::Busy));
        assert_eq!(code(timer, ASKED), Some(ErrorCode::Quota));
        assert_eq!([code(effect, BY_ITSELF), code(timer, BY_ITSELF)], [None, None]);
    }

    #[test]
    fn it_is_counted_after_so_much_or_so_long_and_when_the_clock_is_set_back() {
        let (backlog, one) = (Backlog::default(), Owes { timers: 1, ..<_>::default() });
        let counts = |times: u64, now| {
            let is_time = |_: &u64| backlog.note(one, now);
            (0..times).filter(is_time).inspect(|_| backlog.counted(None)).count()
        };
        assert_eq!(counts(1, 5_000), 1);
        assert_eq!(counts(COUNT_AFTER - 1, 5_000), 0);
        assert_eq!(counts(1, 5_000), 1);
        assert_eq!(counts(10, 5_999), 0);
        assert_eq!(counts(10, 6_000), 1);
        assert_eq!(counts(10, 100), 1);
        assert!(backlog.note(one, 9_000) && !backlog.note(one, 19_000), "one at a time");
    }
}
