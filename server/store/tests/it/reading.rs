//! What every engine promises of reads.

use carillon_plugin::{Head, Look, Storage, Tail, Value, Window};
use carillon_protocol::{Event, Topic};
use carillon_store::Store;
use futures_util::future::join_all;

use crate::bed::*;

/// A store whose first conversation has so many events; every third is quiet.
async fn with_events(bed: &impl Bed, count: u64) -> Store {
    let store = bed.open().await;
    let queued = (1..=count).map(|number| {
        store.commit(match number % 3 {
            0 => tx().intent(number).quiet(&conv(1)),
            _ => message(number, &conv(1)),
        })
    });
    for done in join_all(queued.collect::<Vec<_>>()).await {
        done.unwrap();
    }
    store
}

fn window(spans: &[(u64, u64)]) -> Window {
    Window(spans.iter().copied().collect())
}

fn numbers(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.seq).collect()
}

async fn page(store: &Store, window: &Window, look: Look, counted: bool, limit: u32) -> Vec<u64> {
    let events = store.events(conv(1), window.clone(), look, counted, limit).await;
    numbers(&events.unwrap())
}

pub async fn a_page_lies_inside_the_window(bed: &impl Bed) {
    let store = with_events(bed, 20).await;
    let all = Window::all();
    assert_eq!(page(&store, &all, Look::After(17), false, 10).await, [18, 19, 20]);
    assert_eq!(page(&store, &all, Look::After(0), false, 3).await, [1, 2, 3]);
    assert_eq!(page(&store, &all, Look::Before(u64::MAX), false, 2).await, [19, 20]);
    assert_eq!(page(&store, &all, Look::Before(3), false, 10).await, [1, 2]);
    assert_eq!(page(&store, &all, Look::After(u64::MAX), false, 10).await, [0; 0]);
    assert_eq!(page(&store, &all, Look::Before(0), false, 10).await, [0; 0]);
    assert_eq!(page(&store, &all, Look::After(0), false, 0).await, [0; 0]);
    let middle = window(&[(5, 8)]);
    assert_eq!(page(&store, &middle, Look::After(0), false, 10).await, [5, 6, 7, 8]);
    assert_eq!(page(&store, &middle, Look::Before(7), false, 10).await, [5, 6]);
    assert_eq!(page(&store, &window(&[]), Look::After(0), false, 10).await, [0; 0]);
    let nowhere = store.events(conv(9), all, Look::After(0), false, 10).await;
    assert_eq!(nowhere.unwrap(), []);
}

pub async fn pages_walk_through_many_spans_in_both_directions(bed: &impl Bed) {
    let store = with_events(bed, 300).await;
    // More spans than one statement tries: (1,2), (6,7), (11,12) …
    let spans: Vec<_> = (0..60).map(|span| (5 * span + 1, 5 * span + 2)).collect();
    let window = window(&spans);
    let visible: Vec<_> = (1..=300).filter(|&seq| window.sees(seq)).collect();
    let (mut forward, mut after) = (Vec::new(), 0);
    while let [.., last] = page(&store, &window, Look::After(after), false, 7).await[..] {
        forward.extend(page(&store, &window, Look::After(after), false, 7).await);
        after = last;
    }
    assert_eq!(forward, visible);
    let (mut backward, mut before) = (Vec::new(), u64::MAX);
    while let [first, ..] = page(&store, &window, Look::Before(before), false, 7).await[..] {
        let page = page(&store, &window, Look::Before(before), false, 7).await;
        backward.splice(0..0, page);
        before = first;
    }
    assert_eq!(backward, visible);
    assert_eq!(page(&store, &window, Look::After(0), false, 1_000).await, visible);
}

pub async fn a_page_of_what_counts_passes_over_the_rest(bed: &impl Bed) {
    let store = with_events(bed, 20).await;
    let all = Window::all();
    assert_eq!(page(&store, &all, Look::After(1), true, 3).await, [2, 4, 5]);
    assert_eq!(page(&store, &all, Look::Before(20), true, 3).await, [16, 17, 19]);
    let spans = window(&[(3, 4), (6, 6), (9, 11)]);
    assert_eq!(page(&store, &spans, Look::After(0), true, 10).await, [4, 10, 11]);
}

pub async fn events_are_found_by_position(bed: &impl Bed) {
    let store = with_events(bed, 5).await;
    let found = store.events_at(conv(1), vec![5, 2, 2, 99, 0, u64::MAX]).await.unwrap();
    assert_eq!(numbers(&found), [2, 5]);
    assert_eq!(found[0].data.as_str(), r#"{"text":"2","rev":2}"#);
    assert_eq!(store.events_at(conv(9), vec![1]).await.unwrap(), []);
}

pub async fn tails_are_read_for_many_topics_at_once(bed: &impl Bed) {
    const TOPICS: u64 = 2_000;
    let store = bed.open().await;
    for round in 0..3 {
        let queued = (0..TOPICS).map(|topic| {
            let quiet = tx().intent(round * TOPICS + topic + 1).quiet(&conv(topic));
            store.commit(if round == 2 { quiet } else { message(quiet.hash as u64, &conv(topic)) })
        });
        join_all(queued.collect::<Vec<_>>()).await.into_iter().for_each(|done| drop(done.unwrap()));
    }
    let tail = |topic, limit| Tail { topic: conv(topic), window: Window::all(), limit };
    // One nobody wrote to is among them, and one is asked for twice.
    let topics = || (0..=TOPICS).rev().chain([7]);
    let limits = |topic| if topic < 10 { 2 } else { 1 };
    let tails = |_| topics().map(|topic| tail(topic, limits(topic))).collect::<Vec<_>>();
    for (counted, pair, one) in [(false, [2, 3].as_slice(), [3].as_slice()), (true, &[1, 2], &[2])]
    {
        let found = store.tails(tails(()), counted).await.unwrap();
        for (topic, events) in topics().zip(&found) {
            let wanted =
                if topic == TOPICS { &[] } else { [one, pair][limits(topic) as usize - 1] };
            assert_eq!(numbers(events), wanted, "of {topic}");
            assert!(events.iter().all(|event| event.topic == conv(topic)));
        }
        assert_eq!(found.len() as u64, TOPICS + 2);
    }
}

pub async fn tails_respect_windows_and_limits(bed: &impl Bed) {
    let store = with_events(bed, 20).await;
    let tail = |spans: &[(u64, u64)], limit| Tail { topic: conv(1), window: window(spans), limit };
    let tails = vec![
        tail(&[(1, 3), (8, 9)], 3),
        tail(&[(1, 3), (8, 9)], 1),
        tail(&[(19, u64::MAX)], 5),
        tail(&[], 5),
        tail(&[(1, 20)], 0),
    ];
    let found = store.tails(tails, false).await.unwrap();
    let found: Vec<_> = found.iter().map(|events| numbers(events)).collect();
    assert_eq!(found, [vec![3, 8, 9], vec![9], vec![19, 20], vec![], vec![]]);
    assert_eq!(store.tails(vec![], true).await.unwrap(), Vec::<Vec<Event>>::new());
}

pub async fn heads_are_answered_in_the_order_asked(bed: &impl Bed) {
    let store = with_events(bed, 4).await;
    store.commit(message(9, &conv(2))).await.unwrap();
    store.close().await;
    // Once from the disk and once from memory, with one that is asked for twice.
    let store = bed.open().await;
    let topics: Vec<Topic> = [2, 3, 1, 2].into_iter().map(conv).collect();
    let (one, two) = (Head { head: 4, n: 3, pos: 4 }, Head { head: 1, n: 1, pos: 5 });
    for _ in 0..2 {
        let heads = store.heads(topics.clone()).await.unwrap();
        assert_eq!(heads, [two, Head::default(), one, two]);
    }
}

pub async fn heads_follow_commits_that_happen_while_they_are_read(bed: &impl Bed) {
    let store = bed.open().await;
    for number in 0..200 {
        // The topic is new to memory; its head is asked for while its first event is committed.
        let topics = vec![conv(number)];
        let (_, done) =
            tokio::join!(store.heads(topics.clone()), store.commit(message(number, &conv(number))));
        done.unwrap();
        assert_eq!(store.heads(topics).await.unwrap()[0].head, 1);
    }
}

pub async fn values_come_back_as_they_went_in(bed: &impl Bed) {
    let store = bed.open().await;
    let text = "港灣零售 it's \"quoted\"";
    let row = vec![text.into(), Value::Int(i64::MIN), Value::Null, Value::Int(1 << 60)];
    store.commit(tx().run(VOTE, row.clone())).await.unwrap();
    let sql = "SELECT id, seq, n, pos FROM poll_vote WHERE id = $1 AND pos = $2";
    let found = store.query(sql, vec![text.into(), Value::Int(1 << 60)]).await.unwrap();
    assert_eq!(found.into_iter().map(|row| row.0).collect::<Vec<_>>(), [row]);
    let real = store.query("SELECT CAST($1 AS DOUBLE PRECISION)", vec![Value::Real(0.1)]).await;
    assert_eq!(real.unwrap()[0].0, [Value::Real(0.1)]);
    // Reading never writes.
    assert!(store.query("DELETE FROM poll_vote", vec![]).await.is_err());
    assert!(store.query("SELECT $1", vec![Value::Pos]).await.is_err());
}

pub async fn a_text_with_the_character_that_ends_texts_in_c_is_refused_everywhere(bed: &impl Bed) {
    let store = bed.open().await;
    let all = [tx().run(VOTE, vote("a\0b")), tx().run(VOTE, vote("c"))];
    let [refused, done] = all.map(|tx| store.commit(tx));
    assert_eq!(code(refused.await), carillon_protocol::ErrorCode::BadArg);
    done.await.unwrap();
    let sql = "SELECT id FROM poll_vote WHERE id <> $1";
    assert!(store.query(sql, vec!["\0".into()]).await.is_err());
    assert_eq!(store.query(sql, vec!["".into()]).await.unwrap().len(), 1);
}
