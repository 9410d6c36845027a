//! When those who watch are told, and how many may watch.

use std::{
    mem,
    sync::{Arc, Mutex},
    time::Duration,
};

use carillon_plugin::Result;
use carillon_protocol::{
    ConvId, ErrorCode, UserId, id::Ulid, limits::WATCH_LASTS_MS as LASTS_MS, receipt::Counted,
};

use super::{
    receipt::{Authors, Counts},
    watch::{MAX, PER_CONV_MAX, PER_PERSON_MAX, PER_WATCH_MAX, Watches, run},
};

fn conv(id: usize) -> ConvId {
    ConvId(Ulid(id as u128))
}

fn user(id: usize) -> UserId {
    UserId(Ulid(id as u128))
}

/// A message that somebody else wrote.
fn authors() -> Authors {
    [(2, user(0))].into()
}

fn counts(read: u64) -> Counts {
    [(2, (read, 9))].into()
}

/// These many messages, from one on.
fn many(from: u64, count: usize) -> Authors {
    (from..).take(count).map(|seq| (seq, user(0))).collect()
}

/// A person watches a message of a conversation, from this time on.
fn set(watches: &Watches, (in_conv, person): (usize, usize), now: i64) -> Result<bool> {
    watches.add((conv(in_conv), user(person)), &authors(), now)
}

/// Who is told what, if so many have read.
fn told(watches: &Watches, in_conv: usize, read: u64) -> Vec<(UserId, Counted)> {
    watches.news(conv(in_conv), &counts(read), |_| true)
}

fn counted(read: u64) -> Counted {
    Counted { counts: vec![(2, read, 9)] }
}

/// A task that writes down of which conversations it would tell.
fn recorded(watches: &Arc<Watches>) -> (tokio::task::JoinHandle<()>, Arc<Mutex<Vec<ConvId>>>) {
    let record = Arc::new(Mutex::new(Vec::new()));
    let (watches, written) = (watches.clone(), record.clone());
    let task = tokio::spawn(async move {
        run(&watches, |conv| {
            written.lock().unwrap().push(conv);
            std::future::ready(())
        })
        .await;
    });
    (task, record)
}

#[tokio::test(start_paused = true)]
async fn what_changes_is_told_at_once_and_then_once_a_second() {
    let watches = Arc::new(Watches::default());
    assert!(set(&watches, (1, 7), 0).unwrap());
    assert!(!set(&watches, (2, 7), 0).unwrap(), "one task for all");
    let (_task, record) = recorded(&watches);
    let told = || mem::take(&mut *record.lock().unwrap());
    let after = async |ms| tokio::time::sleep(Duration::from_millis(ms)).await;

    after(5_000).await;
    assert_eq!(told(), [], "nothing changed");
    watches.touched(conv(1), 0);
    after(1).await;
    assert_eq!(told(), [conv(1)]);
    for _ in 0..50 {
        watches.touched(conv(2), 0);
        watches.touched(conv(1), 0);
        watches.touched(conv(3), 0);
    }
    after(900).await;
    assert_eq!(told(), []);
    after(100).await;
    assert_eq!(told(), [conv(1), conv(2)], "nobody watches the third");
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_when_nobody_has_watched_for_as_long_as_a_call_is_good_for() {
    let watches = Arc::new(Watches::default());
    let lasts = Duration::from_millis(LASTS_MS.unsigned_abs());
    assert!(set(&watches, (1, 7), 0).unwrap());
    let (task, _) = recorded(&watches);
    tokio::time::sleep(lasts - Duration::from_millis(1)).await;
    assert!(!set(&watches, (1, 7), LASTS_MS - 1).unwrap());
    tokio::time::sleep(lasts - Duration::from_millis(1)).await;
    assert!(!task.is_finished());
    tokio::time::timeout(Duration::from_secs(2), task).await.unwrap().unwrap();
    assert!(told(&watches, 1, 1).is_empty(), "nothing is left of it");
    assert!(set(&watches, (1, 7), 3 * LASTS_MS).unwrap(), "the next one begins it again");
}

#[test]
fn only_what_changed_is_told_and_only_once() {
    let watches = Watches::default();
    set(&watches, (1, 7), 0).unwrap();
    let key = (conv(1), user(7));
    assert_eq!(watches.answered(key, counts(3)), counts(3));
    assert_eq!(told(&watches, 1, 3), []);
    assert_eq!(told(&watches, 1, 4), [(user(7), counted(4))]);
    assert_eq!(told(&watches, 1, 4), []);
    let nobody = watches.news(conv(1), &counts(5), |_| false);
    assert!(nobody.is_empty() && told(&watches, 1, 6).is_empty(), "not a member any more");
}

#[test]
fn an_answer_is_never_older_than_what_was_told_while_it_was_made() {
    let watches = Watches::default();
    set(&watches, (1, 7), 0).unwrap();
    assert_eq!(told(&watches, 1, 5), [(user(7), counted(5))]);
    assert_eq!(watches.answered((conv(1), user(7)), counts(4)), counts(5));
}

#[test]
fn there_is_a_bound_for_each_conversation_until_calls_run_out() {
    let watches = Watches::default();
    for person in 0..PER_CONV_MAX {
        set(&watches, (1, person), 0).unwrap();
    }
    let refused = set(&watches, (1, PER_CONV_MAX), LASTS_MS - 1).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Busy);
    set(&watches, (1, 0), LASTS_MS - 1).unwrap();
    set(&watches, (2, PER_CONV_MAX), LASTS_MS - 1).unwrap();
    set(&watches, (1, PER_CONV_MAX), LASTS_MS).unwrap();
}

#[test]
fn calls_add_up_and_each_message_is_watched_as_long_as_its_last_call_is_good_for() {
    let (watches, key) = (Watches::default(), (conv(1), user(7)));
    let seen = || watches.authors(conv(1)).into_keys().collect::<Vec<_>>();
    watches.add(key, &many(1, 3), 0).unwrap();
    watches.add(key, &many(3, 2), 1_000).unwrap();
    assert_eq!(seen(), [1, 2, 3, 4]);
    watches.add(key, &Authors::new(), 2_000).unwrap();
    watches.touched(conv(1), LASTS_MS);
    assert_eq!(seen(), [3, 4], "the others have run out");
    assert_eq!(watches.news(conv(1), &counts(1), |_| true), []);
    watches.stop(key);
    assert!(seen().is_empty());
}

#[test]
fn of_more_messages_than_one_person_may_watch_those_go_that_run_out_first() {
    let (watches, key) = (Watches::default(), (conv(1), user(7)));
    for (now, seq) in [(0, 101), (1, 201), (2, 301), (3, 401), (4, 101), (5, 501)] {
        watches.add(key, &many(seq, 100), now).unwrap();
    }
    let seen: Vec<_> = watches.authors(conv(1)).into_keys().collect();
    let expected: Vec<_> = (101..=200).chain(301..=600).collect();
    assert_eq!((seen.len(), seen), (PER_WATCH_MAX, expected));
}

#[test]
fn there_is_a_bound_in_all() {
    let watches = Watches::default();
    let watchers = MAX / PER_WATCH_MAX;
    for person in 0..watchers {
        let key = (conv(person / 100), user(person));
        watches.add(key, &many(1, PER_WATCH_MAX), 0).unwrap();
    }
    let refused = set(&watches, (watchers, watchers), 0).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Busy);
    set(&watches, (0, 3), 0).expect("who watches it already goes on");
    watches.stop((conv(0), user(3)));
    set(&watches, (watchers, watchers), 0).unwrap();
}

#[test]
fn of_more_conversations_than_one_person_may_watch_the_oldest_goes() {
    let watches = Watches::default();
    for index in 0..PER_PERSON_MAX {
        set(&watches, (index, 7), 0).unwrap();
    }
    set(&watches, (0, 7), 1).unwrap();
    set(&watches, (PER_PERSON_MAX, 7), 2).unwrap();
    let watched: Vec<_> =
        (0..=PER_PERSON_MAX).filter(|&index| !told(&watches, index, 1).is_empty()).collect();
    let expected: Vec<_> = (0..=PER_PERSON_MAX).filter(|&index| index != 1).collect();
    assert_eq!(watched, expected);
}
