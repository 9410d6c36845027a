//! The test kit of plugins: a host over a fresh database, with a clock that stands still.

mod apart;

pub use apart::{Break, Wire, apart};

use std::{
    env,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use carillon_plugin::{
    BoxFuture, Clock, Committed, Head, Host, Live, LiveChange, Logged, Look, Next, Plugin, Result,
    Row, Storage, Tail, Transaction, Value, Window,
};
use carillon_protocol::{Cid, ErrorCode, Event, Topic, UserId, event::Ephemeral, id::Ulid};

use crate::{Database, Durability, Options, Store};

/// Names the engine: `sqlite`, or `postgres` for a database on the server that tests share.
const ENGINE_VARIABLE: &str = "TEST_ENGINE";
/// When the tests' time begins: a Tuesday in September 2026.
const START_MS: i64 = 1_790_000_000_000;
/// Plugins that have something to do after so many rounds of steps keep each other busy.
const ROUNDS_MAX: usize = 10_000;
/// The bits of an id that count; above them lies the seed.
const COUNTER_BITS: u32 = 48;

/// A clock that moves only when it is told to, and ids that are the same in every run.
#[derive(Debug)]
pub struct FakeClock {
    now: AtomicI64,
    ids: AtomicU64,
    seed: u32,
}

impl FakeClock {
    /// A clock at the beginning of the tests' time; another seed gives other ids.
    pub fn new(seed: u32) -> FakeClock {
        FakeClock { now: AtomicI64::new(START_MS), ids: AtomicU64::new(0), seed }
    }

    /// Lets time pass.
    pub fn advance(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    fn new_id(&self) -> Ulid {
        let count = self.ids.fetch_add(1, Ordering::Relaxed);
        let random = (u128::from(self.seed) << COUNTER_BITS) | u128::from(count);
        Ulid::from_parts(self.now().unsigned_abs(), random)
    }
}

/// Something that a plugin said to live connections.
#[derive(Debug, Clone, PartialEq)]
pub struct Pushed {
    /// To whom.
    pub topic: Topic,
    /// What.
    pub eph: Ephemeral,
}

/// Remembers what live connections would have been told.
#[derive(Debug, Default)]
struct Recorder {
    committed: Mutex<Vec<(Event, Vec<LiveChange>)>>,
    pushed: Mutex<Vec<Pushed>>,
    forgotten: AtomicU64,
}

impl Live for Recorder {
    fn committed(&self, events: &[(Event, Vec<LiveChange>)]) {
        self.committed.lock().expect("no test panics inside").extend_from_slice(events);
    }

    fn push(&self, topic: &Topic, eph: Ephemeral) {
        let pushed = Pushed { topic: topic.clone(), eph };
        self.pushed.lock().expect("no test panics inside").push(pushed);
    }

    fn called(&self, _: &'static str, _: Option<ErrorCode>, _: Duration) {}

    fn forgotten(&self, _: &'static str) {
        self.forgotten.fetch_add(1, Ordering::Relaxed);
    }
}

/// The store, before whose next commit something else may happen.
struct Interrupted {
    store: Store,
    /// What the database takes for the time.
    clock: Arc<FakeClock>,
    /// After how many commits more, and what.
    next: Mutex<Option<(u32, BoxFuture<'static, ()>)>>,
}

impl Storage for Interrupted {
    fn commit(&self, tx: Transaction) -> BoxFuture<'static, Result<Committed>> {
        let mut next = self.next.lock().expect("no test panics inside");
        if let Some((after @ 1.., _)) = &mut *next {
            *after -= 1;
            return self.store.commit(tx);
        }
        let Some((_, first)) = next.take() else { return self.store.commit(tx) };
        let store = self.store.clone();
        Box::pin(async move {
            first.await;
            store.commit(tx).await
        })
    }

    fn query(&self, sql: &str, args: Vec<Value>) -> BoxFuture<'_, Result<Vec<Row>>> {
        self.store.query(sql, args)
    }

    fn heads(&self, topics: Vec<Topic>) -> BoxFuture<'_, Result<Vec<Head>>> {
        self.store.heads(topics)
    }

    fn events(
        &self,
        topic: Topic,
        window: Window,
        look: Look,
        counted: bool,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Event>>> {
        self.store.events(topic, window, look, counted, limit)
    }

    fn events_at(&self, topic: Topic, seqs: Vec<u64>) -> BoxFuture<'_, Result<Vec<Event>>> {
        self.store.events_at(topic, seqs)
    }

    fn tails(&self, tails: Vec<Tail>, counted: bool) -> BoxFuture<'_, Result<Vec<Vec<Event>>>> {
        self.store.tails(tails, counted)
    }

    fn news(&self, tails: Vec<Tail>, after: Option<u64>) -> BoxFuture<'_, Result<Vec<Vec<Event>>>> {
        self.store.news(tails, after)
    }

    fn log_after(
        &self,
        after: u64,
        up_to: u64,
        kinds: &[&'static str],
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Logged>>> {
        self.store.log_after(after, up_to, kinds, limit)
    }

    fn relations(&self) -> BoxFuture<'_, Result<Vec<String>>> {
        self.store.relations()
    }

    fn find(&self, by: UserId, cid: Cid) -> BoxFuture<'_, Result<Option<(Event, i64)>>> {
        self.store.find(by, cid)
    }

    fn clock(&self) -> BoxFuture<'_, Result<Option<i64>>> {
        let now = self.clock.now();
        Box::pin(async move { Ok(Some(now)) })
    }

    fn position(&self) -> (u64, u64) {
        self.store.position()
    }

    fn reaches(&self, pos: u64) -> BoxFuture<'_, bool> {
        self.store.reaches(pos)
    }
}

/// Plugins on a database of their own, which is gone when this is dropped.
pub struct Kit {
    host: Host,
    store: Store,
    storage: Arc<Interrupted>,
    clock: Arc<FakeClock>,
    live: Arc<Recorder>,
    place: Place,
}

/// Where a kit's database is; gone when this is dropped.
struct Place {
    database: Database,
    /// Of a file.
    folder: tempfile::TempDir,
    /// On the server that tests share.
    _shared: Option<carillon_rig::TempDatabase>,
}

impl Place {
    fn make() -> Place {
        let folder = tempfile::tempdir().expect("the folder for temporary files is writable");
        let shared = match env::var(ENGINE_VARIABLE).as_deref() {
            Ok("postgres") => Some(carillon_rig::database()),
            Ok(other) if other != "sqlite" => panic!("{ENGINE_VARIABLE} is sqlite or postgres"),
            _ => None,
        };
        let database = match &shared {
            Some(shared) => Database::Postgres(shared.url()),
            None => Database::Sqlite(folder.path().join("kit.db")),
        };
        Place { database, folder, _shared: shared }
    }
}

async fn open(place: &Place, plugins: &[Plugin]) -> Store {
    // Nobody pulls the plug on a test of behaviour, and waiting for the disk makes it slow.
    let options = Options { durability: Durability::Off, ..Options::default() };
    let store = Store::open(&place.database, &Host::migrations(plugins), options).await;
    store.expect("the plugins' tables can be made")
}

impl Kit {
    /// A host for these plugins.
    ///
    /// # Panics
    /// If their tables cannot be made, or the folder for temporary files is not writable.
    pub async fn new(plugins: Vec<Plugin>) -> Kit {
        Kit::seeded(plugins, 0).await
    }

    /// The same with other ids.
    ///
    /// # Panics
    /// As [`Kit::new`].
    pub async fn seeded(plugins: Vec<Plugin>, seed: u32) -> Kit {
        let place = Place::make();
        let store = open(&place, &plugins).await;
        Kit::wired(plugins, store, Arc::new(FakeClock::new(seed)), place).await
    }

    /// The same database and clock with a new host, as after a restart: these plugins have nothing
    /// in memory.
    ///
    /// # Panics
    /// As [`Kit::new`].
    pub async fn restarted(self, plugins: Vec<Plugin>) -> Kit {
        self.store.close().await;
        let store = open(&self.place, &plugins).await;
        Kit::wired(plugins, store, self.clock, self.place).await
    }

    async fn wired(plugins: Vec<Plugin>, store: Store, clock: Arc<FakeClock>, place: Place) -> Kit {
        let live = Arc::new(Recorder::default());
        store.on_commit(Host::after_commit(&plugins, live.clone()));
        let (next, db_clock) = (Mutex::default(), Arc::clone(&clock));
        let storage = Arc::new(Interrupted { store: store.clone(), clock: db_clock, next });
        let host = Host::new(plugins, storage.clone(), clock.clone(), live.clone());
        host.place_readers().await.expect("the database is there");
        Kit { host, store, storage, clock, live, place }
    }

    /// Another host on the same database and clock, as on another node: these plugins share
    /// nothing in memory with the first one's, and hear of no commits.
    pub fn another_host(&self, plugins: Vec<Plugin>) -> Host {
        Host::new(plugins, self.storage.clone(), self.clock.clone(), self.live.clone())
    }

    /// The same with a clock that is so much ahead, and stands.
    pub fn host_ahead(&self, plugins: Vec<Plugin>, ms: i64) -> Host {
        let clock = FakeClock::new(1);
        clock.advance(self.clock.now() - START_MS + ms);
        Host::new(plugins, self.storage.clone(), Arc::new(clock), self.live.clone())
    }

    /// Lets plugins do whatever is to be done by now: they read what was committed, call what is
    /// due, and empty their outboxes, until nothing is left.
    ///
    /// # Panics
    /// If the database fails, or they never come to an end.
    pub async fn settle(&self) {
        let plugins: Vec<_> = self.host.plugins().map(|plugin| plugin.name).collect();
        for _ in 0..ROUNDS_MAX {
            let mut settled = true;
            for plugin in &plugins {
                let read = self.host.read_step(plugin).await.expect("the log can be read");
                let called = self.host.timer_step(plugin).await.expect("timers can be read");
                let sent = self.host.outbox_step(plugin).await.expect("it can be read");
                settled &= ![read, called, sent].contains(&Next::Now);
            }
            if settled {
                return;
            }
        }
        panic!("the plugins still have something to do after {ROUNDS_MAX} rounds");
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The clock.
    pub fn clock(&self) -> &FakeClock {
        &self.clock
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Lets this happen once the next call has decided and before what it decided is committed.
    ///
    /// # Panics
    /// If what was to happen before has not happened yet.
    pub fn before_next_commit(&self, happens: impl Future<Output = ()> + Send + 'static) {
        self.before_commit(0, happens);
    }

    /// The same of a call that commits more than once: so many times before this happens.
    ///
    /// # Panics
    /// If what was to happen before has not happened yet.
    pub fn before_commit(&self, after: u32, happens: impl Future<Output = ()> + Send + 'static) {
        let mut next = self.storage.next.lock().expect("no test panics inside");
        let before = next.replace((after, Box::pin(happens)));
        assert!(before.is_none(), "the one before has not happened yet");
    }

    /// All that lies in the database: its file with the journal beside it, or the rows of its
    /// tables as text.
    ///
    /// # Panics
    /// If it cannot be read.
    pub async fn at_rest(&self) -> Vec<Vec<u8>> {
        if let Database::Sqlite(_) = self.place.database {
            let files = std::fs::read_dir(self.place.folder.path()).expect("it is ours");
            let read = |file: std::io::Result<std::fs::DirEntry>| std::fs::read(file?.path());
            return files.map(|file| read(file).expect("it is ours")).collect();
        }
        let text = async |sql: &str| -> Vec<String> {
            let rows = self.store.query(sql, Vec::new()).await.expect("it can be read");
            rows.iter().map(|row| row.get(0).expect("it is a text")).collect()
        };
        let tables = "SELECT CAST(tablename AS TEXT) FROM pg_tables \
                      WHERE schemaname = current_schema()";
        let mut all = Vec::new();
        for table in text(tables).await {
            let rows = text(&format!("SELECT CAST(t AS TEXT) FROM {table} t")).await;
            all.push(rows.join("\n").into_bytes());
        }
        all
    }

    /// What was said to live connections since the last look, in order.
    pub fn pushed(&self) -> Vec<Pushed> {
        std::mem::take(&mut self.live.pushed.lock().expect("no test panics inside"))
    }

    /// How much of what plugins put aside went to make room.
    pub fn forgotten(&self) -> u64 {
        self.live.forgotten.load(Ordering::Relaxed)
    }

    /// What was committed since the last look, in order, with what it means for connections.
    pub fn committed(&self) -> Vec<(Event, Vec<LiveChange>)> {
        std::mem::take(&mut self.live.committed.lock().expect("no test panics inside"))
    }
}
