//! Who sees what of the time before and after them.

use carillon_plugin::Window;
use carillon_protocol::{
    log,
    msg::{List, Listed},
    receipt::Counted,
};

use crate::*;

async fn everything(world: &World, caller: Caller, conv: ConvId) -> log::Page {
    let args = log::Read { topic: topic(conv), after: None, before: None, limit: Some(200) };
    world.call(caller, args).await.unwrap()
}

async fn seqs(world: &World, caller: Caller, conv: ConvId) -> Vec<u64> {
    everything(world, caller, conv).await.events.iter().map(|event| event.seq).collect()
}

async fn screen(world: &World, caller: Caller, conv: ConvId) -> Listed {
    let args = List { conv, before: None, after: None, around: None, limit: None };
    world.call(caller, args).await.unwrap()
}

/// `bob` is in at 1..=4 and from 7 on; `amy` writes 2, 3, 5, 6 and 8.
async fn leave_and_return(world: &World, history: History) -> ConvId {
    let conv = world.group(&[world.bob], history).await;
    world.says(world.amy, conv, "2").await;
    world.says(world.amy, conv, "3").await;
    assert_eq!(world.removes(world.bob, conv, &[world.bob]).await.unwrap(), 4);
    world.says(world.amy, conv, "5").await;
    world.says(world.amy, conv, "6").await;
    assert_eq!(world.adds(world.amy, conv, &[world.bob]).await.unwrap(), 7);
    world.says(world.amy, conv, "8").await;
    conv
}

#[tokio::test]
async fn with_joined_history_one_sees_only_the_time_one_was_in() {
    let world = World::new().await;
    let conv = leave_and_return(&world, History::Joined).await;
    assert_eq!(seqs(&world, world.bob, conv).await, [1, 2, 3, 4, 7, 8]);
    world.adds(world.amy, conv, &[world.carol]).await.unwrap();
    assert_eq!(seqs(&world, world.carol, conv).await, [9]);
    assert_eq!(everything(&world, world.carol, conv).await.floor, 9);

    let before = log::Read { topic: topic(conv), after: None, before: Some(8), limit: Some(2) };
    let page = world.call(world.bob, before).await.unwrap();
    let seqs: Vec<_> = page.events.iter().map(|event| event.seq).collect();
    assert_eq!((seqs, page.more, page.head), (vec![4, 7], true, 9));
    let after = log::Read { topic: topic(conv), after: Some(4), before: None, limit: Some(3) };
    assert!(!world.call(world.bob, after).await.unwrap().more);
    let messages = screen(&world, world.bob, conv).await.events;
    assert_eq!(messages.iter().map(|event| event.seq).collect::<Vec<_>>(), [2, 3, 8]);
}

#[tokio::test]
async fn with_all_history_a_member_sees_everything() {
    let world = World::new().await;
    let conv = leave_and_return(&world, History::All).await;
    assert_eq!(seqs(&world, world.bob, conv).await, (1..=8).collect::<Vec<_>>());
    world.adds(world.amy, conv, &[world.carol]).await.unwrap();
    assert_eq!(seqs(&world, world.carol, conv).await, (1..=9).collect::<Vec<_>>());
}

#[tokio::test]
async fn former_members_keep_the_time_they_were_in_or_nothing() {
    let world = World::new().await;
    for (history, seen, head, floor) in
        [(History::Joined, vec![1, 2, 3], 3, 1), (History::All, vec![], 0, 1)]
    {
        let conv = world.group(&[world.bob], history).await;
        world.says(world.amy, conv, "2").await;
        world.removes(world.amy, conv, &[world.bob]).await.unwrap();
        world.says(world.amy, conv, "4").await;
        let page = everything(&world, world.bob, conv).await;
        let seqs: Vec<_> = page.events.iter().map(|event| event.seq).collect();
        assert_eq!((seqs, page.head, page.floor), (seen.clone(), head, floor));
        let messages = screen(&world, world.bob, conv).await;
        assert_eq!(messages.events.len(), usize::from(!seen.is_empty()));

        assert_eq!(code(world.call(world.bob, Get { conv }).await), ErrorCode::NotMember);
        let send = world.call(world.bob, message(conv, "x")).await;
        assert_eq!(code(send), ErrorCode::NotMember);
        let read = world.call(world.bob, Read { conv, from: None, seq: 2 }).await;
        assert_eq!(code(read), ErrorCode::NotMember);
        let counts = world.call(world.bob, Counts { conv, seqs: vec![2] }).await;
        assert_eq!(code(counts), ErrorCode::NotMember);
    }
}

#[tokio::test]
async fn a_newcomer_has_nothing_unread_and_returning_is_coming_anew() {
    let world = World::new().await;
    let conv = leave_and_return(&world, History::Joined).await;
    let summary = world.summary(world.bob, conv).await;
    assert_eq!((summary.read_seq, summary.unread), (7, 1));
    world.adds(world.amy, conv, &[world.carol]).await.unwrap();
    assert_eq!(world.summary(world.carol, conv).await.unread, 0);
    let listening = world.kit.host().listening(world.bob).await.unwrap();
    let mine = listening.iter().find(|it| it.topic == topic(conv)).unwrap();
    assert_eq!(mine.read, Some((7, 4)));
    assert_eq!(mine.window, Window([(1, 4), (7, u64::MAX)].into_iter().collect()));
}

#[tokio::test]
async fn receipts_count_those_who_may_see_a_message() {
    let world = World::new().await;
    let conv = leave_and_return(&world, History::Joined).await;
    world.shown(world.bob, conv, 1, 8).await;
    assert_eq!(world.counts(world.amy, conv, 3).await, Some((1, 1)));
    assert_eq!(world.counts(world.amy, conv, 5).await, Some((0, 0)), "bob was away");
    assert_eq!(world.counts(world.amy, conv, 8).await, Some((1, 1)));
    let unseen = world.call(world.bob, Counts { conv, seqs: vec![5, 8, 7, 99] }).await.unwrap();
    assert_eq!(unseen, Counted { counts: vec![(8, 1, 1)] }, "seen by bob, and messages");
    let hidden = receipt::List { conv, seq: 5, state: State::Read, after: None, limit: None };
    assert_eq!(code(world.call(world.bob, hidden).await), ErrorCode::NotFound);
}
