//! The outbox: effects on the world outside, which happen at least once. Each try is written down
//! before it is made, so that what cannot be written down afterwards is not repeated for ever.

mod lanes;

use std::{collections::BTreeMap, sync::Arc};

use carillon_protocol::{ErrorCode, Json, OrgId, UserId, id::Ulid};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    BoxFuture, Caller, Ctx, Error, Host, Next, Plugin, Result, Retries, Row, Tx,
    call::{CALL_TIMEOUT, bounded},
    dead::{Dead, Source},
    duties::Owner,
    step::{AWAY_PAUSE_MS, reason},
    timer::KEY_LEN_MAX,
    tx::Owed,
};

/// For so long nobody else tries an effect: until then its handler was cut off.
const CLAIM_MS: i64 = CALL_TIMEOUT.as_millis() as i64;
/// So many tries in a row may be cut off, by processes that died or databases that stood still,
/// before the effect itself is taken for the cause: eight minutes of nothing else.
const CUT_OFF_MAX: u32 = 50;

/// An effect that is to happen now.
#[derive(Debug, Clone)]
pub struct Delivery<P> {
    /// What the outside can recognise a repetition by: the same with every try.
    pub key: String,
    /// What was put into the outbox.
    pub payload: P,
    /// How often it failed before.
    pub tries: u32,
}

type Handler = dyn Fn(Ctx, Delivery<Json>) -> Result<BoxFuture<'static, Result<Tx>>> + Send + Sync;

/// What carries out a kind of effects.
#[derive(Clone)]
pub(crate) struct Outlet {
    pub(crate) handler: Arc<Handler>,
    retries: Retries,
}

/// By kind.
pub(crate) type Outlets = BTreeMap<&'static str, Outlet>;

const INSERT: &str = "INSERT INTO plugin_outbox
         (plugin, kind, key, payload, org, intent, failures, retry_at, error)
     VALUES ($1, $2, $3, $4, $5, $6, 0, $7, NULL)";
const OR_REPLACE: &str = " ON CONFLICT (plugin, kind, key) DO UPDATE SET
         payload = excluded.payload, org = excluded.org, intent = excluded.intent, failures = 0,
         cut_off = 0, retry_at = excluded.retry_at, error = NULL";

impl Tx {
    /// Lets an effect on the outside happen after this is committed, by the handler that
    /// [`Plugin::effect`] gave for the kind. The same key again replaces what has not happened
    /// yet.
    ///
    /// # Panics
    /// If the plugin has no such effect, or the key is longer than 200 bytes: a fault of its own.
    pub fn outbox<P: Serialize>(&mut self, kind: &'static str, key: &str, payload: &P) {
        let (host, plugin) = (self.ctx().host(), self.ctx().plugin());
        assert!(host.carries_out(plugin, kind), "{plugin} has no effect {kind}: use .effect()");
        self.put_out(kind, key, Json::of(payload).as_str(), true);
    }

    /// The same, in the place of one with the same key, or else refuses that with `E_CONFLICT`.
    pub(crate) fn put_out(&mut self, kind: &str, key: &str, payload: &str, replaces: bool) {
        assert!(key.len() <= KEY_LEN_MAX, "the key of an effect has at most {KEY_LEN_MAX} bytes");
        let (kind, key, payload) = (kind.to_owned(), key.to_owned(), payload.to_owned());
        self.owed.push(Owed::Effect(Put { kind, key, payload, replaces }));
    }

    pub(crate) fn put(&mut self, put: Put) {
        let row = [
            self.ctx().plugin().into(),
            put.kind.into(),
            put.key.into(),
            put.payload.into(),
            self.value.org.into(),
            self.ctx().new_id().to_string().into(),
            self.ctx().now().into(),
        ];
        let sql = if put.replaces { [INSERT, OR_REPLACE].concat() } else { INSERT.to_owned() };
        self.run(sql, row);
        self.touched.outbox = true;
    }
}

/// An effect that is to be put into the outbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Put {
    kind: String,
    key: String,
    payload: String,
    /// Whether it takes the place of one with the same key.
    replaces: bool,
}

impl Put {
    pub(crate) fn kind(&self) -> &str {
        &self.kind
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

impl Plugin {
    /// Carries out effects of a kind on the outside. What it returns is committed together with
    /// the end of the effect; if the process dies between the two, the effect is tried again with
    /// the same key, ten seconds later. What fails is tried ten times within two minutes, and then
    /// put aside; so is what fifty times in a row did not come to its end.
    ///
    /// # Panics
    /// If the kind is carried out twice.
    pub fn effect<P, F>(self, kind: &'static str, handler: fn(Ctx, Delivery<P>) -> F) -> Plugin
    where
        P: DeserializeOwned + Send + 'static,
        F: Future<Output = Result<Tx>> + Send + 'static,
    {
        self.effect_with(kind, Retries::default(), handler)
    }

    /// The same with other tries and pauses. An error that says `retry_ms` makes a longer pause.
    ///
    /// # Panics
    /// As [`Plugin::effect`].
    pub fn effect_with<P, F>(
        mut self,
        kind: &'static str,
        retries: Retries,
        handler: fn(Ctx, Delivery<P>) -> F,
    ) -> Plugin
    where
        P: DeserializeOwned + Send + 'static,
        F: Future<Output = Result<Tx>> + Send + 'static,
    {
        let handler = move |ctx: Ctx, Delivery { key, payload, tries }: Delivery<Json>| {
            let payload = payload.to::<P>().map_err(Error::internal)?;
            let future = handler(ctx, Delivery { key, payload, tries });
            Ok(Box::pin(future) as BoxFuture<'static, Result<Tx>>)
        };
        let outlet = Outlet { handler: Arc::new(handler), retries };
        let before = self.outlets.insert(kind, outlet);
        assert!(before.is_none(), "the effect {kind} is carried out twice");
        self
    }
}

/// A row of `plugin_outbox`.
#[derive(Clone)]
struct Waiting {
    kind: String,
    key: String,
    payload: String,
    org: OrgId,
    intent: String,
    failures: u32,
    /// Tries since then of which nobody wrote down the end.
    cut_off: u32,
}

/// The columns that [`Waiting::read`] reads, in its order.
const COLUMNS: &str = "kind, key, payload, org, intent, failures, cut_off";

impl Waiting {
    fn read(row: &Row) -> Result<Waiting> {
        Ok(Waiting {
            kind: row.get(0)?,
            key: row.get(1)?,
            payload: row.get(2)?,
            org: row.get(3)?,
            intent: row.get(4)?,
            failures: row.get::<u64>(5)? as u32,
            cut_off: row.get::<u64>(6)? as u32,
        })
    }

    /// Takes it away, unless something else has been put in its place.
    fn done(&self, plugin: &str, tx: &mut Tx) {
        tx.run_one(
            "DELETE FROM plugin_outbox
             WHERE plugin = $1 AND kind = $2 AND key = $3 AND intent = $4",
            [
                plugin.into(),
                self.kind.as_str().into(),
                self.key.as_str().into(),
                self.intent.as_str().into(),
            ],
        );
    }

    /// Writes down how it stands and when it is tried again, unless something else has been put in
    /// its place or somebody else tries it.
    fn becomes(&self, tx: &mut Tx, next: &Waiting, retry_at: i64, error: Option<&Error>) {
        tx.run_one(
            "UPDATE plugin_outbox
             SET retry_at = $1, failures = $2, cut_off = $3, error = COALESCE($4, error)
             WHERE plugin = $5 AND kind = $6 AND key = $7 AND intent = $8 AND failures = $9
                 AND cut_off = $10",
            [
                retry_at.into(),
                next.failures.into(),
                next.cut_off.into(),
                error.map(reason).into(),
                tx.ctx().plugin().into(),
                self.kind.as_str().into(),
                self.key.as_str().into(),
                self.intent.as_str().into(),
                self.failures.into(),
                self.cut_off.into(),
            ],
        );
    }
}

impl Host {
    /// Carries out what is due of a plugin's outbox, and what becomes due meanwhile.
    ///
    /// # Errors
    /// If the database cannot answer: nothing is lost, and the next step tries again.
    pub async fn outbox_step(&self, plugin: &str) -> Result<Next> {
        let Some(duties) = self.duties(plugin) else { return Ok(Next::Idle) };
        if self.carry_out(duties).await? {
            return Ok(Next::Now);
        }
        let sql = "SELECT retry_at FROM plugin_outbox WHERE plugin = $1 ORDER BY retry_at LIMIT 1";
        let first = self.storage().query(sql, vec![plugin.into()]).await?;
        let due = first.first().map(|row| row.get(0)).transpose()?;
        Ok(due.map_or(Next::Idle, Next::At))
    }

    async fn deliver(
        &self,
        owner: &Arc<Owner>,
        outlet: Option<&Outlet>,
        it: Waiting,
    ) -> Result<()> {
        let retries = outlet.map_or_else(Retries::default, |outlet| outlet.retries);
        if it.cut_off >= CUT_OFF_MAX {
            return self.give_up(owner, &it, &untold()).await;
        }
        let Some(claimed) = self.claim(owner, &it).await? else { return Ok(()) };
        let ctx = self.background(owner, it.org);
        let effect = bounded(async {
            let outlet = outlet.ok_or_else(|| Error::not_found("effect"))?;
            let payload = Json::trusted(it.payload.as_str());
            let delivery = Delivery { key: it.key.clone(), payload, tries: it.failures };
            (outlet.handler)(ctx, delivery)?.await
        });
        let error = match effect.await {
            Ok(mut tx) => {
                it.done(owner.name, &mut tx);
                match self.commit(tx).await {
                    Ok(_) => return Ok(()),
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        self.put_off(owner, retries, &claimed, &error).await
    }

    /// Writes down that it is tried, before it is: until the try must have come to its end, nobody
    /// else tries it. Nothing if somebody else was faster, or it was replaced.
    async fn claim(&self, owner: &Arc<Owner>, it: &Waiting) -> Result<Option<Waiting>> {
        let claimed = Waiting { cut_off: it.cut_off + 1, ..it.clone() };
        let mut tx = self.background(owner, it.org).tx();
        it.becomes(&mut tx, &claimed, self.now() + CLAIM_MS, None);
        match self.commit(tx).await {
            Ok(_) => Ok(Some(claimed)),
            Err(error) if error.is_raced() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes down that an effect failed; the last time, puts it aside. That who carries it out is
    /// away was no try.
    async fn put_off(
        &self,
        owner: &Arc<Owner>,
        retries: Retries,
        it: &Waiting,
        error: &Error,
    ) -> Result<()> {
        let (kind, failures) = (&it.kind, it.failures + 1);
        if error.is_away() {
            return self.try_then(owner, it, it.failures, AWAY_PAUSE_MS, error).await;
        }
        tracing::warn!(plugin = owner.name, kind, failures, %error, "an effect failed");
        let Some(pause) = retries.pause(failures) else {
            let it = Waiting { failures, cut_off: 0, ..it.clone() };
            return self.give_up(owner, &it, error).await;
        };
        let asked = error.body().retry_ms.map_or(0, |ms| i64::try_from(ms).unwrap_or(i64::MAX));
        let pause = pause.max(asked.min(retries.longest_ms));
        self.try_then(owner, it, failures, pause, error).await
    }

    /// Writes down that a try came to its end, and when the next is made.
    async fn try_then(
        &self,
        owner: &Arc<Owner>,
        it: &Waiting,
        failures: u32,
        pause: i64,
        error: &Error,
    ) -> Result<()> {
        let mut tx = self.background(owner, it.org).tx();
        let next = Waiting { failures, cut_off: 0, ..it.clone() };
        it.becomes(&mut tx, &next, self.now() + pause, Some(error));
        match self.commit(tx).await {
            Err(error) if !error.is_raced() => Err(error),
            _ => Ok(()),
        }
    }

    async fn give_up(&self, owner: &Arc<Owner>, it: &Waiting, error: &Error) -> Result<()> {
        let mut tx = self.background(owner, it.org).tx();
        it.done(owner.name, &mut tx);
        let what = serde_json::json!({
            "kind": it.kind, "key": it.key, "payload": it.payload, "org": it.org,
        });
        let tries = it.failures + it.cut_off;
        Dead { source: Source::Outbox, what, tries, error }.bury(&mut tx);
        self.bury(owner, tx).await
    }

    /// Whether something carries out a plugin's effects of a kind.
    pub(crate) fn carries_out(&self, plugin: &str, kind: &str) -> bool {
        self.duties(plugin).is_some_and(|duties| duties.outlets.contains_key(kind))
    }

    /// What a plugin's steps see and write with, for an organisation.
    pub(crate) fn background(&self, owner: &Arc<Owner>, org: OrgId) -> Ctx {
        self.reading(Caller::for_plugin(UserId(Ulid::nil()), org), owner)
    }
}

/// The longest time that any effect of these kinds waits for its next try.
fn longest_pause(outlets: &Outlets) -> i64 {
    let longest = outlets.values().map(|outlet| outlet.retries.longest_ms);
    longest.fold(CLAIM_MS.max(Retries::default().longest_ms), i64::max)
}

/// What is said of an effect whose tries nobody could write down the end of.
fn untold() -> Error {
    let msg = "it may have happened: each try began, and how it ended could not be written down";
    Error::new(ErrorCode::TimeoutUnknown, msg)
}
