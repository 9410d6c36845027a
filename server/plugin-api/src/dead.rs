//! What failed for good is put aside, so that the rest goes on, and kept until somebody looks.

use std::sync::Arc;

use carillon_protocol::{DeadLetterId, Json, OrgId, Topic, UserId};
use serde::Deserialize;

use crate::{
    Error, Host, Result, Tx,
    duties::{Duties, Owner},
    step::reason,
    timer::ALWAYS,
};

/// So many things of a plugin are kept that failed for good; then the oldest goes. Whoever has not
/// looked until then has a plugin that does not work, and the disk is not to fill with it.
const DEAD_MAX: usize = 10_000;

/// Where something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Event,
    Timer,
    Outbox,
}

impl Source {
    fn name(self) -> &'static str {
        match self {
            Source::Event => "event",
            Source::Timer => "timer",
            Source::Outbox => "outbox",
        }
    }
}

/// Something that failed so often that it is not tried any more.
pub(crate) struct Dead<'a> {
    pub(crate) source: Source,
    /// What it was: one of the structures below, to be tried again.
    pub(crate) what: serde_json::Value,
    pub(crate) tries: u32,
    pub(crate) error: &'a Error,
}

/// An event, by its place: the log has the rest.
#[derive(Deserialize)]
struct DeadEvent {
    topic: Topic,
    seq: u64,
    org: OrgId,
}

#[derive(Deserialize)]
struct DeadTimer {
    key: String,
    op: String,
    args: String,
    org: OrgId,
    user: UserId,
}

#[derive(Deserialize)]
struct DeadEffect {
    kind: String,
    key: String,
    payload: String,
    org: OrgId,
}

impl Dead<'_> {
    /// Puts it aside with a transaction that takes it out of where it was.
    pub(crate) fn bury(self, tx: &mut Tx) {
        let row = [
            DeadLetterId(tx.ctx().new_id()).into(),
            tx.ctx().plugin().into(),
            self.source.name().into(),
            self.what.to_string().into(),
            reason(self.error).into(),
            tx.ctx().now().into(),
            self.tries.into(),
        ];
        tx.run(
            "INSERT INTO plugin_dead (id, plugin, source, what, error, at, tries)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            row,
        );
        let too_old = format!(
            "DELETE FROM plugin_dead WHERE plugin = $1 AND id <= (
                 SELECT id FROM plugin_dead WHERE plugin = $1
                 ORDER BY id DESC LIMIT 1 OFFSET {DEAD_MAX})"
        );
        tx.run(too_old, [tx.ctx().plugin().into()]);
    }
}

impl Host {
    /// Commits that something was put aside. Who was overtaken has nothing to put aside.
    pub(crate) async fn bury(&self, owner: &Arc<Owner>, tx: Tx) -> Result<()> {
        let sql =
            format!("SELECT 1 FROM plugin_dead WHERE plugin = $1 LIMIT 1 OFFSET {}", DEAD_MAX - 1);
        let is_full = !self.storage().query(&sql, vec![owner.name.into()]).await?.is_empty();
        match self.commit(tx).await {
            Ok(_) => {
                if is_full {
                    tracing::error!(plugin = owner.name, "too much was put aside: the oldest went");
                    self.live().forgotten(owner.name);
                }
                tracing::error!(plugin = owner.name, "put aside: `carillon plugins dead` shows it");
                self.live().buried(owner.name);
                Ok(())
            }
            Err(error) if error.is_raced() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Tries again what was put aside: an event at once, and it stays where it is if it fails
    /// again; a timer or an effect as soon as its turn comes, as if it were new.
    ///
    /// # Errors
    /// `E_NOT_FOUND` if there is no such thing, `E_CONFLICT` if the key was set again meanwhile,
    /// or what the handler of the event refuses.
    pub async fn retry_dead(&self, id: DeadLetterId) -> Result<()> {
        let sql = "SELECT plugin, source, what FROM plugin_dead WHERE id = $1";
        let rows = self.storage().query(sql, vec![id.into()]).await?;
        let row = rows.first().ok_or_else(|| Error::not_found("dead letter"))?;
        let plugin: String = row.get(0)?;
        let duties = self.duties(&plugin).ok_or_else(|| Error::not_found("plugin"))?;
        let what = Json::trusted(row.get::<String>(2)?);
        let mut tx = match row.get::<String>(1)?.as_str() {
            "event" => {
                let DeadEvent { topic, seq, org } = what.to().map_err(Error::internal)?;
                self.read_again(duties, org, (topic, seq)).await?
            }
            "timer" => self.timer_again(&duties.owner, what.to().map_err(Error::internal)?),
            _ => self.effect_again(&duties.owner, what.to().map_err(Error::internal)?)?,
        };
        tx.run_one("DELETE FROM plugin_dead WHERE id = $1", [id.into()]);
        self.commit(tx).await.map(drop)
    }

    /// Runs a handler for one event again.
    async fn read_again(
        &self,
        duties: &Duties,
        org: OrgId,
        (topic, seq): (Topic, u64),
    ) -> Result<Tx> {
        let events = self.storage().events_at(topic, vec![seq]).await?;
        let event = events.into_iter().next().ok_or_else(|| Error::not_found("event"))?;
        let reader = duties.reader(&event.k).ok_or_else(|| Error::not_found("reader"))?;
        self.run_reader((&duties.owner, org), reader, vec![event]).await
    }

    fn timer_again(&self, owner: &Arc<Owner>, it: DeadTimer) -> Tx {
        let mut tx = self.background(owner, it.org).tx().on_behalf_of(it.user, it.org);
        tx.set_timer(ALWAYS, &it.key, (&it.op, it.args), false);
        tx
    }

    fn effect_again(&self, owner: &Arc<Owner>, it: DeadEffect) -> Result<Tx> {
        if !self.carries_out(owner.name, &it.kind) {
            return Err(Error::not_found("effect"));
        }
        let mut tx = self.background(owner, it.org).tx();
        tx.put_out(&it.kind, &it.key, &it.payload, false);
        Ok(tx)
    }
}
