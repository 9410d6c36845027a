//! A plugin that never comes to rest, hangs and panics harms nobody else; and what plugins do
//! besides answering moves to another node when theirs stops.

use carillon_plugin::{
    Caller, Ctx, Decision, Delivery, Plugin, Result, Tx,
    protocol::{Access, Command, Effect, ErrorCode, Event, RunId, Topic, node, plugin},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::kit::{PATIENCE, TestClient, TestServer, cid};

/// Messages while the plugin is at its noisiest.
const MESSAGES: usize = 200;
/// Rounds after which the plugin is surely never at rest.
const ROUNDS_MIN: u64 = 50;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Done {}

macro_rules! command {
    ($op:literal, $args:ident, $effect:ident) => {
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        struct $args {}

        impl Command for $args {
            type Reply = Done;
            const OP: &'static str = $op;
            const DOC: &'static str = "Part of a test.";
            const EFFECT: Effect = Effect::$effect;
            const ACCESS: Access = Access::System;
        }
    };
}
command!("noisy.begin", Begin, Once);
command!("noisy.tick", Tick, Once);
command!("noisy.hang", Hang, State);
command!("noisy.panic", Panic, State);

/// Reads what it emits, is owed a call by each call, and never ends what it does outside.
fn noisy() -> Plugin {
    Plugin::new("noisy")
        .once(begin, |_| Ok(Done {}))
        .once(tick, |_| Ok(Done {}))
        .command(hang)
        .command(panic)
        .on("noisy.echo", echo)
        .on("noisy.bad", stumble)
        .effect("shout", shout)
}

fn topic() -> Topic {
    "x:noisy:all".parse().unwrap()
}

async fn begin(ctx: Ctx, args: Begin) -> Result<Decision<Done>> {
    let mut tx = ctx.tx();
    tx.emit(topic(), "noisy.echo", &args);
    tx.after(0, "tick", &Tick {});
    for number in 0..64 {
        tx.after(0, &format!("hang {number}"), &Hang {});
        tx.after(0, &format!("panic {number}"), &Panic {});
        tx.outbox("shout", &number.to_string(), &number);
    }
    Ok(tx.into())
}

async fn tick(ctx: Ctx, args: Tick) -> Result<Decision<Done>> {
    let mut tx = ctx.tx();
    tx.emit(topic(), "noisy.ticked", &args);
    tx.after(0, "tick", &Tick {});
    Ok(tx.into())
}

async fn hang(_: Ctx, _: Hang) -> Result<Done> {
    std::future::pending().await
}

async fn panic(_: Ctx, _: Panic) -> Result<Done> {
    panic!("over everything")
}

async fn echo(ctx: Ctx, event: Event) -> Result<Tx> {
    let mut tx = ctx.tx();
    tx.emit(topic(), "noisy.echo", &event.data);
    Ok(tx)
}

async fn stumble(_: Ctx, _: Event) -> Result<Tx> {
    panic!("over an event")
}

async fn shout(_: Ctx, _: Delivery<u64>) -> Result<Tx> {
    std::future::pending().await
}

#[tokio::test(flavor = "multi_thread")]
async fn people_talk_while_a_plugin_never_comes_to_rest_hangs_and_panics() {
    let server = TestServer::with_plugins(vec![noisy]).await;
    let org = server.org("Harbour").await;
    let (amy, bob) = (server.person(org, "amy").await, server.person(org, "bob").await);
    let conv = server.group(&[&amy, &bob]).await;
    let mut amys = TestClient::connect(&server, &amy).await;
    let mut bobs = TestClient::connect(&server, &bob).await;
    server.host().call_typed(Caller::SYSTEM, Some(cid()), &Begin {}).await.unwrap();
    let talk = async {
        for number in 0..MESSAGES {
            let said = amys.say(conv, &format!("message {number}")).await;
            let heard = bobs.event_of("msg.sent").await;
            assert_eq!(heard.seq, said.seq);
        }
    };
    timeout(PATIENCE, talk).await.expect("everything is heard in time");
    let heads = server.host().storage().heads(vec![topic()]);
    assert!(heads.await.unwrap()[0].head > ROUNDS_MIN, "the plugin was noisy all the time");
    let refused = server.host().call_typed(Caller::SYSTEM, None, &Panic {}).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Unavailable);
    server.stop().await;
}

/// Whose runs hold leases of plugins.
async fn holders(server: &TestServer) -> Vec<(String, RunId)> {
    let nodes = server.system(&node::List {}).await.nodes;
    let held = nodes.into_iter().flat_map(|node| {
        let plugins = node.leases.into_iter().filter(|lease| lease.starts_with("plugin:"));
        plugins.map(move |lease| (lease, node.beat.run))
    });
    held.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_plugins_do_moves_to_another_node_when_theirs_stops() {
    let mut servers = TestServer::cluster(2).await;
    let (first, second) = (servers.remove(0), servers.remove(0));
    let plugins = second.system(&plugin::List {}).await.plugins.len();
    let held = timeout(PATIENCE, async {
        while holders(&second).await.len() < plugins {
            tokio::task::yield_now().await;
        }
    });
    held.await.expect("each plugin is somewhere");
    first.stop().await;
    let run = second.server().node.lease.unwrap();
    let moved = timeout(PATIENCE, async {
        loop {
            let holders = holders(&second).await;
            if holders.len() == plugins && holders.iter().all(|(_, holder)| *holder == run) {
                return;
            }
        }
    });
    moved.await.expect("the other node goes on");
    second.stop().await;
}
