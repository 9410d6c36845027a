//! Readers: a plugin is given the log's events of some kinds, each once, in the order of commits.
//!
//! Positions are gapless and are the order of commits of the whole cluster, so one number says
//! what a plugin has handled. It moves in the transaction that its handler returns: what the
//! handler did is done exactly when the number says so, also after a crash, and of two nodes that
//! both believe to be the one only one can.

use std::sync::{Arc, atomic::Ordering};

use carillon_protocol::{Event, OrgId};

use crate::{
    BoxFuture, Caller, Ctx, Error, Expect, Host, Logged, Next, Plugin, Result, Retries, Statement,
    Tx,
    backlog::WAITING_MAX,
    call::bounded,
    dead::{Dead, Source},
    duties::{Duties, Owner},
    step::{AWAY_PAUSE_MS, reason, unless_busy},
};

/// The most events that a handler is given at once.
pub const BATCH_MAX: usize = 256;
/// So many positions are looked through in one step: other kinds cost a few milliseconds.
const SPAN: u64 = 16_384;
/// Where nothing concerns the plugin its cursor is written down after so many positions, so that
/// a restart does not look through all of them again.
const STRIDE: u64 = 8_192;

/// When a plugin looks again that owes too much: the log keeps what is not read anyway.
const BACKLOG_PAUSE_MS: i64 = 1_000;

type Handler = dyn Fn(Ctx, Vec<Event>) -> BoxFuture<'static, Result<Tx>> + Send + Sync;

/// A handler of events.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) kinds: Vec<&'static str>,
    /// How many it takes at once.
    batch_max: usize,
    /// Whether those are of one organisation.
    by_org: bool,
    pub(crate) handler: Arc<Handler>,
}

impl Plugin {
    /// Is given the events of these kinds, in the order of commits, at most 256 at once, of one
    /// organisation: that of the context's caller, to which what the handler emits, audits and
    /// owes belongs too. What it returns is committed together with the plugin's place in the log:
    /// it happens once.
    /// Its tables contain everything of earlier events. It calls nothing that changes something,
    /// which would not be undone with it: that goes by [`Tx::after`].
    ///
    /// What fails is tried again, in smaller batches, until it is one event; that is put aside
    /// after ten tries, and the plugin goes on with the next.
    ///
    /// # Panics
    /// If the plugin handles one of the kinds already.
    pub fn reads<F>(self, kinds: &[&'static str], handler: fn(Ctx, Vec<Event>) -> F) -> Plugin
    where
        F: Future<Output = Result<Tx>> + Send + 'static,
    {
        let handler = move |ctx, events| Box::pin(handler(ctx, events)) as BoxFuture<'static, _>;
        self.reader(kinds.to_vec(), (BATCH_MAX, true), Arc::new(handler))
    }

    /// The same, one event at a time.
    ///
    /// # Panics
    /// If the plugin handles the kind already.
    pub fn on<F>(self, kind: &'static str, handler: fn(Ctx, Event) -> F) -> Plugin
    where
        F: Future<Output = Result<Tx>> + Send + 'static,
    {
        let handler = move |ctx, mut events: Vec<Event>| {
            let event = events.pop().expect("a batch of one");
            Box::pin(handler(ctx, event)) as BoxFuture<'static, _>
        };
        self.reader(vec![kind], (1, true), Arc::new(handler))
    }

    /// The same of all organisations together, for what only keeps rows: where many organisations
    /// take turns, batches of one are small. What the handler emits, audits and owes belongs to
    /// none.
    ///
    /// # Panics
    /// If the plugin handles one of the kinds already.
    pub fn reads_of_all<F>(
        self,
        kinds: &[&'static str],
        handler: fn(Ctx, Vec<Event>) -> F,
    ) -> Plugin
    where
        F: Future<Output = Result<Tx>> + Send + 'static,
    {
        let handler = move |ctx, events| Box::pin(handler(ctx, events)) as BoxFuture<'static, _>;
        self.reader(kinds.to_vec(), (BATCH_MAX, false), Arc::new(handler))
    }

    fn reader(
        mut self,
        kinds: Vec<&'static str>,
        (batch_max, by_org): (usize, bool),
        handler: Arc<Handler>,
    ) -> Plugin {
        let mut taken = self.readers.iter().flat_map(|reader| &reader.kinds);
        let twice = kinds.iter().find(|kind| taken.any(|other| other == *kind));
        assert!(twice.is_none(), "{} handles {twice:?} twice", self.name);
        self.readers.push(Reader { kinds, batch_max, by_org, handler });
        self
    }

    /// A plugin that is new on a server reads the log from its beginning, not from its end.
    pub fn from_the_beginning(mut self) -> Plugin {
        self.from_the_beginning = true;
        self
    }
}

/// How far a plugin has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    /// Of the last event that was handled, or later.
    pos: u64,
    /// How many events the next batch has at most.
    size: usize,
    /// Of the next event.
    failures: u32,
    retry_at: i64,
}

/// How far a plugin is behind the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// Up to there it has handled everything.
    pub pos: u64,
    /// How many positions the log has from the first event on that it has yet to handle.
    pub positions: u64,
    /// When that event happened, in milliseconds since the epoch.
    pub since: Option<i64>,
    /// How often it has failed.
    pub failures: u32,
}

/// Why a batch was not handled.
enum Stop {
    /// Another node was faster.
    Overtaken,
    /// It is tried again then.
    Failed(Next),
}

impl Host {
    /// Gives every reader that is new its place in the log. Before it nothing is read; so it comes
    /// before the first call.
    ///
    /// # Errors
    /// If the database cannot answer.
    pub async fn place_readers(&self) -> Result<()> {
        let (end, _) = self.storage().position();
        for duties in self.all_duties().filter(|duties| !duties.readers.is_empty()) {
            let sql = "SELECT 1 FROM plugin_cursor WHERE plugin = $1";
            let placed = self.storage().query(sql, vec![duties.owner.name.into()]).await?;
            if !placed.is_empty() {
                continue;
            }
            let pos = if duties.from_the_beginning { 0 } else { end };
            let mut tx = self.reading(Caller::SYSTEM, &duties.owner).tx();
            tx.run(
                "INSERT INTO plugin_cursor (plugin, pos, size, failures, retry_at, error)
                 VALUES ($1, $2, $3, 0, 0, NULL) ON CONFLICT (plugin) DO NOTHING",
                [duties.owner.name.into(), pos.into(), BATCH_MAX.into()],
            );
            self.commit(tx).await?;
        }
        Ok(())
    }

    /// Gives a plugin the next events of its kinds, at most 256 of them; none while more than
    /// 10 000 effects of it wait, or calls are due.
    ///
    /// # Errors
    /// If the database cannot answer: nothing is lost, and the next step tries again.
    pub async fn read_step(&self, plugin: &str) -> Result<Next> {
        let Some(duties) = self.duties(plugin).filter(|it| !it.readers.is_empty()) else {
            return Ok(Next::Idle);
        };
        let mut cursor = self.cursor(plugin).await?;
        let now = self.now();
        // A pause that is longer than the longest was begun before the clock was set back.
        if (now + 1..=now + Retries::default().longest_ms).contains(&cursor.retry_at) {
            return Ok(Next::Pause(cursor.retry_at));
        }
        if self.is_behind(plugin, now).await? {
            return Ok(Next::Pause(now + BACKLOG_PAUSE_MS));
        }
        // Up to there this process has seen that nothing concerns the plugin.
        let from = cursor.pos.max(duties.looked_through.load(Ordering::Relaxed));
        let (told, _) = self.storage().position();
        let kinds = duties.kinds();
        let events = self.storage().log_after(from, from + SPAN, &kinds, cursor.size).await?;
        let is_full = events.len() == cursor.size;
        let last = events.last().map_or(from, |last| last.pos);
        let seen = if is_full { last } else { told.min(from + SPAN).max(last) };
        // What the node keeps in memory contains what the handler is about to be told.
        self.storage().reaches(last).await;

        let did = !events.is_empty();
        for (reader, batch) in batches(duties, events) {
            match self.handle(duties, reader, cursor, &batch).await? {
                Ok(moved) => cursor = moved,
                Err(Stop::Overtaken) => return Ok(Next::Now),
                Err(Stop::Failed(next)) => return Ok(next),
            }
        }
        duties.looked_through.fetch_max(seen, Ordering::Relaxed);
        if seen - cursor.pos >= STRIDE {
            self.move_on(&duties.owner, cursor, seen).await?;
        }
        Ok(if did || seen < told { Next::Now } else { Next::Idle })
    }

    /// Whether a plugin owes so much already that it reads nothing that may add to it.
    async fn is_behind(&self, plugin: &str, now: i64) -> Result<bool> {
        let owed = format!(
            "SELECT 1 FROM (SELECT 1 AS it FROM plugin_outbox WHERE plugin = $1
                 LIMIT 1 OFFSET {WAITING_MAX}) AS effects
             UNION ALL
             SELECT 1 FROM (SELECT 1 AS it FROM plugin_timer WHERE plugin = $1 AND due_at <= $2
                 LIMIT 1 OFFSET {WAITING_MAX}) AS calls"
        );
        let rows = self.storage().query(&owed, vec![plugin.into(), now.into()]).await?;
        Ok(!rows.is_empty())
    }

    /// How far a plugin is behind the log; `None` if it does not read it.
    ///
    /// # Errors
    /// If the database cannot answer.
    pub async fn behind(&self, plugin: &str) -> Result<Option<Behind>> {
        let Some(duties) = self.duties(plugin).filter(|it| !it.readers.is_empty()) else {
            return Ok(None);
        };
        let Cursor { pos, failures, .. } = self.cursor(plugin).await?;
        let (end, _) = self.storage().position();
        let first = self.storage().log_after(pos, end, &duties.kinds(), 1).await?;
        let (positions, since) = match first.first() {
            Some(first) => (end + 1 - first.pos, Some(first.event.at)),
            None => (0, None),
        };
        Ok(Some(Behind { pos, positions, since, failures }))
    }

    async fn cursor(&self, plugin: &str) -> Result<Cursor> {
        let sql = "SELECT pos, size, failures, retry_at FROM plugin_cursor WHERE plugin = $1";
        let rows = self.storage().query(sql, vec![plugin.into()]).await?;
        let row = rows.first().ok_or_else(|| Error::not_found("cursor"))?;
        Ok(Cursor {
            pos: row.get(0)?,
            size: row.get::<u64>(1)? as usize,
            failures: row.get::<u64>(2)? as u32,
            retry_at: row.get(3)?,
        })
    }

    /// Gives a batch to its handler, and commits what that returns together with the cursor.
    async fn handle(
        &self,
        duties: &Duties,
        reader: &Reader,
        cursor: Cursor,
        batch: &[Logged],
    ) -> Result<Result<Cursor, Stop>> {
        let (Some(&Logged { pos, org, .. }), owner) = (batch.last(), &duties.owner) else {
            return Ok(Ok(cursor));
        };
        let events = batch.iter().map(|logged| logged.event.clone()).collect();
        let error = match self.run_reader((owner, org), reader, events).await {
            Ok(mut tx) => {
                let size = (cursor.size * 2).min(BATCH_MAX);
                let moved = Cursor { pos, size, failures: 0, retry_at: 0 };
                tx.put_first(step_to(owner, cursor, moved, None));
                match self.commit(tx).await {
                    Ok(_) => return Ok(Ok(moved)),
                    Err(error) => unless_busy(error)?,
                }
            }
            // What is away is not the fault of an event.
            Err(error) if error.is_away() => {
                return Ok(Err(Stop::Failed(Next::Pause(self.now() + AWAY_PAUSE_MS))));
            }
            Err(error) => error,
        };
        if error.is_raced() && self.cursor(owner.name).await?.pos != cursor.pos {
            return Ok(Err(Stop::Overtaken));
        }
        self.hold(owner, cursor, batch, error).await.map(Err)
    }

    pub(crate) async fn run_reader(
        &self,
        (owner, org): (&Arc<Owner>, OrgId),
        reader: &Reader,
        events: Vec<Event>,
    ) -> Result<Tx> {
        let org = if reader.by_org { org } else { Caller::SYSTEM.org };
        let ctx = self.background(owner, org);
        bounded(async { (reader.handler)(ctx, events).await }).await
    }

    /// Writes down that a batch failed. Half of it is tried at once; a single event after a pause,
    /// and the last time it is put aside.
    async fn hold(
        &self,
        owner: &Arc<Owner>,
        cursor: Cursor,
        batch: &[Logged],
        error: Error,
    ) -> Result<Stop> {
        let Logged { pos, org, event } = batch.last().expect("a batch that failed has events");
        let mut tx = self.reading(Caller::SYSTEM, owner).tx();
        if batch.len() > 1 {
            let halved = Cursor { size: batch.len() / 2, ..cursor };
            tx.put_first(step_to(owner, cursor, halved, Some(&error)));
            self.commit(tx).await?;
            return Ok(Stop::Failed(Next::Now));
        }
        let failures = cursor.failures + 1;
        let (name, k, topic) = (owner.name, &event.k, &event.topic);
        tracing::warn!(plugin = name, %k, %topic, failures, %error, "an event failed");
        if let Some(pause) = Retries::default().pause(failures) {
            let retry_at = self.now() + pause;
            let held = Cursor { failures, retry_at, ..cursor };
            tx.put_first(step_to(owner, cursor, held, Some(&error)));
            self.commit(tx).await?;
            return Ok(Stop::Failed(Next::Pause(retry_at)));
        }
        let passed = Cursor { pos: *pos, size: BATCH_MAX, failures: 0, retry_at: 0 };
        tx.put_first(step_to(owner, cursor, passed, Some(&error)));
        let what = serde_json::json!({ "k": k, "topic": topic, "seq": event.seq, "org": org });
        Dead { source: Source::Event, what, tries: failures, error: &error }.bury(&mut tx);
        self.bury(owner, tx).await?;
        Ok(Stop::Failed(Next::Now))
    }

    /// Passes over positions that do not concern the plugin. If another node was faster, it has.
    async fn move_on(&self, owner: &Arc<Owner>, cursor: Cursor, pos: u64) -> Result<()> {
        let mut tx = self.reading(Caller::SYSTEM, owner).tx();
        tx.put_first(step_to(owner, cursor, Cursor { pos, ..cursor }, None));
        match self.commit(tx).await {
            Err(error) if !error.is_raced() => Err(error),
            _ => Ok(()),
        }
    }
}

/// The cursor as it is to be, if nobody else moved it.
fn step_to(owner: &Owner, old: Cursor, new: Cursor, error: Option<&Error>) -> Statement {
    let row = vec![
        new.pos.into(),
        new.size.into(),
        new.failures.into(),
        new.retry_at.into(),
        error.map(reason).into(),
        owner.name.into(),
        old.pos.into(),
        old.failures.into(),
    ];
    let sql = "UPDATE plugin_cursor
               SET pos = $1, size = $2, failures = $3, retry_at = $4, error = $5
               WHERE plugin = $6 AND pos = $7 AND failures = $8";
    Statement { sql: sql.into(), rows: vec![row], expect: Expect::One }
}

/// Cuts events into what each handler is given: in their order, of one organisation, as many
/// together as it takes.
fn batches(duties: &Duties, events: Vec<Logged>) -> Vec<(&Reader, Vec<Logged>)> {
    let mut batches: Vec<(&Reader, Vec<Logged>)> = Vec::new();
    for logged in events {
        let Some(reader) = duties.reader(&logged.event.k) else { continue };
        let goes_on = |(last, batch): &&mut (&Reader, Vec<Logged>)| {
            std::ptr::eq(*last, reader)
                && batch.len() < last.batch_max
                && (batch[0].org == logged.org || !last.by_org)
        };
        match batches.last_mut().filter(goes_on) {
            Some((_, batch)) => batch.push(logged),
            None => batches.push((reader, vec![logged])),
        }
    }
    batches
}
