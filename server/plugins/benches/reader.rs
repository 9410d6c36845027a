//! What it costs to read the log: run with `cargo bench -p carillon-plugins --bench reader`.
//!
//! Events a second through a reader that writes a row each; how late a reader is while events come
//! at a steady rate; and what a message costs with plugins that read other kinds, beside none.

#![allow(clippy::unwrap_used)]

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use carillon_plugin::{
    Caller, Clock, Ctx, Decision, Duty, Error, Host, Live, LiveChange, Next, Plugin, Result,
    Storage, Tx,
    protocol::{
        Access, Cid, Command, Effect, ErrorCode, Event, EventId, Topic, event::Ephemeral, id::Ulid,
    },
};
use carillon_store::{Database, Options, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Events that are read at full speed.
const BACKLOG: u64 = 100_000;
/// Events a second at a steady rate, and for how long.
const RATE: u32 = 1_000;
const STEADY_S: u32 = 10;
/// Messages of a turn, and turns of each kind.
const TURN: u64 = 100_000;
const TURNS: usize = 5;
/// Calls under way at the same time.
const AT_ONCE: u64 = 64;
/// Plugins that read other kinds.
const OTHERS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

#[expect(clippy::disallowed_methods, reason = "a bench measures durations")]
fn clock() -> Instant {
    Instant::now()
}

/// The machine's own time and ids that only differ.
struct Running(AtomicU64);

impl Clock for Running {
    #[expect(clippy::disallowed_methods, reason = "a bench measures durations")]
    fn now(&self) -> i64 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        i64::try_from(now.unwrap().as_millis()).unwrap()
    }

    fn new_id(&self) -> Ulid {
        let random = self.0.fetch_add(1, Ordering::Relaxed).into();
        Ulid::from_parts(self.now().unsigned_abs(), random)
    }
}

struct Nobody;

impl Live for Nobody {
    fn committed(&self, _: &[(Event, Vec<LiveChange>)]) {}
    fn push(&self, _: &Topic, _: Ephemeral) {}
    fn called(&self, _: &'static str, _: Option<ErrorCode>, _: Duration) {}
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Say {
    text: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Said {}

impl Command for Say {
    type Reply = Said;
    const OP: &'static str = "count.say";
    const DOC: &'static str = "Emits an event.";
    const EFFECT: Effect = Effect::Once;
    const ACCESS: Access = Access::System;
}

/// When events were committed, and which were handled since the last look.
#[derive(Default)]
struct Times {
    committed: Mutex<HashMap<EventId, Instant>>,
    handled: Mutex<Vec<EventId>>,
}

async fn say(ctx: Ctx, args: Say) -> Result<Decision<Said>> {
    let mut tx = ctx.tx();
    tx.emit_counted(topic(), "count.said", &args);
    Ok(tx.into())
}

fn topic() -> Topic {
    "x:count:all".parse().unwrap()
}

async fn write_down(ctx: Ctx, events: Vec<Event>) -> Result<Tx> {
    let rows = events.iter().map(|event| {
        let said: Say = event.data.to().map_err(Error::internal)?;
        Ok(vec![event.id.into(), said.text.into(), event.at.into()])
    });
    let mut tx = ctx.tx();
    let rows = rows.collect::<Result<_>>()?;
    tx.run_rows("INSERT INTO count_row (id, said, at) VALUES {rows}", rows);
    Ok(tx)
}

fn counting() -> Plugin {
    Plugin::new("count")
        .migration(1, "CREATE TABLE count_row (id TEXT PRIMARY KEY, said TEXT, at BIGINT)")
        .once(say, |_| Ok(Said {}))
}

async fn one(host: &Host) {
    let cid = Some(Cid(host.new_id()));
    let say = Say { text: "a message of the usual length, more or less".into() };
    host.call_typed(Caller::SYSTEM, cid, &say).await.unwrap();
}

struct Bed {
    host: Host,
    store: Store,
    _folder: tempfile::TempDir,
}

impl Bed {
    async fn new(plugins: Vec<Plugin>) -> Bed {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(folder.path().join("bench.db"));
        let migrations = Host::migrations(&plugins);
        let store = Store::open(&database, &migrations, Options::default()).await.unwrap();
        let live = Arc::new(Nobody);
        store.on_commit(Host::after_commit(&plugins, live.clone()));
        let clock = Arc::new(Running(AtomicU64::new(0)));
        let host = Host::new(plugins, Arc::new(store.clone()), clock, live);
        host.place_readers().await.unwrap();
        Bed { host, store, _folder: folder }
    }

    /// So many events, as fast as they can be committed.
    async fn fill(&self, events: u64) {
        let callers = (0..AT_ONCE).map(|_| {
            let host = self.host.clone();
            tokio::spawn(async move {
                for _ in 0..events / AT_ONCE {
                    one(&host).await;
                }
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await.unwrap();
        }
    }

    /// Takes steps as the node does, until it is aborted.
    fn run(&self, plugin: &'static str) -> tokio::task::AbortHandle {
        let host = self.host.clone();
        let task = tokio::spawn(async move {
            loop {
                if host.step(plugin, Duty::Events).await.unwrap() != Next::Now {
                    host.woken(plugin, Duty::Events).await;
                }
            }
        });
        task.abort_handle()
    }
}

async fn full_speed() {
    let bed = Bed::new(vec![counting().reads(&["count.said"], write_down)]).await;
    bed.fill(BACKLOG).await;
    let started = clock();
    while bed.host.read_step("count").await.unwrap() == Next::Now {}
    let took = started.elapsed();
    let sql = "SELECT COUNT(*) FROM count_row";
    let rows: u64 = bed.store.query(sql, vec![]).await.unwrap()[0].get(0).unwrap();
    println!("{rows} events, a row each: {:.0}/s", rows as f64 / took.as_secs_f64());
}

async fn note_down(ctx: Ctx, events: Vec<Event>) -> Result<Tx> {
    let ids = events.iter().map(|event| event.id);
    ctx.state::<Times>().handled.lock().unwrap().extend(ids);
    write_down(ctx, events).await
}

/// From an event's commit until what its reader did is committed.
async fn steady() {
    let times = Arc::new(Times::default());
    let observed = Arc::clone(&times);
    let counting = counting().state(Arc::clone(&times)).reads(&["count.said"], note_down);
    let counting = counting.observe(move |event| {
        observed.committed.lock().unwrap().insert(event.id, clock());
    });
    let bed = Bed::new(vec![counting]).await;
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
    let host = bed.host.clone();
    tokio::spawn(async move {
        for _ in 0..RATE * STEADY_S {
            ticks.tick().await;
            let host = host.clone();
            tokio::spawn(async move { one(&host).await });
        }
    });
    let mut late = Vec::new();
    while late.len() < (RATE * STEADY_S) as usize {
        if bed.host.step("count", Duty::Events).await.unwrap() != Next::Now {
            bed.host.woken("count", Duty::Events).await;
        }
        let (now, committed) = (clock(), times.committed.lock().unwrap());
        let handled = std::mem::take(&mut *times.handled.lock().unwrap());
        late.extend(handled.iter().map(|id| now - committed[id]));
    }
    late.sort_unstable();
    let at = |part: f64| late[((late.len() - 1) as f64 * part) as usize];
    println!(
        "{RATE} events a second: behind by {:?} at the median, {:?} at p99, {:?} at most",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// The time that all threads of this process have computed.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // In hundredths of a second: user and system.
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// What a message costs with plugins that read other kinds, and with none, in turns.
async fn bystanders() {
    let quiet = |name| Plugin::new(name).on("other.kind", |ctx, _| async move { Ok(ctx.tx()) });
    let alone = Bed::new(vec![counting()]).await;
    let others = OTHERS.into_iter().map(quiet);
    let beside = Bed::new(others.chain([counting()]).collect()).await;
    let running: Vec<_> = OTHERS.into_iter().map(|plugin| beside.run(plugin)).collect();
    let mut costs = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        for (bed, costs) in [&alone, &beside].into_iter().zip(&mut costs) {
            let before = cpu();
            bed.fill(TURN).await;
            costs.push((cpu() - before) / TURN as u32);
        }
    }
    running.iter().for_each(tokio::task::AbortHandle::abort);
    let [alone, beside] = costs.map(|mut costs| {
        costs.sort_unstable();
        costs[TURNS / 2]
    });
    let times = beside.as_secs_f64() / alone.as_secs_f64();
    println!(
        "CPU a message: {alone:?}; beside {} readers of others {beside:?}: {times:.2}x",
        OTHERS.len()
    );
}

#[tokio::main]
async fn main() {
    full_speed().await;
    steady().await;
    bystanders().await;
}
