//! What a durable send costs at the store, on each engine, beside yardsticks of the same minute: a
//! bare loop that inserts the same rows, the same store with one transaction a batch, and on
//! PostgreSQL two nodes that share the log.
//!
//! Run with `cargo bench -p carillon-store --bench append`; `python3` must be there for SQLite's
//! bare loop, and a PostgreSQL to be started.

#![allow(clippy::disallowed_methods, reason = "a bench measures how long things take")]

use std::{path::Path, process::Command, sync::Arc, time::Instant};

use carillon_plugin::{Emit, Storage, Transaction};
use carillon_protocol::{Cid, ConvId, EventId, Json, OrgId, Topic, UserId, id::Ulid};
use carillon_store::{Database, Options, Store};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

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
        rewrites: Vec::new(),
    }
}

struct Run {
    per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// So many clients, each with one send in flight, in turn on each of the nodes.
async fn run(databases: &[&Database], batch_max: usize, clients: u64, sends: u64) -> Run {
    let options = Options { batch_max, ..Options::default() };
    let mut nodes = Vec::new();
    for database in databases {
        let store = Store::open(database, &[], options.clone()).await.expect("a fresh database");
        nodes.push(store);
    }
    if let [one, other] = &nodes[..] {
        bring(one, other);
        bring(other, one);
    }
    let started = Instant::now();
    let clients = (0..clients).map(|client| {
        let store = nodes[client as usize % nodes.len()].clone();
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
    for node in nodes {
        node.close().await;
    }
    took.sort_by(f64::total_cmp);
    Run { per_s, p50_ms: took[took.len() / 2], p99_ms: took[took.len() * 99 / 100] }
}

/// What one node commits the other hears of, as from a bus.
fn bring(from: &Store, to: &Store) {
    let to = to.clone();
    from.on_own_commit(Arc::new(move |run| to.hint(run.clone())));
}

/// SQLite's bare loop.
fn script(source: &Path, target: &Path) -> f64 {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/bare.py");
    let output = Command::new("python3").arg(script).arg(source).arg(target).output();
    let output = output.expect("python3 runs the bare script");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("the script prints a number")
}

/// The columns of some rows of the log.
#[derive(Default)]
struct Columns {
    ints: [Vec<i64>; 7],
    kinds: Vec<String>,
    ids: Vec<Vec<u8>>,
    cids: Vec<Vec<u8>>,
    hashes: Vec<i64>,
    texts: Vec<String>,
}

const INTS: &str = "pos, topic, seq, n, counts, by_id, at";

/// PostgreSQL's bare loop: the rows of one database into another, as plainly as it goes. As
/// durable, 256 rows a transaction, and nothing decided.
async fn bare(source: &str, target: &Database, url: &str) -> sqlx::Result<f64> {
    Store::open(target, &[], Options::default()).await.expect("a fresh database").close().await;
    let mut conn = PgConnection::connect(source).await?;
    let sql = format!("SELECT {INTS}, k, id, cid, hash, data FROM event ORDER BY pos");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut conn).await?;
    let batches = rows.chunks(256).map(|rows| {
        let mut columns = Columns::default();
        for row in rows {
            for (index, ints) in columns.ints.iter_mut().enumerate() {
                ints.push(row.try_get(index)?);
            }
            columns.kinds.push(row.try_get(7)?);
            columns.ids.push(row.try_get(8)?);
            columns.cids.push(row.try_get(9)?);
            columns.hashes.push(row.try_get(10)?);
            columns.texts.push(row.try_get(11)?);
        }
        Ok(columns)
    });
    let batches: Vec<Columns> = batches.collect::<sqlx::Result<_>>()?;
    let sql = format!(
        "INSERT INTO event ({INTS}, k, id, cid, hash, data) SELECT * FROM unnest(
             $1::BIGINT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[], $5::BIGINT[], $6::BIGINT[],
             $7::BIGINT[], $8::TEXT[], $9::BYTEA[], $10::BYTEA[], $11::BIGINT[], $12::TEXT[])"
    );
    let mut conn = PgConnection::connect(url).await?;
    let started = Instant::now();
    for batch in &batches {
        let query = sqlx::query(AssertSqlSafe(sql.clone()));
        let query = batch.ints.iter().fold(query, |query, ints| query.bind(ints));
        let query = query.bind(&batch.kinds).bind(&batch.ids).bind(&batch.cids);
        query.bind(&batch.hashes).bind(&batch.texts).execute(&mut conn).await?;
    }
    Ok(rows.len() as f64 / started.elapsed().as_secs_f64())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn sqlite() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the folder is writable");
    let (mut to_bare, mut to_alone) = (Vec::new(), Vec::new());
    println!("SQLite");
    println!("round  bare/s  store/s (256 in flight)  p50 ms  p99 ms  one a batch/s (16 clients)");
    for round in 0..ROUNDS {
        let path = |name: &str| folder.path().join(format!("{name}{round}.db"));
        let store = run(&[&path("store").into()], 1_000, 256, SENDS).await;
        let script = script(&path("store"), &path("bare"));
        let single = run(&[&path("alone").into()], 1, 16, SENDS_ALONE).await;
        println!(
            "{round:>5}  {script:>6.0}  {:>23.0}  {:>6.1}  {:>6.1}  {:>26.0}",
            store.per_s, store.p50_ms, store.p99_ms, single.per_s
        );
        to_bare.push(store.per_s / script);
        to_alone.push(store.per_s / single.per_s);
    }
    println!("store / bare = {:.2} (at least 0.70)", median(to_bare));
    println!("store / one a batch = {:.1} (at least 6)", median(to_alone));
}

async fn postgres() {
    let server = carillon_rig::Postgres::start();
    let (mut to_bare, mut to_alone, mut to_one) = (Vec::new(), Vec::new(), Vec::new());
    println!("PostgreSQL");
    println!(
        "round  bare/s  store/s (256 in flight)  p50 ms  p99 ms  one a batch/s (16 clients)  \
         two nodes/s  p50 ms  p99 ms"
    );
    for round in 0..ROUNDS {
        let url = |name: &str| server.url(&format!("{name}{round}"));
        let database = |name: &str| -> Database {
            server.sql("postgres", &format!("CREATE DATABASE {name}{round} TEMPLATE template0"));
            Database::Postgres(url(name))
        };
        let store = run(&[&database("store")], 1_000, 256, SENDS).await;
        let bare = bare(&url("store"), &database("bare"), &url("bare")).await;
        let bare = bare.expect("the rows are taken");
        let shared = database("shared");
        let two = run(&[&shared, &shared], 1_000, 256, SENDS).await;
        let single = run(&[&database("alone")], 1, 16, SENDS_ALONE).await;
        println!(
            "{round:>5}  {bare:>6.0}  {:>23.0}  {:>6.1}  {:>6.1}  {:>26.0}  {:>11.0}  {:>6.1}  \
             {:>6.1}",
            store.per_s,
            store.p50_ms,
            store.p99_ms,
            single.per_s,
            two.per_s,
            two.p50_ms,
            two.p99_ms
        );
        to_bare.push(store.per_s / bare);
        to_alone.push(store.per_s / single.per_s);
        to_one.push(two.per_s / store.per_s);
    }
    println!("store / bare = {:.2} (at least 0.70)", median(to_bare));
    println!("store / one a batch = {:.1} (at least 6)", median(to_alone));
    println!("two nodes / one = {:.2} (at least 0.40)", median(to_one));
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    // `-- sqlite` or `-- postgres` measures one of them.
    let only = |name| std::env::args().any(|word| word == name);
    if !only("postgres") {
        runtime.block_on(sqlite());
    }
    if !only("sqlite") {
        runtime.block_on(postgres());
    }
}
