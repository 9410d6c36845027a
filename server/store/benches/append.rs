//! What a durable send costs at the store, beside two yardsticks of the same minute: a bare script
//! that inserts the same rows, and the same store with one transaction a batch.
//!
//! Run with `cargo bench -p carillon-store`; `python3` must be there for the script.

#![allow(clippy::disallowed_methods, reason = "a bench measures how long things take")]

use std::{path::Path, process::Command, sync::Arc, time::Instant};

use carillon_plugin::{Emit, Storage, Transaction};
use carillon_protocol::{Cid, ConvId, EventId, Json, OrgId, Topic, UserId, id::Ulid};
use carillon_store::{Options, Store};

/// Conversations that are written to in turn.
const TOPICS: u64 = 1_000;
/// People who write.
const AUTHORS: u64 = 200;
/// Runs of each; the median counts.
const ROUNDS: usize = 5;
/// Durable sends of one run.
const SENDS: u64 = 40_000;
/// Durable sends of one run with one transaction a batch.
const SENDS_ALONE: u64 = 1_500;

const START_MS: u64 = 1_790_000_000_000;

fn send(number: u64) -> Transaction {
    let id = |kind: u64, number: u64| {
        // Ids begin with the time, like real ones, and end with what looks like chance.
        let chance =
            (u128::from(number) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        Ulid::from_parts(START_MS + number / 20, chance ^ u128::from(kind))
    };
    let fixed =
        |kind: u64, number: u64| Ulid::from_parts(START_MS, u128::from(kind << 32 | number));
    // Neighbours in time write to different conversations.
    let topic = number.wrapping_mul(7_919) % TOPICS;
    let text = "x".repeat(200);
    Transaction {
        org: OrgId(fixed(1, 1)),
        by: UserId(fixed(2, number % AUTHORS)),
        at: (START_MS + number / 20) as i64,
        cid: Some(Cid(id(3, number))),
        prev: None,
        hash: number as i64,
        statements: Vec::new(),
        emits: vec![Emit {
            topic: Topic::Conv(ConvId(fixed(4, topic))),
            k: "msg.sent".into(),
            id: EventId(id(5, number)),
            data: Json::of(&serde_json::json!({"kind": "text", "text": text})),
            counts: true,
        }],
    }
}

struct Run {
    per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// So many clients, each with one send in flight.
async fn run(path: &Path, batch_max: usize, clients: u64, sends: u64) -> Run {
    let options = Options { batch_max, ..Options::default() };
    let store = Arc::new(
        Store::open(&path.to_owned().into(), &[], options).await.expect("a fresh database"),
    );
    let started = Instant::now();
    let clients = (0..clients).map(|client| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut took = Vec::new();
            for number in (client..sends).step_by(clients as usize) {
                let tx = send(number);
                let started = Instant::now();
                store.commit(tx).await.expect("nothing refuses it");
                took.push(started.elapsed().as_secs_f64() * 1e3);
            }
            took
        })
    });
    let mut took = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        took.extend(client.await.expect("no client panics"));
    }
    let per_s = sends as f64 / started.elapsed().as_secs_f64();
    store.close().await;
    took.sort_by(f64::total_cmp);
    Run { per_s, p50_ms: took[took.len() / 2], p99_ms: took[took.len() * 99 / 100] }
}

fn bare(source: &Path, target: &Path) -> f64 {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/bare.py");
    let output = Command::new("python3").arg(script).arg(source).arg(target).output();
    let output = output.expect("python3 runs the bare script");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("the script prints a number")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the folder is writable");
    let (mut scripts, mut stores, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    println!("round  bare/s  store/s (256 in flight)  p50 ms  p99 ms  one a batch/s (16 clients)");
    for round in 0..ROUNDS {
        let path = |name: &str| folder.path().join(format!("{name}{round}.db"));
        let store = runtime.block_on(run(&path("store"), 1_000, 256, SENDS));
        let script = bare(&path("store"), &path("bare"));
        let single = runtime.block_on(run(&path("alone"), 1, 16, SENDS_ALONE));
        println!(
            "{round:>5}  {script:>6.0}  {:>23.0}  {:>6.1}  {:>6.1}  {:>26.0}",
            store.per_s, store.p50_ms, store.p99_ms, single.per_s
        );
        scripts.push(script);
        stores.push(store.per_s);
        alone.push(single.per_s);
    }
    let (script, store, alone) = (median(scripts), median(stores), median(alone));
    println!("medians: bare {script:.0}/s, store {store:.0}/s, one a batch {alone:.0}/s");
    println!("store / bare = {:.2} (at least 0.70)", store / script);
    println!("store / one a batch = {:.1} (at least 6)", store / alone);
}
