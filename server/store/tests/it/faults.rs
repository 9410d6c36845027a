//! What is left when a node stops in the middle, connections break, or the server goes away.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use carillon_plugin::{Migration, Storage, Transaction};
use carillon_protocol::{ErrorCode, Topic};
use carillon_store::{Database, OpenError, Options, Store};
use futures_util::future::join_all;
use sqlx::{Connection, Executor, PgConnection, Row};

use crate::{
    bed::*,
    cluster::{Seen, has_seen_all, log},
};

/// How long a test waits for what must come; only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until a store can be asked and read again.
async fn works_again(store: &Store) {
    let works = async {
        while store.ping().await.is_err() || store.heads(vec![conv(8)]).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, works).await.expect("it is used again");
}

/// A connection of nobody's, to do harm with.
pub async fn stranger(database: &Database) -> PgConnection {
    let Database::Postgres(url) = database else { panic!("it is on a server") };
    PgConnection::connect(url).await.unwrap()
}

/// Commits as a client does: what may or may not have happened is sent again.
async fn commit_for_sure(store: &Store, tx: Transaction) -> (Topic, u64) {
    loop {
        match store.commit(tx.clone()).await {
            Ok(done) => return (done.events[0].topic.clone(), done.events[0].seq),
            // Its row is there already: the host asks for the intent then, and so does this.
            Err(error) if error.code() == ErrorCode::Conflict => {
                if let Ok(found) = store.find(tx.by, tx.cid.unwrap()).await {
                    let (event, _) = found.expect("its row is there, so the event is");
                    return (event.topic, event.seq);
                }
            }
            Err(error) => {
                let codes = [ErrorCode::TimeoutUnknown, ErrorCode::Unavailable, ErrorCode::Busy];
                assert!(codes.contains(&error.code()), "{error}");
                tokio::task::yield_now().await;
            }
        }
    }
}

/// The message with this number; every third has a row of its own.
fn numbered(number: u64) -> Transaction {
    let tx = message(number, &conv(number % 3));
    if number.is_multiple_of(3) { tx.run(VOTE, vote(&format!("{number}"))) } else { tx }
}

/// Commits from both nodes with so many clients, each message once; what was acknowledged.
async fn crowd(
    nodes: &[Store; 2],
    (clients, each): (u64, u64),
    acknowledged: &Arc<AtomicU64>,
) -> BTreeMap<u64, (Topic, u64)> {
    let clients = (0..clients).map(|client| {
        let (store, count) = (nodes[client as usize % 2].clone(), Arc::clone(acknowledged));
        tokio::spawn(async move {
            let mut done = Vec::new();
            for number in client * each..(client + 1) * each {
                done.push((number, commit_for_sure(&store, numbered(number)).await));
                count.fetch_add(1, Ordering::Relaxed);
            }
            done
        })
    });
    let mut all = BTreeMap::new();
    for client in clients.collect::<Vec<_>>() {
        all.extend(client.await.unwrap());
    }
    all
}

/// Nothing acknowledged is missing, nothing is there twice, and both nodes saw all of it in order.
async fn is_whole(
    nodes: &[Store; 2],
    seen: &[Seen; 2],
    acknowledged: &BTreeMap<u64, (Topic, u64)>,
) {
    let mut log = log(&nodes[0]).await;
    for (store, seen) in nodes.iter().zip(seen) {
        has_seen_all(store, seen).await;
    }
    log.sort();
    let mut wanted: Vec<_> = acknowledged.values().cloned().collect();
    wanted.sort();
    assert_eq!(log, wanted);
    let rows = nodes[0].query("SELECT count(*) FROM poll_vote", vec![]).await.unwrap();
    let with_rows = acknowledged.keys().filter(|number| number.is_multiple_of(3)).count();
    assert_eq!(rows[0].get::<u64>(0).unwrap(), with_rows as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_break_during_commits_lose_and_double_nothing() {
    let bed = Postgres::make();
    let nodes = [bed.open().await, bed.open().await];
    let seen = [Seen::of(&nodes[0]), Seen::of(&nodes[1])];
    let (count, total) = (Arc::new(AtomicU64::new(0)), 8 * 120);
    let harm = async {
        let mut conn = stranger(&bed.0).await;
        let (mut last, mut broken) = (0, 0);
        while count.load(Ordering::Relaxed) < total {
            // After each score of answers all connections of both nodes are ended.
            if count.load(Ordering::Relaxed) >= last + 20 {
                last = count.load(Ordering::Relaxed);
                let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                           WHERE datname = current_database() AND pid <> pg_backend_pid()";
                broken += sqlx::query(sql).fetch_all(&mut conn).await.unwrap().len();
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        broken
    };
    let (acknowledged, broken) = tokio::join!(crowd(&nodes, (8, 120), &count), harm);
    assert!(broken > 10, "only {broken} connections were broken");
    is_whole(&nodes, &seen, &acknowledged).await;
    // A read does not notice that its connection is gone.
    assert_eq!(nodes[1].heads(vec![conv(0), conv(1)]).await.unwrap()[0].head, 320);
}

/// Ends the connection of whoever waits for the counter's row, once there is one.
async fn end_who_waits(conn: &mut PgConnection) {
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while sqlx::query(sql).fetch_all(&mut *conn).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_break_is_told_only_where_nobody_can_know_what_happened() {
    let bed = Postgres::make();
    let store = bed.open().await;
    let (mut holder, mut conn) = (stranger(&bed.0).await, stranger(&bed.0).await);
    let hold = "BEGIN; SELECT pos FROM meta FOR UPDATE";
    // Its only statement counts for itself: without an intent nobody can look what became of it.
    holder.execute(hold).await.unwrap();
    let both = [message(1, &conv(1)), tx().counted(&conv(1), "{}")];
    let both = tokio::spawn(join_all(both.map(|tx| store.commit(tx))));
    end_who_waits(&mut conn).await;
    holder.execute("ROLLBACK").await.unwrap();
    let both = both.await.unwrap();
    assert_eq!(seqs(&both[0]), [1]);
    assert_eq!(code(both[1].clone()), ErrorCode::TimeoutUnknown);
    // Before the commit is sent nothing can have happened, and it is done again.
    holder.execute(hold).await.unwrap();
    let done = tokio::spawn(store.commit(tx().run(VOTE, vote("a")).counted(&conv(1), "{}")));
    end_who_waits(&mut conn).await;
    holder.execute("ROLLBACK").await.unwrap();
    assert_eq!(seqs(&done.await.unwrap()), [2]);
    assert_eq!(log(&store).await.len(), 2);
}

#[tokio::test]
async fn who_stops_in_the_middle_of_a_commit_is_cut_off_and_the_others_go_on() {
    let bed = Postgres::make();
    let store = bed.open().await;
    // How long the writer's own connection may sit in the middle.
    let setting = "INSERT INTO poll_vote (id)
                   SELECT current_setting('idle_in_transaction_session_timeout')";
    store.commit(tx().run(setting, vec![])).await.unwrap();
    let rows = store.query("SELECT id FROM poll_vote", vec![]).await.unwrap();
    assert_eq!(rows[0].get::<String>(0).unwrap(), "2s");

    let mut frozen = stranger(&bed.0).await;
    frozen.execute("SET idle_in_transaction_session_timeout = '2s'; BEGIN").await.unwrap();
    frozen.execute("SELECT pos FROM meta FOR UPDATE").await.unwrap();
    let both = [message(1, &conv(1)), message(2, &conv(1)).run(VOTE, vote("a"))];
    for tx in both {
        let done = store.commit(tx).await;
        done.unwrap();
    }
    assert!(frozen.execute("COMMIT").await.is_err(), "it was cut off");
    assert_eq!(log(&store).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_and_starts_again_is_used_again() {
    let mut server = carillon_rig::Postgres::start();
    let database: Database = server.url("postgres").parse().unwrap();
    let open = || Store::open(&database, TABLES, Options::default());
    let nodes = [open().await.unwrap(), open().await.unwrap()];
    let seen = [Seen::of(&nodes[0]), Seen::of(&nodes[1])];
    let count = Arc::new(AtomicU64::new(0));
    let clients = {
        let (nodes, count) = (nodes.clone(), Arc::clone(&count));
        tokio::spawn(async move { crowd(&nodes, (4, 150), &count).await })
    };
    for stop in 1..=2 {
        while count.load(Ordering::Relaxed) < stop * 100 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server = tokio::task::spawn_blocking(move || {
            server.stop();
            server
        })
        .await
        .unwrap();
        assert_eq!(nodes[0].ping().await.unwrap_err().code(), ErrorCode::Unavailable);
        assert!(nodes[1].heads(vec![conv(9)]).await.is_err());
        server = tokio::task::spawn_blocking(move || {
            server.begin();
            server
        })
        .await
        .unwrap();
        works_again(&nodes[0]).await;
    }
    let acknowledged = clients.await.unwrap();
    is_whole(&nodes, &seen, &acknowledged).await;
    assert!(nodes[0].tail().last_error.is_some());
}

#[tokio::test]
async fn a_standby_is_neither_read_nor_followed() {
    let mut server = carillon_rig::Postgres::start();
    let database: Database = server.url("postgres").parse().unwrap();
    let open = || Store::open(&database, TABLES, Options::default());
    let store = open().await.unwrap();
    store.commit(message(1, &conv(1))).await.unwrap();
    let folder = server.sql("postgres", "SHOW data_directory");
    let signal = std::path::Path::new(folder.trim()).join("standby.signal");
    server.stop();
    std::fs::write(&signal, "").unwrap();
    server.begin();
    assert_eq!(server.sql("postgres", "SELECT count(*) FROM event").trim(), "1");
    let (read, opened) = tokio::join!(store.query("SELECT pos FROM meta", vec![]), open());
    assert_eq!(read.unwrap_err().code(), ErrorCode::Unavailable);
    assert!(matches!(opened, Err(OpenError::Unavailable { .. })));
    // By now its turn has come, more than once.
    assert!(store.tail().last_error.is_some());
    server.stop();
    std::fs::remove_file(&signal).unwrap();
    server.begin();
    commit_for_sure(&store, message(2, &conv(1))).await;
    assert_eq!(log(&store).await.len(), 2);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_noticed_soon() {
    let mut server = carillon_rig::Postgres::hasty();
    let database: Database = server.url("postgres").parse().unwrap();
    let store = Store::open(&database, TABLES, Options::default()).await.unwrap();
    store.commit(message(1, &conv(1))).await.unwrap();
    store.ping().await.unwrap();
    // PostgreSQL's own children answer, so they are stopped as well.
    let sql =
        "SELECT pid FROM pg_stat_activity WHERE datname IS NOT NULL AND pid <> pg_backend_pid()";
    let mut conn = stranger(&database).await;
    let rows = sqlx::query(sql).fetch_all(&mut conn).await.unwrap();
    let pids: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
    let signal = |what: rustix::process::Signal| {
        for pid in pids.iter().filter_map(|&pid| rustix::process::Pid::from_raw(pid)) {
            rustix::process::kill_process(pid, what).unwrap();
        }
    };
    signal(rustix::process::Signal::STOP);
    server.child().freeze();
    // Nobody else ends the wait: its server stands still.
    let noticed = tokio::time::timeout(PATIENCE, store.ping()).await;
    assert_eq!(noticed.expect("it is noticed").unwrap_err().code(), ErrorCode::Unavailable);
    server.child().thaw();
    signal(rustix::process::Signal::CONT);
    works_again(&store).await;
    commit_for_sure(&store, message(2, &conv(1))).await;
    assert_eq!(log(&store).await.len(), 2);
}

#[tokio::test]
async fn a_database_that_is_not_what_it_should_be_is_refused_and_left_as_it_is() {
    let bed = Postgres::make();
    let mut conn = stranger(&bed.0).await;
    let refusal = async |migrations: &[Migration]| {
        Store::open(&bed.0, migrations, Options::default()).await.expect_err("it is refused")
    };
    conn.execute("CREATE TABLE letters (id TEXT)").await.unwrap();
    assert!(matches!(refusal(TABLES).await, OpenError::Foreign { .. }));
    assert!(conn.execute("SELECT * FROM meta").await.is_err());
    conn.execute("DROP TABLE letters").await.unwrap();

    let step = |number, sql| Migration { plugin: "poll", number, sql };
    let fails = "CREATE TABLE poll_new (id TEXT); INSERT INTO nowhere VALUES (1);";
    let refused = refusal(&[TABLES[0], step(2, fails)]).await;
    assert!(matches!(refused, OpenError::Migration { plugin, number: 2, .. } if plugin == "poll"));
    assert!(conn.execute("SELECT * FROM poll_new").await.is_err());

    let two = [TABLES[0], step(2, "ALTER TABLE poll_vote ADD COLUMN extra TEXT")];
    Store::check(&bed.0, &two).await.unwrap();
    Store::open(&bed.0, &two, Options::default()).await.unwrap().close().await;
    assert!(matches!(refusal(TABLES).await, OpenError::Newer { found: 2, known: 1, .. }));
    conn.execute("UPDATE meta SET version = 1000").await.unwrap();
    assert!(matches!(refusal(&two).await, OpenError::Newer { found: 1_000, .. }));
    let refused = Store::check(&bed.0, &two).await.expect_err("it is refused");
    assert!(matches!(refused, OpenError::Newer { .. }));
}

#[tokio::test]
async fn a_database_of_before_appends_as_this_version_does() {
    let bed = Postgres::make();
    bed.open().await.close().await;
    // As the first step left it, with other parameters.
    let before = "DROP FUNCTION append_batch;
                  CREATE FUNCTION append_batch(BIGINT) RETURNS BIGINT LANGUAGE sql AS 'SELECT $1';
                  UPDATE meta SET version = 1";
    stranger(&bed.0).await.execute(before).await.unwrap();
    let done = bed.open().await.commit(message(1, &conv(1))).await;
    assert_eq!(seqs(&done), [1]);
}

#[tokio::test]
async fn an_address_is_named_without_its_password() {
    let database: Database =
        "postgres://me:secret@127.0.0.1:1/nowhere?sslmode=disable".parse().unwrap();
    let refused = Store::open(&database, TABLES, Options::default()).await.unwrap_err();
    let text = refused.to_string();
    assert!(text.starts_with("postgres://me:***@127.0.0.1:1/nowhere cannot be opened"), "{text}");
    assert!(!format!("{database:?} {text}").contains("secret"));
}
