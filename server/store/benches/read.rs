//! What reading costs that a reconnecting client causes: heads and tails of all its topics at
//! once, and pages.
//!
//! Run with `cargo bench -p carillon-store --bench read`.

#![allow(clippy::disallowed_methods, reason = "a bench measures how long things take")]

use std::time::Instant;

use carillon_plugin::{Emit, Look, Storage, Tail, Transaction, Window};
use carillon_protocol::{Cid, ConvId, EventId, Json, OrgId, Topic, UserId, id::Ulid};
use carillon_store::{Durability, Options, Store};
use futures_util::future::join_all;

/// What one person listens to.
const TOPICS: u64 = 2_000;
/// Events of each topic.
const EVENTS: u64 = 50;
/// Runs of each; the median counts.
const ROUNDS: usize = 21;

fn topic(number: u64) -> Topic {
    Topic::Conv(ConvId(Ulid::from_parts(1, u128::from(number))))
}

fn event(number: u64) -> Transaction {
    let id = Ulid::from_parts(number, 1);
    let data = Json::of(&serde_json::json!({"kind": "text", "text": "x".repeat(200)}));
    let emit = Emit {
        topic: topic(number % TOPICS),
        k: "msg.sent".into(),
        id: EventId(id),
        data,
        counts: !(number / TOPICS).is_multiple_of(5),
    };
    Transaction {
        org: OrgId(Ulid::nil()),
        by: UserId(Ulid::from_parts(2, u128::from(number % 100))),
        at: number as i64,
        cid: Some(Cid(id)),
        prev: None,
        hash: 0,
        statements: Vec::new(),
        emits: vec![emit],
        rewrites: Vec::new(),
    }
}

async fn measure<T>(what: &str, mut run: impl AsyncFnMut() -> T) {
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        run().await;
        took.push(started.elapsed().as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    println!("{what:<44} {:>7.2} ms", took[ROUNDS / 2]);
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the folder is writable");
    let path = folder.path().join("read.db");
    let options = Options { durability: Durability::Off, ..Options::default() };
    let database = path.into();
    let open = async || Store::open(&database, &[], options.clone()).await.expect("it opens");
    let store = open().await;
    for round in 0..EVENTS {
        let queued: Vec<_> = (0..TOPICS).map(|n| store.commit(event(round * TOPICS + n))).collect();
        join_all(queued).await.into_iter().for_each(|done| drop(done.expect("nothing refuses it")));
    }
    let topics: Vec<_> = (0..TOPICS).map(topic).collect();
    let tails = |limit: fn(u64) -> u32| {
        let tail = |n| Tail { topic: topic(n), window: Window::all(), limit: limit(n) };
        (0..TOPICS).map(tail).collect::<Vec<_>>()
    };
    let page = |look, counted| store.events(topic(7), Window::all(), look, counted, 50);

    measure("heads of 2,000 topics, from memory", async || store.heads(topics.clone()).await).await;
    let mut cold = Vec::new();
    for _ in 0..ROUNDS {
        let store = open().await;
        let started = Instant::now();
        store.heads(topics.clone()).await.expect("heads are read");
        cold.push(started.elapsed().as_secs_f64() * 1e3);
        store.close().await;
    }
    cold.sort_by(f64::total_cmp);
    println!("{:<44} {:>7.2} ms", "heads of 2,000 topics, after a start", cold[ROUNDS / 2]);
    let one = tails(|_| 1);
    measure("last event of 2,000 topics", async || store.tails(one.clone(), false).await).await;
    measure("last of 2,000 that counts", async || store.tails(one.clone(), true).await).await;
    let first_page = tails(|n| if n < 10 { 20 } else { 1 });
    measure("20 events of 10 topics, 1 of the others", async || {
        store.tails(first_page.clone(), false).await
    })
    .await;
    measure("page of 50", async || page(Look::Before(u64::MAX), false).await).await;
    measure("page of 50 that count", async || page(Look::After(0), true).await).await;
}
