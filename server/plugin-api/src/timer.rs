//! Timers: calls that a plugin is owed later, whatever happens until then.

use std::sync::Arc;

use carillon_protocol::{Cid, Codec, Command, Effect, ErrorCode, OrgId, Raw, UserId};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::{
    Caller, Error, Expect, Host, Next, Request, Result, Retries, Row, Statement, Tx,
    dead::{Dead, Source},
    duties::Owner,
    step::{AWAY_PAUSE_MS, reason},
    tx::Owed,
};

/// The longest key of a timer, in bytes.
pub(crate) const KEY_LEN_MAX: usize = 200;
/// Timers that one step takes.
const DUE_MAX: usize = 64;
/// Timers of a plugin that are called at the same time: a hundredth of a queue of commits.
const AT_ONCE: usize = 16;
/// When it is due that is due at once: by every clock, also one that is set back.
pub(crate) const ALWAYS: i64 = 0;

const INSERT: &str = "INSERT INTO plugin_timer
         (plugin, key, due_at, op, args, org, user_id, intent, failures, retry_at, error)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, NULL)";
const OR_REPLACE: &str = " ON CONFLICT (plugin, key) DO UPDATE SET due_at = excluded.due_at,
         op = excluded.op, args = excluded.args, org = excluded.org, user_id = excluded.user_id,
         intent = excluded.intent, failures = 0, retry_at = 0, error = NULL";

impl Tx {
    /// Calls an operation at a time, in milliseconds since the epoch: as the plugin, in the name
    /// of whoever causes this transaction. It may be one that only the system may call.
    ///
    /// What takes effect once takes effect once; anything else happens at least once. What fails
    /// is tried ten times, and then put aside. The same key again replaces what is not called
    /// yet.
    ///
    /// # Panics
    /// If the key is longer than 200 bytes: a fault of the plugin.
    pub fn at<C: Command>(&mut self, due_ms: i64, key: &str, command: &C) {
        let args = Codec::Json.encode(command);
        let args = String::from_utf8(args).expect("JSON is text");
        self.set_timer(due_ms, key, (C::OP, args), true);
    }

    /// The same after a delay in milliseconds; 0 is as soon as this is committed.
    ///
    /// # Panics
    /// As [`Tx::at`].
    pub fn after<C: Command>(&mut self, delay_ms: i64, key: &str, command: &C) {
        let due_ms = match delay_ms {
            ..=0 => ALWAYS,
            delay_ms => self.ctx().now().saturating_add(delay_ms),
        };
        self.at(due_ms, key, command);
    }

    /// Takes back what is not called yet.
    pub fn cancel(&mut self, key: &str) {
        self.owed.push(Owed::NoCall(key.to_owned()));
    }

    /// Sets a timer, in the place of one with the same key, or else refuses that with `E_CONFLICT`.
    pub(crate) fn set_timer(
        &mut self,
        due_at: i64,
        key: &str,
        (op, args): (&str, String),
        replaces: bool,
    ) {
        assert!(key.len() <= KEY_LEN_MAX, "the key of a timer has at most {KEY_LEN_MAX} bytes");
        let (key, op) = (key.to_owned(), op.to_owned());
        self.owed.push(Owed::Call(Set { due_at, key, op, args, replaces }));
    }

    pub(crate) fn set(&mut self, set: Set) {
        let row = [
            self.ctx().plugin().into(),
            set.key.into(),
            set.due_at.into(),
            set.op.into(),
            set.args.into(),
            self.value.org.into(),
            self.value.by.into(),
            self.ctx().new_id().to_string().into(),
        ];
        let sql = if set.replaces { [INSERT, OR_REPLACE].concat() } else { INSERT.to_owned() };
        self.run(sql, row);
        self.touched.timers = true;
    }

    pub(crate) fn unset(&mut self, key: &str) {
        let sql = "DELETE FROM plugin_timer WHERE plugin = $1 AND key = $2";
        self.run(sql, [self.ctx().plugin().into(), key.into()]);
    }
}

/// A timer that is to be set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Set {
    due_at: i64,
    key: String,
    op: String,
    args: String,
    /// Whether it takes the place of one with the same key.
    replaces: bool,
}

impl Set {
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn op(&self) -> &str {
        &self.op
    }

    /// Whether the call is due by then.
    pub(crate) fn is_due(&self, now: i64) -> bool {
        self.due_at <= now
    }
}

/// A row of `plugin_timer`.
struct Timer {
    key: String,
    op: String,
    args: String,
    org: OrgId,
    user: UserId,
    intent: Cid,
    failures: u32,
}

impl Timer {
    fn read(row: &Row) -> Result<Timer> {
        Ok(Timer {
            key: row.get(0)?,
            op: row.get(1)?,
            args: row.get(2)?,
            org: row.get(3)?,
            user: row.get(4)?,
            intent: row.get(5)?,
            failures: row.get::<u64>(6)? as u32,
        })
    }

    /// Takes the timer away, if it was not set again.
    fn gone(&self, plugin: &str, expect: Expect) -> Statement {
        let row = vec![plugin.into(), self.key.as_str().into(), self.intent.into()];
        let sql = "DELETE FROM plugin_timer WHERE plugin = $1 AND key = $2 AND intent = $3";
        Statement { sql: sql.into(), rows: vec![row], expect }
    }
}

impl Host {
    /// Calls what is due of a plugin's timers, at most 64 of them, the oldest first.
    ///
    /// # Errors
    /// If the database cannot answer: nothing is lost, and the next step tries again.
    pub async fn timer_step(&self, plugin: &str) -> Result<Next> {
        let Some(duties) = self.duties(plugin) else { return Ok(Next::Idle) };
        let now = self.now();
        let sql = format!(
            "SELECT key, op, args, org, user_id, intent, failures FROM plugin_timer
             WHERE plugin = $1 AND due_at <= $2 AND (retry_at <= $2 OR retry_at > $3)
             ORDER BY due_at, intent LIMIT {DUE_MAX}"
        );
        // A pause that is longer than the longest was begun before the clock was set back.
        let longest = now + Retries::default().longest_ms;
        let row = vec![plugin.into(), now.into(), longest.into()];
        let rows = self.storage().query(&sql, row).await?;
        if rows.is_empty() {
            return self.next_timer(plugin, now).await;
        }
        let timers = rows.iter().map(Timer::read).collect::<Result<Vec<_>>>()?;
        let calls = stream::iter(timers).map(|timer| self.fire(&duties.owner, timer));
        // One that cannot be called now keeps none of the others waiting.
        let done: Vec<_> = calls.buffer_unordered(AT_ONCE).collect().await;
        done.into_iter().collect::<Result<Vec<()>>>()?;
        Ok(Next::Now)
    }

    /// When the first timer is due, if none is now.
    async fn next_timer(&self, plugin: &str, now: i64) -> Result<Next> {
        let sql = "SELECT MIN(at) FROM (
                       SELECT MIN(due_at) AS at FROM plugin_timer
                       WHERE plugin = $1 AND retry_at = 0
                       UNION ALL
                       SELECT MIN(CASE WHEN due_at > $2 THEN due_at ELSE retry_at END)
                       FROM plugin_timer WHERE plugin = $1 AND retry_at > 0) AS first";
        let rows = self.storage().query(sql, vec![plugin.into(), now.into()]).await?;
        let due: Option<i64> = rows.first().map(|row| row.get(0)).transpose()?.flatten();
        Ok(due.map_or(Next::Idle, Next::At))
    }

    /// Calls what a timer names, and takes the timer away: in the operation's own transaction, if
    /// it takes effect once.
    async fn fire(&self, owner: &Arc<Owner>, timer: Timer) -> Result<()> {
        let args = Raw { codec: Codec::Json, bytes: timer.args.as_bytes() };
        let request = Request { op: &timer.op, cid: Some(timer.intent), prev: None, args };
        let caller = Caller::for_plugin(timer.user, timer.org);
        let once = self.lookup(&timer.op).is_some_and(|(_, effect)| effect == Effect::Once);
        let with = if once { vec![timer.gone(owner.name, Expect::One)] } else { Vec::new() };
        match self.call_with(caller, request, &with).await {
            Ok(_) => self.settle(owner, &timer).await,
            Err(error) => self.postpone(owner, &timer, error).await,
        }
    }

    /// Takes away a timer whose call took it not: there was nothing to commit, or an earlier try
    /// had done it.
    async fn settle(&self, owner: &Arc<Owner>, timer: &Timer) -> Result<()> {
        let sql = "SELECT 1 FROM plugin_timer WHERE plugin = $1 AND key = $2 AND intent = $3";
        let row = vec![owner.name.into(), timer.key.as_str().into(), timer.intent.into()];
        if self.storage().query(sql, row).await?.is_empty() {
            return Ok(());
        }
        let mut tx = self.background(owner, timer.org).tx();
        tx.push_statement(timer.gone(owner.name, Expect::Any));
        self.commit(tx).await.map(drop)
    }

    /// Writes down that a call failed; the last time, puts it aside. That the server has too much
    /// to do, that somebody else was faster each time, or that the plugin is away, is not the
    /// call's fault: it is tried again, and nothing is counted. A timer that was taken back or set
    /// again meanwhile is no longer there to fail.
    async fn postpone(&self, owner: &Arc<Owner>, timer: &Timer, error: Error) -> Result<()> {
        let waits = error.code() == ErrorCode::Busy || error.is_away() || error.is_raced();
        let failures = timer.failures + u32::from(!waits);
        tracing::warn!(plugin = owner.name, op = timer.op, failures, %error, "a timer failed");
        let mut tx = self.background(owner, timer.org).tx();
        let waiting = waits.then_some(AWAY_PAUSE_MS);
        let Some(pause) = waiting.or_else(|| Retries::default().pause(failures)) else {
            tx.push_statement(timer.gone(owner.name, Expect::One));
            let what = serde_json::json!({
                "key": timer.key, "op": timer.op, "args": timer.args,
                "org": timer.org, "user": timer.user,
            });
            Dead { source: Source::Timer, what, tries: failures, error: &error }.bury(&mut tx);
            return self.bury(owner, tx).await;
        };
        tx.run(
            "UPDATE plugin_timer SET retry_at = $1, failures = $2, error = $3
             WHERE plugin = $4 AND key = $5 AND intent = $6",
            [
                (self.now() + pause).into(),
                failures.into(),
                reason(&error).into(),
                owner.name.into(),
                timer.key.as_str().into(),
                timer.intent.into(),
            ],
        );
        self.commit(tx).await.map(drop)
    }
}
