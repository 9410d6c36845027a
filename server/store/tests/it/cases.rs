//! What every engine promises of commits. The tests run on one thread, where transactions that are
//! queued before the first answer is awaited form one batch.

use std::sync::{Arc, Mutex};

use carillon_plugin::{Committed, Head, Look, Result, Storage, Transaction, Value, Window};
use carillon_protocol::{ErrorCode, Topic};
use carillon_store::Store;
use futures_util::future::join_all;

use crate::bed::*;

/// Commits in one batch.
async fn together(
    store: &Store,
    txs: impl IntoIterator<Item = Transaction>,
) -> Vec<Result<Committed>> {
    let queued: Vec<_> = txs.into_iter().map(|tx| store.commit(tx)).collect();
    join_all(queued).await
}

async fn log(store: &Store, topic: &Topic) -> Vec<(u64, u64)> {
    let look = Look::After(0);
    let events = store.events(topic.clone(), Window::all(), look, false, 10_000).await.unwrap();
    events.iter().map(|event| (event.seq, event.n)).collect()
}

async fn head(store: &Store, topic: &Topic) -> Head {
    store.heads(vec![topic.clone()]).await.unwrap()[0]
}

async fn votes(store: &Store) -> Vec<Vec<Value>> {
    let rows = store.query("SELECT id, seq, n, pos FROM poll_vote ORDER BY id", vec![]).await;
    rows.unwrap().into_iter().map(|row| row.0).collect()
}

pub async fn positions_have_no_gaps_and_count_what_counts(bed: &impl Bed) {
    let store = bed.open().await;
    let here = conv(1);
    assert_eq!(head(&store, &here).await, Head::default());
    store.commit(message(1, &here)).await.unwrap();
    store.commit(tx().quiet(&here)).await.unwrap();
    store.commit(message(2, &conv(2))).await.unwrap();
    store.commit(message(3, &here)).await.unwrap();
    assert_eq!(log(&store, &here).await, [(1, 1), (2, 1), (3, 2)]);
    assert_eq!(head(&store, &here).await, Head { head: 3, n: 2, pos: 4 });
    assert_eq!(store.position().0, 4);
}

pub async fn a_transaction_gets_all_its_positions_together(bed: &impl Bed) {
    let store = bed.open().await;
    let three = tx().intent(1).counted(&conv(1), "{}").quiet(&conv(2)).counted(&conv(1), "{}");
    let done = store.commit(three).await;
    assert_eq!(seqs(&done), [1, 1, 2]);
    // The intent stands on the first event only.
    let cids: Vec<_> = done.unwrap().events.iter().map(|event| event.cid).collect();
    assert_eq!(cids, [Some(cid(1)), None, None]);
}

pub async fn what_counts_carries_its_position_as_rev(bed: &impl Bed) {
    let store = bed.open().await;
    let done = store.commit(message(7, &conv(1)).counted(&conv(1), "{}").quiet(&conv(1))).await;
    let data = |events: &[carillon_protocol::Event]| -> Vec<String> {
        events.iter().map(|event| event.data.as_str().to_owned()).collect()
    };
    let wanted = [r#"{"text":"7","rev":1}"#, r#"{"rev":2}"#, "[1]"];
    assert_eq!(data(&done.unwrap().events), wanted);
    let stored = store.events_at(conv(1), vec![1, 2, 3]).await.unwrap();
    assert_eq!(data(&stored), wanted);
    assert_eq!(code(store.commit(tx().counted(&conv(1), "[]")).await), ErrorCode::Unavailable);
}

pub async fn a_retry_answers_the_first_position(bed: &impl Bed) {
    let store = bed.open().await;
    let first = store.commit(message(1, &conv(1))).await.unwrap();
    let all = together(&store, (0..4).map(|number| message(number, &conv(1)))).await;
    assert_eq!(all.iter().map(|done| seqs(done)[0]).collect::<Vec<_>>(), [2, 1, 3, 4]);
    let again = all[1].as_ref().unwrap();
    assert_eq!((again.dup, &again.events), (true, &first.events));
    assert_eq!(log(&store, &conv(1)).await.len(), 4);
    let (found, hash) = store.find(user(0), cid(1)).await.unwrap().unwrap();
    assert_eq!((found, hash), (first.events[0].clone(), 1));
    assert_eq!(store.find(user(1), cid(1)).await.unwrap(), None);
}

pub async fn a_retry_in_the_same_batch_answers_the_first_position(bed: &impl Bed) {
    let store = bed.open().await;
    let other = message(1, &conv(1)).counted(&conv(1), "{}");
    let all = [message(1, &conv(1)), message(1, &conv(1)), Transaction { hash: 9, ..other }];
    let all = together(&store, all).await;
    assert!(!all[0].as_ref().unwrap().dup);
    let again = all[1].as_ref().unwrap();
    assert_eq!((again.dup, &again.events), (true, &all[0].as_ref().unwrap().events));
    assert_eq!(code(all[2].clone()), ErrorCode::IdempotencyConflict);
    assert_eq!(log(&store, &conv(1)).await, [(1, 1)]);
}

pub async fn an_intent_used_for_something_else_is_refused(bed: &impl Bed) {
    let store = bed.open().await;
    store.commit(message(1, &conv(1))).await.unwrap();
    let other = Transaction { hash: 2, ..message(1, &conv(1)) };
    let all = together(&store, [other, message(2, &conv(1))]).await;
    assert_eq!(code(all[0].clone()), ErrorCode::IdempotencyConflict);
    assert_eq!(seqs(&all[1]), [2]);
}

pub async fn the_same_intent_of_another_person_is_another_intent(bed: &impl Bed) {
    let store = bed.open().await;
    let all = [message(1, &conv(1)), message(1, &conv(1)).by(user(1))];
    let all = together(&store, all).await;
    assert_eq!([seqs(&all[0]), seqs(&all[1])], [[1], [2]]);
}

pub async fn a_message_waits_for_the_one_before_it(bed: &impl Bed) {
    let store = bed.open().await;
    let refused = store.commit(message(2, &conv(1)).after(1)).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::PrevMissing);
    assert_eq!(refused.body().retry_ms, Some(500));
    let late = [message(2, &conv(1)).after(1), message(1, &conv(1)), message(3, &conv(1)).after(1)];
    let all = together(&store, late).await;
    assert_eq!(code(all[0].clone()), ErrorCode::PrevMissing);
    assert_eq!([seqs(&all[1]), seqs(&all[2])], [[1], [2]]);
    // Also when it was committed before the store was opened; but only one's own counts.
    store.close().await;
    let store = bed.open().await;
    assert_eq!(seqs(&store.commit(message(4, &conv(1)).after(1)).await), [3]);
    let other = store.commit(message(5, &conv(1)).by(user(1)).after(1)).await;
    assert_eq!(code(other), ErrorCode::PrevMissing);
}

pub async fn a_message_may_follow_a_duplicate_of_the_one_before_it(bed: &impl Bed) {
    let store = bed.open().await;
    store.commit(message(1, &conv(1))).await.unwrap();
    store.close().await;
    let store = bed.open().await;
    let all = together(&store, [message(1, &conv(1)), message(2, &conv(1)).after(1)]).await;
    assert!(all[0].as_ref().unwrap().dup);
    assert_eq!(seqs(&all[1]), [2]);
}

pub async fn a_refused_transaction_leaves_the_others_of_its_batch_alone(bed: &impl Bed) {
    let store = bed.open().await;
    let lost = "UPDATE poll_vote SET seq = 1 WHERE id = $1";
    let all = [
        message(1, &conv(1)).run(VOTE, vote("a")),
        message(2, &conv(1)).run(VOTE, vote("b")).run_one(lost, vec!["nobody".into()]),
        message(3, &conv(1)).run(VOTE, vote("a")),
        message(4, &conv(1)).run(VOTE, vote("c")),
        message(5, &conv(1)),
    ];
    let all = together(&store, all).await;
    assert!(all[1].as_ref().unwrap_err().is_raced());
    assert_eq!(code(all[2].clone()), ErrorCode::Conflict);
    assert_eq!([seqs(&all[0]), seqs(&all[3]), seqs(&all[4])], [[1], [2], [3]]);
    assert_eq!(votes(&store).await, [vote("a"), vote("c")]);
    assert_eq!(log(&store, &conv(1)).await, [(1, 1), (2, 2), (3, 3)]);
}

pub async fn a_race_that_is_lost_undoes_the_whole_transaction(bed: &impl Bed) {
    let store = bed.open().await;
    let both = "UPDATE poll_vote SET seq = 1 WHERE id IN ('a', 'b')";
    let lost = message(1, &conv(1)).run(VOTE, vote("a")).run(VOTE, vote("b")).run_one(both, vec![]);
    let refused = store.commit(lost).await.unwrap_err();
    assert!(refused.is_raced());
    assert_eq!(refused.code(), ErrorCode::Conflict);
    assert_eq!(votes(&store).await, Vec::<Vec<Value>>::new());
    assert_eq!(head(&store, &conv(1)).await, Head::default());
}

pub async fn a_conflict_undoes_the_whole_transaction(bed: &impl Bed) {
    let store = bed.open().await;
    let twice = message(1, &conv(1)).run(VOTE, vote("a")).run(VOTE, vote("a"));
    let refused = store.commit(twice).await.unwrap_err();
    assert_eq!((refused.code(), refused.is_raced()), (ErrorCode::Conflict, false));
    assert_eq!(votes(&store).await, Vec::<Vec<Value>>::new());
    assert_eq!(store.position().0, 0);
}

pub async fn a_faulty_statement_is_the_fault_of_its_transaction_alone(bed: &impl Bed) {
    let store = bed.open().await;
    let all = [
        message(1, &conv(1)).run(VOTE, vote("a")),
        message(2, &conv(1)).run("INSERT INTO nowhere VALUES (1)", vec![]),
        message(3, &conv(1)),
    ];
    let all = together(&store, all).await;
    assert_eq!(code(all[1].clone()), ErrorCode::Unavailable);
    assert_eq!([seqs(&all[0]), seqs(&all[2])], [[1], [2]]);
    assert_eq!(votes(&store).await, [vote("a")]);
}

pub async fn statements_learn_the_positions_of_the_events(bed: &impl Bed) {
    let store = bed.open().await;
    store.commit(message(1, &conv(1))).await.unwrap();
    let late = vec!["a".into(), Value::Seq(1), Value::N(1), Value::Pos];
    let none = vec!["b".into(), Value::Null, Value::Null, Value::Pos];
    let all = [
        message(2, &conv(2)).quiet(&conv(1)).run(VOTE, late),
        tx().run(VOTE, none),
        tx().run(VOTE, vec!["c".into(), Value::Seq(0), Value::Null, Value::Null]),
    ];
    let all = together(&store, all).await;
    assert_eq!(seqs(&all[0]), [1, 2]);
    let int = |value: i64| Value::Int(value);
    let b = vec!["b".into(), Value::Null, Value::Null, int(3)];
    assert_eq!(votes(&store).await, [vec!["a".into(), int(2), int(1), int(3)], b]);
    assert_eq!(code(all[2].clone()), ErrorCode::Unavailable);
}

pub async fn a_statement_that_fails_after_the_events_undoes_them(bed: &impl Bed) {
    let store = bed.open().await;
    let late = |id: &str| vec![id.into(), Value::Seq(0), Value::Null, Value::Null];
    let all = [
        message(1, &conv(1)).by(user(1)).run(VOTE, vote("a")).run(VOTE, late("a")),
        message(2, &conv(1)).by(user(2)).run(VOTE, late("b")),
    ];
    let all = together(&store, all).await;
    assert_eq!(code(all[0].clone()), ErrorCode::Conflict);
    assert_eq!(seqs(&all[1]), [1]);
    assert_eq!(head(&store, &conv(1)).await, Head { head: 1, n: 1, pos: 1 });
    assert_eq!(store.find(user(1), cid(1)).await.unwrap(), None);
    // The first try left no intent behind either.
    assert_eq!(seqs(&store.commit(message(1, &conv(1)).by(user(1))).await), [2]);
    let events = store.events_at(conv(1), vec![1, 2]).await.unwrap();
    assert_eq!(events.iter().map(|event| event.by).collect::<Vec<_>>(), [user(2), user(1)]);
}

pub async fn a_list_of_rows_is_inserted_whole(bed: &impl Bed) {
    let store = bed.open().await;
    let rows = (0..500).map(|number| vote(&format!("{number:03}"))).collect();
    let insert = "INSERT INTO poll_vote (id, seq, n, pos) VALUES {rows} ON CONFLICT DO NOTHING";
    store.commit(tx().run(VOTE, vote("250")).run_rows(insert, rows)).await.unwrap();
    assert_eq!(votes(&store).await.len(), 500);
}

pub async fn a_transaction_may_only_run_statements(bed: &impl Bed) {
    let store = bed.open().await;
    let done = store.commit(tx().run(VOTE, vote("a"))).await.unwrap();
    assert_eq!(done, Committed { dup: false, events: vec![] });
    assert_eq!(store.commit(tx()).await.unwrap(), Committed { dup: false, events: vec![] });
    assert_eq!(votes(&store).await, [vote("a")]);
}

pub async fn too_many_topics_at_once_are_refused(bed: &impl Bed) {
    let store = bed.open().await;
    let to = |topics: u64| (0..topics).fold(tx(), |tx, topic| tx.quiet(&conv(topic)));
    assert_eq!(code(store.commit(to(257)).await), ErrorCode::TooLarge);
    assert_eq!(seqs(&store.commit(to(256)).await).len(), 256);
}

pub async fn every_writer_in_a_crowd_gets_its_own_position(bed: &impl Bed) {
    const WRITERS: u64 = 40;
    const EACH: u64 = 25;
    let store = bed.open().await;
    let writers = (0..WRITERS).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for number in 0..EACH {
                // Half of them write to one conversation, the others each to their own.
                let to = conv(if writer % 2 == 0 { 0 } else { writer });
                let tx = message(writer * EACH + number, &to).by(user(writer));
                store.commit(tx).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let all = |len: u64| (1..=len).map(|seq| (seq, seq)).collect::<Vec<_>>();
    assert_eq!(log(&store, &conv(0)).await, all(WRITERS / 2 * EACH));
    for writer in (1..WRITERS).step_by(2) {
        assert_eq!(log(&store, &conv(writer)).await, all(EACH));
    }
    assert_eq!(store.position().0, WRITERS * EACH);
}

pub async fn a_restart_keeps_everything(bed: &impl Bed) {
    let store = bed.open().await;
    let first = store.commit(message(1, &conv(1)).run(VOTE, vote("a"))).await.unwrap();
    let (position, epoch) = store.position();
    store.close().await;
    let store = bed.open().await;
    assert_eq!(store.position(), (position, epoch));
    assert_eq!(head(&store, &conv(1)).await, Head { head: 1, n: 1, pos: 1 });
    assert_eq!(votes(&store).await, [vote("a")]);
    let again = store.commit(message(1, &conv(1))).await.unwrap();
    assert_eq!((again.dup, again.events), (true, first.events));
    assert_eq!(seqs(&store.commit(message(2, &conv(1))).await), [2]);
}

pub async fn what_runs_after_a_commit_sees_it_before_the_answer(bed: &impl Bed) {
    let store = bed.open().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let seeing = seen.clone();
    store.on_commit(Arc::new(move |events| {
        let mut seen = seeing.lock().unwrap();
        seen.extend(events.iter().map(|event| (event.topic.clone(), event.seq)));
        // A mistake in there harms nobody.
        assert!(seen.len() < 4, "the third event is one too many");
    }));
    store.commit(message(1, &conv(1))).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [(conv(1), 1)]);
    together(&store, [message(2, &conv(2)), message(1, &conv(1)), message(3, &conv(1))]).await;
    assert_eq!(*seen.lock().unwrap(), [(conv(1), 1), (conv(2), 1), (conv(1), 2)]);
    assert_eq!(seqs(&store.commit(message(4, &conv(1))).await), [3]);
    assert_eq!(seqs(&store.commit(message(5, &conv(1))).await), [4]);
}

pub async fn a_full_queue_refuses_instead_of_growing(bed: &impl Bed) {
    let store = bed.open().await;
    let all = together(&store, (0..10_000).map(|number| message(number, &conv(1)))).await;
    let refused: Vec<_> = all.iter().filter_map(|done| done.as_ref().err()).collect();
    assert!(!refused.is_empty());
    assert!(refused.iter().all(|error| error.code() == ErrorCode::Busy));
    assert!(refused.iter().all(|error| error.body().retry_ms.is_some()));
    let done: Vec<_> = all.iter().filter(|done| done.is_ok()).flat_map(seqs).collect();
    assert_eq!(done, (1..=done.len() as u64).collect::<Vec<_>>());
}

pub async fn a_closed_store_has_committed_what_was_queued(bed: &impl Bed) {
    let store = bed.open().await;
    store.ping().await.unwrap();
    let queued = store.commit(message(1, &conv(1)));
    store.close().await;
    assert_eq!(seqs(&queued.await), [1]);
    assert_eq!(code(store.commit(message(2, &conv(1))).await), ErrorCode::Unavailable);
    assert!(store.ping().await.is_err());
    store.close().await;
    assert_eq!(log(&bed.open().await, &conv(1)).await, [(1, 1)]);
}
