//! What it costs to read the log: run with `cargo bench -p carillon-plugins --bench reader`.
//!
//! Events a second through a reader that writes a row each; how late a reader is while events come
//! at a steady rate; and what a message costs with plugins that read other kinds, beside none.

#![allow(clippy::unwrap_used)]

mod bed;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use carillon_plugin::{
    Caller, Ctx, Decision, Duty, Error, Host, Next, Plugin, Result, Tx,
    protocol::{Access, Cid, Command, Effect, Event, EventId, OrgId, Topic, UserId, id::Ulid},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use bed::{Bed, cpu};

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
    tx.emit_counted(topic(ctx.caller().org), "count.said", &args);
    Ok(tx.into())
}

fn topic(org: OrgId) -> Topic {
    format!("x:count:{org}").parse().unwrap()
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

async fn one(host: &Host, org: OrgId) {
    let cid = Some(Cid(host.new_id()));
    let say = Say { text: "a message of the usual length, more or less".into() };
    host.call_typed(Caller::for_plugin(UserId(Ulid::nil()), org), cid, &say).await.unwrap();
}

fn org(number: u64) -> OrgId {
    OrgId(Ulid(number.into()))
}

/// So many events of organisations in turns, as fast as they can be committed.
async fn fill(bed: &Bed, events: u64, orgs: u64) {
    let callers = (0..AT_ONCE).map(|caller| {
        let host = bed.host.clone();
        tokio::spawn(async move {
            for number in 0..events / AT_ONCE {
                one(&host, org((caller + number) % orgs)).await;
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
}

async fn full_speed(orgs: u64) {
    let bed = Bed::new(vec![counting().reads(&["count.said"], write_down)]).await;
    fill(&bed, BACKLOG, orgs).await;
    let started = clock();
    while bed.host.read_step("count").await.unwrap() == Next::Now {}
    let took = started.elapsed();
    let sql = "SELECT COUNT(*) FROM count_row";
    let rows: u64 = bed.host.storage().query(sql, vec![]).await.unwrap()[0].get(0).unwrap();
    let rate = rows as f64 / took.as_secs_f64();
    println!("{rows} events of {orgs} organisations in turns, a row each: {rate:.0}/s");
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
            tokio::spawn(async move { one(&host, org(0)).await });
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

/// What a message costs with plugins that read other kinds, and with none, in turns.
async fn bystanders() {
    let quiet = |name| Plugin::new(name).on("other.kind", |ctx, _| async move { Ok(ctx.tx()) });
    let alone = Bed::new(vec![counting()]).await;
    let others = OTHERS.into_iter().map(quiet);
    let beside = Bed::new(others.chain([counting()]).collect()).await;
    let running: Vec<_> =
        OTHERS.into_iter().map(|it| beside.run(it, Duty::Events, || true)).collect();
    let mut costs = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        for (bed, costs) in [&alone, &beside].into_iter().zip(&mut costs) {
            let before = cpu();
            fill(bed, TURN, 1).await;
            costs.push((cpu() - before) / TURN as u32);
        }
    }
    running.iter().for_each(JoinHandle::abort);
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
    for orgs in [1, 8] {
        full_speed(orgs).await;
    }
    steady().await;
    bystanders().await;
}
