//! What is left when the disk fails.

use std::{collections::BTreeSet, fs};

use carillon_plugin::{Look, Storage, Window};
use carillon_protocol::{ErrorCode, Event, Topic};
use carillon_store::{OpenError, Options, Store};
use futures_util::future::join_all;
use sqlx::Connection;

use crate::{
    bed::*,
    cluster::{Seen, log},
};

/// SQLite's default, which the store keeps.
const PAGE_LEN: u64 = 4_096;
const WAL_HEADER_LEN: u64 = 32;
const FRAME_HEADER_LEN: u64 = 24;
const TOPICS: u64 = 3;

/// Everything in the log, in the order of commits.
async fn whole_log(store: &Store) -> Vec<(Topic, u64, Event)> {
    let mut all = Vec::new();
    for topic in (0..TOPICS).map(conv) {
        let look = Look::After(0);
        let events = store.events(topic.clone(), Window::all(), look, false, 10_000).await.unwrap();
        all.extend(events.into_iter().map(|event| (topic.clone(), event.seq, event)));
    }
    // Each event's id was made from the number of its commit.
    all.sort_by_key(|(_, _, event)| event.cid);
    all
}

/// A database as it lies on the disk while the server runs, with what was acknowledged until then,
/// in order.
struct Running {
    file: Vec<u8>,
    wal: Vec<u8>,
    acknowledged: Vec<(Topic, u64, Event)>,
}

async fn running(commits: u64) -> Running {
    let bed = Sqlite::make();
    let store = bed.durable().await;
    let mut acknowledged = Vec::new();
    for number in 0..commits {
        let done = store.commit(message(number, &conv(number % TOPICS))).await.unwrap();
        let event = done.events[0].clone();
        acknowledged.push((event.topic.clone(), event.seq, event));
    }
    let file = fs::read(bed.path()).unwrap();
    let wal = fs::read(bed.path().with_extension("db-wal")).unwrap();
    Running { file, wal, acknowledged }
}

impl Running {
    /// Opens what would be left if the write-ahead log were this.
    async fn left(&self, wal: &[u8]) -> (Sqlite, Store) {
        let bed = Sqlite::make();
        fs::write(bed.path(), &self.file).unwrap();
        fs::write(bed.path().with_extension("db-wal"), wal).unwrap();
        let store = bed.open().await;
        (bed, store)
    }
}

#[tokio::test]
async fn a_log_cut_anywhere_holds_a_prefix_of_what_was_acknowledged() {
    let running = running(24).await;
    let (wal, acknowledged) = (&running.wal, &running.acknowledged);
    let frame = PAGE_LEN + FRAME_HEADER_LEN;
    let frames = (wal.len() as u64 - WAL_HEADER_LEN) / frame;
    let mut lengths = BTreeSet::new();
    for end in (0..=frames).map(|frames| WAL_HEADER_LEN + frames * frame) {
        // Cut between two pages, inside the header of a page, and inside a page.
        for cut in [end, end + 7, end + frame / 2] {
            let cut = (cut as usize).min(wal.len());
            let (_bed, store) = running.left(&wal[..cut]).await;
            let found = whole_log(&store).await;
            assert_eq!(found, acknowledged[..found.len()], "cut at {cut} of {}", wal.len());
            lengths.insert(found.len());
            // It goes on from there, without a gap.
            let done = store.commit(message(1_000, &conv(0))).await.unwrap();
            let before = found.iter().filter(|(topic, ..)| *topic == conv(0)).count();
            assert_eq!(done.events[0].seq, before as u64 + 1);
        }
    }
    // Every commit is a place at which the log may end.
    assert!(lengths.into_iter().eq(0..=acknowledged.len()));
}

#[tokio::test]
async fn a_log_with_a_wrong_bit_holds_a_prefix_of_what_was_acknowledged() {
    let running = running(12).await;
    let (wal, acknowledged) = (&running.wal, &running.acknowledged);
    for at in (0..wal.len()).step_by(1_501) {
        let mut torn = wal.clone();
        torn[at] ^= 0x10;
        let (_bed, store) = running.left(&torn).await;
        let found = whole_log(&store).await;
        assert_eq!(found, acknowledged[..found.len()], "bit changed at {at}");
    }
}

#[tokio::test]
async fn a_damaged_file_is_refused_or_answers_an_error_but_never_wrong_data() {
    let bed = Sqlite::make();
    let store = bed.durable().await;
    let mut written = Vec::new();
    for number in 0..60 {
        let done = store.commit(message(number, &conv(number % TOPICS))).await.unwrap();
        written.push(done.events[0].clone());
    }
    store.close().await;
    let whole = fs::read(bed.path()).unwrap();
    let pages = whole.len() / PAGE_LEN as usize;
    let mut refused = 0;
    for page in 0..pages {
        let mut damaged = whole.clone();
        let start = page * PAGE_LEN as usize;
        damaged[start..start + PAGE_LEN as usize].fill(0xA5);
        fs::write(bed.path(), &damaged).unwrap();
        let store = match Store::open(&bed.path().into(), TABLES, Options::default()).await {
            Ok(store) => store,
            Err(OpenError::Corrupt { .. }) => {
                refused += 1;
                continue;
            }
            Err(other) => panic!("page {page}: {other}"),
        };
        for topic in (0..TOPICS).map(conv) {
            let look = Look::After(0);
            match store.events(topic, Window::all(), look, false, 100).await {
                Ok(events) => assert!(events.iter().all(|event| written.contains(event))),
                Err(error) => assert_eq!(error.code(), ErrorCode::Unavailable),
            }
        }
        store.close().await;
    }
    assert!(refused > 0, "the first page is the header");
}

#[tokio::test]
async fn a_commit_that_happened_although_it_failed_is_told_to_everybody() {
    let bed = Sqlite::make();
    let store = bed.durable().await;
    let seen = Seen::of(&store);
    for number in 1..=2 {
        store.commit(message(number, &conv(1))).await.unwrap();
    }
    // Only the row is there, as if its answer had been lost.
    let url = format!("sqlite://{}", bed.path().display());
    let mut behind = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let sql =
        "INSERT INTO event SELECT 3, topic, 3, 3, counts, k, x'00000000000000000000000000000009',
                   by_id, at, NULL, NULL, data FROM event WHERE pos = 2";
    sqlx::query(sql).execute(&mut behind).await.unwrap();
    code(store.commit(message(3, &conv(1))).await);
    let done = store.commit(message(4, &conv(1))).await;
    assert_eq!(seqs(&done), [4]);
    assert_eq!(seen.all(), log(&store).await);
}

#[tokio::test]
async fn a_full_disk_refuses_the_batch_and_space_lets_it_go_on_without_a_restart() {
    let bed = Sqlite::make();
    let store = bed.durable().await;
    store.commit(message(1, &conv(1)).run(VOTE, vote("a"))).await.unwrap();
    let large = |number| {
        let text = format!(r#"{{"text":"{}"}}"#, "x".repeat(60_000));
        tx().intent(number).run(VOTE, vote(&number.to_string())).counted(&conv(1), &text)
    };
    for round in 0..3 {
        // The database may not grow beyond what it is, until the connection is opened again.
        let full = tx().run("PRAGMA max_page_count = 1", vec![]);
        let queued = [full, message(10 + round, &conv(2)), large(20 + round)];
        let queued: Vec<_> = queued.into_iter().map(|tx| store.commit(tx)).collect();
        for refused in join_all(queued).await {
            assert_eq!(code(refused), ErrorCode::Unavailable);
        }
        // Nothing of it happened, in memory or on disk.
        let heads = store.heads(vec![conv(1), conv(2)]).await.unwrap();
        assert_eq!([heads[0].head, heads[1].head], [round + 1, 0]);
        assert_eq!(store.position().0, round + 1);
        store.ping().await.unwrap();
        let done = store.commit(message(30 + round, &conv(1))).await;
        assert_eq!(seqs(&done), [round + 2]);
    }
    let rows = store.query("SELECT id FROM poll_vote", vec![]).await.unwrap();
    assert_eq!(rows.len(), 1);
}
