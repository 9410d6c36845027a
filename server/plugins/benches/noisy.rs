//! What a message costs beside a plugin that panics, hangs, or floods: run with
//! `cargo bench -p carillon-plugins --bench noisy`.
//!
//! CPU time of the whole process, in turns: beside the plugin and without it. What panics or hangs
//! over each message is counted with the messages. Of what floods, the plugin's own work is
//! measured apart and subtracted: as much of it as it did meanwhile, once more without messages.

#![allow(clippy::unwrap_used)]

mod bed;

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use carillon_plugin::{
    Caller, Ctx, Decision, Delivery, Duty, Plugin, Result, Tx,
    protocol::{
        Access, Cid, Command, ConvId, Effect, Event, SessionId, Topic,
        conv::{Create, History},
        id::Ulid,
        msg::{self, Body, Send},
        org,
    },
};
use carillon_plugins::{chat, directory};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{task::JoinHandle, time::timeout};

use bed::{Bed, cpu};

/// Messages of a turn, and turns of each kind: short ones, so that what else the machine does
/// meets all kinds alike.
const TURN: u64 = 20_000;
const TURNS: u32 = 41;
/// Messages under way at the same time.
const AT_ONCE: u64 = 64;
/// How many times a message alone one beside a noisy plugin may cost.
const TIMES_MAX: f64 = 1.1;
/// What a plugin does besides answering.
const DUTIES: [Duty; 3] = [Duty::Events, Duty::Timers, Duty::Outbox];
/// How often a handler of each duty of the plugin that floods came to its end.
static DONE: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];
/// Whether plugins are to come to rest: an effect that is cut off is not tried again for a while.
static REST: AtomicBool = AtomicBool::new(false);
/// So long they may take: who hangs does not.
const REST_TIMEOUT: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Done {}

macro_rules! command {
    ($op:literal, $args:ident, $effect:ident) => {
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        struct $args {}

        impl Command for $args {
            type Reply = Done;
            const OP: &'static str = $op;
            const DOC: &'static str = "Part of a bench.";
            const EFFECT: Effect = Effect::$effect;
            const ACCESS: Access = Access::System;
        }
    };
}
command!("panics.begin", BeginPanics, Once);
command!("panics.call", Panic, State);
command!("hangs.begin", BeginHangs, Once);
command!("hangs.call", Hang, State);
command!("floods.begin", BeginFlood, Once);
command!("floods.tick", Tick, Once);

/// Panics over each message, each call and each effect.
fn panics() -> Plugin {
    async fn begin(ctx: Ctx, args: BeginPanics) -> Result<Decision<Done>> {
        let mut tx = ctx.tx();
        for number in 0..64 {
            tx.after(0, &number.to_string(), &Panic {});
            tx.outbox("effect", &number.to_string(), &number);
        }
        tx.emit(topic("panics"), "panics.began", &args);
        Ok(tx.into())
    }
    Plugin::new("panics")
        .once(begin, |_| Ok(Done {}))
        .command(|_, _: Panic| async { panic!("over a call") })
        .on(msg::kind::SENT, |_, _| async { panic!("over a message") })
        .effect("effect", |_, _: Delivery<u64>| async { panic!("over an effect") })
}

/// Never comes to the end of anything.
fn hangs() -> Plugin {
    async fn begin(ctx: Ctx, args: BeginHangs) -> Result<Decision<Done>> {
        let mut tx = ctx.tx();
        for number in 0..64 {
            tx.after(0, &number.to_string(), &Hang {});
            tx.outbox("effect", &number.to_string(), &number);
        }
        tx.emit(topic("hangs"), "hangs.began", &args);
        Ok(tx.into())
    }
    Plugin::new("hangs")
        .once(begin, |_| Ok(Done {}))
        .command(|_, _: Hang| std::future::pending())
        .on(msg::kind::SENT, |_, _| std::future::pending())
        .effect("effect", |_, _: Delivery<u64>| std::future::pending())
}

/// Reads what it emits, is owed a call by each call, and has another effect by each effect.
fn floods() -> Plugin {
    async fn begin(ctx: Ctx, args: BeginFlood) -> Result<Decision<Done>> {
        let mut tx = ctx.tx();
        tx.emit(topic("floods"), "floods.echo", &args);
        tx.after(0, "tick", &Tick {});
        tx.outbox("effect", "0", &0_u64);
        Ok(tx.into())
    }
    async fn echo(ctx: Ctx, event: Event) -> Result<Tx> {
        DONE[0].fetch_add(1, Ordering::Relaxed);
        let mut tx = ctx.tx();
        tx.emit(topic("floods"), "floods.echo", &event.data);
        Ok(tx)
    }
    async fn tick(ctx: Ctx, args: Tick) -> Result<Decision<Done>> {
        DONE[1].fetch_add(1, Ordering::Relaxed);
        let mut tx = ctx.tx();
        tx.emit(topic("floods"), "floods.ticked", &args);
        tx.after(0, "tick", &Tick {});
        Ok(tx.into())
    }
    async fn shout(ctx: Ctx, delivery: Delivery<u64>) -> Result<Tx> {
        DONE[2].fetch_add(1, Ordering::Relaxed);
        let (mut tx, next) = (ctx.tx(), delivery.payload + 1);
        tx.outbox("effect", &next.to_string(), &next);
        Ok(tx)
    }
    Plugin::new("floods")
        .once(begin, |_| Ok(Done {}))
        .once(tick, |_| Ok(Done {}))
        .on("floods.echo", echo)
        .effect("effect", shout)
}

fn topic(plugin: &str) -> Topic {
    format!("x:{plugin}:all").parse().unwrap()
}

/// People who talk, beside a plugin or none.
struct Talk {
    bed: Bed,
    amy: Caller,
    conv: ConvId,
}

impl Talk {
    async fn beside(noisy: Option<Plugin>) -> Talk {
        let chat = [directory::plugin(<_>::default()), chat::plugin(<_>::default())];
        let bed = Bed::new(chat.into_iter().chain(noisy).collect()).await;
        let name = "Harbour".into();
        let org = call(&bed, Caller::SYSTEM, org::Create { name }).await.org;
        let add = |login: &str| org::AddMember {
            org: Some(org),
            login: login.into(),
            name: login.into(),
            password: None,
            title: None,
            admin: false,
            locale: None,
            tz: None,
            departments: Vec::new(),
        };
        let amy = call(&bed, Caller::SYSTEM, add("amy")).await.user;
        let bob = call(&bed, Caller::SYSTEM, add("bob")).await.user;
        let amy = Caller::signed_in(amy, org, SessionId(Ulid::nil()), ["read", "write"]);
        let group = Create { title: "Shop".into(), members: vec![bob], history: History::All };
        let conv = call(&bed, amy, group).await.conv;
        Talk { bed, amy, conv }
    }

    /// The CPU time of a turn of messages, while something else may run.
    async fn turn(&self) -> Duration {
        let before = cpu();
        let talkers = (0..AT_ONCE).map(|_| {
            let (host, amy, conv) = (self.bed.host.clone(), self.amy, self.conv);
            tokio::spawn(async move {
                for _ in 0..TURN / AT_ONCE {
                    let text = "a message of the usual length, more or less".into();
                    let body = Body::Text { text, mentions: Vec::new() };
                    let send = Send { conv, body, reply_to: None, everybody: false };
                    host.call_typed(amy, Some(Cid(host.new_id())), &send).await.unwrap();
                }
            })
        });
        for talker in talkers.collect::<Vec<_>>() {
            talker.await.unwrap();
        }
        cpu() - before
    }

    /// Does what the plugin has to do, each duty until it was done so often.
    fn run(&self, plugin: &'static str, until: [u64; 3]) -> Vec<JoinHandle<()>> {
        let duty = |(number, done): (usize, u64)| {
            let goes_on = move || {
                DONE[number].load(Ordering::Relaxed) < done && !REST.load(Ordering::Relaxed)
            };
            self.bed.run(plugin, DUTIES[number], goes_on)
        };
        until.into_iter().enumerate().map(duty).collect()
    }

    /// The same while people talk.
    async fn turn_beside(&self, plugin: &'static str) -> Duration {
        let running = self.run(plugin, [u64::MAX; 3]);
        let took = self.turn().await;
        REST.store(true, Ordering::Relaxed);
        for mut duty in running {
            if timeout(REST_TIMEOUT, &mut duty).await.is_err() {
                duty.abort();
            }
        }
        REST.store(false, Ordering::Relaxed);
        took
    }
}

async fn call<C: Command>(bed: &Bed, caller: Caller, args: C) -> C::Reply {
    bed.host.call_typed(caller, Some(Cid(bed.host.new_id())), &args).await.unwrap()
}

fn done() -> [u64; 3] {
    DONE.each_ref().map(|done| done.load(Ordering::Relaxed))
}

/// A turn beside what floods, without the plugin's own work; and how often that was done.
async fn beside_flood(talk: &Talk) -> (Duration, u64) {
    let before = done();
    let both = talk.turn_beside("floods").await;
    let after = done();
    let did = [0, 1, 2].map(|number| after[number] - before[number]);
    let before = cpu();
    let again = [0, 1, 2].map(|number| after[number] + did[number]);
    for duty in talk.run("floods", again) {
        duty.await.unwrap();
    }
    (both.saturating_sub(cpu() - before), did.iter().sum())
}

#[tokio::main]
async fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    let alone = Talk::beside(None).await;
    let (panicking, hanging) =
        (Talk::beside(Some(panics())).await, Talk::beside(Some(hangs())).await);
    let flooded = Talk::beside(Some(floods())).await;
    call(&panicking.bed, Caller::SYSTEM, BeginPanics {}).await;
    call(&hanging.bed, Caller::SYSTEM, BeginHangs {}).await;
    call(&flooded.bed, Caller::SYSTEM, BeginFlood {}).await;
    let (mut cost, mut beside, mut did) = (Duration::ZERO, [Duration::ZERO; 3], 0);
    // Everybody's first turn is no measurement: there the database is new and the noise loudest.
    for (talk, plugin) in [(&panicking, "panics"), (&hanging, "hangs"), (&flooded, "floods")] {
        talk.turn_beside(plugin).await;
    }
    alone.turn().await;
    for _ in 0..TURNS {
        cost += alone.turn().await;
        beside[0] += panicking.turn_beside("panics").await;
        beside[1] += hanging.turn_beside("hangs").await;
        let (flood, count) = beside_flood(&flooded).await;
        beside[2] += flood;
        did += count;
    }
    println!("CPU a message: {:?}, of {TURNS} turns of {TURN}", cost / TURNS / TURN as u32);
    for (kind, beside) in ["panics", "hangs", "floods"].into_iter().zip(beside) {
        let (times, bar) = (beside.as_secs_f64() / cost.as_secs_f64(), TIMES_MAX);
        let verdict = if times <= bar { "reached" } else { "not reached" };
        println!("beside a plugin that {kind}: {times:.2}x; at most {bar}x: {verdict}");
    }
    println!("the flood: {} handlers a turn", did / u64::from(TURNS));
}
