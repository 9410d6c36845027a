//! A server that took over from another one: what the nodes do if it lacks commits, and if not.

use std::time::Duration;

use carillon_plugin::Storage;
use carillon_protocol::{ErrorCode, EventId, id::Ulid};
use carillon_store::{Database, Options, Replaced, Run, Store};
use tokio::time::timeout;

use crate::{
    bed::*,
    cluster::{Seen, bring, has_seen_all},
    faults::stranger,
};

/// A server of one's own, with an empty database.
fn server() -> (carillon_rig::Postgres, Database) {
    let server = carillon_rig::Postgres::start();
    server.sql("postgres", "CREATE DATABASE bells TEMPLATE template0");
    let database = Database::Postgres(server.url("bells"));
    (server, database)
}

async fn node(database: &Database) -> Store {
    Store::open(database, TABLES, Options::default()).await.unwrap()
}

/// Why a node must end, once it has noticed.
async fn ends(node: &Store) -> Replaced {
    timeout(Duration::from_secs(30), node.replaced()).await.expect("it notices by itself")
}

/// Commits messages with these numbers, sent again until they are acknowledged.
async fn send(node: &Store, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        while let Err(error) = node.commit(message(number, &conv(1))).await {
            let codes = [ErrorCode::TimeoutUnknown, ErrorCode::Unavailable];
            assert!(codes.contains(&error.code()), "{error}");
            tokio::task::yield_now().await;
        }
    }
}

/// Waits until a node has seen so much.
async fn sees(node: &Store, position: u64) {
    while node.position().0 < position {
        node.look();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_end_when_commits_were_lost_and_the_log_has_another_epoch_then() {
    let (mut server, database) = server();
    let (a, b) = (node(&database).await, node(&database).await);
    send(&a, 1..=5).await;
    tokio::task::block_in_place(|| server.keep());
    send(&a, 6..=8).await;
    sees(&b, 8).await;
    tokio::task::block_in_place(|| server.set_back());
    // One of them finds it first, and the other one may find it by itself.
    let (first, second) = tokio::join!(ends(&a), ends(&b));
    assert!([first, second].contains(&Replaced::SetBack { applied: 8 }), "{first} {second}");
    for node in [&a, &b] {
        node.commit(message(9, &conv(1))).await.expect_err("its log is not there any more");
        node.ping().await.expect_err("nobody should be sent here");
    }
    // Whoever starts again goes on where the log ends, and no cursor of before fits.
    let again = node(&database).await;
    let (position, epoch) = again.position();
    assert_eq!((position, epoch != a.position().1), (5, true));
    send(&again, 9..=10).await;
    assert_eq!(
        (again.position(), again.heads(vec![conv(1)]).await.unwrap()[0].head),
        ((7, epoch), 7)
    );
}

#[tokio::test]
async fn a_log_that_has_something_else_in_its_place_is_another_log_however_long_it_is() {
    let Postgres(database, _lent) = Postgres::make();
    let a = node(&database).await;
    send(&a, 1..=8).await;
    set_back_to_7(&database).await;
    assert_eq!(ends(&a).await, Replaced::SetBack { applied: 8 });
    assert_ne!(node(&database).await.position().1, a.position().1);
}

/// What somebody commits after a log was set back: another event at 8, where a node has seen one.
async fn set_back_to_7(database: &Database) {
    let sql =
        "UPDATE event SET id = (SELECT id FROM event WHERE pos = 1), cid = NULL WHERE pos = 8";
    sqlx::query(sql).execute(&mut stranger(database).await).await.unwrap();
}

#[tokio::test]
async fn what_others_commit_on_a_log_that_was_set_back_hides_nothing() {
    let Postgres(database, _lent) = Postgres::make();
    let a = node(&database).await;
    send(&a, 1..=8).await;
    let seen = Seen::of(&a);
    set_back_to_7(&database).await;
    // Whoever starts now follows the log that is, and the other one hears of it at once.
    let c = node(&database).await;
    bring(&c, &a);
    c.commit(message(9, &conv(1))).await.unwrap();
    assert_eq!(ends(&a).await, Replaced::SetBack { applied: 8 });
    assert_eq!(seen.all(), []);
}

#[tokio::test]
async fn what_a_node_commits_itself_on_a_log_that_was_set_back_hides_nothing() {
    let with_statement = message(9, &conv(1)).run(VOTE, vote("x"));
    for tx in [message(9, &conv(1)), with_statement] {
        let Postgres(database, _lent) = Postgres::make();
        let (a, b) = (node(&database).await, node(&database).await);
        send(&b, 1..=8).await;
        sees(&a, 8).await;
        // Its connection is there already, and learns nothing from this.
        a.ping().await.unwrap();
        let seen = Seen::of(&a);
        set_back_to_7(&database).await;
        drop(a.commit(tx).await);
        assert_eq!(ends(&a).await, Replaced::SetBack { applied: 8 });
        assert_eq!(seen.all(), []);
    }
}

#[tokio::test]
async fn what_waits_of_a_log_that_is_no_more_is_told_to_nobody() {
    let Postgres(database, _lent) = Postgres::make();
    let (a, b) = (node(&database).await, node(&database).await);
    let seen = Seen::of(&a);
    let lost = b.commit(message(1, &conv(2)).quiet(&conv(2)).quiet(&conv(2))).await.unwrap().events;
    sees(&a, 3).await;
    // Somebody committed these after a fourth event that nobody else heard of.
    a.hint(Run { first: 5, after: Some(EventId(Ulid(4))), events: lost.clone() });
    bring(&b, &a);
    send(&b, 4..=9).await;
    has_seen_all(&a, &seen).await;
    a.hint(Run { first: 9, after: Some(EventId(Ulid(8))), events: lost });
    send(&b, 10..=20).await;
    has_seen_all(&a, &seen).await;
}

#[tokio::test]
async fn a_node_of_an_old_epoch_commits_nothing() {
    let with_statement = message(3, &conv(1)).run(VOTE, vote("x"));
    // One expects where the log stands, one asks for it, one locks it.
    for (known, tx) in [(1, message(2, &conv(1))), (0, message(2, &conv(1))), (0, with_statement)] {
        let bed = Postgres::make();
        let a = bed.open().await;
        send(&a, 1..=known).await;
        // Its connection is there already, and learns nothing from this.
        a.ping().await.unwrap();
        let mut stranger = stranger(&bed.0).await;
        sqlx::query("UPDATE meta SET epoch = epoch + 1").execute(&mut stranger).await.unwrap();
        a.commit(tx).await.expect_err("another epoch has begun");
        assert_eq!(ends(&a).await, Replaced::Renewed);
        let asked = sqlx::query_scalar::<_, i64>("SELECT pos FROM meta");
        assert_eq!(asked.fetch_one(&mut stranger).await.unwrap().unsigned_abs(), known);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_took_over_with_everything_costs_nobody_a_cursor() {
    let (mut server, database) = server();
    let a = node(&database).await;
    send(&a, 1..=5).await;
    tokio::task::block_in_place(|| server.keep());
    tokio::task::block_in_place(|| server.set_back());
    let before = a.position();
    send(&a, 6..=8).await;
    assert_eq!(a.position(), (before.0 + 3, before.1));
    assert!(timeout(Duration::ZERO, a.replaced()).await.is_err());
}
