//! What several nodes that share one database owe each other. Two stores in one process are two
//! nodes: they share nothing but the server.

use std::sync::{Arc, Mutex, OnceLock};

use carillon_plugin::{Storage, Value};
use carillon_protocol::{ErrorCode, Event, Topic};
use carillon_store::{Run, Store};
use futures_util::future::join_all;

use crate::bed::*;

/// What a node was told of, in order.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<Vec<(Topic, u64)>>>);

impl Seen {
    pub fn of(store: &Store) -> Seen {
        let seen = Seen::default();
        let all = Arc::clone(&seen.0);
        store.on_commit(Arc::new(move |events| {
            all.lock().unwrap().extend(events.into_iter().map(|event| (event.topic, event.seq)));
        }));
        seen
    }

    pub fn all(&self) -> Vec<(Topic, u64)> {
        self.0.lock().unwrap().clone()
    }

    fn has(&self, event: &Event) -> bool {
        self.0.lock().unwrap().contains(&(event.topic.clone(), event.seq))
    }
}

/// The log in the order of commits. Its positions have no gaps.
pub async fn log(store: &Store) -> Vec<(Topic, u64)> {
    let sql =
        "SELECT e.pos, t.name, e.seq FROM event e JOIN topic t ON t.id = e.topic ORDER BY e.pos";
    let rows = store.query(sql, vec![]).await.unwrap();
    let positions: Vec<u64> = rows.iter().map(|row| row.get(0).unwrap()).collect();
    assert_eq!(positions, (1..=rows.len() as u64).collect::<Vec<_>>());
    rows.iter().map(|row| (row.get(1).unwrap(), row.get(2).unwrap())).collect()
}

/// Waits until a node has seen all of the log; it has seen it in order then, and each event once.
pub async fn has_seen_all(store: &Store, seen: &Seen) {
    let log = log(store).await;
    let arrives = async {
        while seen.all().len() < log.len() {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    let patience = std::time::Duration::from_secs(30);
    let arrived = tokio::time::timeout(patience, arrives).await;
    let (found, tail) = (seen.all(), store.tail());
    assert!(arrived.is_ok(), "{} of {} after half a minute: {tail:?}", found.len(), log.len());
    assert_eq!(found, log);
}

/// Brings one node's commits to the other, as a bus does that works.
pub fn bring(from: &Store, to: &Store) {
    let to = to.clone();
    from.on_own_commit(Arc::new(move |run| to.hint(run.clone())));
}

/// Two nodes on a database; they start at the same time.
async fn two(bed: &Postgres) -> [(Store, Seen); 2] {
    let (a, b) = tokio::join!(bed.open(), bed.open());
    [a, b].map(|store| (store.clone(), Seen::of(&store)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_on_two_nodes_makes_one_log_that_both_see_in_one_order() {
    const WRITERS: u64 = 12;
    const EACH: u64 = 25;
    let bed = Postgres::make();
    let [(a, seen_a), (b, seen_b)] = two(&bed).await;
    bring(&a, &b);
    bring(&b, &a);
    let shared = "INSERT INTO poll_vote (id, n) VALUES ('shared', 0)";
    a.commit(tx().run(shared, vec![])).await.unwrap();
    let writers = (0..WRITERS).map(|writer| {
        let (store, seen) = if writer % 2 == 0 { (&a, &seen_a) } else { (&b, &seen_b) };
        let (store, seen) = (store.clone(), seen.clone());
        tokio::spawn(async move {
            for number in 0..EACH {
                let intent = writer * EACH + number;
                let tx = message(intent, &conv(intent % 3)).by(user(writer));
                // Every third has SQL of its own, all of it on the same row.
                let tx = match intent % 3 {
                    0 => tx.run_one("UPDATE poll_vote SET n = n + 1 WHERE id = 'shared'", vec![]),
                    _ => tx,
                };
                let done = store.commit(tx).await.unwrap();
                // The node has seen it before it is answered.
                assert!(seen.has(&done.events[0]));
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let counted = a.query("SELECT n FROM poll_vote WHERE id = 'shared'", vec![]).await.unwrap();
    assert_eq!(counted[0].0, [Value::Int((WRITERS * EACH / 3) as i64)]);
    assert_eq!(log(&a).await.len() as u64, WRITERS * EACH);
    has_seen_all(&a, &seen_a).await;
    has_seen_all(&b, &seen_b).await;
    assert_eq!(a.position(), b.position());
    assert_eq!(a.tail().late_answers + b.tail().late_answers, 0);
}

#[tokio::test]
async fn an_intent_is_one_whichever_node_it_is_sent_to() {
    let bed = Postgres::make();
    let [(a, _), (b, seen)] = two(&bed).await;
    let first = a.commit(message(1, &conv(1))).await.unwrap();
    // The other node has not been told: it finds out, and has seen it before it answers.
    let again = b.commit(message(1, &conv(1))).await.unwrap();
    assert_eq!((again.dup, &again.events), (true, &first.events));
    assert_eq!(seen.all(), [(conv(1), 1)]);
    let next = b.commit(message(2, &conv(1)).after(1)).await;
    assert_eq!(seqs(&next), [2]);
    let all = [message(3, &conv(1)), message(2, &conv(1)), message(4, &conv(2)).after(2)];
    let all = join_all(all.map(|tx| a.commit(tx))).await;
    assert_eq!(all.iter().map(|done| seqs(done)[0]).collect::<Vec<_>>(), [3, 2, 1]);
    assert!(all[1].as_ref().unwrap().dup);
    let unknown = a.commit(message(9, &conv(1)).after(8)).await;
    assert_eq!(code(unknown), ErrorCode::PrevMissing);
}

#[tokio::test]
async fn who_loses_a_race_to_another_node_has_seen_why_before_it_is_told() {
    let bed = Postgres::make();
    let [(a, _), (b, seen)] = two(&bed).await;
    a.commit(tx().run(VOTE, vote("a"))).await.unwrap();
    let change = "UPDATE poll_vote SET seq = 1 WHERE id = 'a' AND seq IS NULL";
    a.commit(message(1, &conv(1)).run_one(change, vec![])).await.unwrap();
    let lost = b.commit(message(2, &conv(1)).run_one(change, vec![])).await.unwrap_err();
    assert!(lost.is_raced());
    assert_eq!(seen.all(), [(conv(1), 1)]);
}

#[tokio::test]
async fn heads_are_those_of_all_nodes() {
    let bed = Postgres::make();
    let [(a, _), (b, _)] = two(&bed).await;
    for number in 0..20 {
        let (store, other) = if number % 2 == 0 { (&a, &b) } else { (&b, &a) };
        store.commit(message(number, &conv(1))).await.unwrap();
        assert_eq!(store.heads(vec![conv(1)]).await.unwrap()[0].head, number + 1);
        let heads = other.heads(vec![conv(2)]).await.unwrap();
        assert_eq!(heads[0].head, 0);
    }
}

#[tokio::test]
async fn a_node_that_nobody_tells_anything_looks_for_itself() {
    let bed = Postgres::make();
    let [(a, seen_a), (b, seen_b)] = two(&bed).await;
    for number in 0..3_000 {
        drop(a.commit(message(number, &conv(number % 7))));
    }
    a.commit(message(9_999, &conv(1))).await.unwrap();
    // It is told that it may have missed something: that is no lost hint.
    b.look();
    has_seen_all(&b, &seen_b).await;
    assert_eq!(b.tail().lost_hints, 0);
    a.commit(message(10_000, &conv(1))).await.unwrap();
    has_seen_all(&b, &seen_b).await;
    has_seen_all(&a, &seen_a).await;
    assert_eq!((a.tail().lost_hints, b.tail().lost_hints), (0, 1));
    assert_eq!(b.tail().applied, a.position().0);
}

#[tokio::test]
async fn what_no_node_committed_is_told_to_nobody() {
    let bed = Postgres::make();
    let [(a, _), (b, seen)] = two(&bed).await;
    let done = a.commit(message(1, &conv(1))).await.unwrap();
    // A mistaken node speaks of positions that are not there.
    for (first, events) in [(1_000, &done.events), (u64::MAX, &done.events), (0, &done.events)] {
        b.hint(Run { first, after: None, events: events.clone() });
    }
    b.hint(Run { first: 7, ..Run::default() });
    a.commit(message(2, &conv(1))).await.unwrap();
    has_seen_all(&b, &seen).await;
    let done = b.commit(message(3, &conv(1))).await;
    assert_eq!(seqs(&done), [3]);
    has_seen_all(&b, &seen).await;
}

#[tokio::test]
async fn a_false_position_far_ahead_hides_nothing_from_who_waits_for_an_answer() {
    let bed = Postgres::make();
    let [(a, _), (b, seen)] = two(&bed).await;
    for round in 0..10 {
        // Another node commits, and nobody tells this one, but of what is not there.
        let done = a.commit(message(3 * round, &conv(1))).await.unwrap();
        let false_at = |first, events| Run { first, after: None, events };
        b.hint(false_at(5_000 + round, done.events.clone()));
        // This answer was committed already, by the other node: all that is known here is false.
        assert!(b.commit(message(3 * round, &conv(1))).await.unwrap().dup);
        assert_eq!(seen.all(), log(&a).await);
        a.commit(message(3 * round + 1, &conv(1))).await.unwrap();
        b.hint(false_at(9_000 + round, done.events));
        b.commit(message(3 * round + 2, &conv(2))).await.unwrap();
        assert_eq!(seen.all(), log(&a).await);
    }
    assert_eq!((b.tail().late_answers, b.tail().last_error), (0, None));
}

/// A bus at its worst: hints get lost, come twice, and late.
#[derive(Default)]
struct Chaos {
    late: Vec<Run>,
    state: u64,
}

impl Chaos {
    fn roll(&mut self, sides: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
        (self.state >> 33) % sides
    }

    /// What arrives now.
    fn pass(&mut self, run: &Run) -> Vec<Run> {
        if self.roll(4) > 0 {
            self.late.push(run.clone());
        }
        let mut arrived = Vec::new();
        while !self.late.is_empty() && self.roll(3) > 0 {
            let index = self.roll(self.late.len() as u64) as usize;
            let kept = self.roll(5) == 0;
            arrived.push(if kept { self.late[index].clone() } else { self.late.remove(index) });
        }
        arrived
    }
}

fn bring_badly(from: &Store, to: &Store, seed: u64) {
    let (chaos, to) = (Mutex::new(Chaos { state: seed, ..Chaos::default() }), to.clone());
    from.on_own_commit(Arc::new(move |run| {
        let arrived = chaos.lock().unwrap().pass(run);
        arrived.into_iter().for_each(|run| to.hint(run));
    }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hints_that_are_lost_doubled_or_out_of_order_change_nothing() {
    for seed in 1..=6 {
        let bed = Postgres::make();
        let [(a, seen_a), (b, seen_b)] = two(&bed).await;
        bring_badly(&a, &b, seed);
        bring_badly(&b, &a, seed * 31);
        let writers = (0..8_u64).map(|writer| {
            let store = if writer % 2 == 0 { a.clone() } else { b.clone() };
            tokio::spawn(async move {
                for number in 0..25 {
                    let intent = writer * 25 + number;
                    let tx = message(intent, &conv(intent % 3)).quiet(&conv(5));
                    store.commit(tx).await.unwrap();
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        has_seen_all(&a, &seen_a).await;
        has_seen_all(&b, &seen_b).await;
        assert_eq!(log(&a).await.len(), 400, "seed {seed}");
    }
}

#[tokio::test]
async fn own_commits_are_published_with_their_positions_before_they_are_answered() {
    let bed = Postgres::make();
    let [(a, _), (b, _)] = two(&bed).await;
    let published: Arc<OnceLock<Run>> = Arc::default();
    let publishing = Arc::clone(&published);
    b.on_own_commit(Arc::new(move |run| publishing.set(run.clone()).expect("it is one batch")));
    let before = a.commit(message(1, &conv(1)).quiet(&conv(1))).await.unwrap();
    let done = b.commit(message(2, &conv(1)).quiet(&conv(1))).await.unwrap();
    let after = Some(before.events[1].id);
    assert_eq!(published.get(), Some(&Run { first: 3, after, events: done.events }));
    // What was there already is published by nobody.
    assert!(b.commit(message(1, &conv(1))).await.unwrap().dup);
}

#[tokio::test]
async fn nodes_are_told_the_time_by_the_clock_of_the_database_that_they_share() {
    let file = Sqlite::make();
    assert_eq!(file.open().await.clock().await.unwrap(), None, "this machine's own counts");
    let bed = Postgres::make();
    let (one, other) = (bed.open().await, bed.open().await);
    let ask = async |store: &Store| store.clock().await.unwrap().unwrap();
    let times = [
        ask(&one).await,
        ask(&other).await,
        Store::check(&bed.0, TABLES).await.unwrap().unwrap(),
        ask(&one).await,
    ];
    assert!(times.is_sorted(), "{times:?}");
    let hour = 3_600_000;
    assert!(times[3] - times[0] < hour && times[0] / hour > 400_000, "these are milliseconds");
}
