//! The host: the table of operations over a storage, a clock and the live connections.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    fmt,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use carillon_protocol::{
    Access, Effect, ErrorCode, Event, Json, Topic, event::Ephemeral, id::Ulid,
};
use schemars::{Schema, SchemaGenerator};

use crate::{
    Asked, BoxFuture, Caller, Committed, Ctx, Error, Listening, LiveChange, Migration, Plugin,
    Result, Storage, Tx, Window,
    apart::Far,
    call::bounded,
    duties::{Duties, Owner},
    plugin::{Entry, Topics},
    refusals::Refusals,
    step::{WakeAfter, Wakes},
};

/// The host's own tables.
const TABLES: [Migration; 4] = [
    Migration { plugin: "plugin", number: 1, sql: include_str!("tables/1_background.sql") },
    Migration { plugin: "plugin", number: 2, sql: include_str!("tables/2_retries.sql") },
    Migration { plugin: "outbox", number: 1, sql: include_str!("tables/outbox_1.sql") },
    Migration { plugin: "listener", number: 1, sql: include_str!("tables/listener_1.sql") },
];

/// When to ask again for a program that is not connected: it may be about to come back.
const NOBODY_RETRY_MS: u64 = 2_000;

/// Time and ids come only from here.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the epoch, UTC.
    fn now(&self) -> i64;
    /// A new id; later ones are greater.
    fn new_id(&self) -> Ulid;
}

/// A clock that stands still; its ids come from one that runs, so that they stay unique.
pub(crate) struct Standing {
    pub(crate) now: i64,
    pub(crate) ids: Arc<dyn Clock>,
}

impl Clock for Standing {
    fn now(&self) -> i64 {
        self.now
    }

    fn new_id(&self) -> Ulid {
        self.ids.new_id()
    }
}

/// The live connections.
pub trait Live: Send + Sync + 'static {
    /// Events were committed, in this order; each with what it means for connections.
    fn committed(&self, events: &[(Event, Vec<LiveChange>)]);
    /// Something that matters only now, for who listens to a topic.
    fn push(&self, topic: &Topic, eph: Ephemeral);
    /// A call ended, for metrics.
    fn called(&self, op: &'static str, error: Option<ErrorCode>, took: Duration);
    /// Something of a plugin failed for good and was put aside, for metrics.
    fn buried(&self, _plugin: &'static str) {}
    /// The oldest of what was put aside of a plugin went to make room, for metrics.
    fn forgotten(&self, _plugin: &'static str) {}
    /// Asks the program that answers an operation.
    fn ask(&self, asked: Asked) -> BoxFuture<'_, Result<Json>> {
        Box::pin(async move { Err(nobody(&asked.op)) })
    }
}

/// No program answers this operation.
pub fn nobody(op: &str) -> Error {
    let msg = format!("no program answers `{}` now; see that it runs", op.escape_debug());
    Error::new(ErrorCode::Unavailable, msg).retry_ms(NOBODY_RETRY_MS)
}

/// An operation as documents and tests see it.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its name.
    pub op: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// What it does to the world.
    pub effect: Effect,
    /// Who may call it.
    pub access: Access,
    /// Names the types of its arguments and of its result, with the modules they stand in.
    pub types: fn() -> [Cow<'static, str>; 2],
    /// The JSON Schema of its arguments.
    pub args: fn(&mut SchemaGenerator) -> Schema,
    /// The JSON Schema of its result.
    pub reply: fn(&mut SchemaGenerator) -> Schema,
}

/// What a plugin makes of an event that is on disk; nothing if it panics, which must not keep the
/// event, nor those after it, from anybody else.
fn caught<T>(event: &Event, f: impl FnOnce() -> T) -> Option<T> {
    let result = std::panic::catch_unwind(AssertUnwindSafe(f));
    if result.is_err() {
        tracing::error!(topic = %event.topic, k = %event.k, "a plugin panicked over an event");
    }
    result.ok()
}

/// Everything that plugins stand on. Cheap to clone.
#[derive(Clone)]
pub struct Host(pub(crate) Arc<Inner>);

#[derive(Clone)]
pub(crate) struct Inner {
    pub(crate) table: Arc<Table>,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) live: Arc<dyn Live>,
    pub(crate) refusals: Arc<Refusals>,
    /// Where operations are called and transactions committed, if that is not here: see
    /// [`crate::apart`].
    pub(crate) node: Option<Far>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("operations", &self.0.table.entries.len())
            .finish_non_exhaustive()
    }
}

/// What plugins handle.
pub(crate) struct Table {
    pub(crate) entries: BTreeMap<&'static str, (Entry, Arc<Owner>)>,
    topics: Vec<(Topics, Arc<Owner>)>,
    /// Of every plugin, in the order of the registry.
    pub(crate) duties: Vec<Duties>,
}

impl Table {
    /// # Panics
    /// If two plugins handle the same operation or kind of topics: a fault of the registry.
    pub(crate) fn of(plugins: Vec<Plugin>) -> Table {
        let mut entries = BTreeMap::new();
        let mut topics: Vec<(Topics, Arc<Owner>)> = Vec::new();
        let mut duties: Vec<Duties> = Vec::new();
        for mut plugin in plugins {
            let new = Duties::take(&mut plugin);
            let (name, owner) = (new.owner.name, new.owner.clone());
            assert!(duties.iter().all(|it| it.owner.name != name), "there are two plugins {name}");
            duties.push(new);
            for (op, entry) in plugin.entries {
                let before = entries.insert(op, (entry, owner.clone()));
                assert!(before.is_none(), "{op} is handled by two plugins");
            }
            for rule in plugin.topics {
                let taken = topics.iter().any(|(other, _)| other.kind == rule.kind);
                assert!(!taken, "{:?} topics belong to two plugins", rule.kind);
                topics.push((rule, owner.clone()));
            }
        }
        Table { entries, topics, duties }
    }
}

impl Host {
    /// A host for these plugins.
    ///
    /// # Panics
    /// If two plugins handle the same operation or kind of topics: a fault of the registry.
    pub fn new(
        plugins: Vec<Plugin>,
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
        live: Arc<dyn Live>,
    ) -> Host {
        let (table, refusals) = (Arc::new(Table::of(plugins)), Arc::default());
        Host(Arc::new(Inner { table, storage, clock, live, refusals, node: None }))
    }

    /// The steps of the host's own and all plugins' tables, in order.
    pub fn migrations(plugins: &[Plugin]) -> Vec<Migration> {
        let theirs = plugins.iter().flat_map(|plugin| plugin.migrations.iter().copied());
        TABLES.into_iter().chain(theirs).collect()
    }

    /// What the storage calls after each commit, before it answers: observers first, so that who
    /// got an answer reads what it wrote; then the live connections.
    pub fn after_commit(
        plugins: &[Plugin],
        live: Arc<dyn Live>,
    ) -> Arc<dyn Fn(Vec<Event>) + Send + Sync> {
        let observers: Vec<_> = plugins.iter().flat_map(|p| p.observers.iter().cloned()).collect();
        let changes: Vec<_> = plugins.iter().flat_map(|p| p.live.iter().copied()).collect();
        let readers = readers_of(plugins);
        Arc::new(move |events| {
            for event in &events {
                let readers = readers.get(&*event.k).into_iter().flatten();
                readers.for_each(|wakes| wakes.events.notify_one());
            }
            let described: Vec<_> = events
                .into_iter()
                .map(|event| {
                    observers.iter().for_each(|observe| {
                        caught(&event, || observe(&event));
                    });
                    let means =
                        changes.iter().filter_map(|change| caught(&event, || change(&event)));
                    let means = means.flatten().collect();
                    (event, means)
                })
                .collect();
            live.committed(&described);
        })
    }

    /// The table of operations, for documents and tests.
    pub fn operations(&self) -> impl Iterator<Item = Operation> + '_ {
        self.0.table.entries.values().map(|(entry, _)| Operation {
            op: entry.op,
            doc: entry.doc,
            effect: entry.effect,
            access: entry.access,
            types: entry.types,
            args: entry.args,
            reply: entry.reply,
        })
    }

    /// An operation's name, as the table spells it, and what it does to the world.
    pub fn lookup(&self, op: &str) -> Option<(&'static str, Effect)> {
        self.0.table.entries.get(op).map(|(entry, _)| (entry.op, entry.effect))
    }

    /// The time, in milliseconds since the epoch.
    pub fn now(&self) -> i64 {
        self.0.clock.now()
    }

    /// A new id.
    pub fn new_id(&self) -> Ulid {
        self.0.clock.new_id()
    }

    /// The same host at a moment that stands still: what it commits happened then. For writing
    /// down what happened before, as an import does.
    pub fn at(&self, now: i64) -> Host {
        let clock = Arc::new(Standing { now, ids: self.0.clock.clone() });
        Host(Arc::new(Inner { clock, ..Inner::clone(&self.0) }))
    }

    /// The log and the tables.
    pub fn storage(&self) -> &dyn Storage {
        &*self.0.storage
    }

    pub(crate) fn live(&self) -> &dyn Live {
        &*self.0.live
    }

    pub(crate) fn commit(&self, mut tx: Tx) -> BoxFuture<'static, Result<Committed>> {
        if let Some(node) = &self.0.node {
            return node.commit(tx);
        }
        if let Err(full) = self.admit_owed(&tx) {
            return Box::pin(std::future::ready(Err(full)));
        }
        tx.seal();
        if !tx.touched.any() {
            return self.0.storage.commit(tx.value);
        }
        let wake = WakeAfter(tx.ctx().owner().wakes.clone(), tx.touched);
        let commit = self.0.storage.commit(tx.value);
        Box::pin(async move {
            let done = commit.await;
            drop(wake);
            done
        })
    }

    /// The topics that the caller listens to.
    ///
    /// # Errors
    /// `E_UNAVAILABLE` if the database cannot answer.
    pub async fn listening(&self, caller: Caller) -> Result<Vec<Listening>> {
        let mut all = Vec::new();
        let rules = self.0.table.topics.iter();
        for (rule, owner) in rules.filter(|(rule, _)| rule.guests || !caller.is_guest()) {
            all.extend(bounded((rule.mine)(self.reading(caller, owner))).await?);
        }
        Ok(all)
    }

    /// What of a topic the caller may see.
    ///
    /// # Errors
    /// `E_NOT_FOUND` if nothing, or if there is no such topic.
    pub async fn window(&self, caller: Caller, topic: &Topic) -> Result<Window> {
        if let Some(node) = &self.0.node {
            return node.window(topic.clone()).await;
        }
        let rules = self.0.table.topics.iter();
        let mut rules = rules.filter(|(rule, _)| rule.guests || !caller.is_guest());
        let rule = rules.find(|(rule, _)| rule.kind.holds(topic));
        let (rule, owner) = rule.ok_or_else(|| Error::not_found("topic"))?;
        bounded((rule.sees)(self.reading(caller, owner), topic.clone())).await
    }

    /// What a handler sees that no command called.
    pub(crate) fn reading(&self, caller: Caller, owner: &Arc<Owner>) -> Ctx {
        Ctx::new(self.clone(), caller, self.now(), (None, None, 0), (owner.clone(), ""))
    }
}

/// Whom an event wakes, by its kind.
fn readers_of(plugins: &[Plugin]) -> HashMap<&'static str, Vec<Arc<Wakes>>> {
    let mut readers: HashMap<_, Vec<_>> = HashMap::new();
    for plugin in plugins {
        for kind in plugin.readers.iter().flat_map(|reader| &reader.kinds) {
            readers.entry(*kind).or_default().push(plugin.wakes.clone());
        }
    }
    readers
}
