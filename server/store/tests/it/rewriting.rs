//! What every engine promises of messages that say something else later.

use carillon_plugin::{Look, Rewrite, Storage, Tail, Transaction, Value, Window};
use carillon_protocol::{ErrorCode, Event, Json, Topic};
use carillon_store::Store;

use crate::bed::*;

/// An event that does not count, and says that a message says something else.
fn edit(number: u64, to: &Topic, seq: u64, data: &str) -> Transaction {
    rewriting(tx().intent(number).quiet(to), 0, seq, data)
}

fn rewriting(mut tx: Transaction, emit: usize, seq: u64, data: &str) -> Transaction {
    tx.rewrites.push(Rewrite { emit, seq, data: Json::trusted(data) });
    tx
}

async fn said(store: &Store, topic: &Topic) -> Vec<String> {
    let look = Look::After(0);
    let events = store.events(topic.clone(), Window::all(), look, false, 100).await.unwrap();
    events.iter().map(|event| event.data.as_str().to_owned()).collect()
}

pub async fn a_message_says_something_else_with_the_position_of_the_change(bed: &impl Bed) {
    let store = bed.open().await;
    let (here, there) = (conv(1), conv(2));
    for (number, topic) in [(1, &here), (2, &there), (3, &here)] {
        store.commit(message(number, topic)).await.unwrap();
    }
    let done = store.commit(edit(4, &here, 1, r#"{"text":"new"}"#)).await.unwrap();
    assert_eq!((done.events[0].seq, done.events[0].n), (3, 2), "a change is not worth a badge");
    let wanted = [r#"{"text":"new","rev":3}"#, r#"{"text":"3","rev":2}"#, "[1]"];
    assert_eq!(said(&store, &here).await, wanted);
    assert_eq!(said(&store, &there).await, [r#"{"text":"2","rev":1}"#]);
    let (first, _) = store.find(user(0), cid(1)).await.unwrap().unwrap();
    assert_eq!(first.data.as_str(), wanted[0], "who sends it again is told what it says now");
    store.close().await;
    assert_eq!(said(&bed.open().await, &here).await, wanted);
}

pub async fn changes_in_one_batch_are_made_in_their_order(bed: &impl Bed) {
    let store = bed.open().await;
    let here = conv(1);
    store.commit(message(1, &here)).await.unwrap();
    let edits = (2..5).map(|number| {
        let text = format!(r#"{{"text":"{number}"}}"#);
        store.commit(edit(number, &here, 1, &text))
    });
    for done in futures_util::future::join_all(edits).await {
        done.unwrap();
    }
    assert_eq!(said(&store, &here).await[0], r#"{"text":"4","rev":4}"#);
    let both = rewriting(edit(5, &here, 1, r#"{"text":"x"}"#).quiet(&here), 1, 1, r#"{"y":"$1"}"#);
    store.commit(both).await.unwrap();
    assert_eq!(said(&store, &here).await[0], r#"{"y":"$1","rev":6}"#);
}

pub async fn what_was_changed_outside_the_window_is_withheld(bed: &impl Bed) {
    let store = bed.open().await;
    let here = conv(1);
    for number in 1..4 {
        store.commit(message(number, &here)).await.unwrap();
    }
    store.commit(edit(4, &here, 1, r#"{"text":"new","reply_to":9}"#)).await.unwrap();
    store.commit(edit(5, &here, 2, r#"{"text":"new"}"#)).await.unwrap();
    let window = Window([(1, 2), (4, 4)].into_iter().collect());
    let withheld = r#"{"kind":"withheld","rev":2}"#;
    let wanted = [r#"{"text":"new","reply_to":9,"rev":4}"#, withheld, "[1]"];
    let text = |events: Vec<Event>| {
        events.iter().map(|event| event.data.as_str().to_owned()).collect::<Vec<_>>()
    };
    for look in [Look::After(0), Look::Before(9)] {
        let events = store.events(here.clone(), window.clone(), look, false, 100).await;
        assert_eq!(text(events.unwrap()), wanted);
    }
    let tail = || vec![Tail { topic: here.clone(), window: window.clone(), limit: 50 }];
    assert_eq!(text(store.tails(tail(), true).await.unwrap().remove(0)), wanted[..2]);
    assert_eq!(text(store.news(tail(), None).await.unwrap().remove(0)), wanted);
    let left = Window([(1, 1)].into_iter().collect());
    let events = store.events(here, left, Look::After(0), true, 100).await.unwrap();
    assert_eq!(text(events), [r#"{"kind":"withheld","reply_to":9,"rev":1}"#]);
}

pub async fn what_is_no_message_is_not_changed_and_undoes_the_transaction(bed: &impl Bed) {
    let store = bed.open().await;
    let here = conv(1);
    store.commit(message(1, &here)).await.unwrap();
    store.commit(tx().quiet(&here)).await.unwrap();
    let vote = vec![Value::Int(1), Value::Seq(0), Value::N(0), Value::Pos];
    for seq in [0, 2, 3, 9] {
        let change = edit(7, &here, seq, r#"{"text":"x"}"#).run(VOTE, vote.clone());
        let neighbours = [message(100 + seq, &conv(5)), change, message(200 + seq, &conv(5))];
        let queued = neighbours.map(|tx| store.commit(tx));
        let [before, changed, after] =
            futures_util::future::join_all(queued).await.try_into().unwrap();
        assert!(changed.unwrap_err().is_raced(), "{seq}: nobody has such a message to change");
        assert!(before.is_ok() && after.is_ok());
    }
    assert_eq!(said(&store, &here).await, [r#"{"text":"1","rev":1}"#, "[1]"]);
    assert!(store.query("SELECT id FROM poll_vote", vec![]).await.unwrap().is_empty());
    for faulty in [edit(8, &here, 1, "[]"), rewriting(edit(8, &here, 1, "{}"), 1, 1, "{}")] {
        assert_eq!(code(store.commit(faulty).await), ErrorCode::Unavailable);
    }
}
